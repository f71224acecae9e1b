"""Fingerprints of commands, by which a repeated idempotency key is told from a reused one.

They are stored: a change of them makes stored keys conflict.
"""

import json
from hashlib import sha256

CREATE = "create"
EDIT = "edit"
DELETE = "delete"


def fingerprint(command: str, *body: str) -> str:
    """Digest what a client says with a command."""
    return sha256(json.dumps([command, *body]).encode()).hexdigest()

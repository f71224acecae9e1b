"""What makes two commands of one idempotency key the same."""

import json
from hashlib import sha256

CREATE = "create"
EDIT = "edit"
DELETE = "delete"


def fingerprint(command: str, *body: str) -> str:
    """Give a digest of what a client says with a command."""
    return sha256(json.dumps([command, *body]).encode()).hexdigest()

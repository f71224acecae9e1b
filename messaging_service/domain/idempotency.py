"""What makes two commands of one idempotency key the same."""

import json
from hashlib import sha256

from messaging_service.domain.messages import Reason
from service_kit.rules import Refusal

CREATE = "create"
EDIT = "edit"
DELETE = "delete"


def fingerprint(command: str, *body: str) -> str:
    """Give a digest of what a client says with a command."""
    return sha256(json.dumps([command, *body]).encode()).hexdigest()


def conflict() -> Refusal:
    """Refuse a used key for anything but the command that it was used for."""
    return Refusal(
        Reason.IDEMPOTENCY_KEY_CONFLICT,
        "this idempotency key was used for something else",
        "idempotency_key",
    )

"""What makes two commands the same."""

import json
from dataclasses import asdict
from hashlib import sha256

from moderation_service.domain.commands import Command

# The key and its owner find the other command; the rest this service adds by itself.
_ADDED = {
    "CreateReport": {
        "report",
        "case",
        "participants",
        "author",
        "evidence",
        "reporter",
        "standing",
    },
    "CreateAppeal": {"appeal", "standing"},
    "CreateDispute": {
        "dispute",
        "conversation",
        "provider",
        "client",
        "currency",
        "price",
        "evidence",
        "standing",
    },
    "SubmitDisputeStatement": {"standing"},
    "DecideCase": {"decision", "sanctions"},
}


def fingerprint(command: Command) -> str:
    """Give a digest of everything that a client says with a command."""
    name = type(command).__name__
    body = asdict(command)
    for field in _ADDED.get(name, set()) | {"actor", "roles", "idempotency_key"}:
        body.pop(field, None)
    if name == "CreateReport":
        # In which conversation a message stands is not what the client says either.
        body["subject"].pop("conversation")
    for measure in body.get("measures", ()):
        if measure["message"]:
            # Whose message it is, the evidence says.
            measure.pop("user")
    words = json.dumps([name, body], sort_keys=True)
    return sha256(words.encode()).hexdigest()

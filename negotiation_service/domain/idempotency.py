"""What makes two commands the same."""

import json
from dataclasses import fields
from hashlib import sha256

from negotiation_service.domain.commands import PartyCommand

# The key and its owner find the other command; the rest this service adds by itself.
_NOT_OF_THE_BODY = frozenset({"actor", "idempotency_key", "participants", "forbidden"})


def fingerprint(command: PartyCommand) -> str:
    """Give a digest of everything that a client says with a command."""
    body = {
        field.name: getattr(command, field.name)
        for field in fields(command)
        if field.name not in _NOT_OF_THE_BODY
    }
    if "conversation" in body:
        # What is created gets its id here.
        del body["service"]
    words = json.dumps([type(command).__name__, body], sort_keys=True)
    return sha256(words.encode()).hexdigest()

"""A service as packets show it to alice, who is its client, or to bob, who is its provider."""

from typing import Any

CONVERSATION = "019ab3c2-0000-7000-8000-000000000001"
SERVICE = "019ab3c2-0000-7000-8000-0000000000aa"
NOW = "2026-11-24T08:31:00.000Z"
LATER = "2026-11-26T08:31:00.000Z"


def euros(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "EUR"}


def offer(number: int, minor: int, by: str, **more: Any) -> dict[str, Any]:
    price = euros(minor)
    expires = {"created_at": NOW, "expires_at": LATER}
    return {"number": number, "price": price, "by": by, **expires, **more}


def service(state: str = "offered", version: int = 1, **more: Any) -> dict[str, Any]:
    """A service that has what every one has, and what the test says."""
    return {
        "service": SERVICE,
        "conversation": CONVERSATION,
        "provider": "bob",
        "client": "alice",
        "title": "Repair the tap",
        "state": state,
        "currency": "EUR",
        "exponent": 2,
        "notes": {},
        "deadlines": {},
        "allowed_actions": [],
        "created_at": NOW,
        "version": version,
        **more,
    }

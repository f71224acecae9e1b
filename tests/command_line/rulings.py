"""Restrictions, reports and disputes as packets show them to alice."""

from typing import Any

from tests.command_line.deals import CONVERSATION, LATER, NOW, SERVICE, euros

DISPUTE = "019ab3c2-0000-7000-8000-0000000000dd"


def sanction(kind: str = "muted", **more: Any) -> dict[str, Any]:
    """A restriction that can be appealed against, and what the test says."""
    return {
        "sanction": f"s-{kind}",
        "kind": kind,
        "decision": f"d-{kind}",
        "appealable": True,
        "version": 2 if more.get("lifted") else 1,
        "statement": {
            "kind": kind,
            "scope": "account",
            "start": NOW,
            "facts": "Insulted the other.",
            "ground": "terms",
            "rule": "Terms 4.2",
            "automated_detection": False,
            "automated_decision": False,
            "appeal_until": LATER,
        },
        **more,
    }


def report(status: str = "received", **more: Any) -> dict[str, Any]:
    return {
        "report": "r1",
        "status": status,
        "subject": {"conversation": CONVERSATION, "message": "m1"},
        "reason": "off_platform_payment",
        "created_at": NOW,
        "appealable": False,
        "version": 1 + (status != "received"),
        **more,
    }


def appeal(status: str = "open", **more: Any) -> dict[str, Any]:
    version = 1 + (status != "open")
    made: dict[str, Any] = {"appeal": "a1", "decision": "d-muted", "status": status, "text": "No"}
    made |= {"version": version, **more}
    return {"appeal": {"created_at": NOW, **made}}


def dispute(state: str = "open", version: int = 2, **more: Any) -> dict[str, Any]:
    """A dispute of alice, the client, about not_delivered and 120.50 EUR."""
    return {
        "dispute": DISPUTE,
        "service": SERVICE,
        "conversation": CONVERSATION,
        "provider": "bob",
        "client": "alice",
        "opened_by": "alice",
        "reason": "not_delivered",
        "price": euros(12050),
        "state": state,
        "statements": [{"by": "alice", "text": "Nobody came.", "at": NOW, "number": 1}],
        "offers": [],
        "allowed_actions": [],
        "created_at": NOW,
        "version": version,
        **more,
    }


def settlement_of_bob(number: int = 1, provider: int = 6000) -> dict[str, Any]:
    parts = {"provider_minor": provider, "client_minor": 12050 - provider}
    return {"number": number, "by": "bob", "settlement": parts, "created_at": NOW}

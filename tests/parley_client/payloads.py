"""Plain payloads of a server: one deal, its conversation, a dispute, a report and others."""

from typing import Any

NOW = "2026-03-01T10:00:00.250Z"
DEAL: dict[str, Any] = {
    "service": "s1",
    "conversation": "c1",
    "provider": "pat",
    "client": "cleo",
    "title": "Roof",
    "state": "offered",
    "currency": "EUR",
    "exponent": 2,
    "deadlines": {"offer": NOW},
    "allowed_actions": ["counter", "accept"],
    "created_at": NOW,
    "version": 3,
    "offer": {
        "number": 1,
        "price": {"amount_minor": 12050, "currency": "EUR"},
        "by": "pat",
        "created_at": NOW,
    },
}
MESSAGE: dict[str, Any] = {
    "message": "m1",
    "conversation": "c1",
    "seq": 1,
    "sender": "pat",
    "kind": "text",
    "created_at": NOW,
    "version": 1,
    "text": "Hello",
}
DISPUTE: dict[str, Any] = {
    "dispute": "d1",
    "service": "s1",
    "conversation": "c1",
    "provider": "pat",
    "client": "cleo",
    "opened_by": "cleo",
    "reason": "quality",
    "state": "open",
    "allowed_actions": ["state", "accept"],
    "created_at": NOW,
    "version": 2,
    "price": {"amount_minor": 12050, "currency": "EUR"},
    "claim": {"refund": {"amount_minor": 50, "currency": "EUR"}},
    "offers": [
        {
            "number": 1,
            "by": "pat",
            "settlement": {"provider_minor": 12000, "client_minor": 50},
            "created_at": NOW,
        }
    ],
}
CONVERSATION: dict[str, Any] = {
    "conversation": "c1",
    "participants": ["cleo", "pat"],
    "last_message": MESSAGE,
    "unread": 1,
    "read_up_to": 0,
    "peer_read_up_to": 0,
    "peer_delivered_up_to": 0,
    "version": 1,
    "service": DEAL,
    "dispute": DISPUTE,
    "blocked": True,
    "block": {"user": "pat", "blocked": True, "version": 4},
}
REVISION: dict[str, Any] = {
    "conversation": "c1",
    "message": "m1",
    "seq": 1,
    "change": "edited",
    "changed_at": NOW,
    "version": 5,
    "text": "Hello again",
}
APPEAL: dict[str, Any] = {
    "appeal": "a1",
    "decision": "x1",
    "status": "open",
    "text": "It was a quote",
    "created_at": NOW,
    "version": 1,
}
REPORT: dict[str, Any] = {
    "report": "r1",
    "status": "received",
    "subject": {"conversation": "c1", "message": "m1"},
    "reason": "spam",
    "created_at": NOW,
    "version": 1,
}
SANCTION: dict[str, Any] = {
    "sanction": "n1",
    "kind": "muted",
    "statement": {
        "kind": "muted",
        "scope": "everywhere",
        "start": NOW,
        "facts": "Spam",
        "ground": "terms",
        "rule": "3.2",
        "automated_detection": False,
        "automated_decision": False,
    },
    "decision": "x1",
    "appealable": True,
    "version": 1,
    "lifted": False,
}

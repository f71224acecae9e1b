"""Sanctions, reports and appeals in words, for the user whom they concern.

They come from packets, which never say who reported.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from command_line.display.deals import quote

Ruling = Mapping[str, Any]

KINDS = {
    "warning": "you are warned",
    "message_removed": "a message of this conversation was removed",
    "statement_removed": "a statement of yours in a dispute was removed",
    "conversation_locked": "the conversation is locked",
    "muted": "you are muted: you read, and write nothing",
    "suspended": "you are suspended",
    "banned": "you are banned",
}
LIFTED = {
    "warning": "the warning is withdrawn",
    "message_removed": "the message is there again",
    "statement_removed": "the statement is there again",
    "conversation_locked": "the conversation is open again",
    "muted": "you are no longer muted",
    "suspended": "you are no longer suspended",
    "banned": "you are no longer banned",
}
STATUSES = {
    "received": "received",
    "in_review": "somebody looks at it",
    "actioned": "something was done about it",
    "no_violation": "no violation was found",
}
APPEALS = {
    "open": "your appeal was received; another moderator looks at it",
    "upheld": "your appeal: the decision stands",
    "overturned": "your appeal: the decision is undone",
}


def sanction(told: Ruling) -> list[str]:
    """Lines of a sanction with its statement of reasons, or of its end."""
    kind = told["kind"]
    if told.get("lifted"):
        return [LIFTED.get(kind, f"no longer {_words(kind)}")]
    end = f" until {_time(told['until'])}" if "until" in told else ""
    statement = told["statement"]
    head = f"{KINDS.get(kind, _words(kind))}{end}"
    lines = [head, *quote(statement["facts"]), f"{statement['rule']} ({statement['ground']})"]
    if "appeal" in told:
        lines += appeal(told["appeal"])
    elif told["appealable"]:
        # A suspended or banned user has no chat to type in.
        command = "parley appeal TEXT" if kind in {"suspended", "banned"} else "/appeal TEXT"
        lines.append(f"you may: {command}{_until(statement)}")
    return lines


def report(told: Ruling) -> list[str]:
    """Lines of the state of the user's own report."""
    status = STATUSES.get(told["status"], _words(told["status"]))
    subject = told["subject"]
    what = "message" if "message" in subject else "conversation"
    if "dispute" in subject:
        what = f"statement (#{subject['number']})"
    lines = [f"your report of a {what} ({_words(told['reason'])}): {status}"]
    if "appeal" in told:
        lines += appeal(told["appeal"])
    elif told.get("appealable"):
        lines.append(f"you may: /appeal TEXT{_until(told)}")
    return lines


def appeal(told: Ruling) -> list[str]:
    """Lines of the state of the user's own appeal."""
    return [APPEALS.get(told["status"], _words(told["status"])), *quote(told.get("answer"))]


def _until(told: Ruling) -> str:
    return f", until {_time(told['appeal_until'])}" if "appeal_until" in told else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%a %d %b %Y %H:%M}"

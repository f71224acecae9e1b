"""The measures of a decision, from how they are typed to what the service is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from command_line.display.console import CommandError
from command_line.display.timestamps import moment, read_end
from command_line.moderation.documents import Document

Measure = dict[str, Any]


@dataclass(frozen=True)
class Typed:
    """What was typed; `mutes` and `suspensions` are USER=HOW LONG."""

    warnings: Sequence[str] = ()
    mutes: Sequence[str] = ()
    suspensions: Sequence[str] = ()
    bans: Sequence[str] = ()
    removes: bool = False
    removed: Sequence[str] = ()
    locks: bool = False
    facts: str = ""
    rule: str = ""
    ground: str = "terms"
    # Of a decision that finds nothing.
    no_violation: bool = field(default=False)


def read(typed: Typed, now: datetime) -> tuple[str, list[Measure]]:
    """The verdict and its measures; CommandError when they do not go together."""
    restrictions: list[Measure] = [
        *({"kind": "warning", "user": user} for user in typed.warnings),
        *({"kind": "muted", **_lasting(one, "--mute", now)} for one in typed.mutes),
        *({"kind": "suspended", **_lasting(one, "--suspend", now)} for one in typed.suspensions),
        *({"kind": "banned", "user": user} for user in typed.bans),
        *([{"kind": "message_removed"}] if typed.removes else []),
        *({"kind": "message_removed", "message_id": message} for message in typed.removed),
        *([{"kind": "conversation_locked"}] if typed.locks else []),
    ]
    if typed.no_violation:
        if restrictions or typed.facts or typed.rule:
            raise CommandError(
                "--no-violation restricts nobody and needs no facts: "
                "what is for colleagues is a --note",
                2,
            )
        return "no_violation", []
    if not restrictions:
        raise CommandError(
            "say what is decided: --no-violation, or measures such as --warn USER, "
            "--mute USER=7d, --remove (--help lists them)",
            2,
        )
    for name, value in (("--facts", typed.facts), ("--rule", typed.rule)):
        if not value.strip():
            raise CommandError(
                f"{name} is missing: whoever is restricted is told the facts and the rule", 2
            )
    reasons = {"facts": typed.facts, "rule": typed.rule, "ground": typed.ground}
    return "violation", [{**one, **reasons} for one in restrictions]


def describe(verdict: str, measures: Sequence[Document], now: datetime) -> list[str]:
    """A decision in words, as it is shown before it is made."""
    if verdict == "no_violation":
        return ["no violation: nobody is restricted, and the reporters are told so"]
    lines = []
    for one in measures:
        until = one.get("until_time")
        end = f" until {moment(until.isoformat(), now)}" if until is not None else ""
        match one["kind"]:
            case "message_removed":
                what = f"remove the message {one.get('message_id') or 'that was reported'}"
            case "conversation_locked":
                what = "lock the conversation, for both"
            case "warning":
                what = f"warn {one['user']}"
            case "muted":
                what = f"mute {one['user']}{end}"
            case "suspended":
                what = f"suspend {one['user']}{end}"
            case _:
                what = f"ban {one['user']}, until somebody lifts it"
        lines.append(what)
    reasons = measures[0]
    return [*lines, f"because: {reasons['facts']}", f"by: {reasons['rule']} ({reasons['ground']})"]


def _lasting(text: str, option: str, now: datetime) -> Measure:
    user, mark, how_long = text.rpartition("=")
    if not mark or not user:
        raise CommandError(f"write {option} USER=7d, or with the time of its end: {text!r}", 2)
    return {"user": user, "until_time": read_end(how_long, now)}

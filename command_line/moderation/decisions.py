"""The command `decide`: from typed measures to the decision of a case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from command_line.display.console import CommandError
from command_line.display.timestamps import full_time, parse_end
from command_line.moderation.cases import CaseId
from command_line.moderation.options import Version
from command_line.moderation.pages import case_page
from command_line.moderation.session import Session
from service_kit.rpc.documents import Document
from service_kit.text import is_blank

Measure = dict[str, Any]


class Ground(StrEnum):
    """Grounds of a rule."""

    TERMS = "terms"
    LAW = "law"


@dataclass(frozen=True)
class TypedDecision:
    """A decision as typed; `mutes` and `suspensions` are USER=DURATION or USER=TIME."""

    warnings: Sequence[str] = ()
    mutes: Sequence[str] = ()
    suspensions: Sequence[str] = ()
    bans: Sequence[str] = ()
    removes: bool = False
    removed: Sequence[str] = ()
    removed_of: Sequence[str] = ()
    removes_statement: bool = False
    locks: bool = False
    facts: str = ""
    rule: str = ""
    ground: str = "terms"
    no_violation: bool = False


def read(typed: TypedDecision, now: datetime) -> tuple[str, list[Measure]]:
    """The verdict and its measures; CommandError when the options contradict one another."""
    restrictions: list[Measure] = [
        *({"kind": "warning", "user": user} for user in typed.warnings),
        *({"kind": "muted", **_temporary(one, "--mute", now)} for one in typed.mutes),
        *({"kind": "suspended", **_temporary(one, "--suspend", now)} for one in typed.suspensions),
        *({"kind": "banned", "user": user} for user in typed.bans),
        *([{"kind": "message_removed"}] if typed.removes else []),
        *({"kind": "message_removed", "message_id": message} for message in typed.removed),
        *({"kind": "message_removed", "user": user} for user in typed.removed_of),
        *([{"kind": "statement_removed"}] if typed.removes_statement else []),
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
        if is_blank(value):
            raise CommandError(
                f"{name} is missing: whoever is restricted is told the facts and the rule", 2
            )
    reasons = {"facts": typed.facts, "rule": typed.rule, "ground": typed.ground}
    return "violation", [{**one, **reasons} for one in restrictions]


def describe(verdict: str, measures: Sequence[Document], now: datetime) -> list[str]:
    """Lines that say in words what a decision does and why."""
    if verdict == "no_violation":
        return ["no violation: nobody is restricted, and the reporters are told so"]
    lines = []
    for one in measures:
        until = one.get("until_time")
        end = f" until {full_time(until.isoformat(), now)}" if until is not None else ""
        match one["kind"]:
            case "message_removed" if one.get("user"):
                what = f"remove what {one['user']} wrote in the message that was reported"
            case "message_removed":
                what = f"remove the message {one.get('message_id') or 'that was reported'}"
            case "statement_removed":
                what = "remove the statement that was reported"
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


def _temporary(text: str, option: str, now: datetime) -> Measure:
    user, mark, how_long = text.rpartition("=")
    if not mark or not user:
        raise CommandError(f"write {option} USER=7d, or with the time of its end: {text!r}", 2)
    return {"user": user, "until_time": parse_end(how_long, now)}


def decide(
    session: Session,
    case: CaseId,
    no_violation: Annotated[
        bool, typer.Option("--no-violation", help="Find no violation.")
    ] = False,
    warn: Annotated[list[str] | None, typer.Option(metavar="USER", help="Warn this user.")] = None,
    mute: Annotated[
        list[str] | None,
        typer.Option(metavar="USER=TIME", help="Mute for a duration (7d) or until a time."),
    ] = None,
    suspend: Annotated[
        list[str] | None,
        typer.Option(metavar="USER=TIME", help="Suspend for a duration (30d) or until a time."),
    ] = None,
    ban: Annotated[list[str] | None, typer.Option(metavar="USER", help="Ban this user.")] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the message that was reported.")
    ] = False,
    remove_message: Annotated[
        list[str] | None,
        typer.Option(metavar="MESSAGE", help="Remove this message of the conversation."),
    ] = None,
    remove_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USER",
            help="Remove what this user wrote in the message, where it shows words of both.",
        ),
    ] = None,
    remove_statement: Annotated[
        bool,
        typer.Option("--remove-statement", help="Remove the statement that was reported."),
    ] = False,
    lock: Annotated[bool, typer.Option("--lock", help="Lock the conversation.")] = False,
    facts: Annotated[
        str, typer.Option(help="What happened, as the restricted are told it. Name no reporter.")
    ] = "",
    rule: Annotated[str, typer.Option(help="The clause that was broken, as Terms 4.2.")] = "",
    ground: Annotated[
        Ground, typer.Option(help="Whether the rule is of the terms or of the law.")
    ] = Ground.TERMS,
    note: Annotated[str, typer.Option(help="A note for other moderators.")] = "",
    version: Version = None,
) -> None:
    """Decide a claimed case: no violation, or one or more measures with their reasons.

    The decision is about the version that you have seen. If anything has happened since, such as
    another report, nothing is decided (exit code 3), and that and the present case are shown.
    At a terminal and without --version the case is shown, and you are asked.

    \b
    Examples:
      parley mod decide 01a2... --as mia --no-violation --version 4
      parley mod decide 01a2... --as mia --mute bob=7d --remove --version 4 \\
          --facts "Insulted the other in two messages." --rule "Terms 4.2"
      parley mod decide 01a2... --as mia --key job-17 --version 4 \\
          --suspend bob=2027-01-01T00:00Z --facts "..." --rule "..."
    """
    typed = TypedDecision(
        warnings=warn or (),
        mutes=mute or (),
        suspensions=suspend or (),
        bans=ban or (),
        removes=remove,
        removed=remove_message or (),
        removed_of=remove_of or (),
        removes_statement=remove_statement,
        locks=lock,
        facts=facts,
        rule=rule,
        ground=ground.value,
        no_violation=no_violation,
    )
    verdict, wanted = read(typed, session.now)
    words = describe(verdict, wanted, session.now)
    if version is None:
        version = _seen(session, case, words)
    answer = session.client.call(
        "DecideCase", case_id=case, version=version, verdict=verdict, measures=wanted, note=note
    )
    decided = answer["case"]
    before = ["this was decided before, by the same command"] if answer["duplicate"] else []
    session.answer(
        {"case": decided, "duplicate": answer["duplicate"]},
        [f"case {decided['id']}, version {decided['version']}: decided", *before, *words],
    )


def _seen(session: Session, case: str, words: list[str]) -> int:
    """Shows a case and asks for confirmation; the version that was shown."""
    session.require_attendance(f"parley mod show {case}")
    found = session.client.call("GetCase", case_id=case)["case"]
    session.answer({}, case_page(found, session.now, session.width))
    session.answer({}, ["", "this is to be decided:", *(f"  {line}" for line in words)])
    session.confirm("Decide it so?")
    return int(found["version"])

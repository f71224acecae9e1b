"""Cases: looking for them, taking them, deciding them."""

from enum import StrEnum
from typing import Annotated

import typer

from command_line.client.moderation_payloads import REPORT_REASONS
from command_line.display.console import CommandError
from command_line.display.timestamps import distance
from command_line.moderation import measures
from command_line.moderation.case_page import case_page, state_of
from command_line.moderation.documents import Document
from command_line.moderation.options import command
from command_line.moderation.session import Desk


class State(StrEnum):
    """In which state."""

    OPEN = "open"
    CLAIMED = "claimed"
    DECIDED = "decided"


class Severity(StrEnum):
    """How grave."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class Order(StrEnum):
    """Which ones first."""

    DUE = "due"
    REPORTS = "reports"
    SEVERITY = "severity"
    PRIORITY = "priority"


class Ground(StrEnum):
    """What a rule is part of."""

    TERMS = "terms"
    LAW = "law"


CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The id of a case.")]
Limit = Annotated[int, typer.Option(min=0, help="Show at most so many; 0 shows all.")]
Version = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="The version that you have seen, as `show` and `claim` say it. Without it you are "
        "shown how it stands now, and asked.",
    ),
]


def list_cases(
    desk: Desk,
    state: Annotated[State | None, typer.Option(help="By default: not decided.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="At least so grave.")] = None,
    reason: Annotated[str | None, typer.Option(help="Reported for this reason.")] = None,
    accused: Annotated[str | None, typer.Option(help="Against this user.")] = None,
    claimed_by: Annotated[str | None, typer.Option(help="Claimed by this moderator.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Claimed by you.")] = False,
    order: Annotated[Order, typer.Option(help="Which ones first.")] = Order.DUE,
    limit: Limit = 50,
) -> None:
    """List cases.

    \b
    Examples:
      parley mod cases --as mia
      parley mod cases --as mia --severity high --order priority
      parley mod cases --as mia --json --limit 0 | jq -r '.cases[].id'
    """
    if reason is not None and reason not in REPORT_REASONS:
        raise CommandError(f"not a reason: {reason}; write one of {', '.join(REPORT_REASONS)}", 2)
    found = desk.service.pages(
        "ListCases",
        "cases",
        state=state,
        min_severity=severity,
        reason=reason,
        accused=accused or "",
        claimed_by=desk.service.moderator.name if mine else claimed_by or "",
        order=order,
    )

    def row(case: Document) -> tuple[object, ...]:
        reasons = dict.fromkeys(str(one["reason"]) for one in case["reports"])
        return (
            case["id"],
            distance(case["due_time"], desk.now) if "due_time" in case else "",
            case["severity"],
            len(case["reports"]),
            case["claimed_by"] or case["state"],
            ", ".join(reasons),
            ", ".join(case["accused"]),
        )

    headings = ("CASE", "DUE", "SEVERITY", "N", "WITH", "REASONS", "AGAINST")
    desk.tell_list("cases", found, limit, headings, row)


def show(desk: Desk, case: CaseId) -> None:
    """Show a case with all that is known of it: reports, evidence, decisions, appeals.

    \b
    Examples:
      parley mod show 01a2... --as mia
    """
    found = desk.service.call("GetCase", case_id=case)["case"]
    desk.tell_case(found, *_next(found))


def claim(desk: Desk, case: CaseId) -> None:
    """Take a case for a while, or for longer, and show it. Nobody else decides it meanwhile.

    \b
    Examples:
      parley mod claim 01a2... --as mia
    """
    desk.service.call("ClaimCase", case_id=case)
    # As it stands now with all evidence, so that the version that is shown is what was seen.
    found = desk.service.call("GetCase", case_id=case)["case"]
    desk.tell_case(found, *_next(found))


def release(desk: Desk, case: CaseId) -> None:
    """Give a claimed case back.

    \b
    Examples:
      parley mod release 01a2... --as mia
    """
    found = desk.service.call("ReleaseCase", case_id=case)["case"]
    state = state_of(found, desk.now)
    desk.tell({"case": found}, [f"case {found['id']}, version {found['version']}: {state}"])


def decide(
    desk: Desk,
    case: CaseId,
    no_violation: Annotated[
        bool, typer.Option("--no-violation", help="Nothing is wrong with it.")
    ] = False,
    warn: Annotated[list[str] | None, typer.Option(metavar="USER", help="Warn.")] = None,
    mute: Annotated[
        list[str] | None,
        typer.Option(metavar="USER=TIME", help="Mute for so long (7d), or until a time."),
    ] = None,
    suspend: Annotated[
        list[str] | None,
        typer.Option(metavar="USER=TIME", help="Keep out for so long (30d), or until a time."),
    ] = None,
    ban: Annotated[list[str] | None, typer.Option(metavar="USER", help="Keep out.")] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the message that was reported.")
    ] = False,
    remove_message: Annotated[
        list[str] | None,
        typer.Option(metavar="MESSAGE", help="Remove this message of the conversation."),
    ] = None,
    lock: Annotated[bool, typer.Option("--lock", help="Lock the conversation.")] = False,
    facts: Annotated[
        str, typer.Option(help="What happened, for those who are restricted. Name no reporter.")
    ] = "",
    rule: Annotated[str, typer.Option(help="The clause of the terms or of the law.")] = "",
    ground: Annotated[Ground, typer.Option(help="What the rule is part of.")] = Ground.TERMS,
    note: Annotated[str, typer.Option(help="For colleagues alone.")] = "",
    version: Version = None,
) -> None:
    """Decide a claimed case: no violation, or one measure or several with their reasons.

    It is decided as you have seen it: if anything has happened since --version, as a further
    report, nothing is decided (exit code 3), and you are shown what it was and how it stands now.
    At a terminal and without --version the case is shown, and you are asked.

    \b
    Examples:
      parley mod decide 01a2... --as mia --no-violation --version 4
      parley mod decide 01a2... --as mia --mute bob=7d --remove --version 4 \\
          --facts "Insulted the other in two messages." --rule "Terms 4.2"
      parley mod decide 01a2... --as mia --key job-17 --version 4 \\
          --suspend bob=2027-01-01T00:00Z --facts "..." --rule "..."
    """
    typed = measures.Typed(
        warnings=warn or (),
        mutes=mute or (),
        suspensions=suspend or (),
        bans=ban or (),
        removes=remove,
        removed=remove_message or (),
        locks=lock,
        facts=facts,
        rule=rule,
        ground=ground.value,
        no_violation=no_violation,
    )
    verdict, wanted = measures.read(typed, desk.now)
    words = measures.describe(verdict, wanted, desk.now)
    if version is None:
        version = _seen(desk, case, words)
    answer = desk.service.call(
        "DecideCase", case_id=case, version=version, verdict=verdict, measures=wanted, note=note
    )
    decided = answer["case"]
    before = ["this was decided before, by the same command"] if answer["duplicate"] else []
    desk.tell(
        {"case": decided, "duplicate": answer["duplicate"]},
        [f"case {decided['id']}, version {decided['version']}: decided", *before, *words],
    )


def require_attendance(desk: Desk, what: str) -> None:
    """CommandError where nobody can be shown what a command is about, and asked."""
    if not desk.is_attended:
        raise CommandError(f"name the version that you have seen with --version; {what}", 2)


def _seen(desk: Desk, case: str, words: list[str]) -> int:
    """Shows a case and asks whether it is to be decided so; the version that was shown."""
    require_attendance(desk, f"parley mod show {case} shows it")
    found = desk.service.call("GetCase", case_id=case)["case"]
    desk.tell({}, case_page(found, desk.now, desk.width))
    desk.tell({}, ["", "this is to be decided:", *(f"  {line}" for line in words)])
    desk.confirm("Decide it so?")
    return int(found["version"])


def _next(case: Document) -> list[str]:
    """What a moderator who has seen this version would type to decide it."""
    if "decide" not in case["allowed_actions"]:
        return []
    return [
        "",
        f"to decide it as shown: parley mod decide {case['id']} --version {case['version']}",
    ]


def add_to(application: typer.Typer) -> None:
    """Enters the commands about cases."""
    command(application, "cases")(list_cases)
    command(application, "show")(show)
    command(application, "claim", writes=True)(claim)
    command(application, "release", writes=True)(release)
    command(application, "decide", writes=True)(decide)

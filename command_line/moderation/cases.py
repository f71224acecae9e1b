"""The commands about cases: `cases`, `show`, `claim` and `release`."""

from enum import StrEnum
from typing import Annotated, get_args

import typer

from command_line.display.console import CommandError
from command_line.display.timestamps import relative_time
from command_line.moderation.options import Limit
from command_line.moderation.pages import state_of
from command_line.moderation.session import Session
from parley_protocol.payloads.moderation import ReportReason
from service_kit.rpc.documents import Document


class State(StrEnum):
    """States of a case."""

    OPEN = "open"
    CLAIMED = "claimed"
    DECIDED = "decided"


class Severity(StrEnum):
    """Severities of a case."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class Order(StrEnum):
    """Orders in which cases are listed."""

    DUE = "due"
    REPORTS = "reports"
    SEVERITY = "severity"
    PRIORITY = "priority"


CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The id of a case.")]


def list_cases(
    session: Session,
    state: Annotated[State | None, typer.Option(help="By default those not decided.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="At least this severity.")] = None,
    reason: Annotated[str | None, typer.Option(help="Reported for this reason.")] = None,
    accused: Annotated[str | None, typer.Option(help="Against this user.")] = None,
    claimed_by: Annotated[str | None, typer.Option(help="Claimed by this moderator.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Claimed by you.")] = False,
    order: Annotated[Order, typer.Option(help="Which cases come first.")] = Order.DUE,
    limit: Limit = 50,
) -> None:
    """List cases, those that are due first unless --order says otherwise.

    \b
    Examples:
      parley mod cases --as mia
      parley mod cases --as mia --severity high --order priority
      parley mod cases --as mia --json --limit 0 | jq -r '.cases[].id'
    """
    reasons = get_args(ReportReason)
    if reason is not None and reason not in reasons:
        raise CommandError(f"not a reason: {reason}; write one of {', '.join(reasons)}", 2)
    found = session.client.pages(
        "ListCases",
        "cases",
        state=state,
        min_severity=severity,
        reason=reason,
        accused=accused or "",
        claimed_by=session.client.moderator.name if mine else claimed_by or "",
        order=order,
    )

    def row(case: Document) -> tuple[object, ...]:
        reported_for = dict.fromkeys(str(one["reason"]) for one in case["reports"])
        return (
            case["id"],
            relative_time(case["due_time"], session.now) if "due_time" in case else "",
            case["severity"],
            len(case["reports"]),
            case["claimed_by"] or case["state"],
            ", ".join(reported_for),
            ", ".join(case["accused"]),
        )

    headings = ("CASE", "DUE", "SEVERITY", "N", "WITH", "REASONS", "AGAINST")
    session.answer_list("cases", found, limit, headings, row)


def show(session: Session, case: CaseId) -> None:
    """Show a case: its reports, evidence, decisions and appeals.

    \b
    Examples:
      parley mod show 01a2... --as mia
    """
    found = session.client.call("GetCase", case_id=case)["case"]
    session.answer_case(found, *_next(found))


def claim(session: Session, case: CaseId) -> None:
    """Claim a case, or prolong a claim, and show it. Nobody else can decide it meanwhile.

    \b
    Examples:
      parley mod claim 01a2... --as mia
    """
    session.client.call("ClaimCase", case_id=case)
    # As it stands now with all evidence, so that the version that is shown is what was seen.
    found = session.client.call("GetCase", case_id=case)["case"]
    session.answer_case(found, *_next(found))


def release(session: Session, case: CaseId) -> None:
    """Give back a case that you have claimed.

    \b
    Examples:
      parley mod release 01a2... --as mia
    """
    found = session.client.call("ReleaseCase", case_id=case)["case"]
    state = state_of(found, session.now)
    session.answer({"case": found}, [f"case {found['id']}, version {found['version']}: {state}"])


def _next(case: Document) -> list[str]:
    """The command that decides this version of a case, if the moderator may."""
    if "decide" not in case["allowed_actions"]:
        return []
    return [
        "",
        f"to decide it as shown: parley mod decide {case['id']} --version {case['version']}",
    ]

"""The commands about appeals and sanctions: `appeals`, `appeal`, `sanctions`, `lift`."""

from enum import StrEnum
from typing import Annotated

import typer

from command_line.display.console import CommandError
from command_line.display.timestamps import relative_time, short_time
from command_line.moderation.options import Limit, Version
from command_line.moderation.pages import appeal_lines, case_page
from command_line.moderation.session import Session
from service_kit.rpc.documents import Document


class Status(StrEnum):
    """States of an appeal."""

    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


class Outcome(StrEnum):
    """Outcomes of an appeal, as they are typed."""

    UPHOLD = "uphold"
    OVERTURN = "overturn"


AppealId = Annotated[str, typer.Argument(metavar="APPEAL", help="The id of an appeal.")]
ANSWERS = {Outcome.UPHOLD: Status.UPHELD, Outcome.OVERTURN: Status.OVERTURNED}


def list_appeals(
    session: Session,
    status: Annotated[Status, typer.Option(help="The state of the appeal.")] = Status.OPEN,
    mine: Annotated[
        bool,
        typer.Option("--mine", help="Only appeals that you may decide."),
    ] = False,
    limit: Limit = 50,
) -> None:
    """List appeals, the first to fall due first. `parley mod appeal show` shows what one says.

    \b
    Examples:
      parley mod appeals --as otto --mine
    """
    found = session.client.pages("ListAppeals", "appeals", status=status, decidable_only=mine)

    def row(appeal: Document) -> tuple[object, ...]:
        due = "due_time" in appeal and appeal["status"] == "open"
        return (
            appeal["id"],
            relative_time(appeal["due_time"], session.now) if due else appeal["status"],
            appeal["by"],
            appeal["side"],
            appeal["decided_by"],
            appeal["case_id"],
        )

    headings = ("APPEAL", "DUE", "BY", "AS", "AGAINST", "CASE")
    session.answer_list("appeals", found, limit, headings, row)


def decide(
    session: Session,
    appeal: AppealId,
    outcome: Annotated[Outcome, typer.Argument(help="Whether the decision stands.")],
    answer: Annotated[str, typer.Option(help="The answer to whoever appealed. Name no reporter.")],
    version: Version = None,
) -> None:
    """Uphold or overturn another moderator's decision. --version is the version of the case.

    Overturned on the appeal of a restricted user, all that restricts them is lifted; on that of a
    reporter, the case is open again.

    \b
    Examples:
      parley mod appeal decide 01a2... uphold --as otto --version 6 --answer "It stands: ..."
      parley mod appeal decide 01a2... overturn --as otto --version 6 --answer "You were quoting."
    """
    if version is None:
        version = _seen(session, appeal, outcome)
    result = session.client.call(
        "DecideAppeal", appeal_id=appeal, version=version, outcome=ANSWERS[outcome], answer=answer
    )
    decided = result["appeal"]
    session.answer(result, appeal_lines(decided, session.now))


def show(session: Session, appeal: AppealId) -> None:
    """Show an open appeal, and the case whose decision it is against.

    \b
    Examples:
      parley mod appeal show 01a2... --as otto
    """
    found, case = _find(session, appeal)
    command = f"parley mod appeal decide {found['id']} uphold|overturn --version {case['version']}"
    lines = [*_page(session, found, case), f"to decide it as shown: {command}"]
    session.answer({"appeal": found, "case": case}, lines)


def _page(session: Session, appeal: Document, case: Document) -> list[str]:
    page = case_page(case, session.now, session.width)
    return [*page, "", *appeal_lines(appeal, session.now), ""]


def _find(session: Session, appeal: str) -> tuple[Document, Document]:
    """An appeal that waits to be decided, and its case as it stands now."""
    # By its own id there is no asking for one; those that wait are not many.
    appeals = session.client.pages("ListAppeals", "appeals", status=Status.OPEN)
    found = next((one for one in appeals if one["id"] == appeal), None)
    if found is None:
        raise CommandError(f"there is no open appeal {appeal}")
    return found, session.client.call("GetCase", case_id=found["case_id"])["case"]


def _seen(session: Session, appeal: str, outcome: Outcome) -> int:
    """Shows the appeal with its case and asks for confirmation; the version of that case."""
    session.require_attendance(f"parley mod appeal show {appeal}")
    found, case = _find(session, appeal)
    session.answer({}, _page(session, found, case))
    session.confirm(f"{outcome.value.capitalize()} the decision?")
    return int(case["version"])


def list_sanctions(
    session: Session,
    user: Annotated[str | None, typer.Option(help="Sanctions of this user.")] = None,
    in_force: Annotated[
        bool, typer.Option("--in-force", help="Only those neither lifted nor expired.")
    ] = False,
    limit: Limit = 50,
) -> None:
    """List sanctions, the newest first.

    \b
    Examples:
      parley mod sanctions --as mia --user bob --in-force
    """
    found = session.client.pages(
        "ListSanctions", "sanctions", user=user or "", in_force_only=in_force
    )

    def row(sanction: Document) -> tuple[object, ...]:
        lifted = f"lifted {short_time(sanction['lift_time'])}" if "lift_time" in sanction else ""
        end = sanction.get("until_time")
        return (
            sanction["id"],
            sanction["kind"],
            ", ".join(sanction["users"]) or sanction["conversation_id"],
            lifted or (relative_time(end, session.now) if end else "until lifted"),
            sanction["imposed_by"],
            sanction["case_id"],
        )

    headings = ("SANCTION", "KIND", "CONCERNS", "ENDS", "BY", "CASE")
    session.answer_list("sanctions", found, limit, headings, row)


def lift(
    session: Session,
    sanction: Annotated[str, typer.Argument(metavar="SANCTION", help="The id of a sanction.")],
    reason: Annotated[str, typer.Option(help="The reason, for other moderators.")],
) -> None:
    """End a sanction before its time.

    \b
    Examples:
      parley mod lift 01a2... --as mia --reason "He has apologised, and she asks for it."
    """
    result = session.client.call("LiftSanction", sanction_id=sanction, reason=reason)
    lifted = result["sanction"]
    kind = str(lifted["kind"]).replace("_", " ")
    concerns = ", ".join(lifted["users"]) or lifted["conversation_id"]
    session.answer(result, [f"lifted: {kind} of {concerns}"])

"""Appeals, and sanctions that are lifted without one."""

from enum import StrEnum
from typing import Annotated

import typer

from command_line.display.console import CommandError
from command_line.display.timestamps import at_a_glance, distance
from command_line.moderation.case_page import appeal_lines, case_page
from command_line.moderation.cases import Limit, Version, require_attendance
from command_line.moderation.documents import Document
from command_line.moderation.options import command
from command_line.moderation.session import Desk


class Status(StrEnum):
    """What became of an appeal."""

    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


class Outcome(StrEnum):
    """What becomes of the decision."""

    UPHOLD = "uphold"
    OVERTURN = "overturn"


AppealId = Annotated[str, typer.Argument(metavar="APPEAL", help="The id of an appeal.")]
ANSWERS = {Outcome.UPHOLD: Status.UPHELD, Outcome.OVERTURN: Status.OVERTURNED}


def list_appeals(
    desk: Desk,
    status: Annotated[Status, typer.Option(help="What became of it.")] = Status.OPEN,
    mine: Annotated[
        bool, typer.Option("--mine", help="Only those that you may decide: four eyes.")
    ] = False,
    limit: Limit = 50,
) -> None:
    """List appeals, the first to fall due first. `parley mod appeal show` shows what one says.

    \b
    Examples:
      parley mod appeals --as otto --mine
    """
    found = desk.service.pages("ListAppeals", "appeals", status=status, decidable_only=mine)

    def row(appeal: Document) -> tuple[object, ...]:
        due = "due_time" in appeal and appeal["status"] == "open"
        return (
            appeal["id"],
            distance(appeal["due_time"], desk.now) if due else appeal["status"],
            appeal["by"],
            appeal["side"],
            appeal["decided_by"],
            appeal["case_id"],
        )

    headings = ("APPEAL", "DUE", "BY", "AS", "AGAINST", "CASE")
    desk.tell_list("appeals", found, limit, headings, row)


def decide(
    desk: Desk,
    appeal: AppealId,
    outcome: Annotated[Outcome, typer.Argument(help="What becomes of the decision.")],
    answer: Annotated[str, typer.Option(help="What is told to who appealed. Name no reporter.")],
    version: Version = None,
) -> None:
    """Uphold or overturn a decision of another moderator. --version is that of the case.

    Overturned for somebody restricted, all is undone that concerns them; for a reporter, the case
    is open again.

    \b
    Examples:
      parley mod appeal decide 01a2... uphold --as otto --version 6 --answer "It stands: ..."
      parley mod appeal decide 01a2... overturn --as otto --version 6 --answer "You were quoting."
    """
    if version is None:
        version = _seen(desk, appeal, outcome)
    result = desk.service.call(
        "DecideAppeal", appeal_id=appeal, version=version, outcome=ANSWERS[outcome], answer=answer
    )
    decided = result["appeal"]
    desk.tell(result, appeal_lines(decided, desk.now))


def show(desk: Desk, appeal: AppealId) -> None:
    """Show an open appeal, with the case of the decision that it is against.

    \b
    Examples:
      parley mod appeal show 01a2... --as otto
    """
    found, case = _find(desk, appeal)
    lines = [*case_page(case, desk.now, desk.width), "", *appeal_lines(found, desk.now)]
    command_ = f"parley mod appeal decide {found['id']} uphold|overturn --version {case['version']}"
    lines += ["", f"to decide it as shown: {command_}"]
    desk.tell({"appeal": found, "case": case}, lines)


def _find(desk: Desk, appeal: str) -> tuple[Document, Document]:
    """An appeal that waits to be decided, and its case as it stands now."""
    # By its own id there is no asking for one; those that wait are not many.
    appeals = desk.service.pages("ListAppeals", "appeals", status=Status.OPEN)
    found = next((one for one in appeals if one["id"] == appeal), None)
    if found is None:
        raise CommandError(f"there is no open appeal {appeal} for you")
    return found, desk.service.call("GetCase", case_id=found["case_id"])["case"]


def _seen(desk: Desk, appeal: str, outcome: Outcome) -> int:
    """Shows the appeal with its case and asks; the version of the case that was shown."""
    require_attendance(desk, f"parley mod appeal show {appeal} shows that of the case")
    found, case = _find(desk, appeal)
    desk.tell({}, [*case_page(case, desk.now, desk.width), "", *appeal_lines(found, desk.now), ""])
    desk.confirm(f"{outcome.value.capitalize()} the decision?")
    return int(case["version"])


def list_sanctions(
    desk: Desk,
    user: Annotated[str | None, typer.Option(help="Those that concern this user.")] = None,
    in_force: Annotated[
        bool, typer.Option("--in-force", help="Neither lifted nor expired.")
    ] = False,
    limit: Limit = 50,
) -> None:
    """List sanctions, the newest first.

    \b
    Examples:
      parley mod sanctions --as mia --user bob --in-force
    """
    found = desk.service.pages(
        "ListSanctions", "sanctions", user=user or "", in_force_only=in_force
    )

    def row(sanction: Document) -> tuple[object, ...]:
        lifted = f"lifted {at_a_glance(sanction['lift_time'])}" if "lift_time" in sanction else ""
        end = sanction.get("until_time")
        return (
            sanction["id"],
            sanction["kind"],
            ", ".join(sanction["users"]) or sanction["conversation_id"],
            lifted or (distance(end, desk.now) if end else "until lifted"),
            sanction["imposed_by"],
            sanction["case_id"],
        )

    headings = ("SANCTION", "KIND", "CONCERNS", "ENDS", "BY", "CASE")
    desk.tell_list("sanctions", found, limit, headings, row)


def lift(
    desk: Desk,
    sanction: Annotated[str, typer.Argument(metavar="SANCTION", help="The id of a sanction.")],
    reason: Annotated[str, typer.Option(help="Why, for colleagues.")],
) -> None:
    """End a sanction before its time.

    \b
    Examples:
      parley mod lift 01a2... --as mia --reason "He has apologised, and she asks for it."
    """
    result = desk.service.call("LiftSanction", sanction_id=sanction, reason=reason)
    lifted = result["sanction"]
    kind = str(lifted["kind"]).replace("_", " ")
    concerns = ", ".join(lifted["users"]) or lifted["conversation_id"]
    desk.tell(result, [f"lifted: {kind} of {concerns}"])


def add_to(application: typer.Typer) -> None:
    """Enters the commands about appeals and sanctions."""
    command(application, "appeals")(list_appeals)
    appeal = typer.Typer(no_args_is_help=True, help="Look at an appeal, or decide it.")
    command(appeal, "show")(show)
    command(appeal, "decide", writes=True)(decide)
    application.add_typer(appeal, name="appeal")
    command(application, "sanctions")(list_sanctions)
    command(application, "lift", writes=True)(lift)

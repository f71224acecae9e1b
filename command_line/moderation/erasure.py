"""Erasing what is kept of a person, where nothing says that it must be kept."""

from typing import Annotated

import typer

from command_line.display.console import CommandError
from command_line.display.tables import table
from command_line.display.timestamps import moment
from command_line.moderation.documents import Document
from command_line.moderation.options import command
from command_line.moderation.session import Desk


def erase(
    desk: Desk,
    user: Annotated[str, typer.Argument(metavar="USER", help="Whom to erase.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase what a person wrote, their name, and the evidence; it cannot be undone.

    For the role data_protection. What must be kept yet is shown with the reason, and until when;
    asking again later erases the rest.

    \b
    Examples:
      parley mod erase bob --as dora --role data_protection
    """
    if not yes:
        if not desk.is_attended:
            raise CommandError("erasing cannot be undone; say --yes", 2)
        desk.confirm(f"Erase {user} for ever?")
    answer = desk.service.call("EraseUser", user=user)

    def row(kept: Document) -> tuple[object, ...]:
        until = moment(kept.get("until_time"), desk.now) or "nobody can say"
        return (kept["target_kind"], kept["target_id"], kept["reason"], until)

    lines = [f"erased in {answer['erased']} cases and disputes"]
    if answer["kept"]:
        headings = ("KEPT", "ID", "REASON", "UNTIL")
        lines += table(headings, map(row, answer["kept"]), desk.width)
    desk.tell(answer, lines)


def add_to(application: typer.Typer) -> None:
    """Enters the command."""
    command(application, "erase")(erase)

"""The command `erase`: erases what is kept of a user, where nothing requires that it is kept."""

from typing import Annotated

import typer

from command_line.display.console import CommandError
from command_line.display.tables import table
from command_line.display.timestamps import full_time
from command_line.moderation.session import Session
from service_kit.rpc.documents import Document


def erase(
    session: Session,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user to erase.")],
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
) -> None:
    """Erase a user's texts, name and evidence from cases and disputes; it cannot be undone.

    Needs the role data_protection. What must still be kept is listed with the reason and the time
    until then; the command given again later erases the rest.

    \b
    Examples:
      parley mod erase bob --as dora --role data_protection
    """
    if not yes:
        if not session.is_attended:
            raise CommandError("erasing cannot be undone; say --yes", 2)
        session.confirm(f"Erase {user} for ever?")
    answer = session.client.call("EraseUser", user=user)

    def row(kept: Document) -> tuple[object, ...]:
        until = full_time(kept.get("until_time"), session.now) or "not known yet"
        return (kept["target_kind"], kept["target_id"], kept["reason"], until)

    lines = [f"erased in {answer['erased']} cases and disputes"]
    if answer["kept"]:
        headings = ("KEPT", "ID", "REASON", "UNTIL")
        lines += table(headings, map(row, answer["kept"]), session.width)
    session.answer(answer, lines)

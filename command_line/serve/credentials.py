"""The commands `credentials make` and `credentials digest`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from command_line.display.console import CommandError, say
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import (
    accepted_line,
    make_credential,
    read_credential,
)

application = typer.Typer(
    no_args_is_help=True,
    help="Make credentials, by which services know who calls them, and their digests.",
    epilog="The caller alone has the credential. Services have the digest, in their file of "
    "accepted credentials: one line for each, two at most for a caller, so that one can replace "
    "the other.",
)

Name = Annotated[
    Caller,
    typer.Argument(metavar="CALLER", help=f"Whose it is: {', '.join(Caller)}."),
]


@application.command()
def make(
    caller: Name,
    file: Annotated[Path, typer.Argument(help="The file to make, for you alone to read.")],
) -> None:
    """Make a credential of 32 random bytes in a new file, and print the line that accepts it.

    \b
    Examples:
      parley credentials make edge secrets/edge_credential >> secrets/messaging_accepted
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(f"{file} is there already, and is not written over", 2) from error
    except OSError as error:
        raise CommandError(f"cannot make {file}: {error.strerror}") from error
    credential = make_credential()
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(f"{credential}\n")
    say(accepted_line(caller, credential))


@application.command()
def digest(
    caller: Name,
    file: Annotated[Path, typer.Argument(help="The file with the credential.")],
) -> None:
    """Print the line by which a service accepts the credential in a file.

    \b
    Examples:
      parley credentials digest edge secrets/edge_credential >> secrets/messaging_accepted
    """
    try:
        say(accepted_line(caller, read_credential(file)))
    except ValueError as error:
        raise CommandError(str(error), 2) from error

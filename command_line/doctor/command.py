"""The command `parley doctor`."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from command_line.display.console import CommandError, say
from command_line.doctor.address import ECHO
from command_line.doctor.checks.sockets import PATIENT_SECONDS
from command_line.folder.data_folder import DataFolder
from command_line.moderation.options import TOKEN_VARIABLE

if TYPE_CHECKING:
    from command_line.doctor.deployment import Deployment

DEFAULT_DATA = Path(".data/parley")


def command(
    data: Annotated[
        Path | None,
        typer.Option(help="The data folder of `parley up`; by default .data/parley."),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A file of NAME=value lines: the settings of parts run otherwise."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of lines.")
    ] = False,
    edge: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Where the edge answers HTTP, as http://edge:8080, if not here."
        ),
    ] = "",
    url: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Where people connect, through the proxy: wss://example.org/ws. With it are tried"
            " certificate, path, Upgrade and Origin.",
        ),
    ] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="A page that is to connect there, as https://app.example.org; may be repeated. By"
            " default all that the edge allows.",
        ),
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            envvar=TOKEN_VARIABLE,
            show_envvar=False,
            help="A token to connect with. By default one is made where the secret of tokens is at"
            " hand.",
        ),
    ] = "",
    patient: Annotated[
        bool,
        typer.Option("--patient", help="Hold a socket for a minute on which nobody says anything."),
    ] = False,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help=f"Send a message to {ECHO}, whom nobody is, and wait for it. It stays stored: all"
            " else changes nothing.",
        ),
    ] = False,
    least_free: Annotated[
        int,
        typer.Option(metavar="MIB", min=0, help="A disk with less room than this is a warning."),
    ] = 1024,
) -> None:
    """Look at everything that Parley needs, change nothing, and say what cures what is wrong.

    Looks at the data folder of `parley up`; or, where the environment has the settings of parts
    (PARLEY_EDGE_..., PARLEY_MESSAGING_...) or --env-file names a file of them, at those parts. One
    environment may describe a single pod or all parts together. Each check is bounded in time, and
    one that fails is a finding like others.

    Exit codes: 0 all is well; 1 warnings; 2 something is wrong.

    \b
    Examples:
      parley doctor
      parley doctor --data /var/lib/parley --json
      parley doctor --env-file parley.env
      parley doctor --url wss://chat.example.org/ws --origin https://app.example.org --patient
    """
    # What it looks with takes a second to load, for which no other command has to wait.
    from command_line.doctor import report  # noqa: PLC0415
    from command_line.doctor.checks.machine import MEBIBYTE  # noqa: PLC0415
    from command_line.doctor.examination import Options, checks_of, examine  # noqa: PLC0415

    if data is not None and env_file is not None:
        raise CommandError("--data and --env-file are two different things to look at", 2)
    examined = _examined(data, env_file)
    options = Options(
        edge=edge,
        low_bytes=least_free * MEBIBYTE,
        url=url,
        origins=tuple(origin or ()),
        token=token,
        patient_seconds=PATIENT_SECONDS if patient else 0.0,
        probe=probe,
    )
    outcomes = asyncio.run(examine(checks_of(examined, options), _say_progress))
    if as_json:
        say(report.as_json(examined, outcomes))
    else:
        for line in report.as_lines(examined, outcomes):
            say(line)
    code = report.exit_code(outcomes)
    if code:
        raise typer.Exit(code)


def _examined(data: Path | None, env_file: Path | None) -> "Deployment":
    """Choose what to look at: what is named, else what the environment tells, else the folder."""
    from command_line.doctor import deployment  # noqa: PLC0415 - as above

    if env_file is not None:
        return deployment.of_file(env_file)
    if data is None and deployment.describes_parts(os.environ):
        return deployment.of_environment(os.environ)
    return deployment.of_folder(DataFolder.at(data or DEFAULT_DATA), os.environ)


def _say_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

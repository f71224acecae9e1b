"""`parley appeal`: shows what restricts a user, and appeals against it over HTTP.

Somebody banned or suspended has no socket, but may still ask and appeal.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen
from uuid import uuid4

import msgspec
import typer

from command_line.display import rulings as wording
from command_line.display.console import CommandError, say
from command_line.display.printable import printable
from command_line.display.rulings import Ruling
from command_line.folder import tokens
from command_line.folder.data_folder import DataFolder
from parley_client.connection.sockets import problem_of
from parley_protocol.payloads.moderation import SendAppeal

TOKEN_LIFETIME = timedelta(minutes=5)
SECONDS_PER_REQUEST = 10.0
SCHEMES = {"ws": "http", "wss": "https"}


def command(
    me: Annotated[str, typer.Option("--as", metavar="USER", help="Your user name.")],
    text: Annotated[
        str | None,
        typer.Argument(help="The text of your appeal; without it nothing is sent."),
    ] = None,
    decision: Annotated[
        str | None, typer.Option(help="The decision, where you could appeal against several.")
    ] = None,
    data: Annotated[Path, typer.Option(help="The data folder.")] = Path(".data/parley"),
    url: Annotated[
        str | None,
        typer.Option(help="The server's address; by default that of `parley up`."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Your token, for a server whose secret is not in the data folder."),
    ] = None,
) -> None:
    """Show what restricts you and why, and appeal against it, even while you are banned.

    \b
    Examples:
      parley appeal --as bob
      parley appeal --as bob "I was quoting what she had written."
    """
    folder = DataFolder.at(data)
    token = token or tokens.mint(folder, me, TOKEN_LIFETIME)
    url = url or folder.read_url()
    sanctions: list[Ruling] = _request(url, token, "/standing")["sanctions"]
    for sanction in sanctions:
        for line in (*wording.sanction(sanction), f"decision {sanction['decision']}", ""):
            say(printable(line))
    if not sanctions:
        say("nothing restricts you")
    if text is not None:
        payload = SendAppeal(decision or appealable(sanctions), text, uuid4().hex)
        made = _request(url, token, "/appeals", payload)["appeal"]
        for line in wording.appeal(made):
            say(printable(line))


def appealable(sanctions: list[Ruling]) -> str:
    """The one decision that can be appealed against; CommandError for none or several."""
    found = dict.fromkeys(
        str(one["decision"]) for one in sanctions if one["appealable"] and "appeal" not in one
    )
    if not found:
        raise CommandError("there is nothing against which you could appeal")
    if len(found) > 1:
        raise CommandError(f"name one with --decision: {', '.join(found)}", 2)
    return next(iter(found))


def _request(
    socket_url: str, token: str, path: str, payload: SendAppeal | None = None
) -> dict[str, Any]:
    """The answer to GET, or to POST of a payload."""
    parts = urlsplit(socket_url)
    if parts.scheme not in SCHEMES:
        raise CommandError(f"not a WebSocket address: {socket_url}", 2)
    url = urlunsplit((SCHEMES[parts.scheme], parts.netloc, path, "", ""))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = None if payload is None else msgspec.json.encode(payload)
    request = Request(url, body, headers)  # noqa: S310  # The scheme is one of ours.
    try:
        with urlopen(request, timeout=SECONDS_PER_REQUEST) as answer:  # noqa: S310  # As above.
            found: dict[str, Any] = json.load(answer)
    except HTTPError as error:
        told = problem_of(error.read()).get("detail", error.reason)
        raise CommandError(f"refused with {error.code}: {told}") from error
    except (URLError, OSError, ValueError) as error:
        raise CommandError(f"cannot reach {url}: {error}") from error
    else:
        return found

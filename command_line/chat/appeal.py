"""`parley appeal`: what is left to who is banned or suspended, the reasons and the appeal.

They have no socket; the edge answers them over HTTP.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen
from uuid import uuid4

import typer

from command_line.client import tokens
from command_line.client.data_folder import DataFolder
from command_line.display import rulings as wording
from command_line.display.console import CommandError, say
from command_line.display.rulings import Ruling
from command_line.display.screen import printable

TOKEN_LIFETIME = timedelta(minutes=5)
SECONDS_PER_REQUEST = 10.0
SCHEMES = {"ws": "http", "wss": "https"}


def command(
    me: Annotated[str, typer.Option("--as", metavar="USER", help="Who you are.")],
    text: Annotated[
        str | None, typer.Argument(help="What you say against it; without it nothing is sent.")
    ] = None,
    decision: Annotated[
        str | None, typer.Option(help="Against which decision, where there are several.")
    ] = None,
    data: Annotated[Path, typer.Option(help="The data folder.")] = Path(".data/parley"),
    url: Annotated[
        str | None, typer.Option(help="The socket; by default that of the folder's `parley up`.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Your token, for a server whose secret is not in the data folder."),
    ] = None,
) -> None:
    """Show what restricts you and why, and appeal against it, also while you are not let in.

    \b
    Examples:
      parley appeal --as bob
      parley appeal --as bob "I was quoting what she had written."
    """
    folder = DataFolder.at(data)
    token = token or tokens.mint(folder, me, TOKEN_LIFETIME)
    url = url or folder.read_url()
    sanctions = look(url, token)
    for sanction in sanctions:
        for line in (*wording.sanction(sanction), f"decision {sanction['decision']}", ""):
            say(printable(line))
    if not sanctions:
        say("nothing restricts you")
    if text is not None:
        for line in appeal(url, token, decision or appealable(sanctions), text):
            say(printable(line))


def look(socket_url: str, token: str) -> list[Ruling]:
    """What restricts the user of this token now; CommandError when nobody says."""
    standing = _ask(socket_url, token, "/standing")
    sanctions: list[Ruling] = standing["sanctions"]
    return sanctions


def appeal(socket_url: str, token: str, decision: str, text: str) -> list[str]:
    """Appeals against a decision; the answer in words."""
    payload = {"decision": decision, "text": text, "idempotency_key": uuid4().hex}
    return wording.appeal(_ask(socket_url, token, "/appeals", payload)["appeal"])


def appealable(sanctions: list[Ruling]) -> str:
    """The one decision against which an appeal can be made; CommandError for none or several."""
    found = dict.fromkeys(
        str(one["decision"]) for one in sanctions if one["appealable"] and "appeal" not in one
    )
    if not found:
        raise CommandError("there is nothing against which you could appeal")
    if len(found) > 1:
        raise CommandError(f"name one with --decision: {', '.join(found)}", 2)
    return next(iter(found))


def _ask(
    socket_url: str, token: str, path: str, payload: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """GET, or POST of a payload, beside the socket."""
    parts = urlsplit(socket_url)
    if parts.scheme not in SCHEMES:
        raise CommandError(f"not a socket's address: {socket_url}", 2)
    url = urlunsplit((SCHEMES[parts.scheme], parts.netloc, path, "", ""))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = None if payload is None else json.dumps(payload).encode()
    request = Request(url, body, headers)  # noqa: S310  # The scheme is one of ours.
    try:
        with urlopen(request, timeout=SECONDS_PER_REQUEST) as answer:  # noqa: S310  # As above.
            found: dict[str, Any] = json.load(answer)
    except HTTPError as error:
        raise CommandError(f"refused with {error.code}: {_detail(error)}") from error
    except (URLError, OSError, ValueError) as error:
        raise CommandError(f"cannot reach {url}: {error}") from error
    else:
        return found


def _detail(error: HTTPError) -> str:
    """What a problem+json body says (RFC 9457)."""
    try:
        problem = json.load(error)
    except ValueError:
        return error.reason
    return str(problem.get("detail")) if isinstance(problem, dict) else error.reason

"""The program `parley sessions`: ends a user's sessions, or what one token is good for."""

from pathlib import Path
from typing import Annotated

import typer

from command_line.display.console import CommandError
from command_line.display.timestamps import full_time, parse_moment, utc_now
from command_line.folder import tokens
from command_line.folder.data_folder import DataFolder
from command_line.moderation.client import OPERATOR, ModerationClient
from command_line.moderation.options import AsJson, Data
from command_line.moderation.service import (
    CaFile,
    CertificateFile,
    CredentialFile,
    KeyFile,
    ServerName,
    ServiceOptions,
    Target,
    find_service,
)
from command_line.moderation.session import Session

application = typer.Typer(
    no_args_is_help=True,
    help="End sessions: what tokens are good for, before they expire.",
    epilog="Begin with: parley sessions end USER",
)


@application.callback()
def sessions() -> None:
    """End sessions: what tokens are good for, before they expire."""


@application.command("end")
def end(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose tokens are refused.")],
    token_id: Annotated[
        str | None,
        typer.Option(metavar="JTI", help="Only the token with this id (its claim jti)."),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only tokens issued before this time (2026-12-01T09:00Z), or so long ago (15m); "
            "without it, before now.",
        ),
    ] = None,
    data: Data = Path(".data/parley"),
    target: Target = None,
    credential_file: CredentialFile = None,
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    key_file: KeyFile = None,
    server_name: ServerName = None,
    as_json: AsJson = False,
) -> None:
    """End a user's sessions: at once on all edges, and for good.

    Sockets are closed with 4301, and the tokens are refused from then on (401, token_revoked):
    all that were issued until now, or before a time, or the one with an id. A token that does not
    say when it was issued (iat) counts as issued before. The user comes in again with a new token,
    unless you tell the issuer to make none. Repeated, it is the same.

    \b
    Examples:
      parley sessions end bob
      parley sessions end bob --token-id 3f0c7a52
      parley sessions end bob --before 2026-12-01T09:00Z
    """
    if token_id is not None and before is not None:
        raise CommandError("give --token-id or --before, not both: one token has one time", 2)
    user = tokens.check_user(user)
    if token_id is not None:
        tokens.check_token_id(token_id)
    now = utc_now()
    time = None if before is None else parse_moment(before, now)
    folder = DataFolder.at(data)
    service = ServiceOptions(
        target, credential_file, ca_file, certificate_file, key_file, server_name
    )
    with ModerationClient(find_service(folder, service), OPERATOR) as client:
        session = Session(client, as_json=as_json)
        if token_id is not None:
            answer = client.call("RevokeToken", user=user, token_id=token_id)
            line = f"{user}'s token {token_id} is refused"
        else:
            answer = client.call("EndSessions", user=user, before_time=time)
            until = full_time(answer["before_time"], now)
            line = f"{user}'s tokens issued before {until} are refused"
        session.answer(
            answer, [f"{line}, as before" if answer["duplicate"] else f"{line} from now on"]
        )

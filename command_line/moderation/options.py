"""The options that all `parley mod` commands share, and the decorator that adds them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import jwt
import typer

from command_line.display.console import CommandError
from command_line.folder import tokens
from command_line.folder.data_folder import DataFolder
from command_line.moderation.client import ModerationClient, Moderator, RefusedCallError
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

TOKEN_VARIABLE = "PARLEY_TOKEN"  # noqa: S105  # The name of a variable.
TOKEN_LIFETIME = timedelta(minutes=5)

Function = Callable[..., None]

Limit = Annotated[int, typer.Option(min=0, help="Show at most so many; 0 shows all.")]
Version = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="The version that you have seen, as `show` and `claim` print it. Without it the "
        "present one is shown, and you are asked.",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="NAME", help="Your name; the data folder's own key signs a token for it."
    ),
]
Roles = Annotated[
    list[str],
    typer.Option("--role", metavar="ROLE", help="Your roles, with --as; may be repeated."),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token", help=f"Your token, which has name and roles; by default {TOKEN_VARIABLE}."
    ),
]
Data = Annotated[Path, typer.Option(help="The data folder that `parley up` serves.")]
Key = Annotated[
    str | None,
    typer.Option(
        help="Idempotency key: a command repeated with the same key is carried out once. "
        "By default a new one.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_READING: tuple[tuple[str, Any, Any], ...] = (
    ("name", Name, None),
    ("roles", Roles, ["moderator"]),
    ("token", Token, None),
    ("data", Data, Path(".data/parley")),
    ("target", Target, None),
    ("credential_file", CredentialFile, None),
    ("ca_file", CaFile, None),
    ("certificate_file", CertificateFile, None),
    ("key_file", KeyFile, None),
    ("server_name", ServerName, None),
    ("as_json", AsJson, False),
)
_WRITING = (*_READING, ("key", Key, None))


@dataclass(frozen=True)
class CommonOptions:
    """Values of the shared options: the moderator, the service, and how to print answers."""

    name: str | None
    roles: Sequence[str]
    token: str | None
    data: Path
    key: str | None
    as_json: bool
    service: ServiceOptions

    def connect(self) -> ModerationClient:
        """A client that has called nothing yet; CommandError when an option is missing."""
        folder = DataFolder.at(self.data)
        service = find_service(folder, self.service)
        return ModerationClient(service, self._moderator(folder), self.key)

    def _moderator(self, folder: DataFolder) -> Moderator:
        if self.name is not None:
            if self.token is not None:
                raise CommandError("give --as or --token, not both", 2)
            token = tokens.mint(folder, self.name, TOKEN_LIFETIME, self.roles)
            return Moderator(self.name, token)
        token = self.token or os.environ.get(TOKEN_VARIABLE, "")
        if not token:
            raise CommandError(f"say who you are: --as NAME, --token or {TOKEN_VARIABLE}", 2)
        return read_token(token)


def read_token(token: str) -> Moderator:
    """The moderator whom a token names; CommandError for what is no token.

    Nothing else is checked here, for the service verifies it.
    """
    token = token.strip()
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise CommandError(f"the token is not valid: {error}", 2) from error
    return Moderator(str(claims.get("sub", "")), token)


def command(
    application: typer.Typer, name: str, function: Function, *, writes: bool = False
) -> None:
    """Adds a function of a Session and its own options to the program, with the shared ones."""
    application.command(name)(_with_session(function, _WRITING if writes else _READING))


def _with_session(function: Function, options: tuple[tuple[str, Any, Any], ...]) -> Function:
    """The function with the shared options in place of the Session that is made of them.

    A refusal that shows the present case or dispute has it printed before the message.
    """

    @wraps(function)
    def run(**given: Any) -> None:
        shared = {option: given.pop(option) for option, _, _ in options}
        service = ServiceOptions(
            **{one.name: shared.pop(one.name) for one in fields(ServiceOptions)}
        )
        common = CommonOptions(**{"key": None, **shared, "service": service})
        with common.connect() as client:
            session = Session(client, as_json=common.as_json)
            try:
                function(session, **given)
            except RefusedCallError as refused:
                session.answer_refusal(refused)
                raise

    own = list(signature(function, eval_str=True).parameters.values())[1:]
    common = [
        Parameter(option, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for option, kind, default in options
    ]
    # What typer reads, instead of that of the function within.
    run.__signature__ = Signature([*own, *common])  # type: ignore[attr-defined]  # Any callable may have one.
    return run

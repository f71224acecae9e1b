"""The options that every command of a moderator has, and how a command is made with them."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from command_line.moderation.service import RefusedCallError
from command_line.moderation.session import TOKEN_VARIABLE, Asked, Desk

Function = Callable[..., None]

Name = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="NAME", help="Who you are; the data folder's own key signs a token."
    ),
]
Roles = Annotated[
    list[str],
    typer.Option("--role", metavar="ROLE", help="Your roles, with --as; may be repeated."),
]
Token = Annotated[
    str | None,
    typer.Option("--token", help=f"Your token, with name and roles; else {TOKEN_VARIABLE}."),
]
Data = Annotated[Path, typer.Option(help="The data folder of the `parley up` that serves.")]
Target = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="The moderation service, if not the data folder's."),
]
CredentialFile = Annotated[
    Path | None, typer.Option(help="The credential that services show it, with --target.")
]
Key = Annotated[
    str | None,
    typer.Option(
        help="Sent again with the same key, and otherwise the same, it is done once. "
        "Without this option a new key is made.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]

_READING: tuple[tuple[str, Any, Any], ...] = (
    ("name", Name, None),
    ("roles", Roles, ["moderator"]),
    ("token", Token, None),
    ("data", Data, Path(".data/parley")),
    ("target", Target, None),
    ("credential_file", CredentialFile, None),
    ("as_json", AsJson, False),
)
_WRITING = (*_READING, ("key", Key, None))


def command(
    application: typer.Typer, name: str, *, writes: bool = False
) -> Callable[[Function], Function]:
    """Makes a command of a function that takes a Desk and its own options.

    A refusal that shows how things stand is shown so, before its words end the program.
    """
    options = _WRITING if writes else _READING

    def register(function: Function) -> Function:
        return application.command(name)(with_desk(function, options))

    return register


def with_desk(function: Function, options: tuple[tuple[str, Any, Any], ...] = _READING) -> Function:
    """The function with the shared options, in place of the Desk that is made of them."""

    @wraps(function)
    def run(**given: Any) -> None:
        shared = {option: given.pop(option) for option, _, _ in options}
        asked = Asked(**{"key": None, **shared})
        with asked.open() as service:
            desk = Desk(service, as_json=asked.as_json)
            try:
                function(desk, **given)
            except RefusedCallError as refused:
                desk.tell_refusal(refused)
                raise

    own = list(signature(function, eval_str=True).parameters.values())[1:]
    common = [
        Parameter(option, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for option, kind, default in options
    ]
    # What typer reads, instead of that of the function within.
    run.__signature__ = Signature([*own, *common])  # type: ignore[attr-defined]  # Any callable may have one.
    return run

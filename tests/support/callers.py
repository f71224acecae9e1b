"""The credentials of all callers, as tests give them out."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jwt

from service_kit.authentication.callers import Caller, Methods
from service_kit.authentication.credentials import Metadata, accepted_line, present
from service_kit.rpc.client import Client, dial


def secret_of(caller: Caller | str) -> str:
    """The credential of a caller; any other name gives one that nobody accepts."""
    return f"the-credential-of-{caller}-in-all-tests"


@cache
def metadata_of(caller: Caller | str) -> Metadata:
    return present(secret_of(caller))


def as_caller(caller: Caller | str) -> Callable[[], Metadata]:
    """What `service_kit` presents as a caller."""
    return lambda: metadata_of(caller)


TOKEN_SECRET = "the-secret-by-which-moderation-knows-moderators-in-tests"


def token_of(
    user: str, roles: Sequence[str] = (), secret: str = TOKEN_SECRET, **claims: Any
) -> str:
    """A token for a user with roles; claims that are None are left out."""
    given = {
        "sub": user,
        "exp": int(time.time()) + 3_600,
        "roles": roles if isinstance(roles, str) else list(roles),
        **claims,
    }
    kept = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(kept, secret, algorithm="HS256")


def bearing(token: str) -> Metadata:
    """The metadata of whoever works with the command line, with a token."""
    return (*metadata_of(Caller.OPERATOR), ("x-parley-token", token))


def as_moderator(user: str = "mia", roles: Sequence[str] = ("moderator",)) -> Metadata:
    return bearing(token_of(user, roles))


def write_token_secret(folder: Path) -> Path:
    """Write the file of the secret by which those tokens are verified."""
    path = folder / "token.key"
    path.write_text(TOKEN_SECRET)
    return path


def caller_for(methods: Methods, method: str) -> Caller:
    """Who may call a method: the edge rather than another."""
    return next(caller for caller in Caller if caller in methods[method])


def write_accepted(path: Path, secret: Callable[[Caller], str] = secret_of) -> Path:
    """Write the file of a service that accepts all callers."""
    path.write_text("".join(f"{accepted_line(one, secret(one))}\n" for one in Caller))
    return path


def write_credential(folder: Path, caller: Caller | str) -> Path:
    """Write the file of a caller."""
    path = folder / f"{caller}.key"
    path.write_text(f"{secret_of(caller)}\n")
    return path


class AnyCaller(Client):
    """Calls each method as a caller who may."""

    def __init__(
        self, client: Client, methods: Methods, credential: Callable[[Caller], str]
    ) -> None:
        self.__dict__.update(vars(client))
        self._methods = methods
        self._credential = credential

    async def call(
        self,
        method: str,
        request: Any,
        seconds_left: float | None = None,
        metadata: Metadata | None = None,
    ) -> Any:
        """Call the method of that name, in another way than it finds if there is metadata.

        Raises AioRpcError.
        """
        metadata = metadata or present(self._credential(caller_for(self._methods, method)))
        # It is asked before anything is waited for.
        self._present = lambda: metadata
        return await super().call(method, request, seconds_left)


@asynccontextmanager
async def dial_as_any(
    methods: Methods,
    target: str,
    stub: Any,
    timeout_seconds: float,
    credential: Callable[[Caller], str] = secret_of,
) -> AsyncIterator[AnyCaller]:
    """Keep a connection of all callers while the context lasts."""
    async with dial(target, stub, tuple, timeout_seconds, lambda: None) as client:
        yield AnyCaller(client, methods, credential)

"""The credentials of all callers, as tests give them out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

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

    async def call(self, method: str, request: Any, seconds_left: float | None = None) -> Any:
        """Call the method of that name. Raises AioRpcError."""
        metadata = present(self._credential(caller_for(self._methods, method)))
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

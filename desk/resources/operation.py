"""An operation of the HTTP API, as its own signature describes it.

Of a handler the docstring is the description, `query` and `body` are the structures of what is
asked, other arguments are in the path, and the structure that it returns is the answer: so the
service and its OpenAPI document say the same.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from inspect import signature
from typing import Any, get_type_hints

import msgspec

from desk.moderation import Moderation
from desk.sessions import Session
from desk.structures.words import Role

MODERATOR: frozenset[Role] = frozenset({"moderator"})
AUDIT: frozenset[Role] = frozenset({"moderator", "auditor"})
DATA_PROTECTION: frozenset[Role] = frozenset({"data_protection"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request of a session, and the service that answers it. `key` makes a repeat harmless."""

    session: Session
    moderation: Moderation
    key: str

    async def ask(self, rpc: str, **fields: Any) -> dict[str, Any]:
        """Call an RPC in the moderator's name; its answer as a document. Raises RefusedError."""
        return await self.moderation.call(rpc, fields, self.session.token, self.key)


Handler = Callable[..., Awaitable[msgspec.Struct]]


@dataclass(frozen=True)
class Operation:
    """A method of a path, for whom it is, and what it does. `tag` groups it in the document."""

    method: str
    path: str
    tag: str
    roles: frozenset[Role]
    handle: Handler
    status: HTTPStatus = HTTPStatus.OK

    @property
    def name(self) -> str:
        return self.handle.__name__

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def description(self) -> str:
        """The docstring as one paragraph. Raises ValueError where there is none."""
        if not self.handle.__doc__:
            raise ValueError(f"{self.name} has no docstring")
        return " ".join(self.handle.__doc__.split())

    def structure(self, name: str) -> type[msgspec.Struct] | None:
        """The structure of `query`, of `body` or of the answer (`return`), if there is one."""
        found: type[msgspec.Struct] | None = get_type_hints(self.handle).get(name)
        return found

    @property
    def path_names(self) -> tuple[str, ...]:
        """The arguments that are in the path."""
        _, *others = signature(self.handle).parameters
        return tuple(name for name in others if name not in {"query", "body"})

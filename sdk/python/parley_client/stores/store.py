"""The store of a client: what it keeps between processes, and how it is asked for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from parley_client.entries import Entry


@dataclass(frozen=True)
class Stored:
    """The contents of a store, of one server and one user.

    `user` is None as long as nobody was greeted there. `cursor` is the position up to which events
    were handled. `unreadable` counts entries that a newer release has left.
    """

    user: str | None = None
    cursor: str | None = None
    entries: Sequence[Entry] = field(default_factory=tuple)
    unreadable: int = 0


class Store(Protocol):
    """A place for an outbox and a position, of one client at a time.

    The client calls one method after the other. A method returns when what it was given outlives
    the process, and raises StorageError when it cannot; any other exception is taken for one.
    """

    async def open(self, server: str, user: str | None) -> Stored:
        """Open what is kept of a user at a server; None: of the last one there."""

    async def claim(self, user: str) -> None:
        """Take note whose all that is, where it was nobody's yet."""

    async def save_cursor(self, cursor: str) -> None:
        """Keep the position."""

    async def put(self, entry: Entry) -> None:
        """Keep an entry, in the place of the one with its key."""

    async def remove(self, key: str) -> None:
        """Keep the entry of a key no longer; nothing happens if there is none."""

    async def close(self) -> None:
        """Let go of what is open."""

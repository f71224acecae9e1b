"""A store in memory: what it holds ends with the process."""

from dataclasses import dataclass, field

from parley_client.entries import Entry
from parley_client.stores.store import Stored


@dataclass
class _Kept:
    user: str | None
    cursor: str | None = None
    entries: dict[str, Entry] = field(default_factory=dict)


class MemoryStore:
    """A Store that several clients of one process may use, one after the other."""

    def __init__(self) -> None:
        # By server, that of the last user at the end.
        self._servers: dict[str, list[_Kept]] = {}
        self._kept = _Kept(None)

    async def open(self, server: str, user: str | None) -> Stored:
        """Open what is kept of a user at a server; None: of the last one there."""
        known = self._servers.setdefault(server, [])
        fitting = [one for one in known if user is None or one.user in {user, None}]
        # What is nobody's yet comes last.
        fitting.sort(key=lambda one: one.user is not None)
        kept = self._kept = fitting[-1] if fitting else _Kept(user)
        kept.user = user or kept.user
        known[:] = [*(one for one in known if one is not kept), kept]
        entries = sorted(kept.entries.values(), key=lambda entry: entry.number)
        return Stored(kept.user, kept.cursor, tuple(entries))

    async def claim(self, user: str) -> None:
        """Take note whose all that is."""
        self._kept.user = user

    async def save_cursor(self, cursor: str) -> None:
        """Keep the position."""
        self._kept.cursor = cursor

    async def put(self, entry: Entry) -> None:
        """Keep an entry, in the place of the one with its key."""
        self._kept.entries[entry.key] = entry

    async def remove(self, key: str) -> None:
        """Keep the entry of a key no longer."""
        self._kept.entries.pop(key, None)

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

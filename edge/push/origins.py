"""The origins of one client's changes: what tells an event that it caused from those of others.

It has the answer to its own change, and so no alert of it. Where no answer comes, and nobody knows
whether the change was made, it is alerted like all others: the same packet sent again may be
refused by then, as by a sanction, and it would never know.
"""

from typing import NamedTuple

from edge.backends.backend import Event
from parley_protocol.errors import ErrorCode

# After these a change may have been made all the same.
UNCERTAIN = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED, ErrorCode.INTERNAL})
# Changes without an answer whose events may yet come; the oldest is forgotten.
_MOST_LOST = 64


class Own(NamedTuple):
    """An event that this client caused."""

    backend: str
    revision: int
    event: Event


class Origins:
    """The changes of one client that are under way, and those whose answers were lost."""

    __slots__ = ("_lost", "_under_way")

    def __init__(self) -> None:
        # With what has come of each already, before its answer.
        self._under_way: dict[str, Own | None] = {}
        self._lost: dict[str, None] = {}

    def begin(self, origin: str) -> None:
        """Note a change that leaves for a service."""
        self._under_way[origin] = None

    def end(self, origin: str, *, lost: bool) -> Own | None:
        """Note the answer; or that it is lost. Returns the event of which the client is to be told
        in its place, if it has come.
        """
        own = self._under_way.pop(origin, None)
        if not lost:
            return None
        if own is None:
            if len(self._lost) >= _MOST_LOST:
                del self._lost[next(iter(self._lost))]
            self._lost[origin] = None
        return own

    def lacks_answer(self, origin: str, own: Own) -> bool:
        """Whether the client has to be told of an event; it is kept while an answer may come."""
        if origin in self._under_way:
            self._under_way[origin] = own
        return origin in self._lost

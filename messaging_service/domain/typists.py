"""The people who are typing, as far as others were told; it ends by itself.

Moments are in seconds on a clock that never goes back.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Typist(NamedTuple):
    """The people who are typing, where, and who was told."""

    user: str
    conversation_id: str
    peer: str


class Typists:
    """Those of whom somebody was told that they type, each for `lifetime` seconds from the last
    signal. At most `most` are kept: those who began first end sooner.
    """

    def __init__(self, lifetime: float, most: int) -> None:
        self._lifetime = lifetime
        self._most = most
        # By user and conversation, with the end of each; the first end first.
        self._ends: dict[Typist, float] = {}
        self._of: dict[str, dict[str, Typist]] = {}

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def next_end(self) -> float | None:
        """When the next of them ends."""
        return next(iter(self._ends.values()), None)

    def begin(self, typist: Typist, now: float) -> Typist | None:
        """Note that somebody types, or still does. Returns another one who ends for it."""
        self._ends.pop(typist, None)
        self._ends[typist] = now + self._lifetime
        self._of.setdefault(typist.user, {})[typist.conversation_id] = typist
        if len(self._ends) <= self._most:
            return None
        first = next(iter(self._ends))
        self._drop(first)
        return first

    def end(self, user: str, conversation_id: str) -> Typist | None:
        """Note that somebody does not type there. Returns whom that ends; None if nobody knows."""
        typist = self._of.get(user, {}).get(conversation_id)
        if typist is not None:
            self._drop(typist)
        return typist

    def end_between(self, one: str, other: str) -> list[Typist]:
        """End what either of two was told of the other."""
        found = [
            typist
            for user, peer in ((one, other), (other, one))
            for typist in self._of.get(user, {}).values()
            if typist.peer == peer
        ]
        for typist in found:
            self._drop(typist)
        return found

    def end_due(self, now: float) -> Iterator[Typist]:
        """End those of whom no signal came for their lifetime."""
        while (end := self.next_end) is not None and end <= now:
            first = next(iter(self._ends))
            self._drop(first)
            yield first

    def _drop(self, typist: Typist) -> None:
        del self._ends[typist]
        of_user = self._of[typist.user]
        del of_user[typist.conversation_id]
        if not of_user:
            del self._of[typist.user]

"""Who is there, from who is followed; a short absence is none. No clock, loop or database here.

Moments are in seconds on a clock that never goes back, `seen_at` in milliseconds UTC.
"""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple


class Absence(NamedTuple):
    """Somebody left at a moment. It lasts whatever comes, if it is `final`."""

    since: float
    seen_at: int
    final: bool


class Attendance:
    """The people who are followed, and those who were until a moment ago.

    An absence of up to `allowed` seconds is none. At most `most` people are kept in mind: who comes
    beyond them is left out, as if never followed.
    """

    def __init__(self, allowed: float, most: int) -> None:
        self._allowed = allowed
        self._most = most
        self._here: set[str] = set()
        # The longest absence first, for moments never go back.
        self._absent: dict[str, Absence] = {}
        self.left_out = 0

    def __len__(self) -> int:
        """Count those who are there, those in a short absence included."""
        return len(self._here) + len(self._absent.keys() - self._here)

    def recall(self, user: str, seen_at: int, now: float, *, final: bool) -> None:
        """Take somebody for absent who was there when last heard of."""
        self._absent[user] = Absence(now, seen_at, final)

    def follow(self, users: Iterable[str]) -> list[str]:
        """These are followed from now on. Gives those who have come, others were never away."""
        came = []
        for user in users:
            absence = self._absent.get(user)
            if absence is None and user not in self._here:
                if len(self._here) + len(self._absent) >= self._most:
                    self.left_out += 1
                    continue
                came.append(user)
            elif absence is not None and not absence.final:
                del self._absent[user]
            self._here.add(user)
        return came

    def unfollow(self, users: Iterable[str], now: float, seen_at: int) -> None:
        """Nobody follows these any more."""
        for user in users:
            if user in self._here:
                self._here.discard(user)
                self._absent.setdefault(user, Absence(now, seen_at, final=False))

    def hide(self, user: str, now: float, seen_at: int) -> None:
        """Let somebody leave, to others, whether followed or not."""
        if user in self._here or user in self._absent:
            absence = self._absent.get(user, Absence(now, seen_at, final=True))
            self._absent[user] = absence._replace(final=True)

    def show(self, user: str) -> bool:
        """Undo `hide`. Tells whether the person is there."""
        absence = self._absent.get(user)
        if user in self._here:
            self._absent.pop(user, None)
        elif absence is not None:
            self._absent[user] = absence._replace(final=False)
        return user in self._here

    def known_until(self, seen_at: int) -> int:
        """Until when, `seen_at` at most, nobody who counts as being there was absent."""
        oldest = next(iter(self._absent.values()), None)
        return seen_at if oldest is None else min(seen_at, oldest.seen_at)

    def take_gone(self, now: float, most: int) -> list[tuple[str, int]]:
        """Take those whose absence has lasted, with when they were seen last; `most` at once."""
        due = now - self._allowed
        gone = [
            (user, absence.seen_at)
            for user, absence in islice(self._absent.items(), most)
            if absence.since <= due
        ]
        for user, _seen_at in gone:
            del self._absent[user]
        return gone

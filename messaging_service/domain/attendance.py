"""The people who are online, as far as watchers of one process follow them; a short absence counts
as online.

Moments are in seconds on a clock that never goes back, `seen_at` in milliseconds UTC.
"""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple


class Absence(NamedTuple):
    """An absence since a moment; a `final` one lasts whatever comes."""

    since: float
    seen_at: int
    final: bool


class Gone(NamedTuple):
    """Somebody whose absence has lasted, and when they were seen last.

    `hidden` if it was final, and `here` if they are followed all the same.
    """

    user: str
    seen_at: int
    hidden: bool
    here: bool


class Attendance:
    """The people who are followed, and those who were until a moment ago.

    An absence of up to `allowed` seconds is none. At most `most` people are kept; those who come
    beyond that number are left out, as if never followed.
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
        """Note as absent somebody who was there when the service last stopped, or where another
        process is concerned. Who is followed here, or absent already, is as they are.
        """
        if final or user not in self._here:
            self._absent.setdefault(user, Absence(now, seen_at, final))

    def follow(self, users: Iterable[str]) -> list[str]:
        """Note that these are followed from now on; give those who were away before."""
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
        """Note that nobody follows these any more."""
        for user in users:
            if user in self._here:
                self._here.discard(user)
                self._absent.setdefault(user, Absence(now, seen_at, final=False))

    def hide(self, user: str, now: float, seen_at: int, *, shown: bool = False) -> None:
        """Let somebody seem to leave, whether followed or not.

        With `shown` also who is online because another process follows them.
        """
        if shown or user in self._here or user in self._absent:
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
        """Give the time, `seen_at` at most, until which nobody who counts as there was absent."""
        oldest = next(iter(self._absent.values()), None)
        return seen_at if oldest is None else min(seen_at, oldest.seen_at)

    def here(self) -> list[str]:
        """Give those who are followed."""
        return list(self._here)

    def there(self) -> list[str]:
        """Give those who are followed, and those in a short absence."""
        absent = [user for user, absence in self._absent.items() if not absence.final]
        return [*self._here, *(user for user in absent if user not in self._here)]

    def take_gone(self, now: float, most: int) -> list[Gone]:
        """Take up to `most` people whose absence has lasted."""
        due = now - self._allowed
        gone = [
            Gone(user, absence.seen_at, absence.final, user in self._here)
            for user, absence in islice(self._absent.items(), most)
            if absence.since <= due
        ]
        for one in gone:
            del self._absent[one.user]
        return gone

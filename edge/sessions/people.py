"""The people who are here: what is held for each and how often each asks, over all sockets."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from edge.metrics import Metrics
from edge.push.hub import Hub, HubSession
from edge.sessions.allowance import Allowance
from edge.sessions.rate_limit import Rate
from edge.settings import Settings
from parley_protocol.errors import CloseCode, Error, ErrorCode, refusal
from parley_protocol.packets import Op

_TOO_MUCH = refusal(ErrorCode.RESOURCE_EXHAUSTED, "Too much waits for this user already.")
# Above the budget of the process the largest go until so much of it is used, so that the search for
# them is paid for by what it frees.
_REFILLED = 7 / 8


class Person:
    """One user, over all sockets of this edge. Bytes are held for it from `hold` to `let_go`."""

    __slots__ = (
        "__weakref__",
        "_people",
        "bytes",
        "connection_rate",
        "http_rate",
        "left_at",
        "packet_rate",
        "page_rate",
        "pages",
        "timed_out",
        "unconfirmed",
        "user",
    )

    def __init__(self, people: "People", user: str, settings: Settings, now: float) -> None:
        self.user = user
        self._people = people
        self.bytes = 0
        # Alerts that no PONG has confirmed.
        self.unconfirmed = 0
        self.packet_rate = Rate(settings.packets_per_second, settings.packets_burst, now)
        self.connection_rate = Rate(
            settings.connections_per_second, settings.connections_burst, now
        )
        self.http_rate = Rate(settings.http_requests_per_second, settings.http_requests_burst, now)
        # Of bytes of pages, which are asked for as fast as this permits.
        self.page_rate = Allowance(settings.page_bytes_per_second, settings.page_bytes_burst, now)
        # By kind, held while a page is asked for: as many sockets as there are ask for one.
        self.pages: dict[Op, asyncio.Lock] = defaultdict(asyncio.Lock)
        # When a backend last did not answer for a page in time.
        self.timed_out: dict[str, float] = {}
        self.left_at = now

    def hold(self, size: int) -> None:
        """Count bytes that are kept for this person from now on."""
        people = self._people
        self.bytes += size
        people.bytes += size
        if self.bytes > people.most_of_one or people.bytes > people.most:
            people.reclaim_soon(self)

    def let_go(self, size: int) -> None:
        """Count them no longer."""
        self.bytes -= size
        self._people.bytes -= size

    async def pace(self) -> None:
        """Wait until the next page may be asked for."""
        people = self._people
        seconds = self.page_rate.spend(0, people.clock())
        if seconds > 0:
            people.reached("page_bytes_per_second")
            await asyncio.sleep(seconds)

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Count the bytes of a page, which are kept for a while."""
        self.page_rate.spend(size, self._people.clock())
        self.hold(size)
        try:
            yield
        finally:
            self.let_go(size)

    def ignored_limits(self) -> None:
        """Count a socket that was closed with 4400 as half of the connections that pass at once, so
        that who goes on with the next one is soon kept waiting.
        """
        people = self._people
        self.connection_rate.charge(people.clock(), people.connections_burst / 2)

    def refused(self, size: int) -> Error | None:
        """Refuse a request of so many bytes, which there would be no room to keep."""
        people = self._people
        if self.bytes + size > people.most_of_one:
            people.reached("bytes_per_user")
            return _TOO_MUCH
        if people.bytes + size > people.most:
            people.reached("bytes_per_edge")
            return _TOO_MUCH
        return None


class People:
    """A Person for each user who is here, or was until what it may do has gathered again."""

    def __init__(
        self, hub: Hub, settings: Settings, metrics: Metrics, clock: Callable[[], float]
    ) -> None:
        self._hub = hub
        self.clock = clock
        self.connections_burst = settings.connections_burst
        self._settings = settings
        self.reached: Callable[[str], None] = metrics.limits.reached
        self.bytes = 0
        self.most = settings.bytes_per_edge
        self.most_of_one = settings.bytes_per_user
        # Sockets and requests keep their person.
        self._people: WeakValueDictionary[str, Person] = WeakValueDictionary()
        # Those who left, the latest last: who comes back at once is the same.
        self._left: dict[str, Person] = {}
        self._remembered_seconds = max(
            settings.packets_burst / settings.packets_per_second,
            settings.connections_burst / settings.connections_per_second,
            settings.http_requests_burst / settings.http_requests_per_second,
            settings.page_bytes_burst / settings.page_bytes_per_second,
        )
        self._exceeded: set[Person] = set()

    @property
    def most_bytes(self) -> int:
        """The bytes that are held for the one for whom most are."""
        return max((person.bytes for person in self._people.values()), default=0)

    def of(self, user: str) -> Person:
        """The person of a user, the same for as long as anything of it matters."""
        person = self._people.get(user)
        if person is None:
            person = self._people[user] = Person(self, user, self._settings, self.clock())
        return person

    def remember(self, person: Person) -> None:
        """Keep somebody whose socket or request is gone, for a while."""
        left = self._left
        now = person.left_at = self.clock()
        left.pop(person.user, None)
        left[person.user] = person
        if len(left) > self._settings.known_standings:
            self.reached("known_standings")
            del left[next(iter(left))]
        while (first := next(iter(left.values()))).left_at + self._remembered_seconds < now:
            del left[first.user]

    def forget_oldest_unconfirmed(self, person: Person) -> None:
        """Make room for an alert that is to be confirmed, at the socket that has most of them."""
        self.reached("unconfirmed_alerts")
        sessions = self._hub.of(person.user)
        max(sessions, key=lambda session: len(session.unconfirmed)).forget_oldest_unconfirmed()

    def reclaim_soon(self, person: Person) -> None:
        """Close the sockets that hold most, at the end of this turn of the loop."""
        if not self._exceeded:
            asyncio.get_running_loop().call_soon(self._reclaim)
        self._exceeded.add(person)

    def _reclaim(self) -> None:
        exceeded, self._exceeded = self._exceeded, set()
        for person in exceeded:
            for session in _by_size(self._hub.of(person.user)):
                if person.bytes <= self.most_of_one:
                    break
                self.reached("bytes_per_user")
                session.drop(CloseCode.SLOW_READER, "too many bytes wait for this user")
        if self.bytes > self.most:
            people = sorted(self._hub.users.values(), key=_bytes_of, reverse=True)
            for session in (one for sessions in people for one in _by_size(sessions)):
                if self.bytes <= self.most * _REFILLED:
                    break
                self.reached("bytes_per_edge")
                session.drop(CloseCode.OVERLOADED, "the edge is overloaded")


def _bytes_of(sessions: list[HubSession]) -> int:
    return sum(session.kept_bytes for session in sessions)


def _by_size(sessions: list[HubSession]) -> list[HubSession]:
    """Those for whom anything is kept, the largest first."""
    kept = [session for session in sessions if session.kept_bytes]
    return sorted(kept, key=lambda session: session.kept_bytes, reverse=True)

"""The events that wait to be handled, and the streams that hand them out.

A cursor stands beside each event. It is confirmed once every stream has handled the event, which
it has when its consumer asks for the next one.
"""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from parley_client.events import Event, Reset


class _Item(NamedTuple):
    event: Event
    # That is reached with this event; None where it does not move.
    cursor: str | None


class _Place:
    """How far a stream has got: the numbers of the event to hand out next, and to be handled."""

    def __init__(self, number: int) -> None:
        self.following = number
        self.handled = number
        self.wake: asyncio.Future[None] | None = None
        # Set when the stream has ended, also from within the garbage collector.
        self.left = False

    def leave(self) -> None:
        self.left = True


class EventStream:
    """An iterator of the events of a client, over any number of sockets, until it is closed.

    It ends when nobody holds it any more, as after `break` out of `async for`, or by `aclose`.
    """

    def __init__(self, log: "EventLog", place: _Place) -> None:
        self._log = log
        self._place = place
        weakref.finalize(self, place.leave).atexit = False

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Event:
        return await self._log.next_of(self._place)

    async def aclose(self) -> None:
        """End it. What it has handed out last counts as not handled."""
        self._place.leave()
        self._log.settle()


class EventLog:
    """Events in order, kept until the slowest stream has handled them.

    Where no stream is, they wait for the first one; it, and one that follows upon the last, begins
    with them. `confirm` is told the cursor of what is handled. With more than `limit` events
    `behind` is called, and `caught_up` when half of that is handled. Without any stream a Reset
    takes the place of all that waits instead.
    """

    def __init__(
        self,
        limit: int,
        confirm: Callable[[str], None],
        behind: Callable[[], None],
        caught_up: Callable[[], None],
    ) -> None:
        self._limit = limit
        self._confirm = confirm
        self._tell_behind = behind
        self._tell_caught_up = caught_up
        self._items: deque[_Item] = deque()
        # The number of the first item.
        self._first = 0
        self._places: list[_Place] = []
        # Where a stream begins when there is no other.
        self._start = 0
        self._closed = False
        self._behind = False

    def __len__(self) -> int:
        return len(self._items)

    def stream(self) -> EventStream:
        """Open a stream: of what comes from now on, or of what nobody has been handed yet."""
        self.settle()
        number = self._first + len(self._items) if self._places else max(self._start, self._first)
        place = _Place(number)
        # What the last stream was handed counts as handled once this one asks.
        if not self._places:
            place.handled = self._first
        self._places.append(place)
        return EventStream(self, place)

    def tell(self, event: Event) -> None:
        """Add an event."""
        if self._closed:
            return
        self._items.append(_Item(event, None))
        for place in self._places:
            if place.wake is not None and not place.wake.done():
                place.wake.set_result(None)
        if len(self._items) > self._limit and not self._behind:
            self._overflow()

    def move(self, cursor: str) -> None:
        """Take note of a cursor: it is reached when all that was told so far is handled."""
        if self._closed:
            # Before it are events that were not handed out.
            return
        if self._items:
            self._items[-1] = self._items[-1]._replace(cursor=cursor)
        else:
            self._confirm(cursor)

    def forget_cursors(self) -> None:
        """Forget the cursors of what waits: they are of a database that is gone."""
        self._items = deque(item._replace(cursor=None) for item in self._items)

    def _overflow(self) -> None:
        self.settle()
        if len(self._items) <= self._limit:
            return
        if self._places:
            self._behind = True
            self._tell_behind()
            return
        cursors = [item.cursor for item in self._items if item.cursor is not None]
        self._first += len(self._items)
        self._items.clear()
        self.tell(Reset("overflow"))
        if cursors:
            self.move(cursors[-1])

    async def next_of(self, place: _Place) -> Event:
        """Give the next event of a stream, which has handled those before."""
        place.handled = place.following
        self.settle()
        while place.following >= self._first + len(self._items):
            if self._closed or place.left:
                raise StopAsyncIteration
            if place.wake is not None:
                raise RuntimeError("this stream is awaited already")
            place.wake = asyncio.get_running_loop().create_future()
            try:
                await place.wake
            finally:
                place.wake = None
        if self._closed:
            raise StopAsyncIteration
        item = self._items[place.following - self._first]
        place.following += 1
        return item.event

    def settle(self) -> None:
        """Let go of what every stream has handled."""
        for place in [one for one in self._places if one.left]:
            self._places.remove(place)
            if not self._places:
                self._start = place.following
        if not self._places:
            self._catch_up()
            return
        handled = min(place.handled for place in self._places)
        cursor = None
        while self._first < handled:
            cursor = self._items.popleft().cursor or cursor
            self._first += 1
        if cursor is not None:
            self._confirm(cursor)
        if len(self._items) <= self._limit // 2:
            self._catch_up()

    def _catch_up(self) -> None:
        if self._behind:
            self._behind = False
            self._tell_caught_up()

    def is_behind(self) -> bool:
        """Whether more wait than may, since that was told."""
        self.settle()
        return self._behind

    def close(self) -> None:
        """End all streams; what was not handed out is not told."""
        self._closed = True
        self._first += len(self._items)
        self._items.clear()
        for place in self._places:
            if place.wake is not None and not place.wake.done():
                place.wake.set_result(None)

"""The streams of events that are open, and what is told to each.

The last events are kept, so that a page that comes back with the number of the last one that it saw
is told what followed. Who cannot be told that, or reads too slowly, is told to load anew.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from desk.metrics import Metrics
from desk.sessions import Session
from desk.settings import Settings
from desk.structures.events import Away, CaseEvent, DisputeEvent, Ready, Reset

Content = CaseEvent | DisputeEvent | Ready | Reset | Away
NAMES: Mapping[type[Content], str] = {
    Ready: "ready",
    CaseEvent: "case",
    DisputeEvent: "dispute",
    Reset: "reset",
    Away: "away",
}
"""The name of each event, in the order of docs/desk-openapi.json."""


class Event(NamedTuple):
    """An event as it is sent, and those who are not to learn of it."""

    number: int
    content: Content
    hidden_from: Collection[str] = ()


class Stream:
    """A stream of one page; `take` gives what is to be sent."""

    def __init__(self, session: Session, most: int) -> None:
        self.session = session
        self._most = most
        self._waiting: deque[Event] = deque()
        self._changed = asyncio.Event()
        self.closed = False

    def put(self, event: Event) -> bool:
        """Add an event; False when too many wait, in whose place it then stands."""
        fits = len(self._waiting) < self._most
        if not fits:
            self._waiting.clear()
            event = Event(event.number, Reset())
        self._waiting.append(event)
        self._changed.set()
        return fits

    def close(self) -> None:
        """Tell no more."""
        self.closed = True
        self._changed.set()

    async def take(self, seconds: float) -> Event | None:
        """The next event; None when there is none for so long, and when it was closed."""
        if not self._waiting and not self.closed:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return None
        return None if self.closed or not self._waiting else self._waiting.popleft()


class Broadcast:
    """All streams of the process."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._streams: list[Stream] = []
        self._kept: deque[Event] = deque(maxlen=settings.stream_events)
        # Numbers of another process are not those of this one.
        self._process = secrets.token_hex(4)
        self._number = 0
        self.live = False
        self._closed = False
        metrics.streams.set_function(lambda: len(self._streams))

    def tell(self, content: Content, hidden_from: Collection[str] = ()) -> None:
        """Tell all streams but those of the people from whom it is hidden."""
        self._number += 1
        event = Event(self._number, content, hidden_from)
        self._kept.append(event)
        for stream in self._streams:
            self._put(stream, event)

    def come(self) -> None:
        """Tell that events come from now on, and that some may have been missed before."""
        self.live = True
        self._metrics.watch_live.set(1)
        self.tell(Reset())
        self.tell(Ready())

    def go(self) -> None:
        """Tell that no events come for now."""
        if self.live:
            self.live = False
            self._metrics.watch_live.set(0)
            self.tell(Away())

    def open(self, session: Session, last_id: str) -> Stream:
        """Begin a stream, with what followed `last_id` if that is known."""
        own = [one for one in self._streams if one.session is session]
        if len(own) >= self._settings.streams_per_session:
            self._metrics.limits.reached("streams_per_session")
            own[0].close()
        stream = Stream(session, self._settings.stream_events)
        self._streams.append(stream)
        session.ending.append(stream.close)
        if self._closed or session.over:
            stream.close()
        for event in self._missed(last_id):
            self._put(stream, event)
        stream.put(Event(self._number, Ready() if self.live else Away()))
        return stream

    def leave(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        self._streams.remove(stream)
        if stream.close in stream.session.ending:
            stream.session.ending.remove(stream.close)

    def close(self) -> None:
        """End all streams, and each that is opened later at once."""
        self._closed = True
        for stream in self._streams:
            stream.close()

    def written(self, event: Event) -> bytes:
        """An event as it is sent (HTML, 9.2)."""
        body = msgspec.json.encode(event.content).decode()
        name = NAMES[type(event.content)]
        return f"id: {self._process}-{event.number}\nevent: {name}\ndata: {body}\n\n".encode()

    def _put(self, stream: Stream, event: Event) -> None:
        if stream.session.user not in event.hidden_from and not stream.put(event):
            self._metrics.limits.reached("stream_events")

    def _missed(self, last_id: str) -> list[Event]:
        """The events that followed a number, or that nobody can say."""
        if not last_id:
            return []
        process, _, text = last_id.partition("-")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
        first = self._kept[0].number if self._kept else self._number + 1
        if process != self._process or not first - 1 <= number <= self._number:
            return [Event(self._number, Reset())]
        return [one for one in self._kept if one.number > number]

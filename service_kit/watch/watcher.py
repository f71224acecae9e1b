"""A watcher: one open Watch stream, and the bounded queue of what it is told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

WATCHER_TOO_SLOW = "WATCHER_TOO_SLOW"
REVISION_GAP = "REVISION_GAP"
SHUTTING_DOWN = "SHUTTING_DOWN"


class WatcherCutOff(Exception):  # noqa: N818, the name says what is the case
    """A stream ended by the hub. `reason` is WATCHER_TOO_SLOW, REVISION_GAP or SHUTTING_DOWN."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# How often in the time between two reports of progress it is looked who is idle.
PROGRESS_TICKS = 2
LONGEST_SILENCE = 1 + 1 / PROGRESS_TICKS
"""For how many times that time a stream may bring nothing: after an event it may be a tick more."""


class Batch(NamedTuple):
    """The events of one revision for a watcher; without events it reports progress."""

    revision: int
    events: list[object]


class Watcher:
    """One open stream: iterate over its batches. Made by the hub."""

    def __init__(self, name: str, revision: int, limit: int) -> None:
        self.id = uuid4().hex
        self.name = name
        self.following: set[str] = set()
        # Those of them who are not counted as followed because of this watcher.
        self.quiet: set[str] = set()
        # For how many ticks it has been told nothing. It is told that it is here at the next one.
        self._idle_ticks = PROGRESS_TICKS
        # Up to where what it follows has been handed to the stream.
        self.revision = revision
        self._limit = limit
        self._queue: deque[Batch] = deque()
        self._queued_events = 0
        self._cut_off: WatcherCutOff | None = None
        self._filled = asyncio.Event()

    @property
    def queued_events(self) -> int:
        """Events that wait to be sent."""
        return self._queued_events

    def lag(self, revision: int) -> int:
        """Count the revisions it is behind `revision`; 0 when it has all that it follows."""
        return revision - self.revision if self._queue else 0

    def put(self, batch: Batch) -> bool:
        """Queue a batch; False when the queue would grow beyond its bound."""
        # A batch alone may be larger than the bound: it exists already, and no other waits.
        if self._queue and self._queued_events + len(batch.events) > self._limit:
            return False
        self._idle_ticks = 0
        self._queue.append(batch)
        self._queued_events += len(batch.events)
        self._filled.set()
        return True

    def tick(self, revision: int) -> None:
        """Queue a batch without events, when nothing was queued for long and nothing waits."""
        self._idle_ticks += 1
        if self._idle_ticks >= PROGRESS_TICKS and not self._queue:
            self._idle_ticks = 0
            self._queue.append(Batch(revision, []))
            self._filled.set()

    def cut_off(self, reason: str) -> None:
        """End the stream; what was queued is dropped, for it will be read."""
        self._queue.clear()
        self._queued_events = 0
        self.finish(reason)

    def finish(self, reason: str) -> None:
        """End the stream after what is queued."""
        self._cut_off = WatcherCutOff(reason)
        self._filled.set()

    async def __aiter__(self) -> AsyncIterator[Batch]:
        """Give batches in order of revision. Raises WatcherCutOff when the hub ends the stream."""
        while True:
            await self._filled.wait()
            if self._cut_off is not None and not self._queue:
                raise self._cut_off
            batch = self._queue.popleft()
            self._queued_events -= len(batch.events)
            if not self._queue and self._cut_off is None:
                self._filled.clear()
            self.revision = batch.revision
            yield batch

"""The one task that looks where the database stands, and reads what was not told.

However word comes from other replicas, it may fail to come and nobody be told: so the clock is read
once a second, and whoever is behind it reads.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import structlog

from service_kit.bus.batches import Batches
from service_kit.bus.engine import Engine
from service_kit.bus.metrics import BusMetrics
from service_kit.process.limit_counters import ReachedLimits
from service_kit.process.settings import ServiceSettings
from service_kit.rules import Position
from service_kit.storage.announcements import (
    Announcement,
    forget_announcements,
    look,
    read_announcements,
)
from service_kit.storage.clock import read_position
from service_kit.storage.readers import Readers
from service_kit.storage.writer import StorageUnavailable
from service_kit.watch.hub import WatchHub

# Of the rows of one read.
_READ_REVISIONS = 200
# For which word of a revision may be under way before it counts as missed.
_LATE_SECONDS = 0.25
# For which others are believed to be there that are not counted: sessions break and come again.
_SEVERAL_SECONDS = 10.0
# Epochs that are remembered to have been left.
_MOST_LEFT = 64
# How often old rows are deleted.
_FORGET_SECONDS = 5.0


class CatchingUp:
    """Reads for a hub; `run` is the task. `servers` is how many processes were last seen, and until
    `several_until`, of time.monotonic(), there are others.
    """

    def __init__(
        self,
        hub: WatchHub,
        engine: Engine,
        readers: Readers,
        batches: Batches,
        settings: ServiceSettings,
        learn: Callable[[Position], None],
        limits: ReachedLimits,
    ) -> None:
        self.servers = 1
        self.several_until = 0.0
        # When the clock was last read, of time.monotonic().
        self.looked_at = time.monotonic()
        self.metrics: BusMetrics
        self._hub = hub
        self._engine = engine
        self._readers = readers
        self._batches = batches
        self._settings = settings
        self._learn = learn
        # The hub's when it was last looked at, and those that the database has left.
        self._epoch = hub.position.epoch
        self._left: deque[str] = deque(maxlen=_MOST_LEFT)
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        # Where the database stood at looks that are not old enough yet to forget what was before.
        self._looks: deque[tuple[float, int]] = deque()
        self._forget_at = 0.0
        self._next_look = 0.0
        self._log = structlog.get_logger(__name__)

    def missing(self, *, read_now: bool) -> None:
        """Read what is missing, at once or when it was not heard in a moment."""
        if read_now:
            self._wake.set()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._settings.bus_hole_seconds, self._due)

    async def current(self) -> None:
        """Return when the hub stands at least where the database stands now, or in another epoch.

        Raises StorageUnavailable.
        """
        position = await self._readers.run(read_position)
        if self._starts_over(position) or position.revision <= self._hub.position.revision:
            return
        future = self._loop.create_future()
        self._waiting.append((position.revision, future))
        self._hub.expect(position.revision)
        await future

    async def begin(self) -> None:
        """Let a hub that has no watchers yet stand where the database does, and count the others.

        Raises StorageUnavailable.
        """
        seen = await self._readers.run(look)
        self._count(seen.servers)
        if not self._starts_over(seen.position):
            self._hub.skip_to(seen.position.revision)

    def expect_others(self) -> None:
        """Count on other replicas for a while."""
        self.several_until = time.monotonic() + _SEVERAL_SECONDS

    def look_now(self) -> None:
        """Look where the database stands without waiting for the time."""
        self._next_look = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Look and read until cancelled."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._next_look):
                        await self._wake.wait()
                self._wake.clear()
                try:
                    await self._read()
                    if self._loop.time() >= self._next_look:
                        self._next_look = self._loop.time() + self._look_seconds()
                        await self._look()
                except StorageUnavailable:
                    # It was logged, and the next look finds what is missing.
                    self._next_look = self._loop.time() + self._look_seconds()
                    self.expect_others()
                self._answer()
        finally:
            for _, future in self._waiting:
                future.cancel()

    def _look_seconds(self) -> float:
        settings = self._settings
        return settings.bus_look_seconds if self._engine.connected else settings.bus_poll_seconds

    def _due(self) -> None:
        self._timer = None
        if self._hub.hole is not None:
            self._wake.set()

    def _starts_over(self, position: Position) -> bool:
        epoch = self._hub.position.epoch
        if epoch != self._epoch:
            # The writer of this replica began it, or found it.
            self._left.append(self._epoch)
            self._epoch = epoch
        if position.epoch == epoch:
            self._learn(position)
            return False
        if position.epoch in self._left:
            # It was read before this replica's own writer began another one.
            return True
        self._log.warning("the database has another epoch", epoch=position.epoch)
        self._looks.clear()
        self._hub.start_over(position)
        return True

    def _answer(self) -> None:
        """Answer those whose revision the hub has reached, and all when it is of another epoch."""
        reached = self._hub.position.revision
        waiting, self._waiting = self._waiting, []
        for revision, future in waiting:
            if revision > reached and self._hub.hole is not None:
                self._waiting.append((revision, future))
            elif not future.done():
                future.set_result(None)

    # --- Reading -------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Read what is missing, until nothing is."""
        patient = True
        while (hole := self._hub.hole) is not None:
            after, until = hole
            if until - after > self._settings.bus_early_revisions:
                self._limits.reached("bus_early_revisions")
                self._lose(until)
                continue
            position, rows = await self._readers.run(
                read_announcements, after, until, _READ_REVISIONS
            )
            if self._starts_over(position):
                return
            self._hear_rows(rows)
            if self._hub.position.revision > after:
                patient = True
            elif position.revision <= after:
                # Told of what is not there: not for long, or a failover has lost it.
                return
            elif patient:
                # It may be one of this replica's own commits, on its way to the hub.
                await asyncio.sleep(self._settings.bus_hole_seconds)
                patient = False
            else:
                self._lose(min(until, position.revision, *(row.revision - 1 for row in rows)))

    def _hear_rows(self, rows: list[Announcement]) -> None:
        self.metrics.read.inc(len(rows))
        for row in rows:
            self.hear(row)

    def hear(self, told: Announcement) -> None:
        """Put a revision of another replica into the hub."""
        events = None
        if told.events is not None:
            try:
                events = self._batches.decode(told.events, told.everything)
            except ValueError:
                self._hub.note_untold()
        before = self._hub.position.revision
        if events is None:
            # It can not be told; whoever needs it reads.
            if told.revision > before:
                self._lose(told.revision)
            return
        self._hub.hear(told.revision, events)
        if self._hub.position.revision > before:
            self.metrics.lag_seconds.observe(max(0.0, time.time() - told.at / 1000))
        self._answer()

    def _lose(self, revision: int) -> None:
        self.metrics.lost.inc()
        self._log.warning("revisions can not be told, so all streams end", until=revision)
        self._hub.skip_to(revision)

    # --- Looking -------------------------------------------------------------------------------

    async def _look(self) -> None:
        seen = await self._readers.run(look)
        self.looked_at = time.monotonic()
        self._count(seen.servers)
        revision = seen.position.revision
        if self._starts_over(seen.position):
            return
        if revision > self._hub.known:
            if self._engine.connected:
                self._loop.call_later(_LATE_SECONDS, self._is_missed, seen.position)
            else:
                self._hub.expect(revision)
        now = self._loop.time()
        self._looks.append((now, revision))
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_SECONDS
            await self._forget(now - self._settings.bus_kept_seconds)

    def _count(self, servers: int) -> None:
        self.servers = servers
        if servers > 1:
            self.expect_others()

    def _is_missed(self, position: Position) -> None:
        missed = position.revision - self._hub.known
        if missed > 0 and position.epoch == self._hub.position.epoch:
            self.metrics.missed.inc(missed)
            self._engine.doubt()
            self._hub.expect(position.revision)

    async def _forget(self, before: float) -> None:
        """Delete the rows that are older than a time of the loop's clock."""
        until = 0
        while self._looks and self._looks[0][0] <= before:
            _, until = self._looks.popleft()
        if until:
            await self._readers.run(forget_announcements, until)

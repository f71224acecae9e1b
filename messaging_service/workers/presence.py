"""Presence: learns from the hub who is followed, and has the writer store who is online.

Changes gather while a transaction is under way, and there is one timer for all.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice

from prometheus_client import Counter, Gauge

from messaging_service.domain.attendance import Attendance
from messaging_service.domain.presence import Presence
from messaging_service.operations import presence
from messaging_service.operations.presence import Attend, Attended, SetInvisible
from messaging_service.settings import MessagingSettings
from messaging_service.storage import presence as presence_storage
from service_kit.resources import Resources
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation, StorageUnavailable, WriterOverloaded

# After a crash a person may have been there for this much longer than others are shown.
REMEMBER_SECONDS = 30.0
_LONGEST_TICK_SECONDS = 1.0


class PresenceTracker:
    """The presence of those who are followed here.

    `start` before anybody is followed, `observe` for the hub, `close` before the writer closes.

    Used on one event loop. When presence is off it stores what people wish, and nothing else.
    """

    def __init__(self, resources: Resources[MessagingSettings]) -> None:
        settings, registry = resources.settings, resources.registry
        self._on = settings.presence
        self._writer = resources.writer
        self._readers = resources.readers
        self._limits = resources.limits
        self._batch = min(settings.presence_batch, settings.max_waiting_items)
        self._attend: Operation[Attend, Attended] = partial(
            presence.attend,
            settings.presence_conversations,
            strangers=settings.presence_to_strangers,
        )
        self._attendance = Attendance(settings.presence_absence_seconds, settings.presence_people)
        # The latest of each person that is not stored yet.
        self._waiting: dict[str, Attend] = {}
        self._writing: asyncio.Task[None] | None = None
        self._remembered = 0.0
        self._loop = asyncio.get_running_loop()
        self._tick_seconds = min(_LONGEST_TICK_SECONDS, settings.presence_absence_seconds / 4)
        self._timer: asyncio.TimerHandle | None = None
        people = Gauge(
            "presence_people",
            "People who are there, or were within a short absence.",
            registry=registry,
        )
        people.set_function(lambda: float(len(self._attendance)))
        waiting = Gauge(
            "presence_waiting_changes", "Changes that are not stored yet.", registry=registry
        )
        waiting.set_function(lambda: float(len(self._waiting)))
        self._changes = Counter(
            "presence_changes", "Changes that were stored and told.", ["to"], registry=registry
        )

    async def start(self) -> None:
        """Recall those who were there; they have a short absence to be followed again."""
        if not self._on:
            return
        seen_at, online = await self._readers.run(presence_storage.find_online)
        now = self._loop.time()
        for user, invisible in online:
            self._attendance.recall(user, seen_at, now, final=invisible)
        self._remembered = now
        self._timer = self._loop.call_later(self._tick_seconds, self._tick)

    def observe(self, followed: Sequence[str], unfollowed: Sequence[str]) -> None:
        """Note those who are followed from now on, and those who no longer are."""
        if not self._on:
            return
        wall = _wall_clock()
        before = self._attendance.left_out
        for user in self._attendance.follow(followed):
            self._waiting[user] = Attend(user, here=True, at=wall)
        for _ in range(self._attendance.left_out - before):
            self._limits.reached("presence_people")
        self._attendance.unfollow(unfollowed, self._loop.time(), wall)
        self._write_soon()

    async def set_invisible(self, user: str, *, invisible: bool) -> Presence | Refusal | Exception:
        """Store the wish of a person to be invisible, or no longer. One who is leaves as everybody
        leaves: others are told after a short absence.
        """

        def stored(outcomes: Sequence[Presence | Refusal | Exception]) -> None:
            if isinstance(outcomes[0], Presence) and self._on:
                self._take_wish(user, invisible=invisible)

        command = SetInvisible(user, invisible)
        (outcome,) = await self._writer.submit(presence.set_invisible, (command,), stored)
        return outcome

    def _take_wish(self, user: str, *, invisible: bool) -> None:
        if invisible:
            self._attendance.hide(user, self._loop.time(), _wall_clock())
        elif self._attendance.show(user):
            self._waiting[user] = Attend(user, here=True, at=_wall_clock())
            self._write_soon()

    async def close(self) -> None:
        """Store what waits, and until when it was known who is there."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        if self._writing is not None:
            await self._writing
        await self._write()
        await self._remember()

    def _tick(self) -> None:
        """Note those who have been away for too long, and store what waits."""
        # First, so that a failure of the rest is not the last of it.
        self._timer = self._loop.call_later(self._tick_seconds, self._tick)
        self._take_gone()
        self._write_soon()

    def _take_gone(self) -> None:
        # While the database is away they stay absent, so that what waits does not grow.
        room = max(0, self._batch - len(self._waiting))
        for user, seen_at in self._attendance.take_gone(self._loop.time(), room):
            self._waiting[user] = Attend(user, here=False, at=seen_at)

    def _write_soon(self) -> None:
        due = self._loop.time() - self._remembered >= REMEMBER_SECONDS and len(self._attendance)
        if (self._waiting or due) and self._writing is None and self._timer is not None:
            self._writing = self._loop.create_task(self._write_and_remember())

    async def _write_and_remember(self) -> None:
        try:
            await self._write()
            if self._loop.time() - self._remembered >= REMEMBER_SECONDS:
                await self._remember()
        finally:
            self._writing = None

    async def _write(self) -> None:
        """Store what waits, a batch at a time; what can not be stored now waits for the timer."""
        while self._waiting:
            batch = list(islice(self._waiting.values(), self._batch))
            for attend in batch:
                del self._waiting[attend.user]
            if self._waiting:
                self._limits.reached("presence_batch")
            try:
                outcomes = await self._writer.submit(self._attend, batch)
            except (StorageUnavailable, WriterOverloaded) as error:
                outcomes = [error] * len(batch)
            for attend, outcome in zip(batch, outcomes, strict=True):
                self._take(attend, outcome)
            if any(isinstance(one, StorageUnavailable | WriterOverloaded) for one in outcomes):
                return
            self._take_gone()

    def _take(self, attend: Attend, outcome: Attended | Exception) -> None:
        if isinstance(outcome, StorageUnavailable | WriterOverloaded):
            # Unless something newer has come.
            self._waiting.setdefault(attend.user, attend)
        elif isinstance(outcome, Attended):
            if outcome.told:
                self._changes.labels("online" if attend.here else "offline").inc()
            if outcome.cut:
                self._limits.reached("presence_conversations")

    async def _remember(self) -> None:
        self._remembered = self._loop.time()
        known_until = self._attendance.known_until(_wall_clock())
        try:
            await self._writer.submit(presence.remember_presence, (known_until,))
        except (StorageUnavailable, WriterOverloaded):
            # The writer has logged it, and the time comes again.
            return


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000

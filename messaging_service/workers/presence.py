"""Presence: learns from the hub who is followed, and has the writer store who is online.

Changes gather while a transaction is under way, and there is one timer for all. Of several
processes each stores whom it attends to, and lives by one lease; the people of one that is gone are
taken over by another, as if they had just left.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice

import structlog
from prometheus_client import Counter, Gauge

from messaging_service.domain.attendance import Attendance
from messaging_service.domain.presence import Presence
from messaging_service.operations import presence
from messaging_service.operations.attendance import Taken, TakeOver, take_over
from messaging_service.operations.presence import (
    Attend,
    Attended,
    SetInvisible,
    Stays,
    Wish,
)
from messaging_service.settings import MessagingSettings
from messaging_service.storage import attendance
from service_kit.process.background import Work
from service_kit.resources import Resources
from service_kit.rpc.servicer import accepted
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation, StorageUnavailable, WriterOverloaded

# After a crash a person may have been there for this much longer than others are shown.
REMEMBER_SECONDS = 30.0
_LONGEST_TICK_SECONDS = 1.0
# How often it is looked whether another process is gone.
_LOOK_SECONDS = 1.0


_logger = structlog.get_logger(__name__)


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
        self._leases = resources.leases
        self._batch = min(settings.presence_batch, settings.max_waiting_items)
        replica = resources.leases.replica
        # Each made once, for the writer groups by identity.
        self._attend: Operation[Attend, Attended | Stays] = partial(
            presence.attend,
            settings.presence_conversations,
            strangers=settings.presence_to_strangers,
            replica=replica,
        )
        self._set_invisible: Operation[SetInvisible, Presence | Refusal] = partial(
            presence.set_invisible, replica=replica
        )
        self._take_over: Operation[TakeOver, Taken] = partial(take_over, replica)
        self._remember_presence: Operation[int, None] = partial(
            presence.remember_presence, replica=replica
        )
        self._attendance = Attendance(settings.presence_absence_seconds, settings.presence_people)
        # The latest of each person that is not stored yet.
        self._waiting: dict[str, Attend] = {}
        self._writing: asyncio.Task[None] | None = None
        self._remembered = 0.0
        # How often the database had moved when it was last compared with who is here.
        self._moves = self._readers.moves
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
        seen_at, online = await self._readers.run(attendance.find_unattended)
        now = self._loop.time()
        for user, invisible in online:
            self._attendance.recall(user, seen_at, now, final=invisible)
        self._remembered = now
        self._timer = self._loop.call_later(self._tick_seconds, self._tick)

    def works(self) -> dict[str, Work]:
        """Give what one of several processes does besides, under its leases."""
        if not self._on or self._leases.alone:
            return {}
        lives = attendance.lease_of(self._leases.replica)
        return {
            "attendance": self._leases.under(lives, self._attend_anew),
            "presence": self._leases.under("presence", self._look_after_others),
        }

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
                self._take_wish(outcomes[0], invisible=invisible)

        command = SetInvisible(user, invisible)
        (outcome,) = await self._writer.submit(self._set_invisible, (command,), stored)
        return outcome

    def _take_wish(self, shown: Presence, *, invisible: bool) -> None:
        user, wall = shown.user, _wall_clock()
        if invisible:
            elsewhere = shown.online and not self._leases.alone
            self._attendance.hide(user, self._loop.time(), wall, shown=elsewhere)
        elif self._attendance.show(user):
            self._waiting[user] = Attend(user, here=True, at=wall)
            self._write_soon()
        elif not self._leases.alone:
            self._waiting.setdefault(user, Attend(user, here=True, at=wall, wish=Wish.SHOWN))
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
        if not self._leases.steady:
            # Others have to store first who has come to them.
            return
        # While the database is away they stay absent, so that what waits does not grow.
        room = max(0, self._batch - len(self._waiting))
        for user, seen_at, hidden, here in self._attendance.take_gone(self._loop.time(), room):
            wish = Wish.HIDDEN if hidden else Wish.NONE
            self._waiting[user] = Attend(user, here and hidden, seen_at, wish)

    def _write_soon(self) -> None:
        due = self._loop.time() - self._remembered >= REMEMBER_SECONDS and len(self._attendance)
        moved = self._moves != self._readers.moves
        if (self._waiting or due or moved) and self._writing is None and self._timer is not None:
            self._writing = self._loop.create_task(self._write_and_remember())

    async def _write_and_remember(self) -> None:
        try:
            if self._moves != self._readers.moves:
                await self._compare()
            await self._write()
            if self._loop.time() - self._remembered >= REMEMBER_SECONDS:
                await self._remember()
        finally:
            self._writing = None

    async def _compare(self) -> None:
        """Have a database that may have gone back know who is here, and who is no longer."""
        moves, wall = self._readers.moves, _wall_clock()
        try:
            seen_at, online = await self._readers.run(attendance.find_unattended)
            replica, most = self._leases.replica, len(self._attendance) + self._batch
            people = await self._readers.run(attendance.find_people, replica, most)
        except StorageUnavailable:
            # It was logged, and the timer comes again.
            return
        self._moves = moves
        now = self._loop.time()
        for user in self._attendance.there():
            self._waiting.setdefault(user, Attend(user, here=True, at=wall))
        for user in people:
            self._attendance.recall(user, wall, now, final=False)
        for user, invisible in online:
            self._attendance.recall(user, seen_at, now, final=invisible)

    async def _write(self) -> None:
        """Store what waits, a batch at a time; what can not be stored now waits for the timer."""
        while self._waiting:
            batch = list(islice(self._waiting.values(), self._batch))
            for attend in batch:
                del self._waiting[attend.user]
            if self._waiting:
                self._limits.reached("presence_batch")
            outcomes: Sequence[Attended | Stays | Exception]
            try:
                outcomes = [*await self._writer.submit(self._attend, batch)]
            except (StorageUnavailable, WriterOverloaded) as error:
                outcomes = [error] * len(batch)
            for attend, outcome in zip(batch, outcomes, strict=True):
                self._take(attend, outcome)
            if any(isinstance(one, StorageUnavailable | WriterOverloaded) for one in outcomes):
                return
            self._take_gone()

    def _take(self, attend: Attend, outcome: Attended | Stays | Exception) -> None:
        if isinstance(outcome, StorageUnavailable | WriterOverloaded):
            if attend.here or attend.user in self._waiting or self._leases.alone:
                # Unless something newer has come.
                self._waiting.setdefault(attend.user, attend)
            else:
                # Meanwhile they may have come to another process, which could not store it either.
                hidden = attend.wish is Wish.HIDDEN
                self._attendance.recall(attend.user, attend.at, self._loop.time(), final=hidden)
        elif isinstance(outcome, Stays):
            # Shown again by another process: whoever is not here is absent as everybody is.
            self._attendance.recall(attend.user, attend.at, self._loop.time(), final=False)
        elif isinstance(outcome, Attended):
            if outcome.told:
                online = attend.here and attend.wish is not Wish.HIDDEN
                self._changes.labels("online" if online else "offline").inc()
            if outcome.cut:
                self._limits.reached("presence_conversations")

    async def _remember(self) -> None:
        self._remembered = self._loop.time()
        known_until = self._attendance.known_until(_wall_clock())
        try:
            await self._writer.submit(self._remember_presence, (known_until,))
        except (StorageUnavailable, WriterOverloaded):
            # The writer has logged it, and the time comes again.
            return

    # --- One of several processes ---------------------------------------------------------------

    async def _attend_anew(self) -> None:
        """Store who is here: while this process was taken for gone, others took its people over."""
        wall = _wall_clock()
        for user in self._attendance.here():
            self._waiting.setdefault(user, Attend(user, here=True, at=wall))
        self._write_soon()
        await asyncio.Event().wait()

    async def _look_after_others(self) -> None:
        """Take over the people of processes that are gone, until cancelled."""
        replica = self._leases.replica
        while True:
            if self._leases.steady:
                found = await self._readers.run(attendance.find_gone_attenders, replica)
                for one in found:
                    await self._take_people_over(one)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _take_people_over(self, gone: attendance.Attender) -> None:
        count, more = 0, True
        while more:
            (outcome,) = await self._writer.submit(self._take_over, (TakeOver(gone, self._batch),))
            people, more = accepted(outcome)
            count += len(people)
            now = self._loop.time()
            for user, seen_at, invisible in people:
                self._attendance.recall(user, seen_at, now, final=invisible)
        _logger.info("people of another process taken over", people=count)


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000

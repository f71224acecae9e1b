"""Timers of a service: a loop that fires what is due, and sleeps until something is."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import Connection

from service_kit.rules import Refusal
from service_kit.storage.readers import Readers
from service_kit.storage.writer import Operation, Writer

Outcome = TypeVar("Outcome")

_LONG_AGO = (-1, "")
_NEVER = 2**63
# How often it is looked whether another process may have set a timer.
_ELSEWHERE_SECONDS = 1.0


@dataclass(frozen=True)
class Schedule(Generic[Outcome]):
    """The timers of a service: which are due, and what to do about them.

    `find_due(connection, now, after, count)` gives the first `count` (due at, id) that are due by
    `now` and come after another one, and `find_next_due` when the next one after `now` is due. Both
    are in milliseconds UTC, and an id may stand in several. `command` makes the command for an id,
    which harms nobody when it comes late, early or twice; `fired` tells what an outcome of it says
    has happened, each with when it was due.

    `name` is what the metrics begin with, and `{name}_batch` the limit that is told when a batch
    was full.
    """

    name: str
    find_due: Callable[[Connection, int, tuple[int, str], int], list[tuple[int, str]]]
    find_next_due: Callable[[Connection, int], int | None]
    command: Callable[[str], Any]
    operation: Operation[Any, Outcome | Refusal]
    fired: Callable[[Outcome], Iterable[tuple[str, int]]]


class Timers(Generic[Outcome]):
    """Fires the timers of a database as commands like any other.

    The rules do not depend on it: to the next command or read, what is due has happened anyway. The
    loop makes it an event at once. Several processes may do so at the same time, and each due thing
    happens once. `batch` ids are fired in one command. `elsewhere` gives a number, the newest
    revision, that is another one after another process may have set a timer; without it, and if
    nothing tells, such a timer goes unnoticed for `max_sleep_seconds`. `reached` is told the names
    of limits.
    """

    def __init__(
        self,
        schedule: Schedule[Outcome],
        writer: Writer,
        readers: Readers,
        *,
        batch: int = 500,
        max_sleep_seconds: float = 10.0,
        elsewhere: Callable[[], int] | None = None,
        reached: Callable[[str], None] = lambda _limit: None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._schedule = schedule
        self._writer = writer
        self._readers = readers
        self._batch = batch
        self._max_sleep_seconds = max_sleep_seconds
        self._elsewhere = elsewhere
        self._reached = reached
        self._earlier = asyncio.Event()
        # While it works, anything that comes up has it look again.
        self._sleeps_until = _NEVER
        registry = registry or CollectorRegistry()
        name = schedule.name
        self._fired = Counter(
            f"{name}_fired", "Events that time has caused.", ["timer"], registry=registry
        )
        self._late = Histogram(
            f"{name}_late_seconds",
            "From when a timer was due until its event.",
            buckets=(0.1, 0.5, 1, 5, 10, 30, 60, 300, 3600),
            registry=registry,
        )
        self._overdue = Gauge(
            f"{name}_due", "Things with a timer due, at the last look.", registry=registry
        )
        self._failed = Counter(
            f"{name}_failed", "Things whose timers failed to fire.", registry=registry
        )

    def expect(self, due_at: int | None) -> None:
        """Learn that a timer has been set here, in milliseconds UTC."""
        if due_at is not None and due_at < self._sleeps_until:
            self._earlier.set()

    async def run(self) -> None:
        """Fire and sleep until cancelled. Raises what keeps the database from being used."""
        try:
            await self._keep_firing()
        finally:
            # Another process goes on, and this one knows nothing of it.
            self._overdue.set(0)

    async def _keep_firing(self) -> None:
        while True:
            self._sleeps_until = _NEVER
            self._earlier.clear()
            revision = self._elsewhere() if self._elsewhere else 0
            now = _milliseconds()
            await self._fire(now)
            due_at = await self._readers.run(self._schedule.find_next_due, now)
            latest = _milliseconds() + int(self._max_sleep_seconds * 1000)
            self._sleeps_until = latest if due_at is None else min(due_at, latest)
            await self._sleep(revision)

    async def _fire(self, now: int) -> None:
        """Fire what is due by now, each thing once: one that fails is tried at the next look."""
        schedule = self._schedule
        after = _LONG_AGO
        count = 0
        while due := await self._readers.run(schedule.find_due, now, after, self._batch):
            after = due[-1]
            if len(due) == self._batch:
                self._reached(f"{schedule.name}_batch")
            things = dict.fromkeys(one for _, one in due)
            count += len(things)
            self._overdue.set(count)
            outcomes = await self._writer.submit(
                schedule.operation, [schedule.command(one) for one in things]
            )
            for outcome in outcomes:
                self._observe(outcome)
        self._overdue.set(count)

    def _observe(self, outcome: Outcome | Refusal | Exception) -> None:
        if isinstance(outcome, Refusal | Exception):
            # The writer has logged why, and time is not refused.
            self._failed.inc()
            return
        now = _milliseconds()
        for timer, due_at in self._schedule.fired(outcome):
            self._fired.labels(timer).inc()
            self._late.observe(max(0, now - due_at) / 1000)

    async def _sleep(self, revision: int) -> None:
        """Sleep until something is due, or may be, for `revision` is not the newest any more."""
        while (seconds := (self._sleeps_until - _milliseconds()) / 1000) > 0:
            if self._elsewhere:
                seconds = min(seconds, _ELSEWHERE_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._earlier.wait()
                return
            if self._elsewhere and self._elsewhere() != revision:
                return


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000

"""The loop that lets time act: it fires what is due, and sleeps until something is."""

import asyncio
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from negotiation_service import storage
from negotiation_service.commands import Command, FireTimers
from negotiation_service.operations import Answer
from service_kit.readers import Readers
from service_kit.rules import Refusal
from service_kit.writer import Operation, Writer

_LONG_AGO = (-1, "")
_NEVER = 2**63


class Timers:
    """Fires the timers of one replica as commands like any other.

    No timer depends on it: whatever is due has happened before the next command or read. It makes
    it an event at once. Several replicas may do so at the same time, and each due thing happens
    once. `batch` services are fired in one command; `max_sleep_seconds` is how long a timer that
    another replica has set may go unnoticed. `reached` is told the names of limits.
    """

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        operation: Operation[Command, Answer | Refusal],
        *,
        batch: int = 500,
        max_sleep_seconds: float = 10.0,
        reached: Callable[[str], None] = lambda _limit: None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._operation = operation
        self._batch = batch
        self._max_sleep_seconds = max_sleep_seconds
        self._reached = reached
        self._earlier = asyncio.Event()
        # While it works, anything that comes up has it look again.
        self._sleeps_until = _NEVER
        registry = registry or CollectorRegistry()
        self._fired = Counter(
            "timers_fired", "Events that time has caused.", ["timer"], registry=registry
        )
        self._late = Histogram(
            "timers_late_seconds",
            "From when a timer was due until its event.",
            buckets=(0.1, 0.5, 1, 5, 10, 30, 60, 300, 3600),
            registry=registry,
        )
        self._overdue = Gauge(
            "timers_due", "Services with a timer due, at the last look.", registry=registry
        )
        self._failed = Counter(
            "timers_failed", "Services whose timers failed to fire.", registry=registry
        )

    def expect(self, due_at: int | None) -> None:
        """Learn that a timer has been set here, in milliseconds UTC."""
        if due_at is not None and due_at < self._sleeps_until:
            self._earlier.set()

    async def run(self) -> None:
        """Fire and sleep until cancelled. Raises what keeps the database from being used."""
        while True:
            self._sleeps_until = _NEVER
            self._earlier.clear()
            now = _milliseconds()
            await self._fire(now)
            due_at = await self._readers.run(storage.find_next_due, now)
            latest = _milliseconds() + int(self._max_sleep_seconds * 1000)
            self._sleeps_until = latest if due_at is None else min(due_at, latest)
            await self._sleep()

    async def _fire(self, now: int) -> None:
        """Fire what is due by now, each service once: one that fails is tried at the next look."""
        after = _LONG_AGO
        count = 0
        while due := await self._readers.run(storage.find_due, now, after, self._batch):
            after = due[-1]
            if len(due) == self._batch:
                self._reached("timers_batch")
            services = dict.fromkeys(service for _, service in due)
            count += len(services)
            self._overdue.set(count)
            outcomes = await self._writer.submit(
                self._operation, [FireTimers(one) for one in services]
            )
            for outcome in outcomes:
                self._observe(outcome)
        self._overdue.set(count)

    def _observe(self, outcome: Answer | Refusal | Exception) -> None:
        if not isinstance(outcome, Answer):
            # The writer has logged why.
            self._failed.inc()
            return
        now = _milliseconds()
        for event in outcome.events:
            self._fired.labels(event.timer).inc()
            self._late.observe(max(0, now - event.at) / 1000)

    async def _sleep(self) -> None:
        seconds = (self._sleeps_until - _milliseconds()) / 1000
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._earlier.wait()
        except TimeoutError:
            return


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000

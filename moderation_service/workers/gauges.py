"""Gauges of the backlog, read at intervals."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Gauge

from moderation_service.domain.dispute.entities import ENDED, DisputeState
from moderation_service.storage.backlog import Backlog, read_backlog
from service_kit.storage.readers import Readers


class Gauges:
    """Shows the backlog of the last look. A scrape waits for no database."""

    def __init__(
        self, readers: Readers, registry: CollectorRegistry, interval_seconds: float
    ) -> None:
        self._readers = readers
        self._interval_seconds = interval_seconds
        self._open = Gauge(
            "moderation_open", "Cases and appeals to be decided.", ["kind"], registry=registry
        )
        self._overdue = Gauge(
            "moderation_overdue", "Those that are due already.", ["kind"], registry=registry
        )
        self._oldest = Gauge(
            "moderation_overdue_seconds",
            "Since when the first of them is due; 0 for none.",
            ["kind"],
            registry=registry,
        )
        self._disputes = Gauge(
            "moderation_disputes", "Disputes that go on, by state.", ["state"], registry=registry
        )

    async def run(self) -> None:
        """Look until cancelled. Raises what keeps the database from being read."""
        while True:
            now = time.time_ns() // 1_000_000
            self.show(await self._readers.run(read_backlog, now), now)
            await asyncio.sleep(self._interval_seconds)

    def show(self, backlog: Backlog, now: int) -> None:
        """Show a backlog."""
        for kind, found in (("case", backlog.cases), ("appeal", backlog.appeals)):
            self._open.labels(kind).set(found.many)
            self._overdue.labels(kind).set(found.overdue)
            late = 0 if found.due_at is None else max(0, now - found.due_at)
            self._oldest.labels(kind).set(late / 1000)
        for state in DisputeState:
            if state not in ENDED:
                self._disputes.labels(state).set(backlog.disputes.get(state, 0))

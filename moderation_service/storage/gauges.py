"""What waits for moderators, for whoever watches over the service: read at intervals."""

import asyncio
import time
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import Connection

from moderation_service.domain.dispute.entities import ENDED, DisputeState
from moderation_service.storage import statements
from service_kit.storage.bulk_statements import fetch
from service_kit.storage.readers import Readers


class Waiting(NamedTuple):
    """How many wait, how many of them too long, and the earliest due time; None for none."""

    many: int
    overdue: int
    due_at: int | None


class Backlog(NamedTuple):
    """What was found at one moment."""

    cases: Waiting
    appeals: Waiting
    disputes: dict[str, int]


def read_backlog(connection: Connection, now: int) -> Backlog:
    """Count what is undecided."""
    cases = Waiting(*connection.execute(statements.WAITING_CASES, {"now": now}).one())
    appeals = Waiting(*connection.execute(statements.OPEN_APPEALS, {"now": now}).one())
    disputes = {
        state: int(count) for state, count in fetch(connection, statements.DISPUTES_BY_STATE, {})
    }
    return Backlog(cases, appeals, disputes)


class Gauges:
    """Shows what was found at the last look. A scrape waits for no database."""

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
        """Show what was found."""
        for kind, found in (("case", backlog.cases), ("appeal", backlog.appeals)):
            self._open.labels(kind).set(found.many)
            self._overdue.labels(kind).set(found.overdue)
            late = 0 if found.due_at is None else max(0, now - found.due_at)
            self._oldest.labels(kind).set(late / 1000)
        for state in DisputeState:
            if state not in ENDED:
                self._disputes.labels(state).set(backlog.disputes.get(state, 0))

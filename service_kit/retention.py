"""The worker of every service that deletes what is kept no longer, a few rows at a time."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from prometheus_client import Counter

from service_kit.process.background import Work
from service_kit.process.settings import ServiceSettings
from service_kit.resources import Resources
from service_kit.rpc.servicer import accepted
from service_kit.storage.retention import Forgetting
from service_kit.storage.writer import Transaction

DAY = 24 * 60 * 60 * 1000
_PAUSE_SECONDS = 3_600.0


def retention(
    resources: Resources[Any],
    forgettings: Sequence[Forgetting],
    pause_seconds: float = _PAUSE_SECONDS,
) -> Work:
    """Make the background work that deletes in small transactions, then pauses."""
    settings: ServiceSettings = resources.settings
    batch = settings.retention_batch
    rows_forgotten = Counter(
        "rows_forgotten",
        "Rows that were deleted because they were kept long enough.",
        ["table"],
        registry=resources.registry,
    )
    # Bound once: the writer groups commands by the identity of their operation.
    operations = [(one, partial(forget, one, batch)) for one in forgettings]
    for one in forgettings:
        rows_forgotten.labels(one.table.name)

    async def work() -> None:
        while True:
            more = False
            for one, operation in operations:
                before = time.time_ns() // 1_000_000 - _kept_for(settings, one)
                # The writer is for those who wait for it: mostly there is nothing to forget.
                if not await resources.readers.run(one.find, before, 1):
                    continue
                (outcome,) = await resources.writer.submit(operation, (before,))
                count = accepted(outcome)
                rows_forgotten.labels(one.table.name).inc(count)
                if count == batch:
                    more = True
                    resources.limits.reached("retention_batch")
            if not more:
                await asyncio.sleep(pause_seconds)

    return work


def forget(
    forgetting: Forgetting, most: int, transaction: Transaction, times: Sequence[int]
) -> list[int]:
    """Delete the oldest rows from before each of `times` (milliseconds), `most` at once; give their
    numbers.
    """
    counts: list[int] = []
    for before in times:
        rows = forgetting.find(transaction.connection, before, most)
        if rows:
            forgetting.remove(transaction.connection, rows)
            transaction.touch()
        counts.append(len(rows))
    return counts


def _kept_for(settings: ServiceSettings, forgetting: Forgetting) -> int:
    return int(min(getattr(settings, name) for name in forgetting.days) * DAY)

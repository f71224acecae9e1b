"""Deletes earlier texts of messages when they are no longer evidence."""

import asyncio
import time
from functools import partial

from prometheus_client import Counter

from messaging_service.operations.evidence import forget_versions
from messaging_service.settings import MessagingSettings
from messaging_service.storage.message_changes import find_old_versions
from service_kit.process.background import Work
from service_kit.resources import Resources
from service_kit.rpc.servicer import accepted

DAY = 24 * 60 * 60 * 1000
_PAUSE_SECONDS = 3_600.0


def retention(
    resources: Resources[MessagingSettings], pause_seconds: float = _PAUSE_SECONDS
) -> Work:
    """Make the background work that deletes in small transactions, then pauses."""
    settings = resources.settings
    forget = partial(forget_versions, settings.evidence_batch)
    forgotten = Counter(
        "evidence_forgotten", "Earlier texts that were deleted.", registry=resources.registry
    )

    async def work() -> None:
        while True:
            kept_since = time.time_ns() // 1_000_000 - settings.evidence_days * DAY
            # The writer is for those who wait for it: mostly there is nothing to forget.
            count = 0
            if await resources.readers.run(find_old_versions, kept_since, 1):
                (outcome,) = await resources.writer.submit(forget, (kept_since,))
                count = accepted(outcome)
            forgotten.inc(count)
            if count < settings.evidence_batch:
                await asyncio.sleep(pause_seconds)
            else:
                resources.limits.reached("evidence_batch")

    return work

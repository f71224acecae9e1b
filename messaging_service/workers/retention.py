"""Forgets earlier texts of messages when they are no longer evidence."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from prometheus_client import Counter

from messaging_service.settings import MessagingSettings
from messaging_service.storage import message_changes
from service_kit.process.background import Work
from service_kit.resources import Resources
from service_kit.rpc.servicer import accepted
from service_kit.storage.writer import Transaction

DAY = 24 * 60 * 60 * 1000
_PAUSE_SECONDS = 3_600.0


def forget_versions(most: int, transaction: Transaction, times: Sequence[int]) -> list[int]:
    """Delete the oldest of the versions that were replaced before each of `times`, `most` at once;
    how many they were.
    """
    counts = [message_changes.forget_versions(transaction.connection, at, most) for at in times]
    if any(counts):
        transaction.touch()
    return counts


def retention(
    resources: Resources[MessagingSettings], pause_seconds: float = _PAUSE_SECONDS
) -> Work:
    """Make the work that goes on beside the calls: in small transactions, then a pause."""
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
            if await resources.readers.run(message_changes.find_old_versions, kept_since, 1):
                (outcome,) = await resources.writer.submit(forget, (kept_since,))
                count = accepted(outcome)
            forgotten.inc(count)
            if count < settings.evidence_batch:
                await asyncio.sleep(pause_seconds)
            else:
                resources.limits.reached("evidence_batch")

    return work

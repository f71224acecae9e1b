"""Forgets revocations when nothing can be left of what they refuse."""

import asyncio
import time
from functools import partial

from moderation_service.operations.sessions import forget_revocations
from moderation_service.settings import ModerationSettings
from service_kit.process.background import Work
from service_kit.resources import Resources
from service_kit.rpc.servicer import accepted


def forgetting(resources: Resources[ModerationSettings], pause_seconds: float) -> Work:
    """Make the background work that forgets in small transactions, then pauses."""
    batch = resources.settings.expiry_batch
    forget = partial(forget_revocations, batch)

    async def work() -> None:
        while True:
            (outcome,) = await resources.writer.submit(forget, (time.time_ns() // 1_000_000,))
            if accepted(outcome) < batch:
                await asyncio.sleep(pause_seconds)
            else:
                resources.limits.reached("expiry_batch")

    return work

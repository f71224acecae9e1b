"""Work that goes on beside the calls of a service, for as long as it lives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry, Counter

# Time to see in the log what keeps failing, and short enough to be back before anybody complains.
_PAUSE_AFTER_FAILURE_SECONDS = 5.0

Work = Callable[[], Awaitable[None]]
"""Goes on until it is cancelled, or returns when there is no more to do."""


@asynccontextmanager
async def background(
    works: Mapping[str, Work],
    registry: CollectorRegistry,
    pause_seconds: float = _PAUSE_AFTER_FAILURE_SECONDS,
) -> AsyncIterator[None]:
    """Let `works` go on while the context lasts; then each ends before the one that began before.

    A work that fails harms no other and not the calls: it is logged, and begun again after a pause.
    """
    failures = Counter(
        "background_failures", "Failures of background work.", ["work"], registry=registry
    )
    log = structlog.get_logger("service_kit.process.background")

    async def keep(name: str, work: Work) -> None:
        task = asyncio.current_task()
        while True:
            try:
                return await work()
            except Exception:
                failures.labels(name).inc()
                log.exception("background work failed", work=name)
            if task is None or task.cancelling():
                # It failed when it was asked to end.
                return None
            await asyncio.sleep(pause_seconds)

    tasks: list[asyncio.Task[None]] = []
    try:
        for name, work in works.items():
            failures.labels(name)
            tasks.append(asyncio.create_task(keep(name, work), name=name))
        yield
    finally:
        for task in reversed(tasks):
            task.cancel()
            await asyncio.wait({task})

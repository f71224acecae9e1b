"""Work beside the calls: it goes on, fails for itself alone, and ends in order."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from service_kit.process.background import background
from tests.support.waiting import PATIENCE


def going_on(name: str, seen: list[str]) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        seen.append(f"{name} begins")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append(f"{name} ends")

    return work


async def test_works_end_in_the_opposite_order() -> None:
    """Each has ended before the one that began before it is asked to."""
    seen: list[str] = []
    works = {name: going_on(name, seen) for name in ("first", "second")}
    async with background(works, CollectorRegistry()):
        await asyncio.sleep(0)
        assert seen == ["first begins", "second begins"]
    assert seen[2:] == ["second ends", "first ends"]


async def test_a_work_that_fails_begins_again(capfd: pytest.CaptureFixture[str]) -> None:
    """It is counted and logged with its trace, and the others do not notice."""
    registry, seen = CollectorRegistry(), list[str]()
    begun: asyncio.Queue[int] = asyncio.Queue()

    async def failing() -> None:
        begun.put_nowait(1)
        raise RuntimeError("a defect")

    works = {"steady": going_on("steady", seen), "failing": failing}
    async with background(works, registry, pause_seconds=0), asyncio.timeout(PATIENCE):
        for _ in range(3):
            await begun.get()
    assert seen == ["steady begins", "steady ends"]
    failures = registry.get_sample_value("background_failures_total", {"work": "failing"})
    assert failures is not None
    assert failures >= 2
    assert registry.get_sample_value("background_failures_total", {"work": "steady"}) == 0
    assert "a defect" in capfd.readouterr().out


async def test_a_work_may_be_done() -> None:
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)

    async with background({"once": work}, CollectorRegistry(), pause_seconds=0):
        for _ in range(5):
            await asyncio.sleep(0)
    assert begun == [1]


async def test_a_work_that_fails_at_its_end_keeps_nobody_waiting() -> None:
    """Asked to end, it is not begun again, whatever comes of it."""

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise RuntimeError("at the end") from error

    async with asyncio.timeout(PATIENCE), background({"work": work}, CollectorRegistry()):
        await asyncio.sleep(0)

"""The loop of timers, whatever a service has time do; with deals, tests/negotiation_service."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from service_kit.rules import Refusal
from service_kit.storage.engines import open_engine
from service_kit.storage.readers import Readers
from service_kit.storage.writer import Transaction, Writer
from service_kit.timers import Schedule, Timers
from tests.support.tally.service import TallySettings
from tests.support.waiting import until


class Fired(NamedTuple):
    thing: str
    due_at: int


class Things:
    """Things with the times when they are due; `kept` cannot be fired."""

    def __init__(self) -> None:
        self.due: dict[str, int] = {}
        self.kept: set[str] = set()
        self.batches: list[list[str]] = []
        self.looks = 0

    def find_due(
        self, _: Connection, now: int, after: tuple[int, str], count: int
    ) -> list[tuple[int, str]]:
        found = sorted((at, thing) for thing, at in self.due.items() if at <= now)
        return [one for one in found if one > after][:count]

    def find_next_due(self, _: Connection, now: int) -> int | None:
        self.looks += 1
        return min((at for at in self.due.values() if at > now), default=None)

    def fire(self, _: Transaction, things: Sequence[str]) -> list[Fired | Refusal]:
        self.batches.append(list(things))
        return [
            Refusal("KEPT", "not yet") if one in self.kept else Fired(one, self.due.pop(one))
            for one in things
        ]


@pytest.fixture
def kind() -> str:
    """The database plays no part in this."""
    return "sqlite"


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def url(new_settings: Callable[[], TallySettings]) -> str:
    return new_settings().database_url


@pytest.fixture
async def readers(url: str) -> AsyncIterator[Readers]:
    """One thread, so that what is read later is answered later."""
    engine = open_engine(url, "reader")
    made = Readers(engine, 1)
    yield made
    await made.close()
    engine.dispose()


@pytest.fixture
async def timers(
    things: Things, registry: CollectorRegistry, url: str, readers: Readers
) -> AsyncIterator[tuple[Timers[Fired], list[str]]]:
    """A loop that is not running yet, with batches of two, and the limits that it reached."""
    engine = open_engine(url, "writer")
    writer = Writer(engine, lambda *_: None, lambda *_: None, registry=registry)
    reached: list[str] = []
    schedule: Schedule[Fired] = Schedule(
        "expiry",
        things.find_due,
        things.find_next_due,
        str,
        things.fire,
        lambda fired: [(fired.thing[0], fired.due_at)],
    )
    yield (
        Timers(
            schedule,
            writer,
            readers,
            batch=2,
            max_sleep_seconds=3_600,
            reached=reached.append,
            registry=registry,
        ),
        reached,
    )
    await writer.close()
    engine.dispose()


async def test_all_that_is_due_is_fired_in_batches_and_each_once(
    things: Things, registry: CollectorRegistry, timers: tuple[Timers[Fired], list[str]]
) -> None:
    """In the order of time; what cannot be fired is tried once a look and stops nothing."""
    loop, reached = timers
    things.due = {"a1": 1, "b1": 2, "a2": 3, "never": 2**60}
    things.kept = {"b1"}
    task = asyncio.create_task(loop.run())
    await until(lambda: things.looks == 1)
    assert set(things.due) == {"b1", "never"}
    assert registry.get_sample_value("expiry_due") == 3
    assert things.batches == [["a1", "b1"], ["a2"]]
    assert reached == ["expiry_batch"]
    assert registry.get_sample_value("expiry_fired_total", {"timer": "a"}) == 2
    assert registry.get_sample_value("expiry_failed_total") == 1
    task.cancel()


async def test_it_sleeps_until_something_is_due_or_is_expected_earlier(
    things: Things, timers: tuple[Timers[Fired], list[str]], readers: Readers
) -> None:
    """Nothing is asked for again meanwhile, and a later time wakes nobody."""
    loop, _ = timers
    things.due = {"later": 2**60}
    task = asyncio.create_task(loop.run())
    await until(lambda: things.looks == 1)
    # It has heard what it looked for, and sleeps, when something later is answered.
    await readers.run(lambda _: None)
    for _ in range(50):
        loop.expect(2**61)
        loop.expect(None)
        await asyncio.sleep(0)
    assert things.looks == 1
    soon = time.time_ns() // 1_000_000 + 50
    things.due["soon"] = soon
    loop.expect(soon)
    await until(lambda: "soon" not in things.due)
    assert things.batches == [["soon"]]
    task.cancel()

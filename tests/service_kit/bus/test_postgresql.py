"""LISTEN and NOTIFY by themselves: two engines of a bus on one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service_kit.bus.postgresql import PostgresqlBus
from service_kit.storage.announcements import Announcement
from service_kit.storage.engines import open_engine
from service_kit.storage.readers import Readers


class Signals:
    """Hears signals, and passes over all else."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def hear_signals(self, batch: bytes) -> None:
        self.heard.put_nowait(batch)

    def hear_hello(self) -> None: ...

    def hear_revision(self, epoch: str, revision: int) -> None: ...

    def hear_batch(self, epoch: str, told: Announcement) -> None: ...

    def hear_again(self) -> None: ...


@asynccontextmanager
async def listening(database: str, replica: str) -> AsyncIterator[tuple[PostgresqlBus, Signals]]:
    engine, signals = open_engine(database, "bus"), Signals()
    readers = Readers(engine, 1)
    bus = PostgresqlBus(engine, readers, replica)
    await bus.start(signals)
    try:
        yield bus, signals
    finally:
        await bus.close()
        await readers.close()
        engine.dispose()


async def test_who_hears_nothing_does_nothing(
    database_on_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words are heard when they come, and no timer is set to look for them."""
    loop = asyncio.get_running_loop()
    timers: list[float] = []

    def call_at(when: float, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return original(when, *arguments, **options)

    async with (
        listening(database_on_postgresql, "one") as (one, _),
        listening(database_on_postgresql, "two") as (_, signals),
    ):
        for word in (b"1", b"2"):
            await one.send_signals(word)
            assert await asyncio.wait_for(signals.heard.get(), 60) == word
        original = loop.call_at
        monkeypatch.setattr(loop, "call_at", call_at)
        # Nothing happens meanwhile: this is the time itself that is tested.
        await asyncio.sleep(0.5)
        monkeypatch.undo()
        assert len(timers) == 1, "that of the sleep"
        await one.send_signals(b"3")
        assert await asyncio.wait_for(signals.heard.get(), 60) == b"3"

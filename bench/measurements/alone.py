"""One message alone: the next is written when all that the last one brings has come, and every
system is given the same time in between, so that all of them are found equally at rest.
"""

import asyncio
import time

from bench.driver import Crowd, Person, Status
from bench.measurements.load import WARM_UP_SECONDS, cost_figures
from bench.report.figures import Figure, latencies
from bench.systems.system import System

# Longer than all that one message brings, of which the mark of delivery comes last.
_PACE_SECONDS = 0.075


class Writer(Person):
    """Notes when its message was stored and, if it is told, delivered."""

    def __init__(self, user: str) -> None:
        super().__init__(user)
        self.stored_ns = 0
        self.stored = asyncio.Event()
        self.delivered = asyncio.Event()

    def on_status(self, status: Status) -> None:
        if status.status == "stored":
            self.stored_ns = time.perf_counter_ns()
            self.stored.set()
        else:
            self.delivered.set()


class Reader(Person):
    """Notes when it was alerted, and confirms that if it `confirms`."""

    def __init__(self, user: str, *, confirms: bool) -> None:
        super().__init__(user)
        self.alerted_ns = 0
        self.alerted = asyncio.Event()
        self.confirms = confirms

    def on_alert(self, sender: str, text: str, cursor: str | None) -> None:  # noqa: ARG002
        self.alerted_ns = time.perf_counter_ns()
        if self.confirms:
            self.confirm(cursor)
        self.alerted.set()


async def write_one(writer: Writer, reader: Reader, text: str) -> int:
    """Write one message and wait for all that comes of it; returns when it was sent, in ns."""
    awaited = [writer.stored, reader.alerted]
    if reader.confirms:
        awaited.append(writer.delivered)
    for event in awaited:
        event.clear()
    sent_ns = time.perf_counter_ns()
    writer.write(reader.user, text)
    for event in awaited:
        await event.wait()
    return sent_ns


async def measure(system: System, name: str, *, seconds: float, text: int) -> list[Figure]:
    """One round, of one pair: the first is at the first edge, and the other at the last."""
    writer = Writer(f"{name}-a")
    reader = Reader(f"{name}-b", confirms=system.tells_delivered)
    reader.edge = len(system.urls) - 1
    to_stored: list[int] = []
    to_alert: list[int] = []

    async def write_for(seconds: float) -> None:
        following = time.perf_counter()
        end = following + seconds
        while following < end:
            sent_ns = await write_one(writer, reader, "x" * text)
            following = max(following + _PACE_SECONDS, time.perf_counter())
            await asyncio.sleep(following - time.perf_counter())
            to_stored.append(writer.stored_ns - sent_ns)
            to_alert.append(reader.alerted_ns - sent_ns)

    async with Crowd(system) as crowd:
        await crowd.join([writer, reader])
        await crowd.wait(write_for(WARM_UP_SECONDS))
        to_stored.clear()
        to_alert.clear()
        before = system.used()
        await crowd.wait(write_for(seconds))
        return [
            *latencies("send to alert", to_alert),
            *latencies("send to stored", to_stored),
            *cost_figures(system, before, len(to_alert), "a message"),
        ]

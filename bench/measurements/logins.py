"""Logins a second: connect with a token, get HELLO, close; of people who have conversations."""

import asyncio
import random
import time
from itertools import cycle

from bench.driver import Crowd, Person, Status
from bench.measurements.load import cost_figures, driver_figure, own_cpu_seconds
from bench.report.figures import Figure, latencies
from bench.systems.system import System

_NAME = "guest"
_ACQUAINTED_WITHIN_SECONDS = 300


class _Guest(Person):
    """Writes to those who come after it in a circle, one after the other."""

    def __init__(self, number: int, people: int, acquaintances: int) -> None:
        super().__init__(f"{_NAME}{number}")
        self._others = [f"{_NAME}{(number + step + 1) % people}" for step in range(acquaintances)]
        self.acquainted = asyncio.Event()

    def on_status(self, status: Status) -> None:
        if status.status == "stored":
            self.write_next()

    def write_next(self) -> None:
        if self._others:
            self.write(self._others.pop(), "Hello")
        else:
            self.acquainted.set()


async def acquaint(system: System, *, people: int, acquaintances: int) -> None:
    """Give each of so many people a conversation with so many who follow, and who precede."""
    acquaintances = min(acquaintances, (people - 1) // 2)
    guests = [_Guest(number, people, acquaintances) for number in range(people)]
    async with Crowd(system) as crowd:
        await crowd.join(guests)
        for guest in guests:
            guest.write_next()
        for guest in guests:
            await crowd.wait(guest.acquainted.wait(), _ACQUAINTED_WITHIN_SECONDS)


async def measure(system: System, *, people: int, concurrency: int, seconds: float) -> list[Figure]:
    """One round, with `concurrency` at the door at the same time, who come again and again."""
    delays_ns: list[int] = []
    numbers = cycle(random.sample(range(people), people))

    async def come_and_go(crowd: Crowd, end: float) -> None:
        while time.perf_counter() < end:
            person = Person(f"{_NAME}{next(numbers)}")
            start_ns = time.perf_counter_ns()
            await crowd.connect(person)
            delays_ns.append(time.perf_counter_ns() - start_ns)
            person.leave()

    async def come_and_go_together(crowd: Crowd) -> None:
        end = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(come_and_go(crowd, end))

    async with Crowd(system) as crowd:
        before, own = system.used(), own_cpu_seconds()
        start = time.perf_counter()
        await crowd.wait(come_and_go_together(crowd))
        elapsed = time.perf_counter() - start
        return [
            Figure("logins", "/s", len(delays_ns) / elapsed),
            *latencies("connect to HELLO", delays_ns),
            *cost_figures(system, before, len(delays_ns), "a login"),
            driver_figure(own, elapsed),
        ]

"""Logins a second: connect with a token, get HELLO, close."""

import asyncio
import time
from itertools import count

from bench.driver import Crowd, Person
from bench.figures import Figure, latencies
from bench.load import cpu_figures, driver_figure, own_cpu_seconds
from bench.systems import System


async def measure(system: System, name: str, *, concurrency: int, seconds: float) -> list[Figure]:
    """One round, with `concurrency` people at the door at the same time, each a new one."""
    delays_ns: list[int] = []
    numbers = count()

    async def come_and_go(crowd: Crowd, end: float) -> None:
        while time.perf_counter() < end:
            person = Person(f"{name}-{next(numbers)}")
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
        cpu, own = system.cpu_seconds(), own_cpu_seconds()
        start = time.perf_counter()
        await crowd.wait(come_and_go_together(crowd))
        elapsed = time.perf_counter() - start
        return [
            Figure("logins", "/s", len(delays_ns) / elapsed),
            *latencies("connect to HELLO", delays_ns),
            *cpu_figures(system, cpu, len(delays_ns), "a login"),
            driver_figure(own, elapsed),
        ]

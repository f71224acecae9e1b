"""Memory and CPU of sockets on which nothing happens but PING and PONG, every 5 s by default."""

import asyncio

from bench.driver import Crowd, Person
from bench.measurements.load import cost_figures
from bench.report.figures import Figure
from bench.systems.processes import memory_kib
from bench.systems.system import System

# What a process needs for its first people it needs once, and not for each.
_FIRST = 50
_SETTLING_SECONDS = 1.0


def _memory(system: System) -> dict[str, int]:
    # A database knows nothing of sockets, and much of what it holds is shared.
    own = (name for name in system.processes if name != "postgresql")
    return {name: memory_kib(system.processes[name]) for name in own}


async def measure(system: System, name: str, *, sockets: int, seconds: float) -> list[Figure]:
    """One round, on a system that was started for it: memory once used is seldom given back."""
    async with Crowd(system) as crowd:
        await crowd.join([Person(f"{name}-first{number}") for number in range(_FIRST)])
        await crowd.wait(asyncio.sleep(_SETTLING_SECONDS))
        first = _memory(system)
        await crowd.join([Person(f"{name}-{number}") for number in range(sockets)])
        await crowd.wait(asyncio.sleep(_SETTLING_SECONDS))
        grown = {part: (now - first[part]) / sockets for part, now in _memory(system).items()}
        memory = [
            Figure(f"memory a socket, {name}", "KiB", kib)
            for name, kib in ({"all processes": sum(grown.values())} | grown).items()
        ]
        before = system.used()
        await crowd.wait(asyncio.sleep(seconds))
        count = round(len(crowd.people) * seconds)
        return [*memory, *cost_figures(system, before, count, "a socket and second")]

"""Latency of sockets that read, beside others that never do."""

import asyncio
import re
import urllib.request
from enum import StrEnum

from picows import WSTransport

from bench.driver import Crowd, Person, Status, small_socket
from bench.measurements import load
from bench.report.figures import Figure
from bench.systems.processes import memory_kib
from bench.systems.system import System

# Before the rounds each of the second sockets gets this much: more than the kernel takes for one
# who does not read, so that the edge has to keep the rest, and less than what makes it close.
_FILL_BYTES = 4 * 1024 * 1024
_FILL_TEXT = "x" * 4000
_FILL_WINDOW = 8
_FILLED_WITHIN_SECONDS = 120
# After which the disk has what the fill has written.
_SETTLING_SECONDS = 2
_PONG_SECONDS = 5
_NAME = "slow"


class Second(StrEnum):
    """Kinds of second sockets, which the first writers have beside the measured one."""

    DEAF = "that never read"
    READING = "that read"
    NONE = "without them"


class _Deaf(Person):
    """A person who reads none of its messages, but sends PONG, so as not to count as gone."""

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Nothing is wrong: it was cut off as too slow."""

    async def pretend(self) -> None:
        while True:
            self.confirm(None)
            await asyncio.sleep(_PONG_SECONDS)


class _Filler(Person):
    """Writes to its partner until both have got their fill."""

    def __init__(self, user: str, partner: str) -> None:
        super().__init__(user)
        self.partner = partner
        self.left = _FILL_BYTES // len(_FILL_TEXT)
        self.in_flight = 0
        self.done = asyncio.Event()

    def fill(self) -> None:
        while self.left and self.in_flight < _FILL_WINDOW:
            self.left -= 1
            self.in_flight += 1
            self.write(self.partner, _FILL_TEXT)
        if not self.in_flight:
            self.done.set()

    def on_status(self, status: Status) -> None:
        if status.status == "stored":
            self.in_flight -= 1
            self.fill()


def _closed_as_slow(system: System) -> float:
    """Number of sockets that the edge has closed with 4101."""
    url = system.urls[0].replace("ws://", "http://").removesuffix("/ws") + "/metrics"
    with urllib.request.urlopen(url) as response:  # noqa: S310 - our own address
        text = response.read().decode()
    found = re.search(r'^parley_edge_closes_total\{code="4101"\} (\S+)', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


class Beside:
    """Second sockets of the first people of a load, from `open` to `close`, through all rounds."""

    def __init__(self, system: System, second: Second, sockets: int) -> None:
        self._system = system
        self._second = second
        self._pairs = [load.users(_NAME, number) for number in range((sockets + 1) // 2)]
        self._people = [user for pair in self._pairs for user in pair][:sockets]
        self._crowd: Crowd
        self._pretending: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Connect, and have those who do not read blocked already."""
        self._crowd = Crowd(self._system)
        if self._second is Second.DEAF:
            deaf = [_Deaf(user) for user in self._people]
            await self._crowd.join(deaf, socket_factory=small_socket)
            for person in deaf:
                person.stop_reading()
                self._pretending.append(asyncio.create_task(person.pretend()))
        elif self._second is Second.READING:
            await self._crowd.join([Person(user) for user in self._people])
        # Also without second sockets, so that the databases are equal.
        fillers = [_Filler(*pair) for pair in self._pairs]
        async with Crowd(self._system) as crowd:
            await crowd.join(fillers)
            for filler in fillers:
                filler.fill()
            for filler in fillers:
                await crowd.wait(filler.done.wait(), _FILLED_WITHIN_SECONDS)
        await asyncio.sleep(_SETTLING_SECONDS)

    async def close(self) -> None:
        """Let them leave."""
        for task in self._pretending:
            task.cancel()
        await self._crowd.disperse()

    async def measure(self, *, pairs: int, window: int, seconds: float, text: int) -> list[Figure]:
        """One round of load, in which the second sockets get what their people get."""
        figures = await load.measure(
            self._system, _NAME, pairs=pairs, window=window, seconds=seconds, text=text
        )
        memory = memory_kib(self._system.processes["edge"]) / 1024
        return [
            *figures,
            Figure("memory of the edge", "MiB", memory),
            Figure("closed as too slow (4101)", "sockets", _closed_as_slow(self._system)),
        ]

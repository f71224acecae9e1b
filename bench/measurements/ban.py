"""Delays from a moderator's decision until a ban closes sockets, or a mute is shown on them.

Each time somebody new, with sockets at every edge, writes a message that is reported. When all is
at rest a moderator decides the case, and what is measured is how long it takes until each of the
sockets is closed with 4403, or is told SANCTION. Others are connected all the while, and are idle.
"""

import asyncio
import time
from itertools import count

from picows import WSTransport

from bench.driver import Crowd, Person, Status
from bench.measurements.load import driver_figure, own_cpu_seconds
from bench.report.figures import Figure, latencies
from bench.systems.system import System
from tests.support.moderator import Moderator, moderating

# Before each decision, so that it finds everything at rest.
_PACE_SECONDS = 0.1
_TOLD_WITHIN_SECONDS = 10
_BANNED = 4403


class _Accused(Person):
    """One socket of an accused user. Notes when SANCTION comes, and when it is closed."""

    def __init__(self, user: str, edge: int) -> None:
        super().__init__(user)
        self.edge = edge
        self.message: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.sanction_ns: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.closed_ns: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_status(self, status: Status) -> None:
        if status.status == "stored":
            self.message.set_result(status.message)

    def on_sanction(self) -> None:
        if not self.sanction_ns.done():
            self.sanction_ns.set_result(time.perf_counter_ns())

    def on_close(self, code: int) -> None:
        if code == _BANNED:
            self.closed_ns.set_result(time.perf_counter_ns())
        else:
            self.crowd.fail(f"{self.user} was closed with {code}")
        # The farewell is the server's: nobody is missing.
        self.leave()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.closed_ns.done():
            super().on_ws_disconnected(transport)


class _Delays:
    """Delays of one kind of measure in ns: from the call, or its answer, until a socket knew."""

    def __init__(self) -> None:
        self.to_answer: list[int] = []
        self.to_each: list[int] = []
        self.to_last: list[int] = []
        self.from_answer: list[int] = []

    def note(self, sent_ns: int, answered_ns: int, known_ns: list[int]) -> None:
        self.to_answer.append(answered_ns - sent_ns)
        self.to_each += [one - sent_ns for one in known_ns]
        self.to_last.append(max(known_ns) - sent_ns)
        self.from_answer += [one - answered_ns for one in known_ns]

    def figures(self, measure: str, known: str) -> list[Figure]:
        return [
            *latencies(f"{measure}: decision to {known}, each socket", self.to_each),
            *latencies(f"{measure}: decision to {known}, last socket", self.to_last),
            *latencies(f"{measure}: answer to {known}, each socket", self.from_answer),
            *latencies(f"{measure}: decision to answer", self.to_answer),
        ]


async def measure(
    system: System, name: str, *, sockets: int, bystanders: int, seconds: float
) -> list[Figure]:
    """One round: bans and mutes in turns, of somebody with `sockets` at each edge.

    Raises RuntimeError when a socket was closed with another code, TimeoutError when it was not.
    """
    edges = range(len(system.urls))
    delays = {"banned": _Delays(), "muted": _Delays()}
    numbers = count()

    async def sanction(kind: str, moderator: Moderator) -> None:
        number = next(numbers)
        user, reporter = f"{name}-accused{number}", f"{name}-reporter{number}"
        own = [_Accused(user, edge) for edge in edges for _ in range(sockets)]
        await crowd.join(own)
        own[0].write(reporter, "Buy now")
        await moderator.report(await own[0].message, reporter)
        case = await moderator.claim(user)
        await asyncio.sleep(_PACE_SECONDS)
        sent_ns = time.perf_counter_ns()
        await moderator.impose(case, kind)
        answered_ns = time.perf_counter_ns()
        banned = kind == "banned"
        known_ns = [await (one.closed_ns if banned else one.sanction_ns) for one in own]
        delays[kind].note(sent_ns, answered_ns, known_ns)
        if not banned:
            for one in own:
                one.leave()

    moderated = moderating(
        system.targets["moderation"], system.credentials, system.token, "moderator"
    )
    async with Crowd(system) as crowd, moderated as moderator:
        idle = [Person(f"{name}-idle{number}") for number in range(bystanders)]
        for number, person in enumerate(idle):
            person.edge = number % len(edges)
        await crowd.join(idle)
        own_cpu, start = own_cpu_seconds(), time.perf_counter()
        while not all(one.to_last for one in delays.values()) or (
            time.perf_counter() - start < seconds
        ):
            for kind in delays:
                await crowd.wait(sanction(kind, moderator), _TOLD_WITHIN_SECONDS)
        elapsed = time.perf_counter() - start
    return [
        *delays["banned"].figures("ban", "4403"),
        *delays["muted"].figures("mute", "SANCTION"),
        Figure("decisions", "", sum(len(one.to_last) for one in delays.values())),
        driver_figure(own_cpu, elapsed),
    ]

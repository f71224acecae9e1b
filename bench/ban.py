"""Delays from a moderator's decision until a ban closes sockets, or a mute is shown on them.

Each time somebody new, with sockets at every edge, writes a message that is reported. When all is
at rest a moderator decides the case, and what is measured is how long it takes until each of the
sockets is closed with 4403, or is told SANCTION. Others are connected all the while, and are idle.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1 import moderation_pb2_grpc
from picows import WSTransport

from bench.driver import Crowd, Person, Status
from bench.figures import Figure, latencies
from bench.load import driver_figure, own_cpu_seconds
from bench.systems import System

# Before each decision, so that it finds everything at rest.
_PACE_SECONDS = 0.1
_TOLD_WITHIN_SECONDS = 10
_BANNED = 4403
_MUTED_SECONDS = 3600
_ACTOR, _ROLES = "moderator", ("moderator",)


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


class _Moderator:
    """A moderator who reports messages and decides cases, by the contract."""

    def __init__(
        self, stub: "moderation_pb2_grpc.ModerationServiceAsyncStub", credential: str
    ) -> None:
        self._stub = stub
        self._metadata = (("authorization", f"Bearer {credential}"),)

    async def prepare(self, accused: str, reporter: str, message: str) -> pb.Case:
        """Have a message reported and take the case of it."""
        await self._stub.ReportMessage(
            pb.ReportMessageRequest(
                actor=reporter,
                message_id=message,
                reason=pb.REPORT_REASON_SPAM,
                idempotency_key=reporter,
            ),
            metadata=self._metadata,
        )
        listed = await self._stub.ListCases(
            pb.ListCasesRequest(actor=_ACTOR, roles=_ROLES, accused=accused),
            metadata=self._metadata,
        )
        (case,) = listed.cases
        claimed = await self._stub.ClaimCase(
            pb.ClaimCaseRequest(actor=_ACTOR, roles=_ROLES, case_id=case.id),
            metadata=self._metadata,
        )
        return claimed.case

    async def decide(self, case: pb.Case, kind: pb.SanctionKind.ValueType) -> None:
        """Impose one measure on the accused."""
        (accused,) = case.accused
        measure = pb.Measure(
            kind=kind, user=accused, facts="Advertising.", ground=pb.GROUND_TERMS, rule="Terms 3"
        )
        if kind == pb.SANCTION_KIND_MUTED:
            until = Timestamp(seconds=int(time.time()) + _MUTED_SECONDS)
            measure.until_time.CopyFrom(until)
        await self._stub.DecideCase(
            pb.DecideCaseRequest(
                actor=_ACTOR,
                roles=_ROLES,
                case_id=case.id,
                version=case.version,
                verdict=pb.VERDICT_VIOLATION,
                measures=[measure],
                idempotency_key=case.id,
            ),
            metadata=self._metadata,
        )


@asynccontextmanager
async def _moderator(system: System) -> AsyncIterator[_Moderator]:
    async with grpc.aio.insecure_channel(system.targets["moderation"]) as channel:
        yield _Moderator(moderation_pb2_grpc.ModerationServiceStub(channel), system.credential)


async def measure(
    system: System, name: str, *, sockets: int, bystanders: int, seconds: float
) -> list[Figure]:
    """One round: bans and mutes in turns, of somebody with `sockets` at each edge.

    Raises RuntimeError when a socket was closed with another code, TimeoutError when it was not.
    """
    edges = range(len(system.urls))
    delays = {pb.SANCTION_KIND_BANNED: _Delays(), pb.SANCTION_KIND_MUTED: _Delays()}
    numbers = count()

    async def sanction(kind: pb.SanctionKind.ValueType, moderator: _Moderator) -> None:
        number = next(numbers)
        user, reporter = f"{name}-accused{number}", f"{name}-reporter{number}"
        own = [_Accused(user, edge) for edge in edges for _ in range(sockets)]
        await crowd.join(own)
        own[0].write(reporter, "Buy now")
        case = await moderator.prepare(user, reporter, await own[0].message)
        await asyncio.sleep(_PACE_SECONDS)
        sent_ns = time.perf_counter_ns()
        await moderator.decide(case, kind)
        answered_ns = time.perf_counter_ns()
        banned = kind == pb.SANCTION_KIND_BANNED
        known_ns = [await (one.closed_ns if banned else one.sanction_ns) for one in own]
        delays[kind].note(sent_ns, answered_ns, known_ns)
        if not banned:
            for one in own:
                one.leave()

    async with Crowd(system) as crowd, _moderator(system) as moderator:
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
        *delays[pb.SANCTION_KIND_BANNED].figures("ban", "4403"),
        *delays[pb.SANCTION_KIND_MUTED].figures("mute", "SANCTION"),
        Figure("decisions", "", sum(len(one.to_last) for one in delays.values())),
        driver_figure(own_cpu, elapsed),
    ]

"""The storm after an edge's restart: everybody comes back at once, and each has missed messages.

The edge is killed, with its sockets; while it is away somebody writes to all of them. From the
moment at which it serves again each client connects as the client libraries do, after a random part
of a wait that doubles with each refusal, and goes on from its cursor. It is over when all have been
told of everything. The edge has a core of its own; all others share that of the driver. It has its
limits as they are by default. A client that is told that its resume was not complete reads its
conversations anew, as it should, and that is counted.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress

import grpc
import msgspec
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc
from picows import WSError, WSTransport

from bench.driver import Crowd, Person, Resumed
from bench.measurements.load import cost_figures
from bench.report.figures import Figure, latencies
from bench.systems.processes import (
    DRIVER_CORE,
    SERVER_CORE,
    memory_kib,
    most_memory_kib,
    moved_to_core,
    on_core,
)
from bench.systems.system import System, wait_ready
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import present
from tests.support.system import Part

_BATCH = 500
# As the client libraries wait (docs/clients.md).
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_ANSWERED_WITHIN_SECONDS = 10.0
_OVER_WITHIN_SECONDS = 300
_SETTLING_SECONDS = 1.0
_AGAIN_SECONDS = 1.0


class _Conversation(msgspec.Struct):
    conversation: str


class _Message(msgspec.Struct):
    text: str = ""


class _Page(msgspec.Struct):
    """A page of either kind, or the ERROR that came instead of it."""

    conversations: list[_Conversation] = msgspec.field(default_factory=list)
    messages: list[_Message] = msgspec.field(default_factory=list)
    code: str = ""


_ASK_CONVERSATIONS, _ASK_MESSAGES = 0x05, 0x0A
_decode = msgspec.json.Decoder(_Page).decode


class Client(Person):
    """Connects until it is let in, and notes what it is told."""

    def __init__(self, user: str) -> None:
        super().__init__(user)
        self.expected: set[str] = set()
        self.told: set[str] = set()
        self.attempts = self.resets = self.errors = 0
        self.back_ns = 0
        # Set while the edge is away, and by each socket that is lost before all is told.
        self.lost = asyncio.Event()
        self._resumed = False
        self.caught_up = asyncio.Event()
        self._may_end = False
        self._asked: dict[int, tuple[int, dict[str, object]]] = {}

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if transport is not self.transport:
            # One that was given up.
            return
        self.lost.set()
        # Nobody waits for a HELLO that cannot come any more.
        self.greeted.set()
        if not self._may_end:
            told = "told of all" if self.caught_up.is_set() else "not yet lost with the edge"
            code = self.close_code or "without a code"
            self.crowd.fail(f"{self.user}, {told}, was disconnected: {code}")

    def on_alert(self, sender: str, text: str, cursor: str | None) -> None:  # noqa: ARG002
        self.told.add(text)
        self._look()

    def on_resumed(self, resumed: Resumed) -> None:
        self._resumed = True
        if not resumed.complete:
            self.resets += 1
            self._read(_ASK_CONVERSATIONS, {})
        self._look()

    def on_error(self, error: str) -> None:  # noqa: ARG002 - in a storm some have to come again
        self.errors += 1

    def on_answer(self, re: int, d: msgspec.Raw) -> None:
        asked, page = self._asked.pop(re), _decode(d)
        if page.code:
            wait = random.uniform(0, _AGAIN_SECONDS)
            asyncio.get_running_loop().call_later(wait, self._read, *asked)
        for one in page.conversations:
            self._read(_ASK_MESSAGES, {"conversation": one.conversation})
        self.told |= {one.text for one in page.messages}
        self._look()

    def _read(self, op: int, question: dict[str, object]) -> None:
        # After another loss of the socket it is another RESUMED that counts.
        if not self.lost.is_set():
            self._asked[self.question(op, question)] = op, question

    def _look(self) -> None:
        if self._resumed and self.told >= self.expected:
            self.caught_up.set()

    def expect_end(self) -> None:
        """Take it as no failure when the socket is lost."""
        self._may_end = True

    async def come_back(self) -> None:
        """Connect until all that was missed has been told."""
        while not self.caught_up.is_set():
            wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**self.attempts)
            await asyncio.sleep(random.uniform(0, wait))
            self.attempts += 1
            self.resume = self.cursor
            self._resumed = False
            self.greeted.clear()
            self.lost.clear()
            with suppress(OSError, TimeoutError, WSError):
                # The handshake ends by itself: who is cancelled there leaves a socket behind.
                async with asyncio.timeout(2 * _ANSWERED_WITHIN_SECONDS):
                    await self.crowd.connect(
                        self, websocket_handshake_timeout=_ANSWERED_WITHIN_SECONDS
                    )
                await self._told_or_lost()
            if not self.caught_up.is_set():
                # Too late, and perhaps still open.
                self.transport.disconnect()
        self.back_ns = time.perf_counter_ns()
        self._may_end = False

    async def _told_or_lost(self) -> None:
        waits = [asyncio.ensure_future(one.wait()) for one in (self.caught_up, self.lost)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def _write(system: System, people: Sequence[str], messages: int) -> list[str]:
    """Write to each of these people; the texts, which each of them is to be told."""
    texts = [f"missed {number}" for number in range(messages)]
    requests = [
        pb.CreateMessageRequest(actor=f"{user}-writer", to=user, text=text)
        for user in people
        for text in texts
    ]
    metadata = present(system.credentials[Caller.EDGE])
    async with grpc.aio.insecure_channel(system.targets["messaging"]) as channel:
        stub = messaging_pb2_grpc.MessagingServiceStub(channel)
        for start in range(0, len(requests), _BATCH):
            batch = pb.BatchCreateMessagesRequest(requests=requests[start : start + _BATCH])
            answer = await stub.BatchCreateMessages(batch, metadata=metadata, wait_for_ready=True)
            if not all(one.HasField("stored") for one in answer.results):
                raise RuntimeError(f"not stored: {answer.results[0].status.message}")
    return texts


async def measure(system: System, name: str, *, clients: int, missed: int) -> list[Figure]:
    """One round. Raises RuntimeError when somebody is not told of everything."""
    people = [Client(f"{name}-{number}") for number in range(clients)]
    edge = system.parts["edge"]
    others = [pid for part, pid in system.processes.items() if part != "edge"]
    with moved_to_core(DRIVER_CORE, *others):
        return await _measure(system, edge, people, missed)


async def _measure(
    system: System, edge: Part, people: Sequence[Client], missed: int
) -> list[Figure]:
    async with Crowd(system) as crowd:
        await crowd.join(people)
        await crowd.wait(asyncio.sleep(_SETTLING_SECONDS))
        while not all(person.cursor for person in people):
            # The next PING brings it to who has come while the messaging service was busy.
            await crowd.wait(asyncio.sleep(_SETTLING_SECONDS))
        before = memory_kib(edge.process.pid)
        for person in people:
            person.expect_end()
        edge.process.kill()
        edge.process.wait()
        await crowd.wait(_all_lost(people), _OVER_WITHIN_SECONDS)
        texts = await _write(system, [person.user for person in people], missed)
        for person in people:
            person.expected = set(texts)
        with on_core(SERVER_CORE):
            edge.start()
        await asyncio.to_thread(wait_ready, f"http://127.0.0.1:{edge.port}/readyz", edge)
        used, start_ns = system.used(), time.perf_counter_ns()
        try:
            await crowd.wait(_all_back(people), _OVER_WITHIN_SECONDS)
        except TimeoutError:
            raise RuntimeError(f"{system.name}: {_missing(people)}") from None
        delays_ns = [person.back_ns - start_ns for person in people]
        return [
            Figure("all are back and told", "ms", max(delays_ns) / 1e6),
            *latencies("restart to told", delays_ns),
            *cost_figures(system, used, len(people), "a client"),
            Figure("attempts a client", "", sum(one.attempts for one in people) / len(people)),
            Figure("read anew after RESUMED", "clients", sum(one.resets > 0 for one in people)),
            Figure("errors on the way", "", sum(one.errors for one in people)),
            Figure("memory of the edge before", "MiB", before / 1024),
            Figure("memory of the edge at most", "MiB", most_memory_kib(edge.process.pid) / 1024),
        ]


def _missing(people: Sequence[Client]) -> str:
    lacking = [person for person in people if not person.caught_up.is_set()]
    away = sum(person.lost.is_set() for person in lacking)
    attempts = sum(person.attempts for person in lacking)
    return (
        f"{len(lacking)} of {len(people)} were not told of everything; {away} of them are away, "
        f"after {attempts} attempts"
    )


async def _all_lost(people: Sequence[Client]) -> None:
    for person in people:
        await person.lost.wait()


async def _all_back(people: Sequence[Client]) -> None:
    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(person.come_back())

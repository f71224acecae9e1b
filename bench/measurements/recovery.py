"""Time until alerts come again after the messaging service was restarted, for all at an edge.

The service is killed and started again, some people are written to meanwhile, and then the feed of
an edge goes on: it follows everybody who is there, finds out who missed anything, reads that and
makes packets of it. The feed runs in this program, and people are sessions without a socket, as
many as one likes: what is measured is everything but the wait for a connection and the writing to
sockets. The service is a process on the other core, with a real database.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import grpc
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc
from prometheus_client import CollectorRegistry

import tests.support.system
from bench.report.figures import Figure
from bench.systems.processes import SERVER_CORE, on_core
from bench.systems.system import Database
from edge.backends.messaging import MessagingBackend
from edge.cursors import MESSAGING, Cursors, Position
from edge.metrics import Metrics
from edge.push.deliver import Deliverer
from edge.push.feed import Feed
from edge.push.hub import Hub, HubSession
from edge.push.origins import Own
from edge.push.render import Alert
from edge.settings import Settings
from parley_protocol.packets import JSON, Encoding
from service_kit.authentication.callers import Caller
from service_kit.authentication.claims import Principal
from service_kit.authentication.credentials import present

# Of those who are there, so many in a hundred are written to while the service is away.
SHARES = (0, 1, 100)
_BATCH = 500
_ENCODING = Encoding(JSON, frozenset({MESSAGING}))


class _Session:
    """A session to which alerts are pushed, and whose packets are encoded and dropped."""

    encoding = _ENCODING
    beat_part = 0

    def __init__(self, user: str) -> None:
        self.user = self.id = user
        self.principal = Principal(user, time.time() + 3600, frozenset())
        self.told = 0

    def push(self, _backend: str, _revision: int, alert: Alert) -> None:
        alert.frame(self.encoding)
        self.told += 1

    def lacks_answer(self, _origin: str, _own: Own) -> bool:
        return True

    def note_told(self, _backend: str, _position: Position) -> None:
        """Give no cursor behind this, as none is given."""

    def start_over(self, *_arguments: object, **_options: object) -> bool:
        return False


@contextmanager
def messaging(running: Database, folder: Path) -> Iterator[tests.support.system.System]:
    """The messaging service alone."""
    with (
        running.create(folder, "sqlite") as address,
        tests.support.system.System(folder, database_url=address, presence=False) as system,
    ):
        with on_core(SERVER_CORE):
            system.start_services("messaging")
        yield system


class _Edge:
    """The feed of an edge at which people are."""

    def __init__(self, system: tests.support.system.System, people: Sequence[str]) -> None:
        settings = Settings(credential_file=system.folder / "edge.key")
        credential = system.credentials[Caller.EDGE]
        self._metrics = Metrics(CollectorRegistry())
        self.metadata = present(credential)
        cursors = Cursors(credential)
        hub = Hub(settings.ping_interval_seconds, settings.pong_timeout_seconds, cursors)
        self.sessions = [_Session(user) for user in people]
        for session in self.sessions:
            hub.add(cast("HubSession", session))
        self._backend = MessagingBackend(
            system.target("messaging"), settings, lambda: self.metadata, self._metrics
        )
        self.feed = Feed(
            self._backend,
            hub,
            Deliverer(hub, MESSAGING, self._metrics),
            watcher_name="bench",
            timeout_seconds=settings.watch_timeout_seconds,
            batch_items=settings.batch_items,
            metrics=self._metrics,
        )

    async def follow(self) -> tuple[float, "asyncio.Task[None]"]:
        """Let the feed go on; the seconds until alerts come, and its task."""
        await self._backend.ready()
        start = time.perf_counter()
        running = asyncio.create_task(self.feed.run())
        while not self.feed.live:
            if running.done():
                await running
            # A feed announces nothing; this is finer than what is measured.
            await asyncio.sleep(0.002)
        return time.perf_counter() - start, running

    async def close(self) -> None:
        await self._backend.close()


async def _write(system: tests.support.system.System, edge: _Edge, people: Sequence[str]) -> None:
    """Write to each of these people once, and to somebody who is elsewhere."""
    requests = [
        pb.CreateMessageRequest(actor=f"{user}-writer", to=user, text="hello")
        for user in (*people, "somebody-elsewhere")
    ]
    async with grpc.aio.insecure_channel(system.target("messaging")) as channel:
        await channel.channel_ready()
        stub = messaging_pb2_grpc.MessagingServiceStub(channel)
        for start in range(0, len(requests), _BATCH):
            batch = pb.BatchCreateMessagesRequest(requests=requests[start : start + _BATCH])
            answer = await stub.BatchCreateMessages(batch, metadata=edge.metadata)
            if not all(one.HasField("stored") for one in answer.results):
                raise RuntimeError(f"not stored: {answer.results[0].status.message}")


async def measure(
    system: tests.support.system.System, name: str, *, sockets: int, share: int
) -> list[Figure]:
    """One round: a restart under so many sockets, of which `share` in a hundred missed a message.

    Raises RuntimeError when somebody was not told.
    """
    people = [f"{name}-{share}-{number}" for number in range(sockets)]
    missing = people[: sockets * share // 100]
    edge = _Edge(system, people)
    try:
        _, running = await edge.follow()
        running.cancel()
        await asyncio.wait({running})
        service = system.services["messaging"]
        service.process.kill()
        service.process.wait()
        with on_core(SERVER_CORE):
            service.start()
        await _write(system, edge, missing)
        seconds, running = await edge.follow()
        running.cancel()
        await asyncio.wait({running})
        told = sum(session.told for session in edge.sessions)
        if told != len(missing):
            raise RuntimeError(f"{told} of {len(missing)} missed messages were told")
    finally:
        await edge.close()
    return [Figure(f"{sockets:,} sockets, {len(missing):,} missed messages", "ms", seconds * 1000)]

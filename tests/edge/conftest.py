"""An edge that dials a scripted messaging service."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2_grpc
from prometheus_client import CollectorRegistry

from edge.backends.messaging import MessagingBackend
from edge.cursors import MESSAGING
from edge.handlers.attach import attach
from edge.metrics import Metrics
from edge.opcodes import routes
from edge.push.deliver import Deliverer
from edge.push.feed import Feed
from edge.push.hub import Hub
from edge.sanctions.cache import SanctionsCache
from edge.sanctions.reader import SanctionsReader
from edge.sessions.context import Edge
from edge.sessions.enforcement import Enforcement
from edge.sessions.people import People
from edge.sessions.session import Session
from edge.settings import Settings
from parley_protocol.packets import Op
from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.keys import open_key_source
from tests.edge.moderated import Moderated, moderated
from tests.edge.scripted import CURSORS, SECRET, Service, Start, Stream, Wire, new_session, running
from tests.support.waiting import until


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What nothing refers to any more goes, but no cycle does."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def service() -> Service:
    return Service()  # type: ignore[abstract]  # the rest is unimplemented


@pytest.fixture
async def target(service: Service) -> AsyncIterator[str]:
    """The address of the scripted service, on a free port."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    messaging_pb2_grpc.add_MessagingServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(credential_file=tmp_path / "service.key")


@pytest.fixture
async def edge(target: str, settings: Settings, tmp_path: Path) -> AsyncIterator[Edge]:
    """What sessions share, dialling the scripted service. The feed does not run by itself."""
    metrics = Metrics(CollectorRegistry())
    settings = settings.model_copy(update={"messaging_target": target})
    hub = Hub(settings.ping_interval_seconds, settings.pong_timeout_seconds, CURSORS)
    backend = MessagingBackend(target, settings, tuple, metrics)
    feed = Feed(
        backend,
        hub,
        Deliverer(hub, MESSAGING, metrics),
        watcher_name="test",
        timeout_seconds=settings.watch_timeout_seconds,
        batch_items=settings.batch_items,
        metrics=metrics,
    )
    secret = tmp_path / "token.key"
    secret.write_bytes(SECRET)
    keys = open_key_source(secret_files=[secret], registry=metrics.registry)
    authenticator = Authenticator(keys, algorithms=(), issuer=None, audience=None, leeway_seconds=0)
    feeds = {MESSAGING: feed}
    sanctions = SanctionsCache(hub, settings, metrics)
    enforcement = Enforcement(hub, sanctions, backend, None)
    reader = SanctionsReader(None, sanctions, hub, settings, metrics, enforcement.enforce)
    yield Edge(
        settings,
        hub,
        People(hub, settings, metrics, asyncio.get_running_loop().time),
        feeds,
        backend,
        None,
        None,
        sanctions,
        reader,
        authenticator,
        metrics,
        routes(metrics),
    )
    await backend.close()


class Clock:
    """Unix seconds, moved by the test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def at(edge: Edge, clock: Clock) -> AsyncIterator[Moderated]:
    """An edge with moderation, whose feed runs and is live."""
    async with moderated(edge, clock) as found, running(found.feed.run()):
        await found.next_stream()
        yield found


@pytest.fixture
async def live(edge: Edge, service: Service) -> AsyncIterator[Stream]:
    """The feed runs and is live; its stream."""
    async with running(edge.feeds[MESSAGING].run()):
        stream = await asyncio.wait_for(service.streams.get(), 5)
        await until(lambda: edge.feeds[MESSAGING].live)
        yield stream


@pytest.fixture
async def start(edge: Edge) -> AsyncIterator[Start]:
    """Serve a session as the application does, on another edge when one is given."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(session: Session, resume: str | None, deadline: float) -> None:
        shared, user = session.edge, session.user
        await shared.sanctions_reader.admit(session.principal, deadline)
        shared.hub.add(session)
        shared.sanctions.enter(user)
        try:
            await attach(session, resume, deadline)
            await session.run()
        finally:
            session.stop()
            shared.hub.remove(session)
            shared.people.remember(session.person)
            shared.sanctions.leave(user)
            shared.feeds[MESSAGING].users.review(user)

    async def start(
        resume: str | None = None, on: Edge = edge, seconds: float = 5, **of: Any
    ) -> tuple[Session, Wire]:
        session, wire = new_session(on, **of)
        deadline = asyncio.get_running_loop().time() + seconds
        tasks.append(asyncio.create_task(serve(session, resume, deadline)))
        return session, wire

    yield start
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


@pytest.fixture
def enter(start: Start) -> Start:
    """As `start`, up to HELLO."""

    async def enter(*arguments: Any, **of: Any) -> tuple[Session, Wire]:
        session, wire = await start(*arguments, **of)
        assert (await wire.hear())["op"] == Op.HELLO
        return session, wire

    return enter


@pytest.fixture
async def greeted(enter: Start, live: Stream) -> tuple[Session, Wire]:
    """A session that has had its HELLO."""
    return await enter()

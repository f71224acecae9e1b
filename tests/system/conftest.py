"""Fixtures of the tests that run the whole: real processes, real sockets."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Sequence,
)
from contextlib import AsyncExitStack, ExitStack, aclosing
from functools import cache, partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.collector import Collector
from tests.support.device import Device
from tests.support.inbox import Inbox
from tests.support.killer import Killer
from tests.support.moderator import Moderator, moderating
from tests.support.postgresql import Postgresql
from tests.support.system import SERVICES, Part, System, free_port
from tests.system.deals import Deal, begin
from tests.system.scenes import Scene

# The web page that the moderated system lets in.
ORIGIN = "https://app.example"
# During each of the tests in which parts are killed.
_KILLS = 3


SystemOn = Callable[[str], System]


@pytest.fixture(scope="session")
def shared_system_on(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[SystemOn]:
    """Gives one system on a kind of database, for all tests that need no settings of their own."""
    with ExitStack() as stack:

        @cache
        def find(kind: str) -> System:
            system = _system_on(kind, tmp_path_factory, ("messaging",), stack, request)
            system.start("messaging")
            return system

        yield find


@pytest.fixture(scope="session")
def shared_system(shared_system_on: SystemOn) -> System:
    """One system for all tests that need no settings of their own; each brings its own people."""
    return shared_system_on("sqlite")


def _system_on(
    kind: str,
    folders: pytest.TempPathFactory,
    services: Sequence[str],
    stack: ExitStack,
    request: pytest.FixtureRequest,
) -> System:
    """Make a system whose services have databases of a kind; those of PostgreSQL end with it."""
    addresses: dict[str, str] = {}
    if kind == "postgresql":
        server: Postgresql = request.getfixturevalue("postgresql")
        stack = server.kept
        addresses = {name: server.url(stack.enter_context(server.database())) for name in services}
    system = stack.enter_context(System(folders.mktemp("system"), openings_per_hour=10_000))
    for name, address in addresses.items():
        system.settings.setdefault(name, {})["database_url"] = address
    return system


@pytest.fixture(scope="session")
def shared_deals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One system with negotiation for all tests that need no settings of their own."""
    with System(tmp_path_factory.mktemp("deals"), openings_per_hour=10_000) as system:
        system.start("negotiation", "messaging")
        yield system


@pytest.fixture(scope="session")
def moderated_system_on(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[SystemOn]:
    """Gives one system with all services on a kind of database."""
    with ExitStack() as stack:

        @cache
        def find(kind: str) -> System:
            system = _system_on(kind, tmp_path_factory, SERVICES, stack, request)
            system.start(*SERVICES, moderation_timeout_seconds=5, allowed_origins=ORIGIN)
            return system

        yield find


@pytest.fixture(scope="session")
def moderated_system(moderated_system_on: SystemOn) -> System:
    """One system with all services for all tests that need no settings of their own."""
    return moderated_system_on("sqlite")


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """A collector of the spans of the observed system."""
    with Collector() as found:
        yield found


@pytest.fixture(scope="session")
def observed_system(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector, postgresql: Postgresql
) -> Iterator[System]:
    """All services, two edges and a desk, which show their metrics, and of which every packet is in
    a trace. Messaging has two replicas on PostgreSQL, for what databases show differs.
    """
    told = {"traces_endpoint": collector.endpoint}
    with (
        postgresql.database() as database,
        System(tmp_path_factory.mktemp("observed"), openings_per_hour=10_000) as system,
    ):
        system.settings["messaging"]["database_url"] = postgresql.url(database)
        for name in SERVICES:
            settings = system.settings.setdefault(name, {})
            settings.update(told, metrics_port=free_port())
        system.start_services(*SERVICES)
        second = free_port()
        environment = system.environment_of("messaging")
        environment["PARLEY_MESSAGING_LISTEN"] = f"127.0.0.1:{second}"
        environment["PARLEY_MESSAGING_METRICS_PORT"] = "0"
        log = system.folder / "second.log"
        system.parts.append(
            Part("second", ["messaging_service", "serve"], environment, log, second)
        )
        # Each edge has a replica of its own.
        for target in (system.target("messaging"), f"127.0.0.1:{second}"):
            system.start_edge(**told, traces_sample_rate=1, messaging_target=target)
        system.start_desk(
            traces_endpoint=collector.endpoint, traces_sample_rate=1, metrics_port=free_port()
        )
        yield system


@pytest.fixture
def own_system(tmp_path: Path) -> Iterator[System]:
    """A system of the test's own, not started yet."""
    with System(tmp_path) as system:
        yield system


@pytest.fixture
def person() -> Callable[[str], str]:
    """Makes a user id that no other test uses."""
    suffix = uuid4().hex[:12]
    return lambda name: f"{name}-{suffix}"


@pytest.fixture
def alice(person: Callable[[str], str]) -> str:
    return person("alice")


@pytest.fixture
def bob(person: Callable[[str], str]) -> str:
    return person("bob")


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens clients that are closed after the test: `await connect(system, user, ...)`."""
    async with AsyncExitStack() as stack:

        async def open_client(system: System, user: str, **options: Any) -> Client:
            token = options.pop("token", None) or system.token(user)
            client = await Client.open(system.url, token, **options)
            stack.push_async_callback(client.close)
            return client

        yield open_client


@pytest.fixture
async def client(shared_system: System, connect: Connect, alice: str) -> Client:
    """Alice on the shared system."""
    return await connect(shared_system, alice)


@pytest.fixture
async def writer(client: Client) -> Client:
    """Alice, where Bob reads."""
    return client


@pytest.fixture
async def reader(shared_system: System, connect: Connect, bob: str) -> Client:
    """Bob on the shared system."""
    return await connect(shared_system, bob)


@pytest.fixture
async def deal(shared_deals: System, connect: Connect, alice: str, bob: str) -> Deal:
    """Alice and Bob, who have begun to talk, on the system with negotiation."""
    return await begin(shared_deals, connect, alice, bob)


@pytest.fixture
async def scene(moderated_system: System, connect: Connect, alice: str, bob: str) -> Scene:
    """Bob has written to Alice, at the moderated system."""
    first, second = await connect(moderated_system, alice), await connect(moderated_system, bob)
    stored = await second.write(alice, "Buy now")
    await first.expect(Op.ALERT_NEW_MSG)
    return Scene(first, second, stored)


@pytest.fixture
async def moderator(
    moderated_system: System, person: Callable[[str], str]
) -> AsyncIterator[Moderator]:
    """Somebody who decides at the moderated system."""
    async with moderating(
        moderated_system.target("moderation"),
        moderated_system.credentials,
        moderated_system.token,
        person("mod"),
    ) as found:
        yield found


Join = Callable[..., Awaitable[Inbox]]


class Round(NamedTuple):
    """Two new people, and how they connect: `await connect(user, ...)`."""

    connect: Join
    alice: str
    bob: str
    # Whether nothing is killed.
    quiet: bool


Rounds = AsyncIterator[Round]


@pytest.fixture(scope="session")
def battered_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with two edges, for tests during which its parts are killed."""
    with System(tmp_path_factory.mktemp("battered"), openings_per_hour=10_000) as system:
        system.start_services("messaging")
        for _ in range(2):
            system.start_edge()
        yield system


@pytest.fixture(params=["quiet", "killed"])
async def rounds(
    request: pytest.FixtureRequest, connect: Connect, person: Callable[[str], str]
) -> AsyncIterator[Rounds]:
    """The rounds of a test: one with nobody disturbed; or many, each with new people, who come back
    by themselves, while parts are killed.
    """
    if request.param == "quiet":
        system = request.getfixturevalue("shared_system")
        going = _quiet_round(partial(connect, system), person)
    else:
        going = _rounds_until_killed(request.getfixturevalue("battered_system"), person)
    async with aclosing(going):
        yield going


async def _quiet_round(
    connect: Connect, person: Callable[[str], str]
) -> AsyncGenerator[Round, None]:
    yield Round(connect, person("alice"), person("bob"), quiet=True)


async def _rounds_until_killed(
    system: System, person: Callable[[str], str]
) -> AsyncGenerator[Round, None]:
    """Rounds until there were `_KILLS` kills."""
    traffic = asyncio.Event()
    killing = asyncio.create_task(Killer(system, Random(), traffic).run(_KILLS))
    try:
        for number in count():
            async with AsyncExitStack() as stack:

                async def join(user: str, stack: AsyncExitStack = stack, **options: Any) -> Device:
                    token = system.token(user)
                    device = await Device.join(system.urls, token, traffic=traffic, **options)
                    stack.push_async_callback(device.close)
                    return device

                yield Round(join, person(f"alice{number}"), person(f"bob{number}"), quiet=False)
            if killing.done():
                break
    finally:
        # Every part is in service again, for the next test as well.
        await killing

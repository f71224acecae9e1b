"""A real system for the tests of the client library with clients in it, and a scripted server."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from parley_client import Client
from tests.parley_client.scripted import Server
from tests.support.system import System

Join = Callable[..., Awaitable[Client]]


@pytest.fixture(scope="session")
def client_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """All services and one edge, for tests that need no settings; each brings its own people."""
    with System(tmp_path_factory.mktemp("clients"), openings_per_hour=10_000) as system:
        system.start("moderation", "negotiation", "messaging", ping_interval_seconds=0.2)
        yield system


@pytest.fixture
def person() -> Callable[[str], str]:
    """Makes a name that no other test uses."""
    suffix = uuid4().hex[:12]
    return lambda name: f"{name}-{suffix}"


@pytest.fixture
async def join(client_system: System) -> AsyncIterator[Join]:
    """Connects people: `await join(user, ...)` gives a client that is live."""
    async with AsyncExitStack() as stack:

        async def connect(user: str, **options: Any) -> Client:
            token = client_system.token(user)
            client = Client(client_system.url, token=token, **options)
            await stack.enter_async_context(client)
            await client.wait_for("live")
            return client

        yield connect


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server that does what the test says."""
    async with Server().run() as server:
        yield server

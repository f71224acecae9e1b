"""Fixtures of the tests that run the whole: real processes, real sockets."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.client import Client
from tests.support.system import System


@pytest.fixture(scope="session")
def shared_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One system for all tests that need no settings of their own; each brings its own people."""
    system = System(tmp_path_factory.mktemp("system"), openings_per_hour=10_000)
    try:
        system.start_messaging()
        system.start_edge()
        yield system
    finally:
        system.close()


@pytest.fixture
def own_system(tmp_path: Path) -> Iterator[System]:
    """A system of the test's own, not started yet."""
    system = System(tmp_path)
    try:
        yield system
    finally:
        system.close()


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


Connect = Callable[..., Any]


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

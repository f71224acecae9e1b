"""Fixtures of the tests that run the kit."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from zlib import crc32

import pytest

from conformance.adapter import Library, introduce
from conformance.command import ADAPTERS
from conformance.world import World, running

NAIVE = ADAPTERS["python"].replace("adapters.python", "adapters.naive")
# So many systems at once: each is five processes, and the scenarios are many.
_SYSTEMS = 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give what uses the shared system to a few workers, so that it is started as seldom."""
    own = (item for item in items if item.nodeid.startswith("tests/conformance/"))
    for item in own:
        if "world" in getattr(item, "fixturenames", ()):
            number = crc32(item.name.encode()) % _SYSTEMS
            item.add_marker(pytest.mark.xdist_group(f"conformance-{number}"))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One system for all scenarios that do not need one of their own."""
    with running(tmp_path_factory.mktemp("conformance")) as started:
        yield started


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[Callable[[], World]]:
    """Starts a system of the test's own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running(tmp_path))


@cache
def _introduced(command: str) -> Library:
    return asyncio.run(introduce(command))


@pytest.fixture
def find_library() -> Callable[[str], Library]:
    """Gives what the adapter of a command says of itself; it is asked once."""
    return _introduced

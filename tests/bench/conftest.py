"""The systems that measurements are tried on, started once for each kind of database."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import uvloop

from bench.systems import by_hand
from bench.systems.parley import parley
from bench.systems.processes import parent
from bench.systems.system import Database, System
from tests.support.postgresql import Postgresql

_BY_HAND = [
    *(("sqlite", name) for name in by_hand.ON_EITHER),
    *(("postgresql", name) for name in (*by_hand.ON_EITHER, *by_hand.ON_POSTGRESQL)),
]
_PARLEY = [("sqlite", "parley"), ("postgresql", "parley")]
ON_SYSTEMS_BY_HAND = pytest.mark.parametrize(
    ("bench_database", "system"), _BY_HAND, indirect=True, scope="session"
)
"""Each version by hand, on each database on which it stands."""
ON_ALL_SYSTEMS = pytest.mark.parametrize(
    ("bench_database", "system"), [*_PARLEY, *_BY_HAND], indirect=True, scope="session"
)
"""These, and Parley."""

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="session")
def bench_runner() -> Iterator[Run]:
    """Runs a coroutine as the program does: on one event loop from the first round to the last."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner.run


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def bench_database(request: pytest.FixtureRequest) -> Database:
    """A running database of each kind."""
    if request.param == "sqlite":
        return Database("sqlite", "SQLite")
    server: Postgresql = request.getfixturevalue("postgresql")
    with server.connect() as connection:
        pid = parent(connection.info.backend_pid)
    return Database("postgresql", "PostgreSQL", server, {"postgresql": pid})


@pytest.fixture
def bench_folder() -> Iterator[Path]:
    """A folder of the test's own."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def bench_system(bench_database: Database) -> Iterator[Callable[[str], System]]:
    """Gives a system by its name, which is started when it is asked for first."""
    starts = {"parley": parley, **by_hand.ON_EITHER, **by_hand.ON_POSTGRESQL}
    found: dict[str, System] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))

        def find(name: str) -> System:
            if name not in found:
                (folder / name).mkdir()
                found[name] = stack.enter_context(starts[name](bench_database, folder / name))
            return found[name]

        yield find


@pytest.fixture(scope="session")
def system(request: pytest.FixtureRequest, bench_system: Callable[[str], System]) -> System:
    """The system that the test is parametrized with."""
    return bench_system(request.param)

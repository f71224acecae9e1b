"""Moving SQLite's log into the file beside the writer, and the bound of that log."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, MetaData, insert, make_url
from sqlalchemy.engine import URL

from service_kit.storage.checkpoints import checkpoints
from service_kit.storage.clock import add_clock, take_position
from service_kit.storage.engines import open_engine
from tests.support.postgresql import Postgresql
from tests.support.serving import opened
from tests.support.waiting import until

MEBIBYTE = 1024 * 1024
SECONDS = 20


class Log:
    """A database, a writer that fills its log, and what is told of moving it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url: URL = make_url(f"sqlite:///{path}")
        self.registry = CollectorRegistry()
        self.reached = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def reach(self, limit: str) -> None:
        assert limit == "sqlite_log_bytes"
        self._loop.call_soon_threadsafe(self.reached.set)

    @property
    def size(self) -> int:
        return self.path.with_name(f"{self.path.name}-wal").stat().st_size

    def sample(self, name: str) -> float:
        return self.registry.get_sample_value(name) or 0

    async def until(self, holds: Callable[[], bool]) -> None:
        await until(holds, SECONDS)


@pytest.fixture
async def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "words.sqlite3")


def make(engine: Engine) -> None:
    metadata = MetaData()
    clock = add_clock(metadata)
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(insert(clock).values(epoch="here", revision=0))
        connection.exec_driver_sql("CREATE TABLE words (word TEXT)")


def write(engine: Engine, count: int, size: int = MEBIBYTE // 4) -> None:
    """Commit so many transactions of this size."""
    for _ in range(count):
        with engine.begin() as connection:
            take_position(connection)
            connection.exec_driver_sql("INSERT INTO words VALUES (?)", ("x" * size,))


async def test_the_log_moves_without_the_writer(log: Log) -> None:
    """A commit moves nothing, however much waits in the log, and the other connection does."""
    with opened(log.url) as engine:
        make(engine)
        before = log.path.stat().st_size
        write(engine, 80)
        assert log.path.stat().st_size == before
        assert log.size > 20 * MEBIBYTE
        async with checkpoints(log.url, 64 * MEBIBYTE, log.registry, log.reach, 0.01):
            await log.until(lambda: log.sample("sqlite_checkpoint_seconds_count") >= 1)
            assert log.path.stat().st_size > 20 * MEBIBYTE
            # All of it is in the file, so the next commit begins the log anew.
            size = log.size
            write(engine, 60)
            assert log.size == size
            await log.until(lambda: log.sample("sqlite_checkpoint_seconds_count") >= 2)
        assert log.sample("sqlite_log_bytes") > 0
        assert not log.reached.is_set()


async def test_a_log_that_never_rests_is_bounded(log: Log) -> None:
    """The writer waits for its move then, as soon as nobody reads what stood before."""
    with (
        opened(log.url, log_bytes=MEBIBYTE) as engine,
        opened(log.url, "reader") as readers,
    ):
        make(engine)
        async with checkpoints(log.url, MEBIBYTE, log.registry, log.reach, 0.01):
            with readers.begin() as reader:
                reader.exec_driver_sql("SELECT count(*) FROM words").scalar_one()
                # What a reader sees stays, and nobody waits for that longer than for a moment.
                await asyncio.to_thread(write, engine, 60)
                async with asyncio.timeout(SECONDS):
                    await log.reached.wait()
                assert reader.exec_driver_sql("SELECT count(*) FROM words").scalar_one() == 0
            async with asyncio.timeout(SECONDS):
                while log.size > 2 * MEBIBYTE:
                    await asyncio.to_thread(write, engine, 1)
    with opened(log.url, "reader") as readers, readers.begin() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM words").scalar_one() >= 60


async def test_a_failure_is_counted_and_tried_again(log: Log) -> None:
    """As long as there is no database nothing moves, and then it does."""
    async with checkpoints(log.url, 64 * MEBIBYTE, log.registry, log.reach, 0.01):
        await log.until(lambda: log.sample("sqlite_checkpoints_failed_total") >= 1)
        with opened(log.url) as engine:
            make(engine)
            write(engine, 20)
            await log.until(lambda: log.sample("sqlite_checkpoint_seconds_count") >= 1)


async def test_postgresql_has_its_own(postgresql: Postgresql) -> None:
    registry = CollectorRegistry()
    with postgresql.database() as name:
        async with checkpoints(make_url(postgresql.url(name)), MEBIBYTE, registry):
            assert registry.get_sample_value("sqlite_log_bytes") is None


def test_only_the_writer_leaves_the_log_to_others(tmp_path: Path) -> None:
    """A migration moves its own, for nobody waits for it."""
    url = f"sqlite:///{tmp_path / 'words.sqlite3'}"
    for role, pages in (("writer", 0), ("migrator", 4000)):
        engine = open_engine(url, role)  # type: ignore[arg-type]  # one of the two
        with engine.connect() as connection:
            shown = connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
        engine.dispose()
        assert shown == pages

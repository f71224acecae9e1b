"""Moving SQLite's log into the file beside the writer, and the bound of that log."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, make_url
from sqlalchemy.engine import URL

from service_kit.storage.checkpoints import checkpoints
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
        self.revision = 0
        self._loop = asyncio.get_running_loop()

    def reach(self, limit: str) -> None:
        assert limit == "sqlite_log_bytes"
        self._loop.call_soon_threadsafe(self.reached.set)

    @property
    def size(self) -> int:
        return self.path.with_name(f"{self.path.name}-wal").stat().st_size

    def sample(self, name: str) -> float:
        return self.registry.get_sample_value(name) or 0

    def moving(self, log_bytes: int) -> AbstractAsyncContextManager[None]:
        return checkpoints(
            self.url, log_bytes, self.registry, lambda: self.revision, self.reach, 0.01
        )

    def write(self, engine: Engine, count: int, size: int = MEBIBYTE // 4) -> None:
        """Commit so many transactions of this size."""
        for _ in range(count):
            with engine.begin() as connection:
                connection.exec_driver_sql("INSERT INTO words VALUES (?)", ("x" * size,))
            self.revision += 1

    async def until(self, holds: Callable[[], bool]) -> None:
        await until(holds, SECONDS)


@pytest.fixture
async def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "words.sqlite3")


def make(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE words (word TEXT)")


async def test_the_log_moves_without_the_writer(log: Log) -> None:
    """A commit moves nothing, however much waits in the log, and the other connection does."""
    with opened(log.url) as engine:
        make(engine)
        before = log.path.stat().st_size
        log.write(engine, 80)
        assert log.path.stat().st_size == before
        assert log.size > 20 * MEBIBYTE
        async with log.moving(64 * MEBIBYTE):
            await log.until(lambda: log.sample("sqlite_checkpoint_seconds_count") >= 1)
            assert log.path.stat().st_size > 20 * MEBIBYTE
            # All of it is in the file, so the next commit begins the log anew.
            size = log.size
            log.write(engine, 60)
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
        async with log.moving(MEBIBYTE):
            with readers.begin() as reader:
                reader.exec_driver_sql("SELECT count(*) FROM words").scalar_one()
                # What a reader sees stays, and nobody waits for that longer than for a moment.
                await asyncio.to_thread(log.write, engine, 60)
                async with asyncio.timeout(SECONDS):
                    await log.reached.wait()
                assert reader.exec_driver_sql("SELECT count(*) FROM words").scalar_one() == 0
            async with asyncio.timeout(SECONDS):
                while log.size > 2 * MEBIBYTE:
                    await asyncio.to_thread(log.write, engine, 1)
    with opened(log.url, "reader") as readers, readers.begin() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM words").scalar_one() >= 60


async def test_a_failure_is_counted_and_tried_again(log: Log) -> None:
    """As long as the file is no database nothing moves, and then it does."""
    log.path.write_bytes(b"no database" * 100)
    async with log.moving(64 * MEBIBYTE):
        await log.until(lambda: log.sample("sqlite_checkpoints_failed_total") >= 1)
        log.path.write_bytes(b"")
        with opened(log.url) as engine:
            make(engine)
            log.write(engine, 20)
            await log.until(lambda: log.sample("sqlite_checkpoint_seconds_count") >= 1)


async def test_postgresql_has_its_own(postgresql: Postgresql) -> None:
    registry = CollectorRegistry()
    with postgresql.database() as name:
        async with checkpoints(make_url(postgresql.url(name)), MEBIBYTE, registry, lambda: 0):
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

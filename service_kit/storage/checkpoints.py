"""Moves SQLite's log into the file of the database, beside the writer instead of in its commits.

A commit appends to the log. Left to itself, SQLite moves the log into the file within the commit
that fills it: at 200 messages a second that was, now and then, a tenth of a second for all who were
waiting. Here a thread with a connection of its own does it, while the writer goes on.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import URL, Engine

from service_kit.process.settings import Timeouts
from service_kit.storage.engines import open_engine

# How often it is looked at how far the writer has come.
_LOOK_SECONDS = 0.25
# So many times as long while nothing is written.
_IDLE_LOOKS = 4
# The log moves after about so much of it, or when it is as old as this: most pages change again
# soon, and each is written once for all of its changes.
_MOVE_BYTES = 4 * 1024 * 1024
_MOVE_SECONDS = 60.0
# Of a transaction, until the first move tells. A message alone writes about as much.
_FIRST_BYTES = 80 * 1024
# For which a log that is too long waits for readers, while the writer waits for it.
_LOCK_SECONDS = 0.1


@asynccontextmanager
async def checkpoints(
    url: URL,
    log_bytes: int,
    registry: CollectorRegistry,
    revision: Callable[[], int],
    reached: Callable[[str], None] = lambda _limit: None,
    look_seconds: float = _LOOK_SECONDS,
) -> AsyncIterator[None]:
    """Move the log while the context lasts; on PostgreSQL, which does so itself, do nothing.

    `revision` tells how many transactions the writer has committed, since whenever. Beyond
    `log_bytes` it has to wait, so that the log begins anew; `reached` is called with
    "sqlite_log_bytes". Both are called in another thread.
    """
    if url.get_backend_name() != "sqlite":
        yield
        return
    engine = open_engine(url, "checkpointer", timeouts=Timeouts(lock=_LOCK_SECONDS))
    mover = _Mover(engine, log_bytes, registry, revision, reached, look_seconds)
    thread = threading.Thread(target=mover.run, name="checkpoints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        mover.stop.set()
        await asyncio.to_thread(thread.join)
        engine.dispose()


class _Mover:
    """The thread that moves the log."""

    def __init__(
        self,
        engine: Engine,
        log_bytes: int,
        registry: CollectorRegistry,
        revision: Callable[[], int],
        reached: Callable[[str], None],
        look_seconds: float,
    ) -> None:
        self.stop = threading.Event()
        self._engine = engine
        self._most_bytes = log_bytes
        self._read_revision = revision
        self._reached = reached
        self._look_seconds = look_seconds
        self._log = structlog.get_logger(__name__)
        self._log_bytes = Gauge(
            "sqlite_log_bytes",
            "What the log of SQLite held when it was last moved into the file.",
            registry=registry,
        )
        self._seconds = Histogram(
            "sqlite_checkpoint_seconds",
            "Time of moving the log of SQLite into the file.",
            registry=registry,
        )
        self._failed = Counter(
            "sqlite_checkpoints_failed",
            "Tries at which the log of SQLite could not be moved.",
            registry=registry,
        )
        # As of the last move.
        self._revision = 0
        self._bytes = 0
        self._at = 0.0
        self._bytes_of_transaction = float(_FIRST_BYTES)

    def run(self) -> None:
        """Move until it is stopped."""
        while not self.stop.is_set():
            try:
                # Without a transaction, in which no log is moved.
                with closing(self._engine.raw_connection()) as connection:
                    self._move_on(connection.cursor())
            except Exception as error:  # noqa: BLE001, whatever it is, the next try may succeed
                self._failed.inc()
                self._log.error("the log of SQLite could not be moved", cause=str(error))
                self.stop.wait(max(1.0, self._look_seconds))

    def _move_on(self, cursor: Any) -> None:
        (page_bytes,) = cursor.execute("PRAGMA page_size").fetchone()
        # What an earlier process has left.
        self._move(cursor, page_bytes, self._read_revision())
        pause, seen = self._look_seconds, self._revision
        while not self.stop.wait(pause):
            # The log itself tells its length only when it is moved. To ask the database how far it
            # has come would be a tenth of what an idle service costs.
            revision = self._read_revision()
            # While nothing is written there is no hurry.
            pause = self._look_seconds * (1 if revision != seen else _IDLE_LOOKS)
            seen = revision
            transactions = revision - self._revision
            if transactions and (
                transactions * self._bytes_of_transaction >= _MOVE_BYTES
                or time.monotonic() - self._at >= _MOVE_SECONDS
            ):
                self._move(cursor, page_bytes, revision)

    def _move(self, cursor: Any, page_bytes: int, revision: int) -> None:
        """Move what no reader needs in the log any more; learn how much a transaction writes."""
        began = time.monotonic()
        size = self._checkpoint(cursor, "PASSIVE", page_bytes)
        if size > self._most_bytes:
            # While there are writes at any moment the log never begins anew by itself.
            self._reached("sqlite_log_bytes")
            self._checkpoint(cursor, "RESTART", page_bytes)
        transactions = revision - self._revision
        if self._revision and transactions > 0:
            # A log that has begun anew is shorter than it was.
            written = size - self._bytes if size > self._bytes else size
            self._bytes_of_transaction = max(page_bytes, written / transactions)
        self._revision, self._bytes, self._at = revision, size, time.monotonic()
        self._log_bytes.set(size)
        self._seconds.observe(self._at - began)

    def _checkpoint(self, cursor: Any, mode: str, page_bytes: int) -> int:
        _busy, frames, _moved = cursor.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return int(max(0, frames)) * int(page_bytes)

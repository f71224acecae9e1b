"""The right to serve a database, which ends with the process that has it.

On SQLite it is a lock of the system on a file beside the database, and one process has it. On
PostgreSQL it is an advisory lock of the session that writes, which servers that hear one another
share: with the session the right is lost, and each new one takes it first, so that nobody writes
who has it no longer. Migrations that no server may live through take it alone.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from service_kit.storage.engines import DatabaseInUse

_RETRY_SECONDS = 0.1
_PROBE_SECONDS = 5.0
# For a session that the server was told to end.
_END_SECONDS = 5.0


@contextmanager
def owned(
    writing: Engine,
    seconds: float,
    lost: Callable[[], None],
    *,
    together: bool = False,
    fits: Callable[[Any], bool] = lambda _cursor: True,
) -> Iterator[float | None]:
    """Have the right to serve for the length of a block, in which `writing` is the one writer of
    this process. On PostgreSQL it is shared `together` with other processes that say the same.

    For so many seconds it is waited for. Raises DatabaseInUse when another process has it still.
    Gives how often, in seconds, an idle writer has to look whether its connection still stands;
    `lost` is called, in any thread, when the right went to another process meanwhile, or when
    `fits`, given a cursor of a new connection, says that this program may not serve any more.
    """
    if writing.dialect.name == "sqlite":
        with _locked_file(writing, fcntl.LOCK_EX, seconds):
            yield None
        return
    _Sessions(writing, lost, fits, together=together).begin(seconds)
    # It ends with the last connection of the engine.
    yield _PROBE_SECONDS


@contextmanager
def nobody_serves(connection: Connection, seconds: float) -> Iterator[None]:
    """Keep others from serving, within a transaction that migrates. Raises DatabaseInUse."""
    if connection.dialect.name == "sqlite":
        with _locked_file(connection.engine, fcntl.LOCK_SH, seconds):
            yield
        return
    _retry(lambda: _take_in_transaction(connection), seconds)
    yield


def _retry(claim: Callable[[], None], seconds: float) -> None:
    """Claim until it is granted. Nothing tells when another process lets go."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            claim()
        except DatabaseInUse:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


# --- SQLite ------------------------------------------------------------------------------------


@contextmanager
def _locked_file(engine: Engine, kind: int, seconds: float) -> Iterator[None]:
    """Hold a lock beside the file of the database, however its path is written."""
    if not engine.url.database or engine.url.database == ":memory:":
        yield
        return
    path = Path(engine.url.database).resolve()
    # Not on the database itself: to close that would release the locks that SQLite has on it.
    beside = path.with_name(f"{path.name}.lock")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    try:

        def claim() -> None:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                raise DatabaseInUse(f"process {holder}" if holder else "a migration") from None

        _retry(claim, seconds)
        os.truncate(descriptor, 0)
        if kind == fcntl.LOCK_EX:
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


# --- PostgreSQL --------------------------------------------------------------------------------

# Any number will do that is always the same; it counts in this database alone.
_TAKE = "SELECT pg_try_advisory_lock(123608464583040)"
_SHARE = "SELECT pg_try_advisory_lock_shared(123608464583040)"
_TAKE_IN_TRANSACTION = "SELECT pg_try_advisory_xact_lock(123608464583040)"
# A key of 64 bits is shown as two halves.
_HELD = (
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND (l.classid::bigint << 32) + l.objid::bigint = 123608464583040"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_HOLDER = " ".join(
    (
        "SELECT a.pid, a.backend_start, coalesce(host(a.client_addr), 'the same machine')",
        "FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid",
        _HELD,
        "LIMIT 1",
    )
)
COUNT_SERVERS = " ".join(("SELECT count(*) FROM pg_locks l", _HELD))
"""Counts the processes that serve a database of PostgreSQL, by the right that they share."""


class _Holder(NamedTuple):
    """A session of the server. Its number may come again, and its beginning does not."""

    session: int
    began: object
    address: str

    def __str__(self) -> str:
        return f"session {self.session} of {self.address}"


class _Sessions:
    """Takes the right for each new connection of an engine that has one at a time."""

    def __init__(
        self,
        engine: Engine,
        lost: Callable[[], None],
        fits: Callable[[Any], bool],
        *,
        together: bool,
    ) -> None:
        self._engine = engine
        self._lost = lost
        self._fits = fits
        self._together = together
        self._mine: _Holder | None = None
        event.listen(engine, "connect", self._take)

    def begin(self, seconds: float) -> None:
        _retry(lambda: self._engine.connect().close(), seconds)

    def _take(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        holder = self._try(cursor)
        if holder is not None and holder == self._mine:
            # The server has not noticed yet that the network took that one from us.
            cursor.execute(f"SELECT pg_terminate_backend({holder.session})")
            deadline = time.monotonic() + _END_SECONDS
            while holder == self._mine and time.monotonic() < deadline:
                time.sleep(_RETRY_SECONDS)
                holder = self._try(cursor)
        if holder is not None:
            # The pool would leave it open.
            connection.close()
            if self._mine is not None and not self._together:
                self._lost()
            raise DatabaseInUse(str(holder))
        if not self._fits(cursor):
            connection.close()
            self._lost()
            raise DatabaseInUse("a newer version")
        if not self._together:
            cursor.execute(_HOLDER)
            self._mine = _Holder(*_row(cursor))
        # The lock is the session's, and the transaction is done.
        connection.commit()
        cursor.close()

    def _try(self, cursor: Any) -> _Holder | None:
        """Take it, or tell who has it."""
        while True:
            cursor.execute(_SHARE if self._together else _TAKE)
            if _row(cursor)[0]:
                return None
            cursor.execute(_HOLDER)
            found = cursor.fetchone()
            # Between the two questions it may have been let go.
            if found is not None:
                return _Holder(*found)


def _row(cursor: Any) -> Any:
    row = cursor.fetchone()
    if row is None:
        raise RuntimeError("the server answered without a row")
    return row


def _take_in_transaction(connection: Connection) -> None:
    granted = connection.execute(text(_TAKE_IN_TRANSACTION))
    if not granted.scalar_one():
        found = connection.execute(text(_HOLDER)).one_or_none()
        raise DatabaseInUse("a session" if found is None else str(_Holder(*found)))

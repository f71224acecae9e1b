"""A store in one SQLite file, which survives the process however it ends."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from parley_client.entries import Entry, EntryState
from parley_client.errors import StorageError
from parley_client.stores.store import Stored
from parley_protocol.packets import OP_OF

# Of the packets from clients, by number.
_STRUCTURES = {int(op): structure for structure, op in OP_OF.items()}

_Result = TypeVar("_Result")

_VERSION = 1
_SCHEMA = """
CREATE TABLE spaces (
    space INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    user TEXT,
    cursor TEXT,
    opened INTEGER NOT NULL,
    UNIQUE (server, user)
) STRICT;
CREATE TABLE entries (
    space INTEGER NOT NULL REFERENCES spaces,
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    op INTEGER NOT NULL,
    payload TEXT NOT NULL,
    lane TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    error TEXT,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
"""
# For how long one waits for another process that is about to end.
_LOCKED_SECONDS = 5.0


class SqliteStore:
    """A Store in the file `path`, for one client of one process at a time: it is locked meanwhile.

    What was given is on the disk when a method returns. Another server or user has a space of its
    own in the file. The work is done on a thread. Errors: StorageError of the kind "locked"
    (another process has it), "denied", "full", "corrupt" (no SQLite file, or a broken one: it is
    left as it is), "newer" (of a later release) or "failed".
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parley-store")
        self._connection: sqlite3.Connection | None = None
        self._space = 0

    async def open(self, server: str, user: str | None) -> Stored:
        """Open what is kept of a user at a server; None: of the last one there."""
        return await self._run(lambda: self._open(server, user))

    async def claim(self, user: str) -> None:
        """Take note whose all that is."""
        await self._run(lambda: self._claim(user))

    async def save_cursor(self, cursor: str) -> None:
        """Keep the position."""
        statement = "UPDATE spaces SET cursor = ? WHERE space = ?"
        await self._run(lambda: self._write(statement, (cursor, self._space)))

    async def put(self, entry: Entry) -> None:
        """Keep an entry, in the place of the one with its key."""
        await self._run(lambda: self._put(entry))

    async def remove(self, key: str) -> None:
        """Keep the entry of a key no longer."""
        statement = "DELETE FROM entries WHERE space = ? AND key = ?"
        await self._run(lambda: self._write(statement, (self._space, key)))

    async def close(self) -> None:
        """Close the file."""
        await self._run(self._close)

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        """Do something on the thread. Raises StorageError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(_kind_of(error), str(error)) from error

    # On the thread.

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_LOCKED_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            # Held until the end, by whatever it comes: a killed process holds no lock.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            _check_version(version)
            if version == 0:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self, server: str, user: str | None) -> Stored:
        if self._connection is None:
            self._connection = self._connect()
        found = self._connection.execute(
            "SELECT space, user, cursor FROM spaces"
            " WHERE server = ? AND (?2 IS NULL OR user IS NULL OR user = ?2)"
            " ORDER BY user IS NULL, opened DESC LIMIT 1",
            (server, user),
        ).fetchone()
        newest = self._connection.execute("SELECT coalesce(max(opened), 0) FROM spaces").fetchone()
        if found is None:
            cursor = self._connection.execute(
                "INSERT INTO spaces (server, user, opened) VALUES (?, ?, ?)",
                (server, user, newest[0] + 1),
            )
            self._space = cursor.lastrowid or 0
            return Stored(user)
        self._space = found[0]
        self._write(
            "UPDATE spaces SET user = coalesce(?, user), opened = ? WHERE space = ?",
            (user, newest[0] + 1, self._space),
        )
        entries, unreadable = self._read()
        return Stored(user or found[1], found[2], tuple(entries), unreadable)

    def _read(self) -> tuple[list[Entry], int]:
        entries, unreadable = [], 0
        rows = self._opened().execute(
            "SELECT key, op, payload, lane, created_at, number, state, error, attempts"
            " FROM entries WHERE space = ? ORDER BY number",
            (self._space,),
        )
        for row in rows:
            try:
                entries.append(_entry_of(row))
            except (ValueError, KeyError, msgspec.MsgspecError):
                # Of another release, which can read it.
                unreadable += 1
        return entries, unreadable

    def _claim(self, user: str) -> None:
        self._write("UPDATE spaces SET user = ? WHERE space = ?", (user, self._space))

    def _put(self, entry: Entry) -> None:
        self._write(
            "INSERT OR REPLACE INTO entries (space, key, number, op, payload, lane, created_at,"
            " state, error, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._space,
                entry.key,
                entry.number,
                int(entry.op),
                msgspec.json.encode(entry.payload).decode(),
                entry.lane,
                entry.created_at,
                entry.state.value,
                None if entry.error is None else msgspec.json.encode(entry.error).decode(),
                entry.attempts,
            ),
        )

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        self._opened().execute(statement, values)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StorageError("failed", "it is not open")
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _NewerError(sqlite3.Error):
    """A file of a later release."""


def _check_version(version: int) -> None:
    """Leave a file of a later release as it is, for whoever can read it."""
    if version > _VERSION:
        raise _NewerError(f"the file is of version {version}, and this release of {_VERSION}")


def _entry_of(row: tuple[Any, ...]) -> Entry:
    """Read an entry. Raises ValueError, KeyError and MsgspecError for one of another release."""
    key, op, payload, lane, created_at, number, state, error, attempts = row
    structure = _STRUCTURES[op]
    return Entry(
        key=key,
        payload=msgspec.json.decode(payload, type=structure),
        lane=lane,
        created_at=created_at,
        number=number,
        state=EntryState(state),
        error=None if error is None else msgspec.json.decode(error, type=dict),
        attempts=attempts,
        durable=True,
    )


def _kind_of(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "denied"
    if isinstance(error, _NewerError):
        return "newer"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return {
        sqlite3.SQLITE_FULL: "full",
        sqlite3.SQLITE_BUSY: "locked",
        sqlite3.SQLITE_LOCKED: "locked",
        sqlite3.SQLITE_READONLY: "denied",
        sqlite3.SQLITE_PERM: "denied",
        sqlite3.SQLITE_CANTOPEN: "denied",
        sqlite3.SQLITE_CORRUPT: "corrupt",
        sqlite3.SQLITE_NOTADB: "corrupt",
    }.get(code, "failed")

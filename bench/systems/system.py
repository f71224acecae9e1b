"""A system that is measured, and the database that it stands on."""

import sqlite3
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import jwt

from bench.systems.processes import SERVER_CORE, Used, on_core, parent, used
from service_kit.authentication.callers import Caller
from tests.support.postgresql import Postgresql
from tests.support.system import Part

_START_SECONDS = 60
# As a server comes that is to keep what it says it has stored; the tests' own is set to forget.
_DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "100",
}


class Database(NamedTuple):
    """A running database. PostgreSQL has a process, whose children do the work; SQLite has none."""

    kind: str
    version: str
    postgresql: Postgresql | None = None
    processes: Mapping[str, int] = MappingProxyType({})

    @contextmanager
    def create(self, folder: Path, driver: str) -> Iterator[str]:
        """A new database; gives its address for SQLAlchemy. `driver` is SQLite's."""
        if self.postgresql is None:
            yield f"{driver}:///{folder / 'database.sqlite3'}"
            return
        with self.postgresql.database() as name:
            yield self.postgresql.url(name)


class System(NamedTuple):
    """A system that is ready: its sockets, the key of its tokens, its processes by name."""

    name: str
    urls: tuple[str, ...]
    key: str
    parts: Mapping[str, Part]
    database_processes: Mapping[str, int]
    # Whether an author is told that a message has been delivered.
    tells_delivered: bool = False
    # Where its services listen, and the credentials that they accept.
    targets: Mapping[str, str] = MappingProxyType({})
    credentials: Mapping[Caller, str] = MappingProxyType({})

    @property
    def processes(self) -> dict[str, int]:
        """The processes by name; those of parts change when these are started again."""
        own = {name: part.process.pid for name, part in self.parts.items()}
        return own | dict(self.database_processes)

    def token(self, user: str, **more: object) -> str:
        claims = {"sub": user, "exp": int(time.time()) + 3600, **more}
        return jwt.encode(claims, self.key, algorithm="HS256")

    def used(self) -> dict[str, Used]:
        """The use of each process until now."""
        return {name: used(pid) for name, pid in self.processes.items()}

    def cpu_seconds(self) -> float:
        """CPU time of all processes until now."""
        return sum(one.cpu_seconds for one in self.used().values())


@contextmanager
def database(kind: str) -> Iterator[Database]:
    """Run a database of a kind, "sqlite" or "postgresql"."""
    if kind == "sqlite":
        yield Database(kind, f"SQLite {sqlite3.sqlite_version}")
        return
    with ExitStack() as stack:
        with on_core(SERVER_CORE):
            server = Postgresql()
            stack.callback(server.close)
            with server.connect() as connection:
                for name, value in _DURABLE.items():
                    connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            server.stop()
            server.start()
        with server.connect() as connection:
            # Every backend is a child of the first process.
            pid = parent(connection.info.backend_pid)
            version = f"PostgreSQL {connection.info.server_version // 10_000}"
        yield Database(kind, version, server, {"postgresql": pid})


@contextmanager
def telling(*parts: Part) -> Iterator[None]:
    """Print the end of the log of each part that has ended when something goes wrong."""
    try:
        yield
    except Exception:
        for part in parts:
            if part.process.poll() is not None:
                print(f"{part.name} has ended; its log:\n{part.end_of_log()}", file=sys.stderr)
        raise


def wait_ready(url: str, part: Part) -> None:
    """Wait until this address answers."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        # Refused: it does not listen yet.
        with suppress(OSError), urllib.request.urlopen(url):  # noqa: S310 - our own address
            return
        if part.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{part.name} does not start:\n{part.end_of_log()}")
        time.sleep(0.05)

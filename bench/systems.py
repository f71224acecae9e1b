"""The systems that are measured, each started with its database on the server core."""

import secrets
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import jwt

import tests.support.system
from bench.processes import SERVER_CORE, cpu_seconds, on_core, parent
from service_kit.authentication.callers import Caller
from tests.support.postgresql import Postgresql
from tests.support.system import Part, free_port

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
    processes: dict[str, int]
    # Whether an author is told that a message has been delivered.
    tells_delivered: bool = False
    # Where its services listen, and the credentials that they accept.
    targets: Mapping[str, str] = MappingProxyType({})
    credentials: Mapping[Caller, str] = MappingProxyType({})

    def token(self, user: str, **more: object) -> str:
        claims = {"sub": user, "exp": int(time.time()) + 3600, **more}
        return jwt.encode(claims, self.key, algorithm="HS256")

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time until now by process."""
        return {name: cpu_seconds(pid) for name, pid in self.processes.items()}


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
def _telling(*parts: Part) -> Iterator[None]:
    """Print the end of the log of each part that has ended when something goes wrong."""
    try:
        yield
    except Exception:
        for part in parts:
            if part.process.poll() is not None:
                print(f"{part.name} has ended; its log:\n{part.end_of_log()}", file=sys.stderr)
        raise


def _wait_ready(url: str, part: Part) -> None:
    """Wait until this address answers."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        # Refused: it does not listen yet.
        with suppress(OSError), urllib.request.urlopen(url):  # noqa: S310 - our own address
            return
        if part.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{part.name} does not start:\n{part.end_of_log()}")
        time.sleep(0.05)


@contextmanager
def parley(
    running: Database,
    folder: Path,
    launcher: Sequence[str] = (),
    *,
    services: Sequence[str] = ("messaging",),
    edges: int = 1,
    **environment: str,
) -> Iterator[System]:
    """Services that know one another, and edges; in this order, so that who follows another finds
    it there.

    `launcher` is a module that runs them, if not they themselves; `environment` is for all.
    """
    with ExitStack() as stack:
        started = stack.enter_context(tests.support.system.System(folder))
        started.launcher, started.environment = launcher, environment
        for name in services:
            (folder / name).mkdir()
            address = stack.enter_context(running.create(folder / name, "sqlite"))
            started.settings.setdefault(name, {})["database_url"] = address
        with on_core(SERVER_CORE):
            started.start_services(*services)
            for _ in range(edges):
                started.start_edge()
        parts = {name: started.services[name] for name in services}
        for number, edge in enumerate(started.edges, start=1):
            parts["edge" if edges == 1 else f"edge {number}"] = edge
        with _telling(*parts.values()):
            yield System(
                "parley",
                tuple(started.urls),
                started.token_key,
                {**{name: one.process.pid for name, one in parts.items()}, **running.processes},
                tells_delivered=True,
                targets={name: started.target(name) for name in services},
                credentials=started.credentials,
            )


@contextmanager
def baseline(running: Database, folder: Path) -> Iterator[System]:
    """The hand-written version of bench/baseline.py."""
    key, port = secrets.token_urlsafe(32), free_port()
    with ExitStack() as stack:
        with on_core(SERVER_CORE):
            settings = {
                "BASELINE_PORT": str(port),
                "BASELINE_DATABASE": stack.enter_context(
                    running.create(folder, "sqlite+aiosqlite")
                ),
                "BASELINE_KEY": key,
            }
            part = Part("baseline", ["bench.baseline"], settings, folder / "baseline.log")
            stack.callback(part.end)
        _wait_ready(f"http://127.0.0.1:{port}/healthz", part)
        processes = {"baseline": part.process.pid, **running.processes}
        with _telling(part):
            yield System("baseline", (f"ws://127.0.0.1:{port}/ws",), key, processes)

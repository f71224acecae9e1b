"""The systems that are measured, each started with its database on the server core."""

import json
import secrets
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from subprocess import TimeoutExpired
from types import MappingProxyType
from typing import NamedTuple

import jwt

from bench.processes import SERVER_CORE, cpu_seconds, on_core, parent
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
# The driver's people write as fast as they are answered, thousands of packets a second: a limit of
# packets would be all that is measured.
_NO_PACKET_LIMIT = {
    "PARLEY_EDGE_PACKETS_PER_SECOND": "1000000",
    "PARLEY_EDGE_PACKETS_BURST": "1000000",
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
    # Where its services listen, and the credential that they accept.
    targets: Mapping[str, str] = MappingProxyType({})
    credential: str = ""

    def token(self, user: str) -> str:
        claims = {"sub": user, "exp": int(time.time()) + 3600}
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
def _started(part: Part) -> Iterator[int]:
    """Stop a process at the end of the context; gives its id."""
    try:
        yield part.process.pid
    except Exception:
        if part.process.poll() is not None:
            print(f"{part.name} has ended; its log:\n{_end_of_log(part)}", file=sys.stderr)
        raise
    finally:
        try:
            part.stop()
        except TimeoutExpired:
            part.process.kill()
            part.process.wait()


def _end_of_log(part: Part) -> str:
    return "\n".join(part.read_log().splitlines()[-20:])


def _wait_ready(url: str, part: Part, services: Iterable[str] = ()) -> None:
    """Wait until this address says that all is ready, these services among it."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url) as response:  # noqa: S310 - our own address
                state = json.load(response) if services else {}
                if response.status == HTTPStatus.OK and all(state[name] for name in services):
                    return
        except OSError:
            # Not yet: it does not listen, or it says that it is not ready.
            pass
        if part.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{part.name} does not start:\n{_end_of_log(part)}")
        time.sleep(0.05)


@contextmanager
def _service(
    running: Database,
    folder: Path,
    name: str,
    settings: Mapping[str, str],
    launcher: Sequence[str] = (),
) -> Iterator[int]:
    """A service with a database of its own in `folder`, migrated and started; gives its process."""
    folder.mkdir(exist_ok=True)
    log = folder / f"{name}.log"
    with running.create(folder, "sqlite") as address:
        environment = {f"PARLEY_{name.upper()}_DATABASE_URL": address, **settings}
        migration = Part("migration", [f"{name}_service", "migrate"], environment, log)
        if migration.process.wait(_START_SECONDS) != 0:
            raise RuntimeError(f"the migration failed:\n{_end_of_log(migration)}")
        part = Part(name, [*launcher, f"{name}_service", "serve"], environment, log)
        with _started(part) as process:
            yield process


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
    """Services that know one another, and edges, as docs/operations.md has them started by hand; in
    this order, so that who follows another finds it there.

    `launcher` is a module that runs them, if not they themselves; `environment` is for all.
    """
    key, credential = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    credential_file = str(folder / "service.key")
    Path(credential_file).write_text(credential)
    (folder / "token.key").write_text(key)
    targets = {name: f"127.0.0.1:{free_port()}" for name in services}
    processes: dict[str, int] = {}
    urls: list[str] = []
    with ExitStack() as stack:
        with on_core(SERVER_CORE):
            for name in services:
                settings = {"LISTEN": targets[name], "CREDENTIALS_FILE": credential_file}
                for other in targets.keys() - {name}:
                    settings[f"{other.upper()}_TARGET"] = targets[other]
                    settings[f"{other.upper()}_CREDENTIAL_FILE"] = credential_file
                told = {f"PARLEY_{name.upper()}_{one}": value for one, value in settings.items()}
                processes[name] = stack.enter_context(
                    _service(running, folder / name, name, {**told, **environment}, launcher)
                )
            for number in range(1, edges + 1):
                name = "edge" if edges == 1 else f"edge {number}"
                port = free_port()
                settings = {
                    "PARLEY_EDGE_PORT": str(port),
                    **{f"PARLEY_EDGE_{one.upper()}_TARGET": at for one, at in targets.items()},
                    "PARLEY_EDGE_CREDENTIAL_FILE": credential_file,
                    "PARLEY_EDGE_TOKEN_SECRET_FILE": str(folder / "token.key"),
                    **_NO_PACKET_LIMIT,
                    **environment,
                }
                edge = Part(name, [*launcher, "edge"], settings, folder / f"{name}.log")
                processes[name] = stack.enter_context(_started(edge))
                _wait_ready(f"http://127.0.0.1:{port}/readyz", edge, services)
                urls.append(f"ws://127.0.0.1:{port}/ws")
        yield System(
            "parley",
            tuple(urls),
            key,
            {**processes, **running.processes},
            tells_delivered=True,
            targets=targets,
            credential=credential,
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
            processes = {"baseline": stack.enter_context(_started(part))}
        _wait_ready(f"http://127.0.0.1:{port}/healthz", part)
        yield System(
            "baseline", (f"ws://127.0.0.1:{port}/ws",), key, {**processes, **running.processes}
        )

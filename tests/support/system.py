"""The services and edges as real processes, each on a free port of the loopback."""

import asyncio
import contextlib
import functools
import itertools
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Protocol, Self

import jwt
from sqlalchemy import make_url

from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import make_credential
from tests.support.callers import write_accepted
from tests.support.waiting import PATIENCE

# In the order of their start, so that whoever follows another finds it there.
SERVICES = ("moderation", "negotiation", "messaging")


# Each worker of pytest has a range of its own, or the port of a part that was killed and is started
# again might meanwhile be given to another worker's part. They end where `parley up` begins.
_PORTS_PER_WORKER = 1_250
_WORKERS = 8
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_FIRST_PORT = 10_000 + _WORKER * _PORTS_PER_WORKER
# Browsers open no page from these (https://fetch.spec.whatwg.org/#port-blocking).
_BLOCKED = frozenset({10_080})
# From a random one, for another run of the tests may be at work on this machine.
_steps = itertools.count(secrets.randbelow(_PORTS_PER_WORKER))


def free_port() -> int:
    """A port that nothing listens on, below the range from which outgoing connections take theirs:
    while a part is started again, nothing else can take its port. None is given again soon.
    """
    for step in itertools.islice(_steps, _PORTS_PER_WORKER):
        port = _FIRST_PORT + step % _PORTS_PER_WORKER
        if port in _BLOCKED:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class Process(Protocol):
    """As much of subprocess.Popen as is used."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


def start_anew(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    """Start `python -m <command>`, its output at the end of a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *command], env=environment, stdout=output, stderr=output
        )


# pytest's own starts are forks of a process that has the modules loaded.
start_process: Callable[[Sequence[str], Mapping[str, str], Path], Process] = start_anew


class Part:
    """One process, its output in a file. `port` is where it listens, if it does."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        log: Path,
        port: int = 0,
    ) -> None:
        self.name = name
        self.log = log
        self.port = port
        self._command = command
        self.environment = dict(environment)
        self._environment = {**os.environ, **environment}
        self.process: Process
        self.start()

    def start(self) -> None:
        """Start it, or start it again as it was."""
        self.process = start_process(self._command, self._environment, self.log)

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """Send a signal and wait; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def end(self) -> None:
        """Stop it if it runs, or kill it if it does not heed that."""
        try:
            self.stop(seconds=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def read_log(self) -> str:
        return self.log.read_text()

    def end_of_log(self) -> str:
        return "\n".join(self.read_log().splitlines()[-20:])


def _run_migration(name: str, environment: Mapping[str, str], log: Path) -> None:
    migrated = Part("migrate", [f"{name}_service", "migrate"], environment, log)
    if migrated.process.wait(PATIENCE) != 0:
        raise RuntimeError(f"the migration failed:\n{migrated.end_of_log()}")


@functools.cache
def _migrated_database(name: str) -> bytes:
    """A new SQLite database of a service, as its migrations make it."""
    with TemporaryDirectory() as made, System(Path(made)) as system:
        system.settings[name] = {}
        _run_migration(name, system.environment_of(name), Path(made, "migrate.log"))
        return Path(made, f"{name}.sqlite3").read_bytes()


def copy_database(name: str, path: Path) -> None:
    """Make an SQLite database of a service as its migrations would, with an epoch of its own."""
    path.touch(mode=0o600)
    path.write_bytes(_migrated_database(name))
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE clock SET epoch = ?", (uuid.uuid4().hex,))


class System:
    """The services that a test needs, and any number of edges. As a context it stops them.

    Each part has its own credential, and is told where the others are that it talks with.
    """

    def __init__(self, folder: Path, **messaging_settings: object) -> None:
        self.folder = folder
        self.token_key = secrets.token_urlsafe(48)
        self.credentials = {caller: make_credential() for caller in Caller}
        (folder / "token.key").write_text(self.token_key)
        for caller, credential in self.credentials.items():
            self._credential_file(caller).write_text(f"{credential}\n")
        write_accepted(folder / "accepted", self.credentials.__getitem__)
        # One for each replica of a service.
        self._ports = {name: [free_port()] for name in SERVICES}
        # By service. A part is told of those that have settings when it starts.
        self.settings: dict[str, dict[str, object]] = {"messaging": messaging_settings}
        self.services: dict[str, Part] = {}
        self.replicas: dict[str, list[Part]] = {}
        self.parts: list[Part] = []
        # A module that runs the parts, if not they themselves; and what else all are told.
        self.launcher: Sequence[str] = ()
        self.environment: Mapping[str, str] = {}
        self.edge_port = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for part in reversed(self.parts):
            part.end()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _credential_file(self, caller: str) -> Path:
        return self.folder / f"{caller}.key"

    def target(self, name: str) -> str:
        """The address of a service, with those of all of its replicas."""
        addresses = self.addresses(name)
        return addresses[0] if len(addresses) == 1 else f"ipv4:{','.join(addresses)}"

    def addresses(self, name: str) -> list[str]:
        """The address of each replica of a service."""
        return [f"127.0.0.1:{port}" for port in self._ports[name]]

    def database(self, name: str) -> str:
        """The address of a service's database."""
        return self.environment_of(name)[f"PARLEY_{name.upper()}_DATABASE_URL"]

    def environment_of(self, name: str, replica: int = 0) -> dict[str, str]:
        """The environment of a replica of a service; the service's own settings come last."""
        told: dict[str, object] = {
            "listen": self.addresses(name)[replica],
            "database_url": f"sqlite:///{self.folder / f'{name}.sqlite3'}",
            "credentials_file": self.folder / "accepted",
        }
        if name == "moderation":
            told["token_secret_file"] = self.folder / "token.key"
        for other in self.settings.keys() - {name}:
            told |= {
                f"{other}_target": self.target(other),
                f"{other}_credential_file": self._credential_file(name),
            }
        return {
            f"PARLEY_{name.upper()}_{setting.upper()}": str(value)
            for setting, value in (told | self.settings.get(name, {})).items()
        } | dict(self.environment)

    def start_services(self, *names: str, replicas: int = 1) -> None:
        """Migrate and start services, each of which is told of all of them and of those before.

        A service follows another, and an edge dials it, if that was started before. Of several
        `replicas`, which want PostgreSQL, `services` has the first, and `replicas` all.
        """
        for name in names:
            self.settings.setdefault(name, {})
            while len(self._ports[name]) < replicas:
                self._ports[name].append(free_port())
        for name in names:
            self._migrate(name, self.environment_of(name))
            command = [*self.launcher, f"{name}_service", "serve"]
            started = [
                Part(name, command, self.environment_of(name, number), self._log(label), port)
                for number, port in enumerate(self._ports[name])
                for label in (f"{name}-{number}" if number else name,)
            ]
            self.services[name] = started[0]
            self.replicas[name] = started
            self.parts += started

    def _migrate(self, name: str, environment: Mapping[str, str]) -> None:
        """Migrate the database of a service; a new one of SQLite is a copy of one that was."""
        address = make_url(self.database(name))
        path = Path(address.database or "")
        if address.drivername == "sqlite" and not path.exists():
            copy_database(name, path)
            return
        _run_migration(name, environment, self._log(name))

    def start(self, *names: str, **edge_settings: object) -> Part:
        """Start services, and then an edge."""
        self.start_services(*names)
        return self.start_edge(**edge_settings)

    def start_edge(self, **settings: object) -> Part:
        """Start an edge; `edge_port` is its port from now on."""
        self.edge_port = free_port()
        environment = {
            "PARLEY_EDGE_PORT": str(self.edge_port),
            **{f"PARLEY_EDGE_{name.upper()}_TARGET": self.target(name) for name in self.settings},
            "PARLEY_EDGE_CREDENTIAL_FILE": str(self._credential_file(Caller.EDGE)),
            "PARLEY_EDGE_TOKEN_SECRET_FILE": str(self.folder / "token.key"),
            # Tests pipeline thousands of packets; those of the limit set it themselves.
            "PARLEY_EDGE_PACKETS_BURST": "1000000",
            "PARLEY_EDGE_PACKETS_PER_SECOND": "1000000",
            "PARLEY_EDGE_PAGE_BYTES_PER_SECOND": "1000000000",
            "PARLEY_EDGE_ACCEPTS_PER_SECOND": "1000000",
            **{f"PARLEY_EDGE_{name.upper()}": str(value) for name, value in settings.items()},
            **self.environment,
        }
        log = self.folder / f"edge-{self.edge_port}.log"
        edge = Part("edge", [*self.launcher, "edge"], environment, log, self.edge_port)
        self.parts.append(edge)
        self.wait_ready(edge)
        return edge

    def start_desk(self, *, ready: bool = True, **settings: object) -> Part:
        """Start a desk, whose `port` is where it listens."""
        port = free_port()
        told = {
            "port": port,
            "moderation_target": self.target("moderation"),
            "credential_file": self._credential_file(Caller.DESK),
            "token_secret_file": self.folder / "token.key",
            **settings,
        }
        environment = {f"PARLEY_DESK_{name.upper()}": str(one) for name, one in told.items()}
        log = self.folder / f"desk-{port}.log"
        desk = Part(
            "desk", [*self.launcher, "desk"], {**environment, **self.environment}, log, port
        )
        self.parts.append(desk)
        if ready:
            self.wait_ready(desk)
        return desk

    def wait_ready(self, edge: Part, status: int = 200) -> None:
        """Return when /readyz answers with `status`, for 200 also of each service there is."""
        deadline = time.monotonic() + PATIENCE
        while (found := self._readiness(edge)) != status:
            if edge.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"edge: /readyz answers {found}:\n{edge.end_of_log()}")
            # Nothing announces that a process listens.
            time.sleep(0.02)

    def _readiness(self, edge: Part) -> int:
        status, _, body = self.get("/readyz", edge.port)
        if status == 200 and not all(json.loads(body).get(name, True) for name in self.settings):
            return 0
        return status

    async def all_ready(self) -> None:
        """Return when everything that was started is in service."""
        for edge in self.edges:
            await asyncio.to_thread(self.wait_ready, edge)

    def get(self, path: str, port: int = 0) -> tuple[int, dict[str, str], bytes]:
        """GET from an edge, by default the last one; status 0 when nothing listens."""
        return self.request("GET", path, port)

    def request(
        self,
        method: str,
        path: str,
        port: int = 0,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask an edge over HTTP, by default the last one; status 0 when nothing listens."""
        url = f"http://127.0.0.1:{port or self.edge_port}{path}"
        # The scheme is the line above's.
        request = urllib.request.Request(url, body, dict(headers), method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()
        except OSError:
            return 0, {}, b""

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.edge_port}/ws"

    @property
    def edges(self) -> list[Part]:
        return [part for part in self.parts if part.name == "edge"]

    @property
    def urls(self) -> list[str]:
        return [f"ws://127.0.0.1:{edge.port}/ws" for edge in self.edges]

    def token(self, user: str, *, expires_in: float = 3600, **claims: Any) -> str:
        """A good token of `user`; a claim of None is left out."""
        payload = {"sub": user, "exp": int(time.time() + expires_in), **claims}
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.token_key, algorithm="HS256")

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))

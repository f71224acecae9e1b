"""The services and edges as real processes, each on a free port of the loopback."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jwt

_START_SECONDS = 30


def free_port() -> int:
    """A port that nothing listens on, below the range from which outgoing connections take theirs:
    while a part is started again, none of them can take its port.
    """
    for _ in range(100):
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class Part:
    """One process, its output in a file. `port` is where it listens, if it does."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        port: int = 0,
    ) -> None:
        self.name = name
        self.log = log
        self.port = port
        self._command = [sys.executable, "-m", *command]
        self._environment = {**os.environ, **environment}
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start it, or start it again as it was."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdout=output, stderr=output
            )

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15) -> int:
        """Send a signal and wait; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def read_log(self) -> str:
        return self.log.read_text()


class System:
    """The services that a test needs, and any number of edges.

    Each service has the credential, and is told where the others are that it talks with.
    """

    def __init__(self, folder: Path, **messaging_settings: object) -> None:
        self.folder = folder
        self.token_key = secrets.token_urlsafe(48)
        self.credential = secrets.token_urlsafe(32)
        (folder / "token.key").write_text(self.token_key)
        (folder / "service.key").write_text(self.credential)
        self.messaging_port = free_port()
        self.messaging_settings = messaging_settings
        self.parts: list[Part] = []
        self.messaging: Part
        # Settings of the negotiation service and of moderation; None: there is none. A part is told
        # of those that have settings when it starts.
        self.negotiation_settings: dict[str, object] | None = None
        self.negotiation_port = free_port()
        self.negotiation: Part
        self.moderation_settings: dict[str, object] | None = None
        self.moderation_port = free_port()
        self.moderation: Part
        self.edge_port = 0

    @property
    def database(self) -> Path:
        return self.folder / "messaging.sqlite3"

    @property
    def messaging_database(self) -> str:
        """The address of messaging's database."""
        return self.messaging_environment()["PARLEY_MESSAGING_DATABASE_URL"]

    @property
    def negotiation_database(self) -> str:
        """The address of negotiation's database."""
        return self.negotiation_environment()["PARLEY_NEGOTIATION_DATABASE_URL"]

    @property
    def moderation_database(self) -> str:
        """The address of moderation's database."""
        return self.moderation_environment()["PARLEY_MODERATION_DATABASE_URL"]

    @property
    def targets(self) -> dict[str, str]:
        """The address of each service that was started, by name."""
        ports = {"messaging": self.messaging_port}
        if self.negotiation_settings is not None:
            ports["negotiation"] = self.negotiation_port
        if self.moderation_settings is not None:
            ports["moderation"] = self.moderation_port
        return {name: f"127.0.0.1:{port}" for name, port in ports.items()}

    def _environment(self, name: str, port: int, settings: dict[str, object]) -> dict[str, str]:
        """The environment of a service; `settings` come last."""
        key = str(self.folder / "service.key")
        told: dict[str, object] = {
            "listen": f"127.0.0.1:{port}",
            "database_url": f"sqlite:///{self.folder / f'{name}.sqlite3'}",
            "credentials_file": key,
        }
        for other, target in self.targets.items():
            if other != name:
                told |= {f"{other}_target": target, f"{other}_credential_file": key}
        return {
            f"PARLEY_{name.upper()}_{setting.upper()}": str(value)
            for setting, value in (told | settings).items()
        }

    def messaging_environment(self) -> dict[str, str]:
        return self._environment("messaging", self.messaging_port, self.messaging_settings)

    def negotiation_environment(self) -> dict[str, str]:
        settings = self.negotiation_settings or {}
        return self._environment("negotiation", self.negotiation_port, settings)

    def moderation_environment(self) -> dict[str, str]:
        settings = self.moderation_settings or {}
        return self._environment("moderation", self.moderation_port, settings)

    def _start_service(self, name: str, environment: dict[str, str], port: int) -> Part:
        """Migrate and serve."""
        module, log = f"{name}_service", self.folder / f"{name}.log"
        migrated = Part("migrate", [module, "migrate"], environment, log)
        assert migrated.process.wait(_START_SECONDS) == 0, migrated.read_log()
        part = Part(name, [module, "serve"], environment, log, port)
        self.parts.append(part)
        return part

    def start_messaging(self) -> Part:
        environment = self.messaging_environment()
        self.messaging = self._start_service("messaging", environment, self.messaging_port)
        return self.messaging

    def start_negotiation(self) -> Part:
        """Start it; messaging follows it, and edges dial it, if they are started later."""
        self.negotiation_settings = self.negotiation_settings or {}
        environment = self.negotiation_environment()
        self.negotiation = self._start_service("negotiation", environment, self.negotiation_port)
        return self.negotiation

    def start_moderation(self) -> Part:
        """Start it; the other services follow it, and edges dial it, if they are started later. It
        is told of negotiation if that was started before, or has settings.
        """
        self.moderation_settings = self.moderation_settings or {}
        environment = self.moderation_environment()
        self.moderation = self._start_service("moderation", environment, self.moderation_port)
        return self.moderation

    def start_services(self) -> None:
        """Start all the services there are, each of which is told of all the others."""
        self.negotiation_settings = self.negotiation_settings or {}
        self.start_moderation()
        self.start_negotiation()
        self.start_messaging()

    def start_edge(self, *, wait: bool = True, **settings: object) -> Part:
        """Start an edge; `edge_port` is its port from now on."""
        self.edge_port = free_port()
        environment = {
            "PARLEY_EDGE_PORT": str(self.edge_port),
            **{f"PARLEY_EDGE_{name.upper()}_TARGET": at for name, at in self.targets.items()},
            "PARLEY_EDGE_CREDENTIAL_FILE": str(self.folder / "service.key"),
            "PARLEY_EDGE_TOKEN_SECRET_FILE": str(self.folder / "token.key"),
            # Tests pipeline thousands of packets; those of the limit set it themselves.
            "PARLEY_EDGE_PACKETS_BURST": "1000000",
            "PARLEY_EDGE_PACKETS_PER_SECOND": "1000000",
            **{f"PARLEY_EDGE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        log = self.folder / f"edge-{self.edge_port}.log"
        edge = Part("edge", ["edge"], environment, log, self.edge_port)
        self.parts.append(edge)
        if wait:
            self.wait_ready(edge)
        return edge

    def wait_ready(self, edge: Part, status: int = 200) -> None:
        """Return when /readyz answers with `status`, for 200 also of each service there is."""
        deadline = time.monotonic() + _START_SECONDS
        while (found := self._readiness(edge)) != status:
            assert edge.process.poll() is None, edge.read_log()
            assert time.monotonic() < deadline, f"/readyz answers {found}: {edge.read_log()}"
            # Nothing announces that a process listens.
            time.sleep(0.02)

    def _readiness(self, edge: Part) -> int:
        status, _, body = self.get("/readyz", edge.port)
        if status == 200 and not all(json.loads(body).get(name, True) for name in self.targets):
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

    def close(self) -> None:
        for part in reversed(self.parts):
            if part.process.poll() is None:
                part.stop()

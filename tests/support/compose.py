"""docker-compose.yml as local processes, for there is no Docker where tests run.

What is built here is a folder (images.py), and what the image of PostgreSQL does is done by
database_container.py.
"""

import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.support.database_container import DatabaseContainer
from tests.support.images import ROOT, Image
from tests.support.postgresql import Postgresql
from tests.support.system import free_port

_SECONDS = 60


def read_compose() -> dict[str, Any]:
    """The file as Docker reads it, with its merges done and `$$` for `$`."""
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    if re.search(r"(?<!\$)(?:\$\$)*\$(?!\$)", text):
        raise ValueError("docker-compose.yml takes values from the shell that starts it")
    compose: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))
    return compose


def secrets_of(service: dict[str, Any]) -> dict[str, str]:
    """The secrets of a service: where each is in the container, and the name of what it is."""
    mounted = [
        secret if isinstance(secret, dict) else {"source": secret, "target": secret}
        for secret in service.get("secrets", ())
    ]
    return {f"/run/secrets/{secret['target']}": secret["source"] for secret in mounted}


def port_of(service: dict[str, Any]) -> str:
    """The port of a service in its container, from its environment or its image."""
    if "build" not in service:
        return "5432"
    variable = re.compile(r"PARLEY_[A-Z]+_(LISTEN|PORT)")
    (value,) = [v for name, v in service["environment"].items() if variable.fullmatch(name)]
    return str(value).rpartition(":")[2]


class Deployment:
    """The services of docker-compose.yml as processes, each started when what it needs is there.

    Their secrets are in `secrets` of the folder, their logs beside it.
    """

    def __init__(
        self, folder: Path, server: Postgresql, find_image: Callable[[str], Image]
    ) -> None:
        self.services: dict[str, Any] = read_compose()["services"]
        self.folder = folder
        self.ports = {name: (port_of(one), free_port()) for name, one in self.services.items()}
        self.images: dict[str, Image] = {}
        self.databases: dict[str, DatabaseContainer] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name, service in self.services.items():
            if "build" not in service:
                environment = self._environment(name)
                port = self.ports[name][1]
                self.databases[name] = DatabaseContainer(server, environment, port)
            elif (part := self._part(name)) not in self.images:
                self.images[part] = find_image(part)

    def _part(self, name: str) -> str:
        return str(self.services[name]["build"]["dockerfile"]).removesuffix("/Dockerfile")

    def local(self, name: str, value: str) -> str:
        """Put this machine's names, ports and secrets into a value of a service's environment."""
        for other, (port, free) in self.ports.items():
            value = re.sub(rf"(?<![\w-]){other}:{port}\b", f"127.0.0.1:{free}", value)
        port, free = self.ports[name]
        value = re.sub(rf"\b{port}\b", str(free), value)
        for target, source in secrets_of(self.services[name]).items():
            value = value.replace(target, str(self.folder / "secrets" / source))
        return value

    def _environment(self, name: str) -> dict[str, str]:
        given = self.services[name]["environment"]
        return {variable: self.local(name, value) for variable, value in given.items()}

    def _run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        image = self.images[self._part(name)]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    str(image.root / "opt/venv/bin" / command[0]),
                    *(self.local(name, word) for word in command[1:]),
                ],
                cwd=image.workdir,
                # A path without the test's own interpreter: `python` is the image's.
                env={**image.environment, **self._environment(name)},
                stdout=log,
                stderr=log,
            )

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text().strip()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def is_healthy(self, name: str) -> bool:
        """Run the health check as Docker does."""
        test = self.services[name]["healthcheck"]["test"]
        assert test[0] == "CMD"
        if name in self.databases:
            return self.execute(name, shlex.join(test[1:])).returncode == 0
        return self._run(name, test[1:]).wait(_SECONDS) == 0

    def execute(self, name: str, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in the container of a database."""
        return self.databases[name].execute(self.local(name, line), self.folder)

    def start(self, name: str) -> None:
        """Start a service, but first, and until it is as the condition says, what it depends on."""
        running = self.processes.get(name)
        if running and running.poll() is None:
            return
        for other, needed in self.services[name].get("depends_on", {}).items():
            self.start(other)
            if needed["condition"] == "service_completed_successfully":
                assert self.processes[other].wait(_SECONDS) == 0, self.log(other)
            else:
                self.wait_healthy(other)
        # A service that starts again stands at the end of the order as well.
        self.processes.pop(name, None)
        if name in self.databases:
            self.processes[name] = self.databases[name].start(self.folder / f"{name}.log")
        else:
            self.processes[name] = self._run(name, self.services[name]["command"])

    def wait_healthy(self, name: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not self.is_healthy(name):
            assert self.processes[name].poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            # Nothing announces that a process listens.
            time.sleep(0.1)

    def stop(self, *names: str) -> dict[str, int]:
        """Stop these or all, the last one first, with their stop signals; their exit codes."""
        codes = {}
        for name, process in reversed(self.processes.items()):
            if names and name not in names:
                continue
            if process.poll() is None:
                # The image of the database asks for SIGINT, Docker's default is SIGTERM.
                process.send_signal(signal.SIGINT if name in self.databases else signal.SIGTERM)
            codes[name] = process.wait(_SECONDS)
        return codes

    def remove(self) -> None:
        """End what still runs, and remove the data."""
        for name, process in self.processes.items():
            if process.poll() is None:
                # SIGQUIT has PostgreSQL take its own processes with it.
                process.send_signal(signal.SIGQUIT if name in self.databases else signal.SIGKILL)
                process.wait(_SECONDS)
        for database in self.databases.values():
            database.remove()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.ports['edge'][1]}/ws"

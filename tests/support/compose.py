"""docker-compose.yml as local processes, for there is no Docker where tests run.

What is built here is a folder (images.py), and what the image of PostgreSQL does is done by
database_container.py. Proxy and bus are the programs of their images, from the pinned packages;
what else is not ours is not run.
"""

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from tests.support.database_container import DatabaseContainer
from tests.support.images import ROOT, Image
from tests.support.postgresql import Postgresql
from tests.support.system import free_port
from tests.support.waiting import PATIENCE

# Where programs listen that no variable tells where.
_PORTS = {"nats": "4222", "caddy": "8000"}
_METRICS_PORT = "9090"
# A port of the container's own loopback, in a health check or the configuration of who is checked.
_OWN_PORT = re.compile(r"(?<=127\.0\.0\.1:)(\d+)")


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


def read_variables(path: str) -> dict[str, str]:
    """What a file for `docker compose --env-file` sets."""
    lines = (ROOT / path).read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def port_of(service: dict[str, Any]) -> str:
    """The port of a service in its container, from its environment or its image."""
    if "build" not in service:
        return _PORTS.get(service["image"].partition(":")[0], "5432")
    variable = re.compile(r"PARLEY_[A-Z]+_(LISTEN|PORT)")
    (value,) = [v for name, v in service["environment"].items() if variable.fullmatch(name)]
    return str(value).rpartition(":")[2]


def networks_of(service: dict[str, Any]) -> dict[str, list[str]]:
    """The networks of a service, with the names beside its own that it has there."""
    given = service.get("networks", ())
    if isinstance(given, Mapping):
        return {network: (told or {}).get("aliases", []) for network, told in given.items()}
    return {network: [] for network in given}


class Deployment:
    """The services of docker-compose.yml as processes, each started when what it needs is there.

    Those of `profiles` are among them, and `variables` are what an --env-file gives. Their secrets
    are in `secrets` of the folder, their logs beside it.
    """

    def __init__(
        self,
        folder: Path,
        server: Postgresql,
        find_image: Callable[[str], Image],
        profiles: Collection[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        compose = read_compose()
        self.services: dict[str, Any] = {
            name: one
            for name, one in compose["services"].items()
            if not one.get("profiles") or {*one["profiles"]} & {*profiles}
        }
        self._configs: dict[str, Any] = compose.get("configs", {})
        self._variables = variables or {}
        self.folder = folder
        self.ports = {name: (port_of(one), free_port()) for name, one in self.services.items()}
        # Of each container's own, by name and number.
        self._own_ports: dict[tuple[str, str], int] = {}
        self.images: dict[str, Image] = {}
        self.databases: dict[str, DatabaseContainer] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name, service in self.services.items():
            if name.endswith("-database"):
                environment = self._environment(name)
                port = self.ports[name][1]
                self.databases[name] = DatabaseContainer(server, environment, port)
            elif "build" in service and (part := self._part(name)) not in self.images:
                self.images[part] = find_image(part)

    def _part(self, name: str) -> str:
        return str(self.services[name]["build"]["dockerfile"]).removesuffix("/Dockerfile")

    def own_port(self, name: str, number: str) -> int:
        """The port on this machine that stands for one of a container's own."""
        port, free = self.ports[name]
        if number == port:
            return free
        return self._own_ports.setdefault((name, number), free_port())

    def _replicas(self, name: str) -> Iterator[str]:
        """The services that have this name in some network."""
        for other, service in self.services.items():
            if name == other or name in itertools.chain(*networks_of(service).values()):
                yield other

    def local(self, name: str, value: str) -> str:
        """Put this machine's names, ports and secrets into a value of a service's environment."""
        if target := re.fullmatch(r"(?:dns:///)?([a-z][a-z0-9-]*):\d+", value):
            found = [f"127.0.0.1:{self.ports[one][1]}" for one in self._replicas(target[1])]
            if len(found) > 1:
                return f"ipv4:{','.join(found)}"
        for other, (port, free) in self.ports.items():
            value = re.sub(rf"(?<![\w-]){other}:{port}\b", f"127.0.0.1:{free}", value)
        port, free = self.ports[name]
        value = re.sub(rf"\b{port}\b", str(free), value)
        if value == _METRICS_PORT:
            return str(self.own_port(name, value))
        own = f"127.0.0.1:{_METRICS_PORT}"
        if own in value:
            value = value.replace(own, f"127.0.0.1:{self.own_port(name, _METRICS_PORT)}")
        for target_path, source in secrets_of(self.services[name]).items():
            value = value.replace(target_path, str(self.folder / "secrets" / source))
        return value

    def _environment(self, name: str) -> dict[str, str]:
        given = self.services[name].get("environment", {})
        told = {
            variable: self._variables.get(variable) if value is None else value
            for variable, value in given.items()
        }
        found = {v: self.local(name, value) for v, value in told.items() if value is not None}
        # A list of addresses has not the name for which certificates are.
        names: dict[str, list[str]] = {}
        for variable, value in found.items():
            target = re.fullmatch(r"(PARLEY_[A-Z]+_)([A-Z]+)_TARGET", variable)
            if target and value.startswith("ipv4:"):
                names.setdefault(target[1], []).append(f"{target[2].lower()}=127.0.0.1")
        for prefix, pairs in names.items():
            found[f"{prefix}TLS_TARGET_NAMES"] = ",".join(pairs)
        return found

    def _program(self, name: str, program: str) -> Path:
        """Of an image that is built here its own; of another one the same, from a package."""
        if "build" in self.services[name]:
            return self.images[self._part(name)].root / "opt/venv/bin" / program
        return Path(sys.executable).parent / program

    def _write_configs(self, name: str) -> dict[str, str]:
        """Write the files that are mounted, with this machine's names and ports; gives where."""
        written = {}
        for config in self.services[name].get("configs", ()):
            path = self.folder / name / Path(config["target"]).name
            path.parent.mkdir(exist_ok=True)
            text = (ROOT / self._configs[config["source"]]["file"]).read_text("utf-8")
            ports = {number: self.own_port(name, number) for number in _OWN_PORT.findall(text)}
            for other, (port, free) in self.ports.items():
                text = re.sub(rf"(?<![\w-]){other}:{port}\b", f"127.0.0.1:{free}", text)
            for number, free in ports.items():
                text = text.replace(f"127.0.0.1:{number}", f"127.0.0.1:{free}")
            port, free = self.ports[name]
            text = re.sub(rf":{port}\b", f":{free}", text)
            # Included from where it is.
            secrets = os.path.relpath(self.folder / "secrets", path.parent)
            path.write_text(text.replace("../../run/secrets", secrets), "utf-8")
            written[config["target"]] = str(path)
        return written

    def _run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        files = self._write_configs(name)
        words = [files.get(word, word) for word in command]
        image = self.images[self._part(name)] if "build" in self.services[name] else None
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    str(self._program(name, words[0])),
                    *(self.local(name, word) for word in words[1:]),
                ],
                cwd=image.workdir if image else self.folder,
                # A path without the test's own interpreter: `python` is the image's.
                env={**(image.environment if image else {}), **self._environment(name)},
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
        if test[1] == "wget":
            # Which this machine need not have.
            url = _OWN_PORT.sub(lambda found: str(self.own_port(name, found[0])), test[-1])
            with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
            return False
        return self._run(name, test[1:]).wait(PATIENCE) == 0

    def execute(self, name: str, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in the container of a database."""
        return self.databases[name].execute(self.local(name, line), self.folder)

    def start(self, name: str) -> None:
        """Start a service, but first, and until it is as the condition says, what it depends on."""
        running = self.processes.get(name)
        if running and running.poll() is None:
            return
        for other, needed in self.services[name].get("depends_on", {}).items():
            if other not in self.services and not needed.get("required", True):
                continue
            self.start(other)
            if needed["condition"] == "service_completed_successfully":
                assert self.processes[other].wait(PATIENCE) == 0, self.log(other)
            else:
                self.wait_healthy(other)
        # A service that starts again stands at the end of the order as well.
        self.processes.pop(name, None)
        if name in self.databases:
            self.processes[name] = self.databases[name].start(self.folder / f"{name}.log")
        else:
            self.processes[name] = self._run(name, self.services[name]["command"])

    def wait_healthy(self, name: str) -> None:
        deadline = time.monotonic() + PATIENCE
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
            codes[name] = process.wait(PATIENCE)
        return codes

    def remove(self) -> None:
        """End what still runs, and remove the data."""
        for name, process in self.processes.items():
            if process.poll() is None:
                # SIGQUIT has PostgreSQL take its own processes with it.
                process.send_signal(signal.SIGQUIT if name in self.databases else signal.SIGKILL)
                process.wait(PATIENCE)
        for database in self.databases.values():
            database.remove()

    @property
    def url(self) -> str:
        return self.url_of("edge")

    def url_of(self, name: str) -> str:
        """The address at which an edge, or the proxy before them, takes sockets."""
        return f"ws://127.0.0.1:{self.ports[name][1]}/ws"

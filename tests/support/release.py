"""A release of the chart as local processes: its pods, each with its own files, on the loopback."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.chart import Resource, deployments, environment
from tests.support.system import Part, free_port
from tests.support.waiting import PATIENCE

Secrets = Mapping[str, Mapping[str, str]]
"""The content of each key of each Secret."""


class Release:
    """The pods that `values` give, one of each part. `secrets` are there before."""

    def __init__(self, values: dict[str, Any], secrets: Secrets, folder: Path) -> None:
        self.pods = deployments(values)
        self.folder = folder
        self._secrets = secrets
        # Of each pod its own, by the number that it has in the cluster.
        self._ports: dict[tuple[str, int], int] = {}
        self.parts: dict[str, Part] = {}
        for name, pod in self.pods.items():
            for volume in pod["volumes"]:
                self._write(folder / name / volume["name"], volume.get("secret"))
            for port in pod["containers"][0]["ports"]:
                self._ports[name, port["containerPort"]] = free_port()

    def _write(self, folder: Path, secret: Resource | None) -> None:
        """Mount a Secret, all of its keys or those of `items`."""
        folder.mkdir(parents=True)
        if secret is None:
            return
        content = self._secrets[secret["secretName"]]
        for key in {one["key"] for one in secret.get("items", ())} or content:
            path = folder / key
            path.touch(mode=0o600)
            path.write_text(content[key])
            # There they are root's, and the group's to read; here whoever reads them has them.
            path.chmod(secret["defaultMode"] & 0o700)

    def port(self, name: str, named: str) -> int:
        """The port on this machine that stands for one of a pod's, by its name."""
        (number,) = [
            one["containerPort"]
            for one in self.pods[name]["containers"][0]["ports"]
            if one["name"] == named
        ]
        return self._ports[name, number]

    def _local(self, name: str, value: str) -> str:
        """Put this machine's addresses, ports and files into a value of a pod's environment."""
        if value.startswith("secret:"):
            secret, _, key = value.removeprefix("secret:").partition("/")
            return self._secrets[secret][key]
        if target := re.fullmatch(r"dns:///[a-z-]+-([a-z]+)\.trade\.[a-z.]+:(\d+)", value):
            return f"127.0.0.1:{self._ports[target[1], int(target[2])]}"
        for (owner, number), port in self._ports.items():
            if owner == name:
                value = re.sub(rf"(^|:){number}$", rf"\g<1>{port}", value)
        value = value.replace("/run/parley/", f"{self.folder / name}/")
        return value.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - none is listened on

    def _run(self, name: str, container: Resource) -> Part:
        python, option, *command = container["command"]
        assert (python, option) == ("python", "-m")
        told = {v: self._local(name, value) for v, value in environment(container).items()}
        return Part(name, command, told, self.folder / f"{name}.log", self.port(name, "metrics"))

    def start(self) -> None:
        """Start all pods: what comes first in each, then all together, until they are ready."""
        first = [
            self._run(name, container)
            for name, pod in self.pods.items()
            for container in pod.get("initContainers", ())
        ]
        for part in first:
            assert part.process.wait(PATIENCE) == 0, part.end_of_log()
        for name, pod in self.pods.items():
            self.parts[name] = self._run(name, pod["containers"][0])
        for name in self.pods:
            self.wait(name, "readinessProbe")

    def wait(self, name: str, probe: str, status: int = 200) -> None:
        """Return when a probe of a pod has this answer."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.ask(name, probe)) != status:
            running = self.parts[name].process.poll() is None and time.monotonic() < deadline
            assert running, f"{name}: {probe} answers {found}\n{self.parts[name].end_of_log()}"
            # The kubelet asks again and again as well.
            time.sleep(0.05)

    def ask(self, name: str, probe: str) -> int:
        """Ask as the kubelet does; 0 when nothing answers."""
        asked = self.pods[name]["containers"][0][probe]["httpGet"]
        url = f"http://127.0.0.1:{self.port(name, asked['port'])}{asked['path']}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def readiness(self, name: str) -> dict[str, Any]:
        """What a pod says of its readiness."""
        url = f"http://127.0.0.1:{self.port(name, 'metrics')}/readyz"
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def end(self) -> None:
        for part in reversed(self.parts.values()):
            part.end()

"""docker-compose.yml and Dockerfiles as local processes, for there is no Docker where tests run.

An image becomes a folder with a virtual environment that holds the pinned distributions alone, and
with the folders that its Dockerfile copies, so that what is missing there is missing here.
"""

import re
import shlex
import shutil
import subprocess
import sys
import time
import venv
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

from tests.support.system import free_port

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 60


def read_compose() -> dict[str, Any]:
    """The file as Docker reads it, with its merges done and `$$` for `$`."""
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    if re.search(r"(?<!\$)(?:\$\$)*\$(?!\$)", text):
        raise ValueError("docker-compose.yml takes values from the shell that starts it")
    compose: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))
    return compose


class Dockerfile:
    """The instructions of a Dockerfile, and what they say."""

    def __init__(self, part: str) -> None:
        self.part = part
        text = (ROOT / part / "Dockerfile").read_text("utf-8")
        text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
        self.instructions = [
            (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1].strip())
            for line in text.splitlines()
            if line.strip()
        ]

    def arguments(self, instruction: str) -> list[str]:
        return [text for name, text in self.instructions if name == instruction]

    @property
    def copied(self) -> dict[str, str]:
        """What is copied from the context, and whereto."""
        pairs = [text.split() for text in self.arguments("COPY") if not text.startswith("--")]
        return dict(pairs)

    @property
    def environment(self) -> dict[str, str]:
        words = [word for text in self.arguments("ENV") for word in shlex.split(text)]
        return dict(word.split("=", 1) for word in words)

    @property
    def requirements(self) -> Path:
        return ROOT / next(source for source in self.copied if source.startswith("requirements/"))


def pins(path: Path) -> dict[str, str]:
    """The distributions that a requirements file has for this machine, with their versions."""
    found: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines():
        if "==" in line:
            requirement = Requirement(line.removesuffix(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                found[requirement.name] = str(requirement.specifier).removeprefix("==")
    return found


class Image:
    """What a Dockerfile would make, below a folder."""

    def __init__(self, part: str, folder: Path) -> None:
        self.dockerfile = Dockerfile(part)
        self.root = folder
        venv.create(folder / "opt/venv", symlinks=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = folder / "opt/venv/lib" / version / "site-packages"
        for name in pins(self.dockerfile.requirements):
            for file in distribution(name).files or ():
                # Programs stand outside of the packages' folder, and nothing here calls them.
                if ".." not in file.parts:
                    target = packages / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.symlink_to(Path(str(file.locate())))
        for source, target_name in self.dockerfile.copied.items():
            if not source.startswith("requirements/"):
                ignored = shutil.ignore_patterns("__pycache__", "Dockerfile")
                shutil.copytree(ROOT / source, self.inside(target_name), ignore=ignored)

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    @property
    def workdir(self) -> Path:
        return self.inside(self.dockerfile.arguments("WORKDIR")[-1])

    @property
    def environment(self) -> dict[str, str]:
        """The image's environment with its own folders; nothing of this process's."""
        return {
            name: re.sub(r"/(?=app\b|opt/venv\b)", f"{self.root}/", value)
            for name, value in self.dockerfile.environment.items()
        }

    def files(self) -> set[Path]:
        return set(self.root.rglob("*"))


class Deployment:
    """The services of docker-compose.yml as processes, each started when what it needs is there."""

    def __init__(self, folder: Path, secrets: dict[str, str]) -> None:
        self.services: dict[str, Any] = read_compose()["services"]
        self.folder = folder
        self.ports = {"7101": free_port(), "8080": free_port()}
        self.images: dict[str, Image] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for kind in ("secrets", "volumes"):
            (folder / kind).mkdir()
        for name, value in secrets.items():
            (folder / "secrets" / name).write_text(value + "\n")
        for service in self.services.values():
            part = service["build"]["dockerfile"].split("/")[0]
            if part not in self.images:
                self.images[part] = Image(part, folder / "images" / part)
            for volume in service.get("volumes", ()):
                (folder / "volumes" / volume.split(":")[0]).mkdir(exist_ok=True)

    def image(self, name: str) -> Image:
        return self.images[self.services[name]["build"]["dockerfile"].split("/")[0]]

    def _local(self, service: dict[str, Any], value: str) -> str:
        """A value with ports, names, secrets and volumes as they are on this machine."""
        for port, free in self.ports.items():
            value = re.sub(rf"\b{port}\b", str(free), value)
        for name in self.services:
            value = re.sub(rf"^{name}:", "127.0.0.1:", value)
        for name in service.get("secrets", ()):
            value = value.replace(f"/run/secrets/{name}", str(self.folder / "secrets" / name))
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")
            value = value.replace(target, str(self.folder / "volumes" / source))
        return value

    def _run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        service = self.services[name]
        image = self.image(name)
        settings = {k: self._local(service, v) for k, v in service["environment"].items()}
        # A path without the test's own interpreter: `python` is the image's.
        environment = {**image.environment, **settings}
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    str(image.root / "opt/venv/bin" / command[0]),
                    *(self._local(service, word) for word in command[1:]),
                ],
                cwd=image.workdir,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def is_healthy(self, name: str) -> bool:
        """Run the health check as Docker does."""
        test = self.services[name]["healthcheck"]["test"]
        assert test[0] == "CMD"
        return self._run(name, test[1:]).wait(_SECONDS) == 0

    def start(self, name: str) -> None:
        """Start a service, but first, and until it is as the condition says, what it depends on."""
        if name in self.processes:
            return
        for other, needed in self.services[name].get("depends_on", {}).items():
            self.start(other)
            if needed["condition"] == "service_completed_successfully":
                assert self.processes[other].wait(_SECONDS) == 0, self.log(other)
            else:
                self.wait_healthy(other)
        self.processes[name] = self._run(name, self.services[name]["command"])

    def wait_healthy(self, name: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not self.is_healthy(name):
            assert self.processes[name].poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            # Nothing announces that a process listens.
            time.sleep(0.1)

    def stop(self) -> dict[str, int]:
        """SIGTERM for all in the reverse order; their exit codes."""
        codes = {}
        for name, process in reversed(self.processes.items()):
            if process.poll() is None:
                process.terminate()
            codes[name] = process.wait(_SECONDS)
        return codes

    def kill(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.ports['8080']}/ws"


def import_main(image: Image, module: str) -> subprocess.CompletedProcess[str]:
    """Import a module in the image; its output is the distributions of all that was loaded."""
    code = (
        "import importlib, sys; from importlib.metadata import packages_distributions as known\n"
        f"importlib.import_module({module!r})\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*{dist for name in names for dist in known().get(name, ())})"
    )
    python = str(image.root / "opt/venv/bin/python")
    return subprocess.run(
        [python, "-c", code],
        cwd=image.workdir,
        env=image.environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )

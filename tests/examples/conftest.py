"""Servers of the examples, as processes of Node, and a system that their pages may talk with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.node import ROOT, environment, node_program
from tests.support.system import System, free_port
from tests.support.waiting import PATIENCE

_FOLDER = ROOT / "examples" / "token-server"


class TokenServer(NamedTuple):
    """A running token server: its address, and its people with their passwords."""

    url: str
    people: dict[str, str]


Serve = Callable[..., Awaitable[TokenServer]]


@pytest.fixture
def parley(tmp_path: Path) -> Iterator[System]:
    """Services, whose edge the test starts."""
    with System(tmp_path) as system:
        yield system


@pytest.fixture
async def serve_tokens(tmp_path: Path, parley: System) -> AsyncIterator[Serve]:
    """Start a token server with settings of the test's own; it ends with the test."""
    async with AsyncExitStack() as stack:

        async def start(port: int = 0, **settings: str) -> TokenServer:
            port = port or free_port()
            url = f"http://127.0.0.1:{port}"
            people = {"ann": "the password of ann", "bob": "the password of bob"}
            file = tmp_path / "people.json"
            for name, password in people.items():
                await _add(file, name, password)
            told = {
                "PORT": str(port),
                "PEOPLE_FILE": str(file),
                "TOKEN_KEY_FILE": str(parley.folder / "token.key"),
                "PARLEY_URL": parley.url,
                **settings,
            }
            process = await asyncio.create_subprocess_exec(
                node_program(),
                _FOLDER / "server.ts",
                env=environment(told),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            stack.push_async_callback(_stop, process)
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE):
                said = (await process.stdout.readline()).decode()
                if not said.startswith("listening"):
                    said += (await process.stdout.read()).decode()
                    raise RuntimeError(said)
            return TokenServer(url, people)

        yield start


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    assert await process.wait() == 0


async def _add(file: Path, name: str, password: str) -> None:
    """Make an account, by the program that the README names."""
    adding = await asyncio.create_subprocess_exec(
        node_program(),
        _FOLDER / "people.ts",
        file,
        name,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
    )
    await adding.communicate(password.encode())
    assert adding.returncode == 0

"""The program as a process, run as a person runs it; and a chat against a scripted server."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from command_line.folder.data_folder import DataFolder
from tests.command_line.scripted import Stage
from tests.command_line.served import served
from tests.support.waiting import PATIENCE


class Program:
    """A running `parley`; its output is read line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, text: str) -> str:
        """Reads on to the first line that has this text."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line.rstrip("\n"))
                if text in line:
                    return self.lines[-1]
        raise AssertionError(f"no {text!r} in:\n" + "\n".join(self.lines))

    def write(self, line: str) -> None:
        """Types a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end(self) -> tuple[int, str]:
        """Waits for the end: the exit code, and standard error."""
        async with asyncio.timeout(PATIENCE):
            out, error = await self.process.communicate()
        self.lines.extend(out.decode().splitlines())
        assert self.process.returncode is not None
        return self.process.returncode, error.decode()


Run = Callable[..., Awaitable[Program]]


@pytest.fixture
async def parley(tmp_path: Path) -> AsyncIterator[Run]:
    """Starts `parley` with these arguments, in a folder of the test's own."""
    started: list[Program] = []

    async def run(*arguments: str, **environment: str) -> Program:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "command_line", *arguments),
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        program = Program(process)
        started.append(program)
        return program

    yield run
    for program in started:
        if program.process.returncode is None:
            # Its parts are tied to it and end with it.
            program.process.kill()
        await program.process.communicate()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder, not made yet."""
    return tmp_path / "data"


@pytest.fixture
async def up(parley: Run, data: Path) -> Program:
    """`parley up`, once it serves the data folder."""
    program = await parley("up", "--port", "0", "--data", str(data))
    await program.until("Ctrl-C stops everything")
    return program


@pytest.fixture
async def folder(data: Path) -> AsyncIterator[DataFolder]:
    """The data folder, served."""
    async with served(data) as made:
        yield made


@pytest.fixture
def chat(parley: Run, data: Path) -> Run:
    """Starts the chat of a user with another one; `await chat(me, peer)` returns when connected."""

    async def start(me: str, peer: str) -> Program:
        program = await parley("chat", "--as", me, "--with", peer, "--data", str(data))
        await program.until("connected to ws://")
        return program

    return start


@pytest.fixture
def taken_port() -> socket.socket:
    """A socket that listens, so that its port is taken until it is closed."""
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
async def stage(capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Stage]:
    """The chat against a scripted server, and its terminal."""
    reading, writing = os.pipe()
    async with AsyncExitStack() as stack:
        yield Stage(stack, reading, writing, capsys)
    os.close(writing)
    os.close(reading)

"""The program as a process, run as a person runs it; and a chat against a scripted server."""

import asyncio
import http
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from command_line.chat.chat import Chat
from command_line.chat.connection import ChatOptions
from command_line.display.screen import Screen
from tests.command_line.scripted import Connection, Play, Played, Step

SECONDS = 60.0


class Program:
    """A running `parley`; its output is read line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, text: str) -> str:
        """Reads on to the first line that has this text."""
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS):
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
        async with asyncio.timeout(SECONDS):
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
def taken_port() -> socket.socket:
    """A socket that listens, so that its port is taken until it is closed."""
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The chat's standard input, and the end to write to."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)
    os.close(reading)


@pytest.fixture
async def play_steps(pipe: tuple[int, int]) -> AsyncIterator[Play]:
    """Runs the chat against the steps, one per connection, until the last one has ended."""
    servers: list[Server] = []

    async def play(
        *steps: Step,
        refuse: tuple[int, str] | None = None,
        problem: dict[str, Any] | None = None,
        may_mint: bool = True,
    ) -> Played:
        played = Played()
        left = list(steps)
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        async def handle(socket: ServerConnection) -> None:
            assert socket.request is not None
            played.times.append(loop.time())
            played.tokens.append(socket.request.headers["Authorization"])
            try:
                await left.pop(0)(Connection(socket))
                if not left:
                    over.set_result(None)
                    return
                await socket.wait_closed()
            except Exception as error:  # noqa: BLE001  # The test's own step failed: the test tells.
                if not over.done():
                    over.set_exception(error)
            finally:
                played.ends.append(loop.time())

        def check(_socket: ServerConnection, _request: Request) -> Response | None:
            if refuse is None:
                return None
            status = http.HTTPStatus(refuse[0])
            told = {"title": status.phrase, "detail": refuse[1], **(problem or {})}
            body = json.dumps(told).encode()
            headers = Headers({"Content-Type": "application/problem+json"})
            return Response(status.value, status.phrase, headers, body)

        server = await serve(handle, "127.0.0.1", 0, process_request=check)
        servers.append(server)
        port = next(iter(server.sockets)).getsockname()[1]
        minted = iter(f"token-{number}" for number in range(2, 10))
        talk = ChatOptions(
            me="alice",
            peer="bob",
            subject=None,
            url=f"ws://127.0.0.1:{port}/ws",
            token="token-1",
            mint=(lambda: next(minted)) if may_mint else None,
        )
        chatting = asyncio.create_task(Chat(talk, Screen("alice")).run(pipe[0]))
        try:
            async with asyncio.timeout(20):
                await asyncio.wait({chatting, over}, return_when=asyncio.FIRST_COMPLETED)
                await (chatting if chatting.done() else over)
        finally:
            chatting.cancel()
            over.cancel()
            await asyncio.gather(chatting, over, return_exceptions=True)
        return played

    yield play
    for server in servers:
        server.close()
        await server.wait_closed()

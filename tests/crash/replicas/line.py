"""A line to NATS, which is cut, slow, deaf, or tells everything twice."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

# A delivery in the protocol of NATS: its line ends with the number of bytes that follow it.
_DELIVERIES = (b"MSG ", b"HMSG ")
_SLOW_SECONDS = 0.3


class State(StrEnum):
    """What becomes of what is sent."""

    WHOLE = "whole"
    CUT = "cut"
    SLOW = "slow"
    REPEATING = "repeating"
    # The connection stands, answers PING, and delivers nothing.
    DEAF = "deaf"


class Line:
    """A proxy between the parts and one server."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._state = State.WHOLE
        self._open: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop
        self._ended = asyncio.Event()
        self.started = threading.Event()
        self.port = 0
        self.deliveries = 0

    def become(self, state: State) -> None:
        """Change what becomes of what is sent from now on."""
        self._state = state
        if state is State.CUT:
            self._loop.call_soon_threadsafe(self._cut)

    def end(self) -> None:
        """Carry nothing more."""
        self._loop.call_soon_threadsafe(self._ended.set)

    def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def carry(self) -> None:
        """Carry connections until the end."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        await self._ended.wait()
        server.close()
        self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        if self._state is State.CUT:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._open |= ends
        try:
            tasks = [
                asyncio.create_task(_pass_on(reader, back)),
                asyncio.create_task(self._deliver(there, writer)),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        finally:
            self._open -= ends
            for one in ends:
                one.transport.abort()

    async def _deliver(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the server says, frame by frame."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                frame = await there.readuntil(b"\r\n")
                times = 1
                if frame.startswith(_DELIVERIES):
                    frame += await there.readexactly(int(frame.split()[-1]) + 2)
                    self.deliveries += 1
                    times = {State.DEAF: 0, State.REPEATING: 2}.get(self._state, 1)
                if self._state is State.SLOW:
                    await asyncio.sleep(_SLOW_SECONDS)
                writer.write(frame * times)
                await writer.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@contextmanager
def line_to(target: int) -> Iterator[Line]:
    """Have a line to a port of this machine while the context lasts, in a thread of its own."""
    line = Line(target)
    thread = threading.Thread(target=lambda: asyncio.run(line.carry()), name="line")
    thread.start()
    try:
        line.started.wait()
        yield line
    finally:
        line.end()
        thread.join()

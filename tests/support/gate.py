"""A gate before an edge: it lets bytes through, late or not at all."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

_CHUNK_BYTES = 16 * 1024
_RESET = struct.pack("ii", 1, 0)


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


class Gate:
    """Relays connections to a port of the loopback. `opened` counts those that it let in."""

    def __init__(self, target: Callable[[], int]) -> None:
        self.port = 0
        self.opened = 0
        # Seconds by which each piece of data is late.
        self.delay = 0.0
        self._target = target
        self._shut = False
        # Whether anything passes, to the edge and from it.
        self._up, self._down = _set_event(), _set_event()
        # Whether there is no line.
        self._empty = _set_event()
        self._lines: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def shut(self) -> None:
        """Break all lines, and let nobody in."""
        self._shut = True
        self.cut()

    def open(self) -> None:
        """Let everybody in, and everything through."""
        self._shut = False
        self._up.set()
        self._down.set()

    def cut(self) -> None:
        """Break all lines, as a network does that has forgotten them."""
        for writer in list(self._writers):
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() != -1:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    def hold(self) -> None:
        """Let nothing through any more, without a word to anybody."""
        self._up.clear()
        self._down.clear()

    def hold_answers(self) -> None:
        """Let nothing of the edge through any more; it goes on hearing all."""
        self._down.clear()

    def renew(self) -> None:
        """Let lines through that are opened from now on; those that are held stay so."""
        self._up, self._down = _set_event(), _set_event()

    async def emptied(self) -> None:
        """Return when there is no line."""
        await self._empty.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        self._writers.add(writer)
        self._empty.clear()
        try:
            # Whoever is refused, or whose edge is gone, sees the connection end.
            with suppress(OSError):
                if not self._shut:
                    await self._relay(reader, writer)
        finally:
            self._lines.discard(task)
            self._writers.discard(writer)
            if not self._writers:
                self._empty.set()
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        edge_reader, edge_writer = await asyncio.open_connection("127.0.0.1", self._target())
        self.opened += 1
        try:
            async with asyncio.TaskGroup() as group:
                up = group.create_task(self._pump(reader, edge_writer, self._up))
                down = group.create_task(self._pump(edge_reader, writer, self._down))
                await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
                down.cancel()
        except* OSError:
            pass
        finally:
            edge_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if self.delay:
                await asyncio.sleep(self.delay)
            await passing.wait()
            writer.write(data)
            await writer.drain()

    async def close(self) -> None:
        """End all lines."""
        for line in list(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)


@asynccontextmanager
async def gate(target: Callable[[], int]) -> AsyncIterator[Gate]:
    """Stand before an edge while the context lasts."""
    made = Gate(target)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()

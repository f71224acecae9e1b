"""A proxy between one device and the edge: it passes bytes on as they came, and spoils them."""

import asyncio
import itertools
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from conformance.faults import CLIENT, SERVER, Act, Fault, Manner, Refusal, Trap
from conformance.frames import (
    TEXT,
    Frame,
    Frames,
    close_frame,
    cursor_of,
    make_frame,
    packet_frame,
)
from conformance.wire import Wire

_HEAD_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
# For the other side's close frame, before the line is ended.
_FAREWELL_SECONDS = 1.0
_RESET = struct.pack("ii", 1, 0)


class _End(NamedTuple):
    """One side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """End it by RST."""
        sock: socket.socket | None = self.writer.get_extra_info("socket")
        if sock is not None and sock.fileno() != -1:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()


class _Ended(Exception):  # noqa: N818 - the name says what is the case
    """The line is cut."""


class Line:
    """One WebSocket connection of a device through the proxy."""

    def __init__(self, number: int, device: _End, edge: _End, wire: Wire, traps: list[Trap]):
        self.number = number
        self.binary = False
        # Whether nothing passes any more.
        self.silent = False
        self._device, self._edge = device, edge
        self._wire, self._traps = wire, traps
        self._told: str | None = None
        self._ends: list[str] = []

    async def run(self) -> None:
        """Pass on until either side or a fault ends it."""
        pumps = [
            asyncio.create_task(self._pump(self._device, self._edge, CLIENT)),
            asyncio.create_task(self._pump(self._edge, self._device, SERVER)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if self.silent:
                # Only the device can end it now; nothing of it reaches the edge.
                await pumps[0]
            elif pumps[1].done() and pumps[1].exception() is None:
                # A reset would take the edge's last words from a device that has not read them.
                await asyncio.wait(pumps[:1], timeout=_FAREWELL_SECONDS)
        except _Ended:
            # What it waited for is what has cut it.
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            for result in await asyncio.gather(*pumps, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, _Ended | OSError):
                    raise result
            self._edge.writer.transport.abort()
            self._device.writer.close()
            self._wire.note("ended", self.number, detail=", ".join(self._ends))

    def reset(self) -> None:
        """End it by RST, as the network does that has forgotten it."""
        self._device.reset()

    async def perform(self, act: Act) -> None:
        """Do something to the line now, which may end it."""
        if self.silent:
            # The server has said its last word here.
            return
        # It may have ended already, or end by this.
        with suppress(_Ended, OSError):
            await self._perform(act, None, self._device)

    async def _pump(self, source: _End, target: _End, direction: str) -> None:
        frames = Frames()
        while data := await source.reader.read(_CHUNK_BYTES):
            for frame in frames.feed(data):
                await self._pass(frame, target, direction)
        self._ends.append(f"{direction} end of stream")
        if direction == SERVER and not self.silent:
            # So that the device ends its side.
            target.writer.write_eof()

    async def _pass(self, frame: Frame, target: _End, direction: str) -> None:
        if self.silent:
            return
        packet = frame.packet
        if frame.close_code is not None:
            self._ends.append(f"{direction} close {frame.close_code}")
        if packet is None:
            await _send(target, frame.raw)
            return
        act = self._sprung(packet, direction)
        if direction == SERVER:
            self._told = cursor_of(packet) or self._told
        if act is None:
            self._record(packet, direction)
            await _send(target, frame.raw)
        else:
            await self._perform(act, frame, target, direction)

    def _record(self, packet: dict[str, object], direction: str) -> None:
        self._wire.note("=>" if direction == CLIENT else "<=", self.number, packet=packet)

    def _sprung(self, packet: dict[str, object], direction: str) -> Act | None:
        for trap in self._traps:
            if trap.springs(packet, direction, self._told):
                if trap.spent:
                    self._traps.remove(trap)
                return trap.fault.act
        return None

    async def _perform(
        self, act: Act, frame: Frame | None, target: _End, direction: str = SERVER
    ) -> None:
        self._wire.note("fault", self.number, detail=_described(act))
        if act.delay:
            await asyncio.sleep(act.delay)
        for spoken in act.inject:
            await self._inject(spoken)
        if act.cut == "half" and frame is not None:
            await _send(target, frame.raw[: len(frame.raw) // 2])
        if act.cut and not act.after:
            self._cut(act.cut)
            return
        if frame is not None:
            for _ in range(2 if act.twice else 1):
                if (packet := frame.packet) is not None:
                    self._record(packet, direction)
                await _send(target, frame.raw)
        if act.close:
            await self._say_close(act.close)
        if act.cut:
            self._cut(act.cut)

    async def _inject(self, spoken: dict[str, object] | str) -> None:
        if isinstance(spoken, str):
            self._wire.note("fault", self.number, detail=f"no packet: {spoken!r}")
            await _send(self._device, make_frame(TEXT, spoken.encode()))
            return
        self._record(spoken, SERVER)
        await _send(self._device, packet_frame(spoken, binary=self.binary))

    async def _say_close(self, code: int) -> None:
        self._ends.append(f"<= close {code}")
        await _send(self._device, close_frame(code, "said by the proxy"))
        self.silent = True
        await asyncio.sleep(_FAREWELL_SECONDS)
        self._cut("finish")

    def _cut(self, manner: Manner) -> None:
        self._ends.append(manner)
        if manner == "silence":
            self.silent = True
            return
        if manner == "finish":
            self._device.writer.close()
        else:
            self._device.reset()
        self._edge.writer.transport.abort()
        raise _Ended


async def _send(end: _End, data: bytes) -> None:
    end.writer.write(data)
    await end.writer.drain()


def _described(act: Act) -> str:
    told = {name: getattr(act, name) for name in act.__struct_fields__}
    return ", ".join(f"{name} {value}" for name, value in told.items() if value)


class Proxy:
    """Listens for one device. `edge_port` says where the edge is now."""

    def __init__(self, edge_port: Callable[[], int], wire: Wire) -> None:
        self.port = 0
        self.lines: list[Line] = []
        self._edge_port = edge_port
        self._wire = wire
        self._numbers = itertools.count(1)
        self._traps: list[Trap] = []
        self._refusals: list[Refusal] = []
        # Of the last handshake, if that was refused: it holds for all that is asked by HTTP.
        self._refused: Refusal | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def set(self, *faults: Fault) -> None:
        """Let faults wait for their frames."""
        self._traps += map(Trap, faults)

    def refuse(self, refusal: Refusal) -> None:
        """Refuse handshakes that are to come."""
        self._refusals += [refusal] * refusal.times

    def heal(self) -> None:
        """Forget all faults and refusals that wait, and end what lines are silent."""
        self._traps.clear()
        self._refusals.clear()
        for line in self.lines:
            if line.silent:
                line.reset()

    async def perform(self, act: Act) -> None:
        """Do something to every open line now."""
        await asyncio.gather(*(line.perform(act) for line in list(self.lines)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        device = _End(reader, writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            device.writer.transport.abort()
            return
        try:
            if b"\nupgrade:" in head.lower():
                await self._connect(device, head)
            else:
                await self._ask(device, head)
        except (OSError, asyncio.IncompleteReadError):
            # No edge there, or it went before it had answered: so does this connection.
            device.reset()
        finally:
            writer.close()

    async def _connect(self, device: _End, head: bytes) -> None:
        number = next(self._numbers)
        path = head.split(b" ", 2)[1].decode("latin-1").split("token=")[0]
        self._wire.note("opened", number, detail=path)
        self._refused = self._refusals.pop(0) if self._refusals else None
        if self._refused is not None:
            await self._refuse(number, device, self._refused)
            return
        edge = _End(
            *await asyncio.open_connection("127.0.0.1", self._edge_port(), limit=_HEAD_BYTES)
        )
        try:
            await _send(edge, head)
            answer = await edge.reader.readuntil(b"\r\n\r\n")
            status = int(answer.split(b" ", 2)[1])
            self._wire.note("answered", number, status=status)
            await _send(device, answer)
            if status != 101:
                await _copy(edge, device)
                return
            line = Line(number, device, edge, self._wire, self._traps)
            line.binary = b"parley.v1.msgpack" in answer
            self.lines.append(line)
            try:
                await line.run()
            finally:
                self.lines.remove(line)
        finally:
            edge.writer.transport.abort()

    async def _refuse(self, number: int, device: _End, refusal: Refusal) -> None:
        if not refusal.status:
            self._wire.note("fault", number, detail=f"no answer, {refusal.cut}")
            if refusal.cut == "silence":
                # Until the device gives up.
                await device.reader.read()
            else:
                device.reset()
            return
        self._wire.note("answered", number, status=refusal.status, detail=str(refusal.headers))
        await _answer(device, refusal)

    async def _ask(self, device: _End, head: bytes) -> None:
        """Pass a request that is no handshake on, with its answer: by it a browser learns why."""
        if self._refused is not None and self._refused.status:
            await _answer(device, self._refused)
            return
        edge = _End(*await asyncio.open_connection("127.0.0.1", self._edge_port()))
        try:
            await _send(edge, head)
            upward = asyncio.create_task(_copy(device, edge))
            try:
                await _copy(edge, device)
            finally:
                upward.cancel()
        finally:
            edge.writer.transport.abort()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all lines."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


async def _answer(device: _End, refusal: Refusal) -> None:
    body = json.dumps(refusal.body).encode()
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **refusal.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start = f"HTTP/1.1 {refusal.status} Refused\r\n{lines}\r\n"
    await _send(device, start.encode() + body)


async def _copy(source: _End, target: _End) -> None:
    while data := await source.reader.read(_CHUNK_BYTES):
        await _send(target, data)


@asynccontextmanager
async def proxy(edge_port: Callable[[], int], wire: Wire) -> AsyncIterator[Proxy]:
    """Stand between a device and the edge while the context lasts."""
    made = Proxy(edge_port, wire)
    server = await asyncio.start_server(
        made._accepted,  # noqa: SLF001 - its own
        "127.0.0.1",
        0,
        limit=_HEAD_BYTES,
    )
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()

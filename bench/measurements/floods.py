"""CREATE MSG of others while somebody floods the edge: each round without the flood, then with it.

The flooder is a process of its own (`python -m bench.measurements.floods KIND URL KEY`). With two
cores it has what the driver leaves of the driver's core, so a slow client is not taken for a slow
edge: it can send no more than that, and what the figures show is what the edge does about it.
"""

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from typing import NamedTuple
from urllib.parse import urlsplit

import jwt
import uvloop
from websockets.asyncio.client import connect

from bench.driver import Crowd, Person, Status
from bench.measurements.load import WARM_UP_SECONDS
from bench.report.figures import Figure, latencies, quantile
from bench.systems.processes import memory_kib
from bench.systems.system import System
from parley_protocol.packets import Op

# Long enough for the flood to be under way, and for what a burst permits to be used up.
_FLOODED_AFTER_SECONDS = 3.0
_PACE_SECONDS = 0.02
_STOPPED_WITHIN_SECONDS = 10
_STORED_WITHIN_SECONDS = 30
# Handshakes that are under way at the same time.
_AT_THE_DOOR = 64
_ACCOUNTS = 9
_CHUNK_BYTES = 64 * 1024
# Of one person whose pages are as large as they can be.
_SOCKETS = 20
_PACKETS_PER_SECOND = 100
_PAGE = 200
_LONG_TEXT = "x" * 4000


class Target(NamedTuple):
    """The target of a flood, and the key with which anybody's token is made."""

    url: str
    key: str

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    def token(self, user: str) -> str:
        claims = {"sub": user, "exp": int(time.time()) + 3600}
        return jwt.encode(claims, self.key, algorithm="HS256")


def _handshake(token: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


async def _send_endlessly(
    target: Target, beginning: bytes, frame: bytes, user: str | None = None
) -> None:
    """Send a frame as fast as TCP takes it, on one socket after the other if it is closed; of one
    user or, without, of another one each.
    """
    chunk = frame * (_CHUNK_BYTES // len(frame))
    for number in count():
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(*target.address)
            try:
                await _enter(target, user or f"flooder{number}", reader, writer)
                reading = asyncio.create_task(_read_all(reader))
                writer.write(beginning)
                while not reading.done():
                    writer.write(chunk)
                    await writer.drain()
            finally:
                writer.transport.abort()
        # Who is closed at once would flood with handshakes instead.
        await asyncio.sleep(_PACE_SECONDS)


async def _enter(
    target: Target, user: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Open a socket. Raises ConnectionError when it is refused."""
    writer.write(_handshake(target.token(user)))
    try:
        answer = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("closed") from error
    if not answer.startswith(b"HTTP/1.1 101"):
        raise ConnectionError(answer.decode())


async def _read_all(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(_CHUNK_BYTES):
            pass


async def _pings(target: Target) -> None:
    """WebSocket PING frames."""
    await _send_endlessly(target, b"", b"\x89\x80\x00\x00\x00\x00")


async def _fragments(target: Target) -> None:
    """A text frame without FIN, and empty continuations."""
    await _send_endlessly(target, b"\x01\x80\x00\x00\x00\x00", b"\x00\x80\x00\x00\x00\x00")


async def _handshakes(target: Target) -> None:
    """Handshakes as fast as they are answered, half with tokens of a few accounts and half with a
    bad one; and connections that say nothing.
    """
    numbers = count()

    async def knock(*, speaks: bool) -> None:
        for number in numbers:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(*target.address)
                if speaks:
                    account = f"knocker{number % _ACCOUNTS}"
                    token = target.token(account) if number % 2 else "bad"
                    writer.write(_handshake(token))
                await reader.read(_CHUNK_BYTES)
                writer.transport.abort()

    await asyncio.gather(*(knock(speaks=bool(one % 4)) for one in range(_AT_THE_DOOR)))


def _packet(op: Op, payload: Mapping[str, object], packet_id: int = 0) -> bytes:
    """A packet as a frame of a client, whose mask changes nothing."""
    data = json.dumps({"op": op, "id": packet_id, "d": payload}).encode()
    length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2)
    return b"\x81" + bytes([length[0] | 0x80]) + length[1:] + bytes(4) + data


async def _fill(target: Target, user: str, other: str) -> str:
    """Let a user write as many long messages as a page holds; their conversation."""
    headers = {"Authorization": f"Bearer {target.token(user)}"}
    async with connect(target.url, additional_headers=headers) as writer:
        for number in range(_PAGE):
            message = {"to": other, "text": _LONG_TEXT}
            await writer.send(json.dumps({"op": Op.CREATE_MSG, "id": number, "d": message}))
        while True:
            packet = json.loads(await writer.recv())
            if packet["op"] == Op.STATUS_MSG and packet["re"] == _PAGE - 1:
                return str(packet["d"]["conversation"])


@asynccontextmanager
async def _deaf(target: Target, user: str) -> AsyncIterator[asyncio.StreamWriter]:
    """A socket that reads nothing, for which the kernel keeps little."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, target.address)
    reader, writer = await asyncio.open_connection(sock=narrow, limit=1024)
    try:
        await _enter(target, user, reader, writer)
        yield writer
    finally:
        writer.transport.abort()


async def _pages(target: Target) -> None:
    """Questions for pages of one person on 20 sockets, which read nothing and send PONG."""
    asker = f"asker{os.getpid()}"
    conversation = await _fill(target, asker, "answerer")
    question = _packet(Op.ASK_MESSAGES, {"conversation": conversation, "limit": _PAGE})

    async def ask() -> None:
        while True:
            with suppress(OSError):
                async with _deaf(target, asker) as writer:
                    while not writer.transport.is_closing():
                        writer.write(question + _packet(Op.PONG, {}))
                        await writer.drain()
                        await asyncio.sleep(_SOCKETS / _PACKETS_PER_SECOND)
            await asyncio.sleep(_PACE_SECONDS)

    await asyncio.gather(*(ask() for _ in range(_SOCKETS)))


async def _suppressed(target: Target) -> None:
    """Messages of somebody who is blocked, as fast as a socket takes them, to whom has blocked them
    and asks for pages meanwhile.
    """
    blocked, blocker = f"blocked{os.getpid()}", f"blocker{os.getpid()}"
    conversation = await _fill(target, blocked, blocker)
    headers = {"Authorization": f"Bearer {target.token(blocker)}"}
    async with connect(target.url, additional_headers=headers) as reader:
        block = {"user": blocked, "blocked": True}
        await reader.send(json.dumps({"op": Op.BLOCK_USER, "id": 0, "d": block}))
        while json.loads(await reader.recv()).get("re") != 0:
            pass
        question = {"conversation": conversation, "limit": _PAGE}

        async def ask() -> None:
            while True:
                await reader.send(json.dumps({"op": Op.ASK_MESSAGES, "id": 1, "d": question}))
                while json.loads(await reader.recv()).get("re") != 1:
                    pass

        message = _packet(Op.CREATE_MSG, {"conversation": conversation, "text": _LONG_TEXT})
        await asyncio.gather(ask(), _send_endlessly(target, b"", message, blocked))


# Each runs in the flooder's process until that is stopped.
KINDS: Mapping[str, Callable[[Target], Coroutine[None, None, None]]] = {
    "pings": _pings,
    "fragments": _fragments,
    "handshakes": _handshakes,
    "pages": _pages,
    "suppressed": _suppressed,
}


class _Writer(Person):
    """Writes one message after the other, and notes how long each took to be stored."""

    def __init__(self, user: str) -> None:
        super().__init__(user)
        self.delays_ns: list[int] = []
        self._stored = asyncio.Event()

    def on_status(self, status: Status) -> None:
        if status.status == "stored":
            self._stored.set()

    async def write_for(self, seconds: float, to: str, text: str) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self._stored.clear()
            sent_ns = time.perf_counter_ns()
            self.write(to, text)
            await self._stored.wait()
            self.delays_ns.append(time.perf_counter_ns() - sent_ns)
            await asyncio.sleep(_PACE_SECONDS)


@contextmanager
def _flooding(kind: str, system: System) -> Iterator[None]:
    """Run the flooder for the length of a block."""
    command = [sys.executable, "-m", "bench.measurements.floods", kind, system.urls[0], system.key]
    flooder = subprocess.Popen(command)
    try:
        yield
        if flooder.poll() is not None:
            raise RuntimeError(f"the flooder has ended with {flooder.returncode}")
    finally:
        flooder.terminate()
        flooder.wait(_STOPPED_WITHIN_SECONDS)


async def measure(
    system: System, name: str, *, kind: str, pairs: int, seconds: float, text: int
) -> list[Figure]:
    """One round of one kind of flood."""
    writers = [_Writer(f"{name}-{kind}-a{number}") for number in range(pairs)]
    readers = [Person(f"{name}-{kind}-b{number}") for number in range(pairs)]

    async def write(seconds: float) -> None:
        async with asyncio.TaskGroup() as group:
            for writer, reader in zip(writers, readers, strict=True):
                group.create_task(writer.write_for(seconds, reader.user, "x" * text))

    async def delays_ns(seconds: float) -> list[int]:
        for writer in writers:
            writer.delays_ns = []
        await crowd.wait(write(seconds), seconds + _STORED_WITHIN_SECONDS)
        return [delay for writer in writers for delay in writer.delays_ns]

    async with Crowd(system) as crowd:
        await crowd.join([*writers, *readers])
        await delays_ns(WARM_UP_SECONDS)
        without = await delays_ns(seconds)
        with _flooding(kind, system):
            await crowd.wait(asyncio.sleep(_FLOODED_AFTER_SECONDS))
            cpu = system.cpu_seconds()
            during = await delays_ns(seconds)
            cpu = (system.cpu_seconds() - cpu) / seconds
            memory = memory_kib(system.processes["edge"]) / 1024
    return [
        *latencies("send to stored, without the flood", without),
        *latencies("send to stored, with it", during),
        Figure("p99 with it : without it", "", quantile(during, 0.99) / quantile(without, 0.99)),
        Figure("CPU of the parts, with it", "% of a core", cpu * 100),
        Figure("memory of the edge, with it", "MiB", memory),
    ]


def main() -> None:
    """Be the flooder."""
    kind, url, key = sys.argv[1:]
    # The driver goes first wherever they share a core.
    os.nice(19)
    with suppress(KeyboardInterrupt):
        uvloop.run(KINDS[kind](Target(url, key)))


if __name__ == "__main__":
    main()

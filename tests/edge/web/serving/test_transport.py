"""uvicorn's protocol with what Parley adds, on a transport that the test holds."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from edge.metrics import Metrics
from edge.web.serving.connection import Connection, Connections
from edge.web.serving.requests import RequestProtocol
from edge.web.serving.transport import (
    CONNECTION_EXTENSION,
    PROTOCOL_EXTENSION,
    PacketProtocol,
)
from parley_protocol.packets import Frame
from tests.edge.web.serving.wires import Socket, settings_for
from tests.support.waiting import until

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PING = b"\x89\x80\x00\x00\x00\x00"
PONG = b"\x8a\x00"
BEGINNING = b"\x01\x81\x00\x00\x00\x00a"
CONTINUATION = b"\x00\x80\x00\x00\x00\x00"
END = b"\x80\x80\x00\x00\x00\x00"
PACKET = b"\x81\x81\x00\x00\x00\x00b"
LIMITS = {"frames_burst": 10, "frames_per_second": 0.001, "fragments_per_packet": 4}


class Opened(NamedTuple):
    """A socket that the application has accepted, what it has received, and its connection."""

    socket: Socket
    received: "asyncio.Queue[Any]"
    connection: Connection
    protocol: PacketProtocol

    async def written(self) -> bytes:
        """What has been written since the last time; frames are written at the end of a turn."""
        await asyncio.sleep(0)
        data = bytes(self.socket.written)
        self.socket.written.clear()
        return data

    async def say(self, data: bytes) -> None:
        """Let bytes arrive, and the application take what it is given of them."""
        self.socket.receive(data)
        for _ in range(5):
            await asyncio.sleep(0)

    async def closed(self) -> tuple[int, str, Any]:
        """Code and reason of the close frame, and the limit that the application is told."""
        event = await self.received.get()
        while event["type"] != "websocket.disconnect":
            event = await self.received.get()
        frame = (await self.written()).partition(b"\x88")[2]
        code = int.from_bytes(frame[1:3])
        assert event["code"] == code
        return code, frame[3 : frame[0] + 1].decode(), event["limit"]


@asynccontextmanager
async def opening(folder: Path, **limits: float) -> AsyncIterator[Opened]:
    received: asyncio.Queue[Any] = asyncio.Queue()
    accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        accepted.set_result(scope["extensions"])
        while True:
            event = await receive()
            received.put_nowait(event)
            if event["type"] == "websocket.disconnect":
                return

    config = Config(application, ws_max_size=1000, ws_ping_interval=None, log_config=None)
    config.load()
    connections = Connections(settings_for(folder, **limits), Metrics(CollectorRegistry()))
    connection = Connection(
        connections, lambda connection: RequestProtocol(config, ServerState(), connection)
    )
    socket = Socket(connection)
    connection.connection_made(socket)
    socket.receive(HANDSHAKE)
    extensions = await accepted
    opened = Opened(
        socket, received, extensions[CONNECTION_EXTENSION], extensions[PROTOCOL_EXTENSION]
    )
    assert (await opened.written()).startswith(b"HTTP/1.1 101 ")
    try:
        yield opened
    finally:
        connection.abort()
        await connection.gone


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opening(tmp_path, **LIMITS) as opened:
        yield opened


def test_all_that_uvicorn_sets_is_set(tmp_path: Path) -> None:
    """Its constructor is not called: a version that sets something else has to be looked at."""

    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        """Never called."""

    async def make() -> None:
        config = Config(application, ws_ping_interval=None, ws_ping_timeout=None, log_config=None)
        config.load()
        connections = Connections(settings_for(tmp_path), Metrics(CollectorRegistry()))
        state = ServerState()
        theirs = WebSocketsSansIOProtocol(config, state, {})
        connection = Connection(
            connections, lambda connection: PacketProtocol(config, state, connection)
        )
        ours = connection.protocol
        assert isinstance(ours, PacketProtocol)
        others = {"conn", "loop", "queue", "scheme", "writable"}
        assert {name: getattr(ours, name) for name in vars(theirs).keys() - others} == {
            name: value for name, value in vars(theirs).items() if name not in others
        }
        assert not ours.__dict__

    asyncio.run(make())


async def test_pings_are_answered_while_their_sender_reads(opened: Opened) -> None:
    """One from somebody who reads nothing is not kept, and later ones are answered."""
    await opened.say(PING * 2)
    assert await opened.written() == PONG * 2
    opened.connection.pause_writing()
    await opened.say(PING * 2)
    assert await opened.written() == b""
    opened.connection.resume_writing()
    assert await opened.written() == b""
    await opened.say(PING)
    assert await opened.written() == PONG


async def test_the_application_learns_when_the_connection_is_gone(opened: Opened) -> None:
    """Not when it asks for the end."""
    opened.connection.abort()
    assert opened.socket.aborted
    assert not opened.connection.gone.done()
    await opened.connection.gone


@pytest.mark.parametrize("frame", [PING, b"\x8a\x80\x00\x00\x00\x00", BEGINNING + END])
@pytest.mark.parametrize("between", [b"", PACKET])
async def test_frames_that_bring_no_packet_are_bounded(
    opened: Opened, frame: bytes, between: bytes
) -> None:
    """WebSocket's own pings and pongs, and fragments; packets in between change nothing. Those that
    came before are parsed, and none after.
    """
    await opened.say((frame + between) * 10)
    assert not opened.connection.closing
    await opened.say((frame + between) * 10_000)
    assert await opened.closed() == (4400, "too many frames", "frames_per_second")


async def test_the_fragments_of_a_packet_are_bounded(opened: Opened) -> None:
    """Though there are not too many frames, and none has a byte too many."""
    await opened.say((BEGINNING + CONTINUATION * 2 + END) * 2)
    assert (await opened.received.get())["text"] == (await opened.received.get())["text"] == "a"
    await opened.say(BEGINNING + CONTINUATION * 3)
    assert await opened.closed() == (4400, "too many fragments", "fragments_per_packet")


async def test_the_bytes_of_a_packet_are_bounded_over_all_its_fragments(opened: Opened) -> None:
    """At the frame that says that it is too large, before its bytes."""
    piece = b"\xfe\x01\xf4\x00\x00\x00\x00" + b"x" * 500
    await opened.say(b"\x01" + piece + b"\x00" + piece + b"\x00\x81")
    assert await opened.closed() == (4413, "packet too large", "max_packet_bytes")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(b"\xc1\x81\x00\x00\x00\x00a", 1002, id="compressed"),
        pytest.param(b"\x81\x01a", 1002, id="not masked"),
        pytest.param(b"\x83\x80\x00\x00\x00\x00", 1002, id="unknown opcode"),
        pytest.param(CONTINUATION, 1002, id="continuation of nothing"),
        pytest.param(b"\x81\x81\x00\x00\x00\x00\xff", 1007, id="not UTF-8"),
    ],
)
async def test_what_is_no_frame_is_closed_and_logged_as_nobodys_defect(
    opened: Opened, frame: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """As RFC 6455 has it; anybody could fill a log of errors."""
    await opened.say(frame * 3)
    found, _, limit = await opened.closed()
    assert (found, limit) == (code, None)
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_what_comes_after_a_close_is_dropped(opened: Opened) -> None:
    """And the peer hears why, for the connection ends when it has closed as well."""
    await opened.say(PING * 1000)
    assert (await opened.closed())[0] == 4400
    assert opened.socket.ended
    await opened.say(PACKET * 1000)
    assert opened.received.empty()
    assert not opened.socket.closed


def packet(data: bytes, first: int = 0x81, mask: bytes = b"\x07\x01\xff\x10") -> bytes:
    """A frame from a client, whose packet is `data`."""
    size = len(data)
    head = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    return bytes((first,)) + head + mask + masked


class Taker:
    """Takes packets at once, as long as it likes to."""

    def __init__(self) -> None:
        self.taken: list[str | bytes] = []
        self.takes = True

    def take(self, data: str | bytes) -> bool:
        if self.takes:
            self.taken.append(data)
        return self.takes


async def test_a_packet_in_one_frame_is_taken_at_once(opened: Opened) -> None:
    """Text and bytes, short and long; without a turn of the loop in between."""
    taker = Taker()
    opened.protocol.take_by(taker.take)
    long = "é" * 200
    frames = (packet(b"hello"), packet(b"\xff", 0x82), packet(long.encode()))
    for frame in frames:
        opened.socket.receive(frame)
    assert taker.taken == ["hello", b"\xff", long]
    taker.taken.clear()
    opened.socket.receive(b"".join(frames))
    assert taker.taken == ["hello", b"\xff", long]
    await opened.say(b"")
    assert opened.received.empty()


async def test_others_have_their_turn_between_the_packets_of_one(opened: Opened) -> None:
    """However many came with one read."""
    taker = Taker()
    opened.protocol.take_by(taker.take)
    opened.socket.receive(packet(b"x") * 2_000)
    assert 0 < len(taker.taken) < 200
    await until(lambda: len(taker.taken) == 2_000)
    assert opened.received.empty()


sizes = st.sampled_from([0, 1, 5, 60, 125, 126, 300, 1_000])
whole = st.builds(
    lambda size, text: packet(b"x" * size, 0x81 if text else 0x82), sizes, st.booleans()
)
parts = st.just(packet(b"be", 0x01) + PING + packet(b"gin", 0x80))


@given(st.lists(whole | parts | st.just(PING), max_size=12), st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_packets_are_the_same_however_their_bytes_are_cut(
    tmp_path: Path, frames: list[bytes], data: st.DataObject
) -> None:
    """Taken or received, in their order, as the parser alone reads them."""
    wire = b"".join(frames)
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=8).map(sorted))
    pieces = [wire[start:stop] for start, stop in pairwise([0, *cuts, len(wire)])]

    async def read(*, takes: bool) -> list[str | bytes]:
        async with opening(tmp_path) as opened:
            taker = Taker()
            if takes:
                opened.protocol.take_by(taker.take)
            for piece in pieces:
                await opened.say(piece)
                while not opened.received.empty():
                    event = opened.received.get_nowait()
                    found = event.get("text")
                    taker.taken.append(event["bytes"] if found is None else found)
                    await opened.say(b"")
            return taker.taken

    assert asyncio.run(read(takes=True)) == asyncio.run(read(takes=False))


async def test_what_is_not_taken_is_received_in_its_turn(opened: Opened) -> None:
    """And what comes behind it is kept until it is."""
    taker = Taker()
    taker.takes = False
    opened.protocol.take_by(taker.take)
    opened.socket.receive(packet(b"first"))
    taker.takes = True
    opened.socket.receive(packet(b"second"))
    assert taker.taken == []
    event = await opened.received.get()
    assert event["text"] == "first"
    await opened.say(b"")
    assert taker.taken == ["second"]
    opened.socket.receive(packet(b"third"))
    assert taker.taken == ["second", "third"]


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ((packet(b"part", 0x01), packet(b"end", 0x80)), ["partend"]),
        # The end of one looks like another.
        ((packet(packet(b"in") * 20)[:150], packet(packet(b"in") * 20)[150:]), None),
    ],
    ids=["fragments", "inner"],
)
async def test_what_is_more_than_one_frame_or_large_is_parsed(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...],
    told: list[str] | None,
) -> None:  # fmt: skip
    """Whatever the bytes look like in between."""
    monkeypatch.setattr("edge.web.serving.transport._KEPT_BYTES", 100)
    taker = Taker()
    opened.protocol.take_by(taker.take)
    for piece in pieces:
        await opened.say(piece)
    assert taker.taken == []
    events = [opened.received.get_nowait() for _ in range(opened.received.qsize())]
    if told is None:
        assert len(events) == 1
    else:
        assert [event["text"] for event in events] == told


@pytest.mark.parametrize("frame", [b"\x81\x05hello", packet(b"x", 0xC1), packet(b"\xff\xfe\xfd")])
async def test_what_is_no_packet_ends_the_connection_also_alone(
    opened: Opened, frame: bytes
) -> None:
    """Not masked, of an extension that was not agreed, and no text."""
    taker = Taker()
    opened.protocol.take_by(taker.take)
    await opened.say(frame)
    assert taker.taken == []
    code, _, _ = await opened.closed()
    assert code in {1002, 1007}


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("alone", [True, False])
async def test_a_packet_is_written_at_once_as_it_would_be_sent(
    opened: Opened, size: int, text: bool, alone: bool
) -> None:
    frame = Frame(b"x" * size, text=text)
    await opened.protocol.send(frame.event)
    sent = await opened.written()
    assert opened.protocol.write_now(frame, alone=alone)
    assert await opened.written() == sent


async def test_nothing_is_written_at_once_to_who_does_not_read_or_is_closed(
    opened: Opened,
) -> None:
    """It waits, where it is counted."""
    frame = Frame(b"x", text=True)
    opened.connection.pause_writing()
    assert not opened.protocol.write_now(frame)
    opened.connection.resume_writing()
    assert opened.protocol.write_now(frame)
    await opened.protocol.send({"type": "websocket.close", "code": 4000})
    assert not opened.protocol.write_now(frame)

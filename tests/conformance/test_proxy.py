"""The proxy passes bytes on as they came, and does what a fault says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from conformance.faults import Act, Fault, Refusal, Trap
from conformance.frames import BINARY, Frames, close_frame, make_frame, packet_frame
from conformance.proxy import Proxy, proxy
from conformance.wire import Wire
from parley_protocol.packets import Op
from tests.support.waiting import PATIENCE

PACKETS = [
    {"op": Op.HELLO, "d": {"cur": "c0"}},
    {"op": Op.ALERT_NEW_MSG, "d": {"n": 1}, "cur": "c0"},
    {"op": Op.ALERT_NEW_MSG, "d": {"n": 2}, "cur": "c1"},
]


@asynccontextmanager
async def line(*faults: Fault, packets: list[dict[str, Any]] = PACKETS) -> AsyncIterator[Proxy]:
    """A proxy before a server that says these packets, and then what it is told, once more."""

    async def speak(connection: ServerConnection) -> None:
        for packet in packets:
            await connection.send(json.dumps(packet))
        async for data in connection:
            await connection.send(data)

    async with serve(speak, "127.0.0.1", 0, compression=None) as server:
        (listening,) = server.sockets
        port = listening.getsockname()[1]
        async with proxy(lambda: port, Wire()) as made:
            made.set(*faults)
            yield made


async def read_all(url: str, count: int = len(PACKETS)) -> list[Any]:
    """Frames that a client hears, up to so many or the end of the line, and how that ended."""
    heard: list[Any] = []
    async with asyncio.timeout(PATIENCE), connect(url, compression=None) as socket:
        try:
            while len(heard) < count:
                heard.append(json.loads(await socket.recv()))
        except ConnectionClosed as closed:
            heard.append(closed.rcvd.code if closed.rcvd else None)
    return heard


async def test_without_a_fault_everything_passes() -> None:
    async with line() as between, connect(between.url, compression=None) as socket:
        heard = [json.loads(await socket.recv()) for _ in PACKETS]
        assert heard == PACKETS
        long = json.dumps({"op": Op.CREATE_MSG, "d": {"text": "x" * 70_000}})
        await socket.send(long)
        assert await socket.recv() == long


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (Fault(packet="ALERT_NEW_MSG", nth=2, act=Act(cut="reset")), [*PACKETS[:2], None]),
        (Fault(packet="ALERT_NEW_MSG", act=Act(cut="finish", after=True)), [*PACKETS[:2], None]),
        (Fault(packet="ALERT_NEW_MSG", act=Act(cut="half")), [PACKETS[0], None]),
        (Fault(packet="HELLO", act=Act(close=4200)), [PACKETS[0], 4200]),
        (Fault(packet="HELLO", act=Act(twice=True)), [PACKETS[0], *PACKETS]),
        (Fault(packet="HELLO", act=Act(inject=({"op": 99},))), [{"op": 99}, *PACKETS]),
        (
            Fault(packet="ALERT_NEW_MSG", inside_revision=True, act=Act(cut="reset", after=True)),
            [*PACKETS[:2], None],
        ),
    ],
    ids=["reset", "finish", "half", "close", "twice", "inject", "inside"],
)
async def test_a_fault_happens_at_its_frame(fault: Fault, heard: list[Any]) -> None:
    async with line(fault) as between:
        assert await read_all(between.url, len(heard)) == heard


async def test_a_silent_line_stays_open_and_says_nothing() -> None:
    fault = Fault(packet="ALERT_NEW_MSG", act=Act(cut="silence"))
    async with line(fault) as between, connect(between.url, compression=None) as socket:
        assert json.loads(await socket.recv()) == PACKETS[0]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)
        between.heal()
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_delay_keeps_the_order() -> None:
    fault = Fault(packet="HELLO", act=Act(delay=0.3))
    loop = asyncio.get_running_loop()
    async with line(fault) as between:
        began = loop.time()
        assert await read_all(between.url) == PACKETS
        assert loop.time() - began > 0.25


async def test_what_a_client_says_can_be_lost_on_its_way() -> None:
    fault = Fault(packet="CREATE_MSG", direction="=>", act=Act(cut="reset"))
    async with line(fault, packets=[]) as between:
        async with connect(between.url, compression=None) as socket:
            await socket.send(json.dumps({"op": Op.CREATE_MSG}))
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        async with connect(between.url, compression=None) as again:
            await again.send(json.dumps({"op": Op.CREATE_MSG}))
            assert json.loads(await again.recv()) == {"op": Op.CREATE_MSG}


async def test_a_handshake_is_refused_as_often_as_is_said() -> None:
    async with line() as between:
        between.refuse(Refusal(status=503, headers={"Retry-After": "1"}, body={"reason": "full"}))
        with pytest.raises(InvalidStatus) as refused:
            await connect(between.url)
        response = refused.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert json.loads(response.body) == {"reason": "full"}
        assert await read_all(between.url) == PACKETS


async def test_without_an_edge_the_connection_is_reset() -> None:
    async with proxy(lambda: 1, Wire()) as between:
        with pytest.raises((OSError, WebSocketException)):
            await connect(between.url)
        assert between.lines == []


@given(st.lists(st.binary(max_size=70_000), max_size=4), st.integers(1, 5_000))
def test_frames_come_out_as_they_went_in(payloads: list[bytes], step: int) -> None:
    """However the bytes are cut up on their way."""
    raw = b"".join(make_frame(BINARY, one) for one in payloads)
    frames = Frames()
    pieces = [raw[start : start + step] for start in range(0, len(raw), step)]
    found = [frame for piece in pieces for frame in frames.feed(piece)]
    assert [frame.payload for frame in found] == payloads
    assert b"".join(frame.raw for frame in found) == raw


def test_a_frame_shows_its_packet_and_its_close_code() -> None:
    packet = {"op": 7, "d": {"text": "Zoë"}}
    for binary in (True, False):
        (frame,) = Frames().feed(packet_frame(packet, binary=binary))
        assert frame.packet == packet
    (closing,) = Frames().feed(close_frame(4200, "later"))
    assert (closing.close_code, closing.packet) == (4200, None)
    (nonsense,) = Frames().feed(make_frame(1, b"<html>"))
    assert nonsense.packet is None


def test_a_trap_springs_at_the_frame_that_fits_and_so_many_times() -> None:
    trap = Trap(Fault(packet="STATUS_MSG", answer=True, nth=2, times=2, act=Act(delay=1)))
    answer, push = {"op": Op.STATUS_MSG, "re": 1}, {"op": Op.STATUS_MSG}
    assert not trap.springs(push, "<=", None)
    assert not trap.springs(answer, "=>", None)
    assert [trap.springs(answer, "<=", None) for _ in range(4)] == [False, True, True, False]
    assert trap.spent

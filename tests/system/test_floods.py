"""Floods of frames below the packets: their sender is closed, and others do not notice."""

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.support.metrics import read_metric
from tests.support.system import System
from tests.system.conftest import Connect

PING = b"\x89\x80\x00\x00\x00\x00"
PONG = b"\x8a\x80\x00\x00\x00\x00"
BEGINNING = b"\x01\x80\x00\x00\x00\x00"
CONTINUATION = b"\x00\x80\x00\x00\x00\x00"
# {"op":2}, and nothing hidden by the mask.
PACKET = b'\x81\x88\x00\x00\x00\x00{"op":2}'
FLOODS = {
    "pings": (b"", PING * 10_000),
    "pongs": (b"", PONG * 10_000),
    "pings with a packet now and then": (b"", PING * 20_000 + PACKET),
    "empty fragments": (BEGINNING, CONTINUATION * 10_000),
    "fragmented packets": (b"", (BEGINNING + b'\x80\x88\x00\x00\x00\x00{"op":2}') * 5_000),
}


def open_socket(system: System, user: str) -> socket.socket:
    """A socket of a user, whose HELLO has come."""
    opened = socket.create_connection(("127.0.0.1", system.edge_port))
    opened.sendall(
        f"GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {system.token(user)}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    received = b""
    while b'"op":3' not in received:
        received += opened.recv(4096)
    return opened


@contextmanager
def flooding(system: System, user: str, beginning: bytes, frames: bytes) -> Iterator[list[bytes]]:
    """Send frames as fast as TCP takes them, until the edge takes no more; gives what it says."""
    opened = open_socket(system, user)
    said: list[bytes] = []
    ended = threading.Event()

    def send() -> None:
        with suppress(OSError):
            opened.sendall(beginning)
            while not ended.is_set():
                opened.sendall(frames)

    def hear() -> None:
        with suppress(OSError):
            while received := opened.recv(65_536):
                said.append(received)

    threads = [threading.Thread(target=work) for work in (send, hear)]
    for thread in threads:
        thread.start()
    try:
        yield said
        # The close frame is followed by the end of the connection.
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)
    finally:
        ended.set()
        opened.close()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("kind", FLOODS)
async def test_who_floods_is_closed_with_4400_and_others_go_on(
    shared_system: System, connect: Connect, alice: str, bob: str, kind: str
) -> None:
    """The sender is told why, whatever of it is still on its way; others are answered meanwhile."""
    writer, reader = await connect(shared_system, alice), await connect(shared_system, bob)

    def closes() -> float:
        url = f"http://127.0.0.1:{shared_system.edge_port}/metrics"
        return read_metric(url, "parley_edge_closes_total", code="4400") or 0

    before = closes()
    with flooding(shared_system, f"{alice}-flooder", *FLOODS[kind]) as said:
        for number in range(20):
            await writer.write(bob, str(number))
            assert (await reader.expect(0x10))["d"]["message"]["text"] == str(number)
    assert b"\x11\x30too many " in b"".join(said)
    assert closes() == before + 1


async def test_a_flooded_edge_heeds_sigterm(own_system: System, connect: Connect) -> None:
    """Others are told and closed with 4100, and the process ends as ever."""
    edge = own_system.start("messaging", drain_seconds=2, frames_per_second=10**9)
    client = await connect(own_system, "bob")
    with flooding(own_system, "alice", b"", PING * 10_000):
        await client.settle()
        stopping = asyncio.create_task(asyncio.to_thread(edge.stop, signal.SIGTERM))
        assert await client.closed() == 4100
        assert await stopping == 0


async def test_who_sends_byte_by_byte_does_not_disturb_others(
    shared_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """Nothing is wrong with it but the number of reads, which are made at a bounded pace."""
    opened = open_socket(shared_system, f"{alice}-slow")
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    writer = await connect(shared_system, alice)

    def send() -> None:
        opened.sendall(b"\x81\xfe\xff\xf0\x00\x00\x00\x00")
        for _ in range(20_000):
            opened.sendall(b" ")

    sending = asyncio.create_task(asyncio.to_thread(send))
    for number in range(20):
        await writer.write(bob, str(number))
    await sending
    opened.close()


async def test_connections_without_a_session_do_not_hold_up_the_end(
    own_system: System, connect: Connect
) -> None:
    """Silent ones, half requests, refused ones that do not let go, slow bodies; and no error in the
    log of it.
    """
    edge = own_system.start("messaging", drain_seconds=1)
    address = ("127.0.0.1", own_system.edge_port)
    held = [socket.create_connection(address) for _ in range(20)]
    for number, one in enumerate(held):
        one.sendall([b"", b"GET /ws HTTP/1.1\r\n", b"hello\r\n\r\n", PING][number % 4])
    client = await connect(own_system, "alice")
    stopping = asyncio.create_task(asyncio.to_thread(edge.stop, signal.SIGTERM))
    assert await client.closed() == 4100
    assert await stopping == 0
    assert '"level": "error"' not in edge.read_log()
    for one in held:
        one.close()

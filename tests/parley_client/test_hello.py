"""Servers that speak nonsense, nothing, or more than the client knows."""

import asyncio
from typing import Any

import pytest

from parley_client import Client, State
from parley_client.errors import (
    ProtocolError,
    SilentError,
    UnreachableError,
)
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskBlocks
from tests.parley_client.scripted import (
    Server,
    client,
    fast,
    take_failure,
    take_message,
    take_state,
)
from tests.support.system import free_port

HELLO = {
    "user": "ann",
    "session": "s",
    "ping_interval_ms": 5000,
    "pong_timeout_ms": 30_000,
    "max_packet_bytes": 65_536,
    "token_expires_at": "2099-01-01T00:00:00Z",
    "resumed": False,
    "cur": "c",
}


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"op": "hello", "d": {}}',
        '{"op": 3, "d": {}}',
        '{"op": 3, "d": []}',
        '{"op": 16, "d": {}}',
        '{"op": 1}',
        b"\xff\xfe",
        '{"op": 3, "d": null}',
    ],
)
async def test_what_is_no_hello_is_nonsense(server: Server, frame: str | bytes) -> None:
    """The error is told, the socket dropped, and the next one is good."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.accept()
        await peer.socket.send(frame)
        await take_failure(events, ProtocolError)
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, ProtocolError)
        await server.greeted()
        await ann.wait_for("live")


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": ""},
        {"user": 7},
        {"ping_interval_ms": 0},
        {"ping_interval_ms": 10**12},
        {"pong_timeout_ms": -1},
        {"max_packet_bytes": 0},
        {"token_expires_at": "tomorrow"},
        {"token_expires_at": "2099-01-01T00:00:00"},
        {"resumed": "yes"},
        {"cur": None},
    ],
)
async def test_a_hello_without_sense_is_nonsense(server: Server, wrong: dict[str, Any]) -> None:
    """One field at a time."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.accept()
        await peer.send(Op.HELLO, {**HELLO, **wrong})
        await take_failure(events, ProtocolError)
        assert ann.user is None
        await server.greeted()


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        '{"op": 16, "d": "text"}',
        '{"op": 16, "d": {"message": 7, "unread": {}}}',
        '{"op": 16, "d": {"conversation": {}, "message": {"message": {}, "version": []}}}',
        '{"op": 17, "d": {"conversation": "c"}}',
        '{"op": 13, "d": {"complete": "no"}}',
        '{"op": 224, "d": {"service": [], "dispute": 1}}',
        b"\x00",
    ],
)
async def test_nonsense_in_between_ends_the_socket_and_nothing_else(
    server: Server, frame: str | bytes
) -> None:
    """All that was told before stays, and the next socket goes on from there."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("first")
        await peer.alert(1, "second")
        await peer.socket.send(frame)
        assert await take_message(events) == 1
        await take_failure(events, ProtocolError)
        again = await server.accept()
        assert again.resumes_from == "second"
        await again.greet("second")
        await again.alert(2)
        assert await take_message(events) == 2


async def test_what_is_newer_than_the_client_is_passed_over(server: Server) -> None:
    """Opcodes, fields and words that it does not know."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.accept()
        await peer.hello(colour="green")
        await peer.send(0x7F, {"something": "new"}, cur="later", more=1)
        await peer.alert(1, kind="hologram", shape=[1, 2])
        assert await take_message(events) == 1
        assert ann.state is State.LIVE
        assert ann.seen == "later"


async def test_a_server_that_accepts_and_says_nothing_is_left(server: Server) -> None:
    """HELLO has its own time."""
    async with client(server, options=fast(hello_timeout_seconds=0.1)) as ann:
        events = ann.events()
        silent = await server.accept()
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, UnreachableError)
        await silent.closed()
        await server.greeted()
        await ann.wait_for("live")


async def test_a_socket_that_has_gone_silent_is_left(server: Server) -> None:
    """PINGs keep it; without any frame it is given up, whatever the client itself has sent."""
    async with client(server, options=fast(silence_timeout_seconds=0.3)) as ann:
        events = ann.events()
        peer = await server.greeted("place")
        began = asyncio.get_running_loop().time()
        for _ in range(6):
            await asyncio.sleep(0.1)
            await peer.send(Op.PING)
        assert ann.state is State.LIVE
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, SilentError)
        assert asyncio.get_running_loop().time() - began >= 0.9
        assert (await server.accept()).resumes_from == "place"


async def test_a_server_that_never_answers_the_handshake_is_left() -> None:
    """TCP alone is no server."""
    port = free_port()
    accepted = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", port) as listening:
        options = fast(connect_timeout_seconds=0.1)
        async with Client(f"ws://127.0.0.1:{port}/ws", token="t", options=options) as ann:
            events = ann.events()
            waiting = await take_state(events, "waiting")
            assert isinstance(waiting.reason, UnreachableError)
            assert accepted.is_set()
        assert listening.is_serving()


async def test_where_nobody_listens_it_waits_and_tries_again(server: Server) -> None:
    """Of several addresses it takes another after a failure."""
    nobody = f"ws://127.0.0.1:{free_port()}/ws"
    for _ in range(3):
        async with Client([nobody, server.url], token="t", options=fast()) as ann:
            await server.greeted()
            await ann.wait_for("live")
            assert ann.url == server.url


async def test_a_flood_of_pings_is_answered_once_for_many(server: Server) -> None:
    """Not one PONG for each waits to be sent."""
    async with client(server) as ann:
        peer = await server.greeted()
        for _ in range(20_000):
            await peer.send(Op.PING, cur="here")
        asking = asyncio.create_task(ann.ask(AskBlocks()))
        asked = await peer.expect(Op.ASK_BLOCKS)
        await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked["id"])
        await asking
        assert 1 <= len(peer.pongs) < 20_000
        assert ann.state is State.LIVE

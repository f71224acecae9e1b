"""uvicorn's protocol with what Parley adds, on a transport that the test holds."""

import asyncio
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from edge.web.transport import CONNECTION_EXTENSION, Connection, PacketProtocol

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PING = b"\x89\x80\x00\x00\x00\x00"
PONG = b"\x8a\x00"


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
async def opened(transport: Transport) -> tuple[PacketProtocol, Connection]:
    """A socket that the application has accepted, and its connection."""
    connection: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        connection.set_result(scope["extensions"][CONNECTION_EXTENSION])
        while (await receive())["type"] != "websocket.disconnect":
            pass

    config = Config(application, ws=PacketProtocol, ws_ping_interval=None, log_config=None)
    config.load()
    protocol = PacketProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(transport)
    protocol.data_received(HANDSHAKE)
    return protocol, await connection


async def written(transport: Transport) -> bytes:
    """What has been written since the last time; frames are written at the end of a turn."""
    await asyncio.sleep(0)
    data = bytes(transport.written)
    transport.written.clear()
    return data


async def test_pings_are_answered_while_their_sender_reads(
    opened: tuple[PacketProtocol, Connection], transport: Transport
) -> None:
    """A flood of them from somebody who reads nothing is not kept, and later ones are answered."""
    protocol, _ = opened
    await written(transport)
    protocol.data_received(PING * 2)
    assert await written(transport) == PONG * 2
    protocol.pause_writing()
    protocol.data_received(PING * 1000)
    assert await written(transport) == b""
    protocol.resume_writing()
    assert await written(transport) == b""
    protocol.data_received(PING)
    assert await written(transport) == PONG


async def test_the_application_learns_when_the_connection_is_gone(
    opened: tuple[PacketProtocol, Connection], transport: Transport
) -> None:
    """Not when it asks for the end."""
    protocol, connection = opened
    connection.abort()
    assert transport.aborted
    assert not connection.gone.done()
    protocol.connection_lost(None)
    assert connection.gone.done()

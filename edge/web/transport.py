"""uvicorn's WebSocket protocol, with the things that ASGI has no words for."""

import asyncio
from asyncio.transports import BaseTransport, Transport
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode as WebSocketCloseCode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from edge.protocol.errors import CloseCode
from edge.web.coalescing_transport import CoalescingTransport

_LINGER_SECONDS = 2.0
CONNECTION_EXTENSION = "parley.connection"


class Connection(NamedTuple):
    """The connection below a socket, as far as the application may use it."""

    abort: Callable[[], None]
    # Done when the connection is gone, which is after the close that both sides may want.
    gone: "asyncio.Future[None]"


class _PacketServerProtocol(ServerProtocol):
    """Says "packet too large" with the protocol's own close code instead of 1009."""

    def fail(self, code: int, reason: str = "") -> None:
        if code == WebSocketCloseCode.MESSAGE_TOO_BIG:
            super().fail(CloseCode.PACKET_TOO_LARGE, "packet too large")
        else:
            super().fail(code, reason)


class PacketProtocol(WebSocketsSansIOProtocol):
    """Gives the application the connection, in the scope's extensions under `parley.connection`:
    it may cut one whose peer reads nothing, and knows how many there are.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.conn = _PacketServerProtocol(
            extensions=[], max_size=self.config.ws_max_size, logger=self.logger
        )
        self._lingering = False
        self._gone = self.loop.create_future()

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(CoalescingTransport(cast("Transport", transport), self.loop))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._gone.set_result(None)

    async def send(self, message: Any) -> None:
        """Send, and return when the connection takes more: what it has not taken is held here."""
        await super().send(message)
        await self.writable.wait()
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            # A refusal ends the handshake as well; the server would call each an error in the log.
            self.handshake_complete = True

    def data_received(self, data: bytes) -> None:
        # What still comes after the close frame is read and dropped.
        if not self._lingering:
            super().data_received(data)

    def handle_ping(self) -> None:
        """Answer a ping, but not one whose sender reads no answers: they would gather without a
        bound. RFC 6455, 5.5.3, asks for the answer to the last one only.
        """
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_parser_exception(self) -> None:
        """Close so that the peer learns why. A connection closed while unread bytes wait is reset
        by the kernel, and the close frame lost with it, so those bytes are read for a while.
        """
        close_sent = self.conn.close_sent
        if close_sent is None or close_sent.code != CloseCode.PACKET_TOO_LARGE:
            super().handle_parser_exception()
            return
        self._lingering = self.close_sent = True
        self.queue.put_nowait(
            {
                "type": "websocket.disconnect",
                "code": close_sent.code,
                "reason": close_sent.reason,
            }
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[CONNECTION_EXTENSION] = Connection(self.transport.abort, self._gone)

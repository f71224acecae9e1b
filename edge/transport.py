"""uvicorn's WebSocket protocol, with the things that ASGI has no words for."""

from asyncio.transports import BaseTransport, Transport
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode as WebSocketCloseCode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from edge.failures import CloseCode
from edge.gathering import GatheringTransport

_LINGER_SECONDS = 2.0
ABORT_EXTENSION = "parley.abort"


class _PacketServerProtocol(ServerProtocol):
    """Says "packet too large" with the protocol's own close code instead of 1009."""

    def fail(self, code: int, reason: str = "") -> None:
        if code == WebSocketCloseCode.MESSAGE_TOO_BIG:
            super().fail(CloseCode.PACKET_TOO_LARGE, "packet too large")
        else:
            super().fail(code, reason)


class PacketProtocol(WebSocketsSansIOProtocol):
    """Gives the application a way to cut a connection whose peer reads nothing, in the scope's
    extensions under `parley.abort`.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.conn = _PacketServerProtocol(
            extensions=[], max_size=self.config.ws_max_size, logger=self.logger
        )

        self._lingering = False

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(GatheringTransport(cast("Transport", transport), self.loop))

    def data_received(self, data: bytes) -> None:
        # What still comes after the close frame is read and dropped.
        if not self._lingering:
            super().data_received(data)

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
            extensions[ABORT_EXTENSION] = {"abort": self.transport.abort}

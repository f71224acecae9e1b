"""uvicorn's WebSocket protocol, with the two things that ASGI has no words for."""

from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode as WebSocketCloseCode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from edge.failures import CloseCode

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

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[ABORT_EXTENSION] = {"abort": self.transport.abort}

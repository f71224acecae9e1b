"""The frames of one socket, read by `websockets`, with bounds on those that bring no packet."""

from collections.abc import Generator
from http import HTTPStatus
from typing import Any

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode as WebSocketCloseCode
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.protocol import Protocol
from websockets.server import ServerProtocol

from edge.sessions.allowance import Allowance
from edge.web.problems import PROBLEM_TYPE, problem
from edge.web.serving.connection import Connection
from parley_protocol.errors import CloseCode

# RFC 6455, 5.2: the opcodes from here on are those of control frames.
_CONTROL = 0x8


class FrameProtocol(ServerProtocol):
    """Reads frames alone, for the handshake was read as HTTP. Bounds frames that bring no packet,
    whose cost arises here, and of which nobody above would hear.
    """

    # All of the library's as well: a dictionary of so many attributes takes 1.6 KB for each socket.
    __slots__ = (
        "_fragments",
        "_frames",
        "_settings",
        "_state",
        "_time",
        "accept_called",
        "available_extensions",
        "available_subprotocols",
        "close_rcvd",
        "close_rcvd_then_sent",
        "close_sent",
        "current_size",
        "debug",
        "eof_sent",
        "events",
        "expect_continuation_frame",
        "extensions",
        "handshake_exc",
        "id",
        "limit",
        "logger",
        "max_fragment_size",
        "max_message_size",
        "origin",
        "origins",
        "parser",
        "parser_exc",
        "reader",
        "side",
        "subprotocol",
        "writes",
    )

    def __init__(self, connection: Connection, **options: Any) -> None:
        super().__init__(**options)
        self._settings = settings = connection.connections.settings
        self._time = connection.loop.time
        self._frames = Allowance(settings.frames_per_second, settings.frames_burst, self._time())
        self._fragments = 0
        # For which the connection was failed.
        self.limit: str | None = None

    def parse(self) -> Generator[None]:
        return Protocol.parse(self)

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode < _CONTROL and frame.fin and self.close_sent is None:
            self._fragments = 0
        else:
            self._bound(frame)
        super().recv_frame(frame)

    def _bound(self, frame: Frame) -> None:
        """Raise ProtocolError when there are too many frames."""
        if self._frames.spend(1, self._time()):
            self.limit = "frames_per_second"
            raise ProtocolError("too many frames")
        if frame.opcode < _CONTROL:
            self._fragments += 1
            if self._fragments >= self._settings.fragments_per_packet:
                self.limit = "fragments_per_packet"
                raise ProtocolError("too many fragments")

    def fail(self, code: int, reason: str = "") -> None:
        """Fail the connection, with the codes of Parley where a limit is the cause."""
        if code == WebSocketCloseCode.MESSAGE_TOO_BIG:
            self.limit = "max_packet_bytes"
            code, reason = CloseCode.PACKET_TOO_LARGE, "packet too large"
        elif self.limit is not None:
            code = CloseCode.BAD_PACKETS
        super().fail(code, reason)

    def accept(self, request: Request) -> Response:
        """Build the answer to a handshake; a refusal says why, as all others do."""
        response = super().accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            detail = response.body.decode().partition("\n")[0]
            response.body = problem(HTTPStatus(response.status_code), "bad_handshake", detail)
            del response.headers["Content-Type"], response.headers["Content-Length"]
            response.headers["Content-Type"] = PROBLEM_TYPE
            response.headers["Content-Length"] = str(len(response.body))
        return response

"""uvicorn's WebSocket protocol, with the things that ASGI has no words for."""

import asyncio
from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode as WebSocketCloseCode
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask
from websockets.streams import StreamReader

from edge.sessions.allowance import Allowance
from edge.web.problems import PROBLEM_TYPE, TOO_EARLY, RefusedError, problem
from edge.web.serving.connection import Connection
from edge.web.serving.waiting import EventQueue, LeanEvent
from parley_protocol import packets
from parley_protocol.errors import CloseCode

CONNECTION_EXTENSION = "parley.connection"
PROTOCOL_EXTENSION = "parley.protocol"
# RFC 6455, 5.2: the opcodes from here on are those of control frames.
_CONTROL = 0x8
# The first byte of a text and of a binary message in one frame, and what else a frame begins with.
_WHOLE_TEXT = 0x81
_WHOLE = frozenset({_WHOLE_TEXT, 0x82})
_MASKED = 0x80
_TWO_BYTES = 126
_LEAST_FRAME = 6
# Where the parser of `websockets` stands when it has read nothing of a frame.
_BETWEEN_FRAMES = StreamReader.at_eof.__code__


class _FrameServerProtocol(ServerProtocol):
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


class PacketProtocol(WebSocketsSansIOProtocol):
    """Gives the application the connection, in the scope's extensions under `parley.connection`:
    it may cut one whose peer reads nothing, and knows when it is gone. And itself, under
    `parley.protocol`: to write and to read without a task where nothing has to wait.
    """

    # All of uvicorn's as well, as above.
    __slots__ = (
        "_connection",
        "_frames",
        "_take",
        "app",
        "app_state",
        "asgi_version",
        "client",
        "close_sent",
        "close_timeout",
        "close_timer",
        "config",
        "conn",
        "connections",
        "curr_msg_data_type",
        "default_headers",
        "disconnected",
        "frames",
        "handshake_complete",
        "handshake_initiated",
        "initial_response",
        "last_ping_rtt",
        "logger",
        "loop",
        "pending_ping_payload",
        "ping_interval",
        "ping_sent_at",
        "ping_timeout",
        "ping_timer",
        "pong_timer",
        "queue",
        "read_paused",
        "request",
        "response",
        "root_path",
        "scheme",
        "scope",
        "server",
        "tasks",
        "transport",
        "writable",
    )

    def __init__(self, config: Config, state: ServerState, connection: Connection) -> None:
        super().__init__(config, state, {})
        # In their places, what takes less memory of an idle socket.
        self.queue = cast("asyncio.Queue[Any]", EventQueue(self.loop))
        self.writable = LeanEvent()
        self.writable.set()
        self.conn = self._frames = _FrameServerProtocol(
            connection, extensions=[], max_size=config.ws_max_size, logger=self.logger
        )
        self._connection = connection
        # Handles a packet at once, or tells that it has to wait for its turn.
        self._take: Callable[[str | bytes], bool] | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.close_sent:
            status = HTTPStatus(self.response.status_code)
            self._connection.connections.metrics.refused(status, "bad_handshake")
        else:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[CONNECTION_EXTENSION] = self._connection
            extensions[PROTOCOL_EXTENSION] = self

    async def send(self, message: Any) -> None:
        """Send, and return when the connection takes more: what it has not taken is held here."""
        if self._connection.closing and not self.handshake_complete:
            # It was refused meanwhile.
            raise ClientDisconnected
        await super().send(message)
        await self.writable.wait()
        if message["type"] == "websocket.accept" and self.handshake_complete:
            self._connection.attached()
        elif message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            # A refusal ends the handshake as well; the server would call each an error in the log.
            self.handshake_complete = True

    def take_by(self, take: Callable[[str | bytes], bool]) -> None:
        """Offer `take` each packet that came alone; those that it leaves, `receive` gives.

        The handshake is over then, and what it said is dropped: it was a fifth of the memory of
        an idle socket.
        """
        self._take = take
        self.scope.clear()  # type: ignore[attr-defined] # a dictionary, whatever its type says
        del self.request, self.response

    def write_now(self, packet: packets.Frame) -> bool:
        """Write a packet as `send` does, if the connection takes it at once."""
        if not self.writable.is_set() or self.conn.state is not State.OPEN or self.close_sent:
            return False
        self.transport.write(packet.wire)
        return True

    def _alone(self, data: bytes) -> str | bytes | None:
        """Read a packet, if that and nothing else is what was received; else None.

        It is what an idle client sends, and one that writes now and then: it is spared the parser,
        the queue and the task that waits at its end.
        """
        if len(data) < _LEAST_FRAME or data[0] not in _WHOLE or data[1] < _MASKED:
            return None
        size, start = data[1] & 0x7F, 2
        if size == _TWO_BYTES:
            size, start = int.from_bytes(data[2:4], "big"), 4
        if len(data) != start + 4 + size or size > self.config.ws_max_size:
            return None
        # In the middle of a frame, or of a packet in several.
        parser: Any = self.conn.parser
        if self.conn.current_size is not None or (
            parser.gi_yieldfrom.gi_code is not _BETWEEN_FRAMES
        ):
            return None
        packet = apply_mask(data[start + 4 :], data[start : start + 4])
        try:
            return packet.decode() if data[0] == _WHOLE_TEXT else packet
        except UnicodeDecodeError:
            return None

    def data_received(self, data: bytes) -> None:
        if self.handshake_complete:
            if self._take is not None and not self.read_paused and self.queue.empty():
                packet = self._alone(data)
                if packet is not None and self._take(packet):
                    return
            super().data_received(data)
        else:
            self._connection.refuse(RefusedError(*TOO_EARLY))

    def handle_ping(self) -> None:
        """Answer a ping, but not one whose sender reads no answers: they would gather without a
        bound. RFC 6455, 5.5.3, asks for the answer to the last one only.
        """
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def send_receive_event_to_app(self) -> None:
        """Give a message to the application; one that is no text is no defect to be logged."""
        data = b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        else:
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
            except UnicodeDecodeError:
                self.conn.fail(WebSocketCloseCode.INVALID_DATA, "text is not UTF-8")
                self.handle_parser_exception()
                return
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def handle_parser_exception(self) -> None:
        """Close so that the peer, who may be sending still, learns why."""
        close_sent = self.conn.close_sent
        code = WebSocketCloseCode.ABNORMAL_CLOSURE if close_sent is None else close_sent.code
        event: Any = {"type": "websocket.disconnect", "code": code, "limit": self._frames.limit}
        self.queue.put_nowait(event)
        self.close_sent = True
        self._connection.lingers = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def shutdown(self) -> None:
        if self._connection.closing:
            self._connection.abort()
        else:
            super().shutdown()

"""uvicorn's WebSocket protocol, with the things that ASGI has no words for."""

import asyncio
import logging
from asyncio.transports import BaseTransport, Transport
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode as WebSocketCloseCode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.speedups import apply_mask
from websockets.streams import StreamReader

from edge.web.problems import TOO_EARLY, RefusedError
from edge.web.serving.connection import Connection
from edge.web.serving.frame_protocol import FrameProtocol
from edge.web.serving.handshake import usual_answer
from edge.web.serving.waiting import EventQueue, LeanEvent
from parley_protocol import packets

_SERVER_LOGGER = logging.getLogger("uvicorn.error")

CONNECTION_EXTENSION = "parley.connection"
PROTOCOL_EXTENSION = "parley.protocol"
# The first byte of a text and of a binary message in one frame, and what else a frame begins with.
_WHOLE_TEXT = 0x81
_WHOLE = frozenset({_WHOLE_TEXT, 0x82})
_MASKED = 0x80
_TWO_BYTES = 126
# Of the beginning of a frame that is kept here.
_KEPT_BYTES = 4 * 1024
# Where the parser of `websockets` stands when it has read nothing of a frame.
_BETWEEN_FRAMES = StreamReader.at_eof.__code__


class PacketProtocol(WebSocketsSansIOProtocol):
    """Gives the application the connection, in the scope's extensions under `parley.connection`:
    it may cut one whose peer reads nothing, and knows when it is gone. And itself, under
    `parley.protocol`: to write and to read without a task where nothing has to wait.
    """

    # All of uvicorn's as well, for the reason that FrameProtocol gives.
    __slots__ = (
        "_accept",
        "_begun",
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
        # All that uvicorn's own does, which would make a parser that nobody uses, and a queue: both
        # take a tenth of what a login costs. tests/edge/web/serving/test_transport.py compares.
        self.config = config
        self.app = config.loaded_app
        self.loop = connection.loop
        self.logger = _SERVER_LOGGER
        self.root_path = config.root_path
        self.asgi_version = config.asgi_version
        self.app_state = {}
        self.connections = state.connections
        self.tasks = state.tasks
        self.default_headers = state.default_headers
        self.transport = None  # type: ignore[assignment] # until `connection_made`
        self.server = self.client = None
        self.scheme = "ws"
        self.handshake_initiated = self.handshake_complete = False
        self.close_sent = self.disconnected = False
        self.close_timer = None
        self.close_timeout = 10.0
        self.initial_response = None
        self.read_paused = False
        self.ping_interval = self.ping_timeout = None
        self.ping_timer = self.pong_timer = None
        self.pending_ping_payload = None
        self.ping_sent_at = self.last_ping_rtt = 0.0
        self.frames = []
        self.curr_msg_data_type = "bytes"
        self.scope = {}  # type: ignore[typeddict-item] # until the handshake was read
        # Less memory of an idle socket than asyncio's own.
        self.queue = cast("asyncio.Queue[Any]", EventQueue(self.loop))
        self.writable = LeanEvent()
        self.writable.set()
        self.conn = self._frames = FrameProtocol(
            connection, extensions=[], max_size=config.ws_max_size, logger=self.logger
        )
        self._connection = connection
        # By which the handshake is accepted, where uvicorn did not have to read it.
        self._accept = b""
        # What has come of a frame.
        self._begun = b""
        # Handles a packet at once, or tells that it has to wait for its turn.
        self._take: Callable[[str | bytes], bool] | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        # As uvicorn does, but for the addresses, which nothing asks for.
        self.connections.add(self)
        self.transport = cast("Transport", transport)

    def connect(self, url: bytes, headers: Sequence[tuple[bytes, bytes]], accept: bytes) -> None:
        """Run the application for a handshake that is good, and accepted by this value."""
        self._accept = accept
        self.handshake_initiated = True
        path, _, query = url.partition(b"?")
        offered = [value for name, value in headers if name == b"sec-websocket-protocol"]
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": None,
            "client": None,
            "root_path": self.root_path,
            "path": self.root_path + unquote(path.decode("ascii")),
            "raw_path": self.root_path.encode("ascii") + path,
            "query_string": query,
            "headers": headers,
            "subprotocols": [
                one.strip() for value in offered for one in value.decode("latin-1").split(",")
            ],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        self._extend_scope()
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.close_sent:
            status = HTTPStatus(self.response.status_code)
            self._connection.connections.metrics.refused(status, "bad_handshake")
        else:
            self._extend_scope()

    def _extend_scope(self) -> None:
        extensions = cast("dict[str, Any]", self.scope["extensions"])
        extensions[CONNECTION_EXTENSION] = self._connection
        extensions[PROTOCOL_EXTENSION] = self

    async def send(self, message: Any) -> None:
        """Send, and return when the connection takes more: what it has not taken is held here."""
        if self._connection.closing and not self.handshake_complete:
            # It was refused meanwhile.
            raise ClientDisconnected
        if self._accept and message["type"] == "websocket.accept":
            await self._answer(message.get("subprotocol"))
        else:
            await super().send(message)
        await self.writable.wait()
        if message["type"] == "websocket.accept" and self.handshake_complete:
            self._connection.attached()
        elif message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            # A refusal ends the handshake as well; the server would call each an error in the log.
            self.handshake_complete = True

    async def _answer(self, subprotocol: str | None) -> None:
        """Accept the handshake, as uvicorn does."""
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        if not self.transport.is_closing():
            self.handshake_complete = True
            self.conn.state = State.OPEN
            self.transport.write(usual_answer(self._accept, subprotocol, self.default_headers))

    def take_by(self, take: Callable[[str | bytes], bool]) -> None:
        """Offer `take` each packet that came in one frame; those that it leaves, `receive` gives.

        The handshake is over then, and what it said is dropped: it was a fifth of the memory of
        an idle socket.
        """
        self._take = take
        self.scope.clear()  # type: ignore[attr-defined] # a dictionary, whatever its type says
        self.request = self.response = None  # type: ignore[assignment] # which nobody asks

    def write_now(self, frame: packets.Frame, *, alone: bool = False) -> bool:
        """Write a packet as `send` does, if the connection takes it at once."""
        if not self.writable.is_set() or self.conn.state is not State.OPEN or self.close_sent:
            return False
        if alone:
            self._connection.write_alone(frame.wire)
        else:
            self.transport.write(frame.wire)
        return True

    def _take_packets(self, data: bytes, take: Callable[[str | bytes], bool]) -> bytes:
        """Hand on what is packets in one frame each; gives the rest, which is for the parser.

        It is what nearly all clients send, and spared the parser, the queue, and the task that
        waits at its end. The beginning of a frame is kept until the rest of it comes.
        """
        # In the middle of a frame, or of a packet in several.
        parser: Any = self.conn.parser
        if self.conn.current_size is not None or (
            parser.gi_yieldfrom.gi_code is not _BETWEEN_FRAMES
        ):
            return data
        begin, end = 0, len(data)
        while begin < end:
            frame = _whole_frame(data, begin, self.config.ws_max_size)
            if frame is None:
                break
            start, stop = frame
            if stop > end:
                # Larger ones are not put together again with each piece that comes of them.
                if stop - begin <= _KEPT_BYTES:
                    self._begun, end = data[begin:], begin
                break
            packet = apply_mask(data[start:stop], data[start - 4 : start])
            try:
                taken = take(packet.decode() if data[begin] == _WHOLE_TEXT else packet)
            except UnicodeDecodeError:
                break
            if not taken:
                break
            begin = stop
        if begin:
            self._connection.give_turn()
        return data[begin:end]

    def data_received(self, data: bytes) -> None:
        if self.handshake_complete:
            if self._begun:
                data, self._begun = self._begun + data, b""
            if self._take is not None and not self.read_paused and self.queue.empty():
                data = self._take_packets(data, self._take)
                if not data:
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

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # They refer to it: see Connection.connection_lost. The scope itself is the application's,
        # which may yet have to learn that nobody is there.
        self._take = None
        self.conn.parser.close()
        self.scope = {}  # type: ignore[typeddict-item] # as before the handshake

    def shutdown(self) -> None:
        if self._connection.closing:
            self._connection.abort()
        else:
            super().shutdown()


def _whole_frame(data: bytes, begin: int, most_bytes: int) -> tuple[int, int] | None:
    """Where the bytes of a packet in one frame begin and end, which is behind the end of `data`
    where not all has come yet; None for another frame, or too large a one. RFC 6455, 5.2.
    """
    left = len(data) - begin
    if data[begin] not in _WHOLE:
        return None
    if left < 2:
        return begin + 2, begin + 2
    if data[begin + 1] < _MASKED:
        return None
    size, start = data[begin + 1] & 0x7F, begin + 6
    if size > _TWO_BYTES:
        return None
    if size == _TWO_BYTES:
        start += 2
        size = int.from_bytes(data[begin + 2 : begin + 4], "big") if left >= 4 else 0
    return (start, start + size) if size <= most_bytes else None

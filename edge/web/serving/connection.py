"""One TCP connection, below HTTP and WebSocket, and all of an edge's that are open.

What a peer can do before a session exists, or below it, is bounded here: how fast it is read, how
long it may take to get a session, how many there are, and how long the farewell lasts.
"""

import asyncio
from asyncio.transports import BaseTransport, Transport
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from edge.metrics import Metrics
from edge.sessions.allowance import Allowance
from edge.settings import Settings
from edge.web.problems import RefusedError, response
from edge.web.serving.coalescing_transport import CoalescingTransport

# What one read takes at most, and so what is held for a session that takes no more at present.
_READ_BYTES = 16 * 1024
# A read costs as much as this, however little it brings.
_LEAST_BYTES = 1024
# What is handed on at once. The protocol parses it to the end, whoever else is waiting, and in
# each piece there may be a hundred frames.
_PIECE_BYTES = 1024
_LINGER_SECONDS = 2.0


class Connections:
    """The open connections of an edge, those without a session in the order in which they came.

    Beyond its limits the oldest without a session goes: so whoever opens many and says nothing
    keeps nobody else out.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        # All read into it, for what was read is copied before anything else happens.
        self.buffer = memoryview(bytearray(_READ_BYTES))
        self._open: set[Connection] = set()
        self._without_session: dict[Connection, None] = {}
        metrics.connections.set_function(lambda: len(self._open))
        metrics.connections_without_session.set_function(lambda: len(self._without_session))

    @property
    def full(self) -> bool:
        """Whether there are more than there may be, the one that asks included."""
        return len(self._open) > self.settings.sockets_per_edge

    def opened(self, connection: "Connection") -> None:
        self._open.add(connection)
        self._without_session[connection] = None
        if len(self._without_session) > self.settings.connections_without_session:
            self._make_room("connections_without_session")
        elif self.full and len(self._without_session) > 1:
            # Alone it is let on: to be told why there is no session for it, or to ask for metrics.
            self._make_room("sockets_per_edge")

    def _make_room(self, limit: str) -> None:
        oldest = next(iter(self._without_session))
        self.closed(oldest)
        self.metrics.limits.reached(limit)
        oldest.give_way()

    def attached(self, connection: "Connection") -> None:
        """Note that a connection has a session."""
        self._without_session.pop(connection, None)

    def closed(self, connection: "Connection") -> None:
        self._open.discard(connection)
        self._without_session.pop(connection, None)


class _ProtocolTransport(CoalescingTransport):
    """The transport as the protocol on top sees it."""

    def __init__(
        self, transport: Transport, loop: asyncio.AbstractEventLoop, connection: "Connection"
    ) -> None:
        super().__init__(transport, loop)
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._connection.closing:
            self._connection.answered = True
            super().write(data)

    def close(self) -> None:
        self._connection.close()

    def abort(self) -> None:
        self._connection.closing = True
        super().abort()

    def is_closing(self) -> bool:
        return self._connection.closing or super().is_closing()

    def pause_reading(self) -> None:
        self._connection.pause()

    def resume_reading(self) -> None:
        self._connection.resume()

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._connection.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._connection.protocol = cast("asyncio.Protocol", protocol)


class Connection(asyncio.BufferedProtocol):
    """A connection from accept to its end, and the protocol that it speaks at present."""

    def __init__(
        self,
        connections: Connections,
        speak: Callable[["Connection"], asyncio.Protocol],
    ) -> None:
        self.connections = connections
        self.loop = loop = asyncio.get_running_loop()
        # Done when the connection is gone, which is after the close that both sides may want.
        self.gone: asyncio.Future[None] = loop.create_future()
        self.closing = False
        # Whether the peer was told anything.
        self.answered = False
        # Whether a farewell waits for the peer to hear it: not where it is the peer that closes.
        self.lingers = True
        self._transport: Transport
        self._upper: _ProtocolTransport
        settings = connections.settings
        self._pace = Allowance(settings.bytes_per_second, settings.bytes_burst, loop.time())
        # Why nothing is read: the protocol wants nothing, it was too much, or there is some left.
        self._paused = False
        self._overdrawn = False
        self._held = b""
        self._reading = True
        self._goes_on = False
        self._timer: asyncio.TimerHandle | None = None
        self.protocol = speak(self)

    # From the transport.

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast("Transport", transport)
        self._upper = _ProtocolTransport(self._transport, self.loop, self)
        seconds = self.connections.settings.handshake_timeout_seconds
        self._timer = self.loop.call_later(seconds, self._late)
        self.protocol.connection_made(self._upper)
        self.connections.opened(self)

    def get_buffer(self, _size_hint: int) -> memoryview:
        return self.connections.buffer

    def buffer_updated(self, nbytes: int) -> None:
        seconds = self._pace.spend(max(nbytes, _LEAST_BYTES), self.loop.time())
        if seconds:
            self.connections.metrics.limits.reached("bytes_per_second")
            self._overdrawn = True
            self.loop.call_later(seconds, self._again)
        if not self.closing:
            self._held += self.connections.buffer[:nbytes]
            self._hand_on()
        self._read_or_not()

    def eof_received(self) -> None:
        """Nothing is to be said to who has left: the transport closes by itself."""

    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self._held = b""
        self._set_timer(None)
        self.connections.closed(self)
        self.protocol.connection_lost(exc)
        self.gone.set_result(None)
        # Both refer to it: whoever has left would be kept until the collector comes by.
        del self.protocol, self._upper

    # Reading.

    def _hand_on(self) -> None:
        """Give the protocol what was read, piece by piece, until it wants no more for now."""
        while self._held and not (self._paused or self.closing or self._goes_on):
            piece, self._held = self._held[:_PIECE_BYTES], self._held[_PIECE_BYTES:]
            self.protocol.data_received(piece)

    def _read_or_not(self) -> None:
        wanted = self.closing or not (self._paused or self._held)
        reading = wanted and not self._overdrawn
        if reading is self._reading or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _again(self) -> None:
        self._overdrawn = False
        self._read_or_not()

    def pause(self) -> None:
        """Hand nothing on."""
        self._paused = True
        self._read_or_not()

    def resume(self) -> None:
        """Hand on what waits, in the next turn of the loop: others come in between."""
        self._paused = False
        if self._held:
            self.give_turn()
        else:
            self._read_or_not()

    def give_turn(self) -> None:
        """Hand nothing more on in this turn of the loop."""
        if self._held and not self._goes_on:
            self._goes_on = True
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._goes_on = False
        self._hand_on()
        self._read_or_not()

    def write_alone(self, data: bytes) -> None:
        """Write what the protocol has to say, where it says nothing else in this turn."""
        if not self.closing:
            self._upper.write_alone(data)

    # The end.

    def attached(self) -> None:
        """Let it stay: it has a session, which has deadlines of its own."""
        self._set_timer(None)
        self.lingers = False
        self.connections.attached(self)

    def refuse(self, refused: RefusedError) -> None:
        """Answer with a problem and close; only close if something was answered already."""
        if self.closing:
            return
        if self.answered:
            self.abort()
            return
        self.connections.metrics.refused(refused.status, refused.reason)
        self._upper.write(response(refused))
        self.close()

    def give_way(self) -> None:
        """Make room for others, at once."""
        self.lingers = False
        if self.closing:
            self.abort()
            return
        self.refuse(
            RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "This edge has too many connections."
            )
        )

    def close(self) -> None:
        """Send what is written, and close. A connection closed while unread bytes wait is reset by
        the kernel, and what was said last is lost with it; so where the peer may be sending, that
        is read and dropped until it has closed as well, or for a while.
        """
        if self.closing:
            return
        self._upper.flush()
        self.closing = True
        self._held = b""
        if not self.lingers or self._transport.is_closing():
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        # Of no use to anybody, so at leisure.
        self._pace.forfeit()
        self._read_or_not()
        self._set_timer(self.loop.call_later(_LINGER_SECONDS, self._transport.abort))

    def abort(self, after_seconds: float = 0) -> None:
        """End it, now or after so many seconds, unless it is gone or to end by then."""
        if self.gone.done():
            return
        if not after_seconds:
            self._upper.abort()
        elif self._timer is None:
            self._set_timer(self.loop.call_later(after_seconds, self._upper.abort))

    def _late(self) -> None:
        self.connections.metrics.limits.reached("handshake_timeout_seconds")
        self.refuse(
            RefusedError(
                HTTPStatus.REQUEST_TIMEOUT, "too_slow", "The request took too long to arrive."
            )
        )

    def _set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

"""One socket: receive loop, answers, alerts, and the ways it closes."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
import uuid_utils

from edge.authentication import Authenticator, Principal
from edge.backends import MessagingBackend
from edge.failures import CloseCode, invalid_argument, refusal
from edge.feed import Feed
from edge.hub import BEAT_PARTS, Hub
from edge.metrics import Metrics
from edge.outbox import Outbox
from edge.packets import BadPacketError, Format, Frame, InvalidPayloadError, Op
from edge.payloads import Error
from edge.settings import Settings

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Edge:
    """What every session of this process shares."""

    settings: Settings
    hub: Hub
    feed: Feed
    messaging: MessagingBackend
    authenticator: Authenticator
    metrics: Metrics
    routes: dict[int, Any]


class Session:
    """Between accept and close. Handlers and alerts talk to the client through it."""

    __slots__ = (
        "_abort",
        "_bad_packets",
        "_bad_packets_since",
        "_closer",
        "_held",
        "_held_bytes",
        "_outbox",
        "_receive",
        "_requests",
        "_send",
        "beat_part",
        "closing",
        "edge",
        "floor",
        "format",
        "id",
        "last_heard",
        "pages",
        "principal",
        "unconfirmed",
    )

    def __init__(
        self,
        edge: Edge,
        principal: Principal,
        format_: Format,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        abort: Callable[[], None],
    ) -> None:
        settings = edge.settings
        self.edge = edge
        self.principal = principal
        self.format = format_
        self.id = str(uuid_utils.uuid7())
        self.last_heard = asyncio.get_running_loop().time()
        self.beat_part = len(edge.hub) % BEAT_PARTS
        # Alerts up to this revision reached the client another way: by a replay, or because it
        # has yet to ask. None: not attached to the feed.
        self.floor: int | None = None
        # While attaching or resuming, live alerts wait here for their turn.
        self._held: list[tuple[int, Frame, tuple[str, int] | None]] | None = []
        self._held_bytes = 0
        # Alerts that a PONG has yet to confirm: (revision, conversation, seq).
        self.unconfirmed: deque[tuple[int, str, int]] = deque(maxlen=settings.unconfirmed_alerts)
        # Held from the question for a page until there is room for it. A page may be as large as
        # the outbox: whoever asks for many and reads none makes the edge hold one.
        self.pages = asyncio.Lock()
        self.closing = False
        self._receive = receive
        self._send = send
        self._abort = abort
        self._outbox = Outbox(send, settings.outbox_bytes, self._overflowed)
        self._requests: set[asyncio.Task[None]] = set()
        self._closer: asyncio.Task[None] | None = None
        self._bad_packets = 0
        self._bad_packets_since = self.last_heard

    @property
    def user(self) -> str:
        return self.principal.user

    # To the client.

    def send(
        self,
        op: Op,
        payload: msgspec.Struct,
        *,
        re: int | str | None = None,
        cur: str | None = None,
    ) -> None:
        """Queue a packet."""
        self._outbox.put(self.format.encode(op, payload, re=re, cur=cur))

    def fail(self, re: int | str | None, error: Error) -> None:
        """Queue an ERROR."""
        self.edge.metrics.errors.labels(code=error.code).inc()
        self.send(Op.ERROR, error, re=re)

    def ping(self, frame: Frame) -> None:
        """Queue a PING, but not before HELLO, and without the cursor while that would skip what is
        still to come.
        """
        if self.settled:
            self._outbox.put(frame)
        elif self._held is None or self.floor is not None:
            self._outbox.put(self.format.encode(Op.PING, {}))

    def push(
        self, revision: int | None, frame: Frame, confirms: tuple[str, int] | None = None
    ) -> None:
        """Queue a live alert of this revision; None for what no revision numbers."""
        if self.closing:
            return
        if revision is None:
            if self._held is None:
                self._outbox.put(frame)
        elif self._held is not None:
            self._held.append((revision, frame, confirms))
            self._held_bytes += frame.size
            if self._held_bytes > self.edge.settings.outbox_bytes:
                self._overflowed()
        elif self.floor is not None and revision > self.floor:
            self._alert(revision, frame, confirms)

    @property
    def settled(self) -> bool:
        """Whether everything up to the hub's cursor has been queued for this client."""
        return self._held is None and self.floor is not None

    def start_over(self, revision: int, *, everyone: bool) -> bool:
        """Go on from `revision`, if never attached or if `everyone` has to. Returns whether the
        client must be told; a session that is only being attached is on the new clock anyway.
        """
        if self.floor is None:
            if self._held is not None:
                return False
        elif not everyone:
            return False
        self.floor = revision
        # Revisions of another clock say nothing on this one.
        self.unconfirmed.clear()
        if self._held is not None:
            self._held.clear()
            self._held_bytes = 0
        return True

    async def room(self) -> None:
        """Wait until the client has read enough for an answer of any size."""
        await self._outbox.room()

    def hold(self) -> bool:
        """Keep live alerts back until `release`. False when they are kept back already."""
        if self._held is not None:
            return False
        self._held = []
        return True

    def release(self) -> None:
        """Let the alerts go that were held and that no replay has covered."""
        held, self._held = self._held or [], None
        self._held_bytes = 0
        for revision, frame, confirms in held:
            self.push(revision, frame, confirms)

    async def replay(self, revision: int, frame: Frame, confirms: tuple[str, int] | None) -> None:
        """Queue a missed packet, at the pace at which the client reads."""
        await self._outbox.room()
        self._alert(revision, frame, confirms)

    def _alert(self, revision: int, frame: Frame, confirms: tuple[str, int] | None) -> None:
        self._outbox.put(frame)
        if confirms is not None:
            self.unconfirmed.append((revision, *confirms))

    # From the client.

    async def run(self) -> None:
        """Receive until the client or the edge has closed."""
        edge = self.edge
        loop = asyncio.get_running_loop()
        try:
            while True:
                event = await self._receive()
                if event["type"] != "websocket.receive":
                    return
                self.last_heard = loop.time()
                if self.closing:
                    continue
                self._handle(event)
                if len(self._requests) >= edge.settings.requests_per_socket:
                    await asyncio.wait(self._requests, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.closing = True
            self._outbox.discard()
            for task in self._requests:
                task.cancel()
            # A peer that has closed but reads nothing would hold what the server has yet to send.
            loop.call_later(edge.settings.close_timeout_seconds, self._abort)

    def _handle(self, event: Any) -> None:
        try:
            envelope = self.format.decode(event.get("text") or event.get("bytes") or "")
        except BadPacketError as error:
            self._bad_packet(None, refusal("BAD_PACKET", str(error)))
            return
        route = self.edge.routes.get(envelope.op)
        if route is None:
            self._bad_packet(
                envelope.id,
                refusal("UNKNOWN_OPCODE", f"No client sends a packet with op {envelope.op}."),
            )
            return
        route.received.inc()
        try:
            payload = self.format.payload(envelope, route.decoders[self.format])
            waiting = route.handler(self, envelope.id, payload)
        except InvalidPayloadError as error:
            self.fail(envelope.id, invalid_argument(error.field, error.problem))
        except Exception:  # noqa: BLE001 - whatever it is, it harms this packet alone
            self._internal_error(route.name, envelope.id)
        else:
            if waiting is not None:
                self.start(waiting, route.name, envelope.id)

    def start(
        self,
        waiting: Coroutine[Any, Any, None],
        name: str,
        re: int | str | None = None,
    ) -> None:
        """Run what has to wait, beside the receiving, as long as the session lasts."""
        task = asyncio.get_running_loop().create_task(self._finish(waiting, name, re))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _finish(
        self, waiting: Coroutine[Any, Any, None], name: str, re: int | str | None
    ) -> None:
        try:
            await waiting
        except InvalidPayloadError as error:
            self.fail(re, invalid_argument(error.field, error.problem))
        except Exception:  # noqa: BLE001 - whatever it is, it harms this packet alone
            self._internal_error(name, re)

    def _internal_error(self, name: str, re: int | str | None) -> None:
        error_id = str(uuid_utils.uuid7())
        _logger.error(
            "a packet could not be handled",
            opcode=name,
            error_id=error_id,
            # Called while the exception is being handled.
            exc_info=True,  # noqa: LOG014
        )
        self.fail(re, refusal("INTERNAL", f"An internal error, {error_id}.", retryable=True))

    def _bad_packet(self, re: int | str | None, error: Error) -> None:
        self.edge.metrics.packets_received.labels(opcode="BAD PACKET").inc()
        now = self.last_heard
        if now - self._bad_packets_since > 60:
            self._bad_packets_since, self._bad_packets = now, 0
        self._bad_packets += 1
        self.fail(re, error)
        if self._bad_packets >= self.edge.settings.bad_packets_per_minute:
            self.close(CloseCode.BAD_PACKETS, "repeated bad packets")

    def token_has_expired(self) -> bool:
        return time.time() >= self.principal.expires_at

    # Closing.

    def _overflowed(self) -> None:
        self.close(CloseCode.SLOW_READER, "too slow a reader")

    def close(self, code: CloseCode, reason: str) -> None:
        """Send what is queued, then close. A peer that does not read is cut off after a while."""
        if self.closing:
            return
        self.closing = True
        self.edge.metrics.closes.labels(code=str(int(code))).inc()
        self._closer = asyncio.get_running_loop().create_task(self._close(code, reason))

    async def _close(self, code: CloseCode, reason: str) -> None:
        seconds = self.edge.settings.close_timeout_seconds
        # Also for the peer that takes the close frame and never answers it.
        asyncio.get_running_loop().call_later(seconds, self._abort)
        try:
            async with asyncio.timeout(seconds):
                await self._outbox.close()
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception as error:  # noqa: BLE001
            # The server says in several ways that the client is gone already.
            _logger.debug("a socket could not be closed in order", cause=repr(error))
            self._abort()

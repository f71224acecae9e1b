"""One socket: receive loop, answers, alerts, and the ways it closes."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
import uuid_utils

from edge.alerts import Alert
from edge.authentication import Authenticator, Principal
from edge.backends import MessagingBackend, NegotiationBackend
from edge.cursors import MESSAGING, Position
from edge.failures import CloseCode, invalid_argument, refusal
from edge.feed import Feed
from edge.hub import BEAT_PARTS, Hub
from edge.metrics import Metrics
from edge.outbox import Outbox
from edge.packet_rate import PacketRate
from edge.packets import (
    BadPacketError,
    ClientEnvelope,
    Encoding,
    Format,
    Frame,
    InvalidPayloadError,
    Op,
)
from edge.payloads import Error
from edge.requests import Request
from edge.settings import Settings

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Edge:
    """What every session of this process shares."""

    settings: Settings
    hub: Hub
    # By service.
    feeds: Mapping[str, Feed]
    messaging: MessagingBackend
    # None where that service is not deployed.
    negotiation: NegotiationBackend | None
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
        "_packet_rate",
        "_receive",
        "_requests",
        "_send",
        "attaching",
        "beat_part",
        "changes",
        "closing",
        "edge",
        "encoding",
        "floors",
        "format",
        "id",
        "last_heard",
        "pages",
        "principal",
        "timed_out",
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
        # Alerts of a service up to this revision reached the client another way: by a replay, or
        # because it has yet to ask. Without one it is not attached to the service's feed.
        self.floors: dict[str, int] = {}
        self.encoding = Encoding(format_, frozenset())
        # While the services are asked from where on their alerts will come.
        self.attaching = True
        # While attaching or resuming, live alerts wait here for their turn.
        self._held: list[tuple[str, int, Alert]] | None = []
        self._held_bytes = 0
        # Messages that a PONG has yet to confirm: (revision, conversation, seq).
        self.unconfirmed: deque[tuple[int, str, int]] = deque(maxlen=settings.unconfirmed_alerts)
        # By kind, held from the question for a page until there is room for it. A page may be as
        # large as the outbox: whoever asks for many and reads none makes the edge hold one of each.
        self.pages: dict[Op, asyncio.Lock] = defaultdict(asyncio.Lock)
        # Changes are made one at a time, in the order in which the client asked for them.
        self.changes = asyncio.Lock()
        # When a service last did not answer for a page in time.
        self.timed_out: dict[str, float] = {}
        self.closing = False
        self._receive = receive
        self._send = send
        self._abort = abort
        self._outbox = Outbox(send, settings.outbox_bytes, self._overflowed)
        self._requests: set[asyncio.Task[None]] = set()
        self._closer: asyncio.Task[None] | None = None
        self._packet_rate = PacketRate(
            settings.packets_per_second, settings.packets_burst, self.last_heard
        )
        self._bad_packets = 0
        self._bad_packets_since = self.last_heard

    @property
    def user(self) -> str:
        return self.principal.user

    @property
    def waiting_bytes(self) -> int:
        """Bytes of packets that wait for the client to read, or for a replay to end."""
        return self._outbox.size + self._held_bytes

    @property
    def requests(self) -> Collection["asyncio.Task[None]"]:
        """What is being answered."""
        return self._requests

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

    def answer(self, re: Request, op: Op, payload: msgspec.Struct) -> None:
        """Queue the answer to a packet; it is not wanted by whoever gave no id."""
        re.outcomes.ok.inc()
        if re.id is not None:
            self.send(op, payload, re=re.id)

    def fail(self, re: Request, error: Error) -> None:
        """Queue an ERROR."""
        re.outcomes.failed(error.code)
        self.send(Op.ERROR, error, re=re.id)

    def ping(self, frame: Frame) -> None:
        """Queue a PING, but not before HELLO, and without the cursor while that would skip what is
        still to come.
        """
        if self._held is None:
            self._outbox.put(frame)
        elif self.greeted:
            self._outbox.put(self.format.encode(Op.PING, {}))

    def push(self, service: str, revision: int, alert: Alert) -> None:
        """Queue a live alert of this revision of a service."""
        if self.closing:
            return
        if self._held is not None:
            self._held.append((service, revision, alert))
            self._held_bytes += alert.frame(self.encoding).size
            if self._held_bytes > self.edge.settings.outbox_bytes:
                self._overflowed()
            return
        floor = self.floors.get(service)
        if floor is not None and revision > floor:
            self._alert(revision, alert.frame(self.encoding), alert.confirms)

    def push_passing(self, alert: Alert) -> None:
        """Queue what no revision numbers and no resume brings back, unless others must go first."""
        if self._held is None and not self.closing:
            self._outbox.put(alert.frame(self.encoding))

    @property
    def attached(self) -> frozenset[str]:
        """The services whose alerts come to this client."""
        return self.encoding.attached

    @property
    def greeted(self) -> bool:
        """Whether HELLO, the first packet, has been queued."""
        return self._held is None or bool(self.floors)

    @property
    def settled(self) -> bool:
        """Whether everything up to the hub's cursor has been queued for this client."""
        return self._held is None

    def attach(self, positions: Mapping[str, Position]) -> None:
        """Let alerts of these services beyond these positions come; of others none."""
        self.attaching = False
        self.floors = {service: at.revision for service, at in positions.items()}
        self.encoding = Encoding(self.format, frozenset(self.floors))

    def start_over(self, service: str, revision: int, *, everyone: bool) -> bool:
        """Go on from `revision`, if never attached or if `everyone` has to. Returns whether the
        client must be told; a session that is only being attached is on the new clock anyway.
        """
        if self.attaching if service not in self.floors else not everyone:
            return False
        self.floors[service] = revision
        self.encoding = Encoding(self.format, frozenset(self.floors))
        if service == MESSAGING:
            # Revisions of another clock say nothing on this one.
            self.unconfirmed.clear()
        if self._held is not None:
            self._held = [one for one in self._held if one[0] != service]
            self._held_bytes = sum(one[2].frame(self.encoding).size for one in self._held)
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
        for service, revision, alert in held:
            self.push(service, revision, alert)

    async def replay(self, revision: int, frame: Frame, confirms: tuple[str, int] | None) -> None:
        """Queue a missed packet, at the pace at which the client reads."""
        await self._outbox.room()
        self._alert(revision, frame, confirms)

    def _alert(self, revision: int, frame: Frame, confirms: tuple[str, int] | None) -> None:
        self._outbox.put(frame)
        if confirms is not None:
            if len(self.unconfirmed) == self.unconfirmed.maxlen:
                self.edge.metrics.limits.reached("unconfirmed_alerts")
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
                    if not self.closing:
                        edge.metrics.left(event.get("code", 1005))
                    return
                now = self.last_heard = loop.time()
                if self.closing:
                    continue
                retry_after_ms = self._packet_rate.take(now)
                if retry_after_ms:
                    self._rate_limited(event, retry_after_ms)
                    continue
                self._handle(event)
                if len(self._requests) >= edge.settings.requests_per_socket:
                    edge.metrics.limits.reached("requests_per_socket")
                    await asyncio.wait(self._requests, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.closing = True
            self._outbox.discard()
            for task in self._requests:
                task.cancel()
            # A peer that has closed but reads nothing would hold what the server has yet to send.
            loop.call_later(edge.settings.close_timeout_seconds, self._abort)

    def _envelope(self, event: Any) -> ClientEnvelope:
        return self.format.decode(event.get("text") or event.get("bytes") or "")

    def _rate_limited(self, event: Any, retry_after_ms: int) -> None:
        """Refuse a packet, of which no more is read than what names it in the answer."""
        metrics, packet_id, route = self.edge.metrics, None, None
        # What is no packet has no name.
        with suppress(BadPacketError):
            envelope = self._envelope(event)
            packet_id, route = envelope.id, self.edge.routes.get(envelope.op)
        outcomes = metrics.bad_packets if route is None else route.outcomes
        error = Error(
            code="RATE_LIMITED",
            message=f"More than {self.edge.settings.packets_per_second:g} packets a second.",
            retryable=True,
            retry_after_ms=retry_after_ms,
        )
        self.fail(Request(packet_id, outcomes), error)
        metrics.limits.reached("packets_per_second")
        if self._packet_rate.refused >= self.edge.settings.rate_limited_packets:
            metrics.limits.reached("rate_limited_packets")
            self.close(CloseCode.BAD_PACKETS, "too many packets")

    def _handle(self, event: Any) -> None:
        try:
            envelope = self._envelope(event)
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
        re = Request(envelope.id, route.outcomes)
        try:
            payload = self.format.payload(envelope, route.decoders[self.format])
            waiting = route.handler(self, re, payload)
        except InvalidPayloadError as error:
            self.fail(re, invalid_argument(error.field, error.problem))
        except Exception:  # noqa: BLE001 - whatever it is, it harms this packet alone
            self._internal_error(re)
        else:
            if waiting is not None:
                self.start(re, waiting)

    def start(self, re: Request, waiting: Coroutine[Any, Any, None]) -> None:
        """Run what has to wait, beside the receiving, as long as the session lasts."""
        task = asyncio.get_running_loop().create_task(self._finish(re, waiting))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _finish(self, re: Request, waiting: Coroutine[Any, Any, None]) -> None:
        try:
            await waiting
        except InvalidPayloadError as error:
            self.fail(re, invalid_argument(error.field, error.problem))
        except asyncio.CancelledError:
            # The socket is gone, and with it whoever asked.
            re.outcomes.failed("CANCELLED")
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it harms this packet alone
            self._internal_error(re)

    def _internal_error(self, re: Request) -> None:
        error_id = str(uuid_utils.uuid7())
        _logger.error(
            "a packet could not be handled",
            opcode=re.outcomes.opcode,
            error_id=error_id,
            # Called while the exception is being handled.
            exc_info=True,  # noqa: LOG014
        )
        self.fail(re, refusal("INTERNAL", f"An internal error, {error_id}.", retryable=True))

    def _bad_packet(self, packet_id: int | str | None, error: Error) -> None:
        now = self.last_heard
        if now - self._bad_packets_since > 60:
            self._bad_packets_since, self._bad_packets = now, 0
        self._bad_packets += 1
        self.fail(Request(packet_id, self.edge.metrics.bad_packets), error)
        if self._bad_packets >= self.edge.settings.bad_packets_per_minute:
            self.edge.metrics.limits.reached("bad_packets_per_minute")
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
        self.edge.metrics.closed(code)
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

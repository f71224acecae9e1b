"""A session: the receive loop of one socket, its refusals, and its close."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog
import uuid_utils
from msgspec import UNSET

from edge.push.hub import BEAT_PARTS
from edge.push.origins import Origins, Own
from edge.push.outbox import WriteNow, write_later
from edge.sessions.context import Edge
from edge.sessions.delivery import Delivery
from edge.sessions.rate_limit import BadPackets, Refusals
from edge.sessions.requests import Request, Route, Waiting
from edge.sessions.state import State
from parley_protocol import packets
from parley_protocol.errors import CloseCode, Error, ErrorCode, invalid_argument, refusal
from parley_protocol.payloads.moderation import Standing
from service_kit.authentication.claims import Principal
from service_kit.tracing.requests import Asked

_logger = structlog.get_logger(__name__)


class Abort(Protocol):
    """Ends a connection, now or after so many seconds."""

    def __call__(self, after_seconds: float = 0) -> None: ...


class Session(Delivery):
    """One socket between accept and close. Handlers answer through it."""

    __slots__ = (
        "_abort",
        "_bad_packets",
        "_closer",
        "_listening",
        "_originated",
        "_receive",
        "_refusals",
        "_requests",
        "_send",
        "beat_part",
        "changes",
        "id",
        "in_turn",
        "last_heard",
        "typing",
    )

    def __init__(
        self,
        edge: Edge,
        principal: Principal,
        format_: packets.Format,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        abort: Abort,
        write_now: WriteNow = write_later,
    ) -> None:
        super().__init__(edge, principal, format_, send, write_now)
        settings = edge.settings
        self.id = str(uuid_utils.uuid7())
        self.last_heard = asyncio.get_running_loop().time()
        self.beat_part = len(edge.hub) % BEAT_PARTS
        # Changes are made one at a time, in the order in which the client asked for them.
        self.changes = asyncio.Lock()
        # The conversation in which its user types; empty: none.
        self.typing = ""
        # Messages that wait for that, or for what is to be known before them.
        self.in_turn: set[asyncio.Task[None]] = set()
        # Requests, each of which has an origin of its own.
        self._originated = 0
        self._receive = receive
        # Whether the next packet is waited for, and nothing else.
        self._listening = False
        self._send = send
        self._abort = abort
        self._requests: set[asyncio.Task[None]] = set()
        self._closer: asyncio.Task[None] | None = None
        self._refusals = Refusals()
        self._bad_packets = BadPackets(settings.bad_packets_per_minute, self.last_heard)

    @property
    def requests(self) -> Collection["asyncio.Task[None]"]:
        """The packets that are being answered."""
        return self._requests

    # From the client.

    async def run(self) -> None:
        """Receive until the client or the edge has closed."""
        edge = self.edge
        try:
            while True:
                self._listening = True
                event = await self._receive()
                self._listening = False
                if event["type"] != "websocket.receive":
                    if self.state is not State.CLOSING:
                        self._left(event.get("code", 1005), event.get("limit"))
                    return
                if self.state is State.CLOSING:
                    self.last_heard = asyncio.get_running_loop().time()
                    # What still comes is not wanted, and no more is read until the close is sent.
                    if self._closer is not None:
                        await asyncio.wait({self._closer})
                    continue
                self._packet(event.get("text") or event.get("bytes") or "")
                if len(self._requests) >= edge.settings.requests_per_socket:
                    edge.metrics.limits.reached("requests_per_socket")
                    await asyncio.wait(self._requests, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._listening = False
            self.stop()
            self._outbox.discard()
            for task in self._requests:
                task.cancel()
            # A peer that has closed but reads nothing would hold what the server has yet to send.
            self._abort(edge.settings.close_timeout_seconds)

    def take(self, data: str | bytes) -> bool:
        """Handle a packet at once, without waking the task that receives. False when it has to wait
        for its turn there: before HELLO, behind others, after the close, or with enough under way.
        """
        if (
            not self._listening
            or self.state is State.CLOSING
            or len(self._requests) + 1 >= self.edge.settings.requests_per_socket
        ):
            return False
        self._packet(data)
        return True

    def _packet(self, data: str | bytes) -> None:
        now = self.last_heard = asyncio.get_running_loop().time()
        retry_after_ms = self.person.packet_rate.take(now)
        if retry_after_ms:
            self._refusals.refused(now, retry_after_ms)
            self._rate_limited(data, retry_after_ms)
            return
        if self._refusals.count:
            self._refusals.passed(now)
        if self.unconfirmed or not self.edge.hub.pongs.count(data):
            self._handle(data)

    def _left(self, code: int, limit: str | None) -> None:
        """Count the close of the client, or of the server's protocol, which has limits as well."""
        self.edge.metrics.left(code, limit)
        if code == CloseCode.BAD_PACKETS:
            self.person.ignored_limits()

    def _rate_limited(self, data: str | bytes, retry_after_ms: int) -> None:
        """Refuse a packet, of which no more is read than what names it in the answer."""
        metrics, packet_id, route = self.edge.metrics, None, None
        # What is no packet has no name.
        with suppress(packets.BadPacketError):
            envelope = self.format.decode(data)
            packet_id, route = envelope.id, self.edge.routes.get(envelope.op)
        outcomes = metrics.bad_packets if route is None else route.outcomes
        error = Error(
            code=ErrorCode.RATE_LIMITED,
            message=f"More than {self.edge.settings.packets_per_second:g} packets a second.",
            retryable=True,
            retry_after_ms=retry_after_ms,
        )
        self.fail(Request(packet_id, outcomes), error)
        metrics.limits.reached("packets_per_second")
        if self._refusals.count >= self.edge.settings.rate_limited_packets:
            metrics.limits.reached("rate_limited_packets")
            self.close(CloseCode.BAD_PACKETS, "too many packets")

    def _handle(self, data: str | bytes) -> None:
        try:
            envelope = self.format.decode(data)
        except packets.BadPacketError as error:
            self._bad_packet(None, refusal(ErrorCode.BAD_PACKET, str(error)))
            return
        route = self.edge.routes.get(envelope.op)
        if route is None:
            self._bad_packet(
                envelope.id,
                refusal(
                    ErrorCode.UNKNOWN_OPCODE, f"No client sends a packet with op {envelope.op}."
                ),
            )
            return
        began = time.perf_counter()
        if (tracing := self.edge.tracing) is None:
            self._dispatch(envelope, route, data, began, None)
            return
        trace = Asked(tracing, f"packet {route.outcomes.opcode}")
        if trace.active is None:
            self._dispatch(envelope, route, data, began, trace)
            return
        with trace.within():
            self._dispatch(envelope, route, data, began, trace)

    def _dispatch(
        self,
        envelope: packets.ClientEnvelope,
        route: Route,
        data: str | bytes,
        began: float,
        trace: Asked | None,
    ) -> None:
        re = Request(envelope.id, route.outcomes, route.answer, began=began, trace=trace)
        try:
            payload = self.format.payload(envelope, route.decoders[self.format])
            size = len(data)
            if (refused := self.person.refused(size)) is not None:
                self.fail(re, refused)
                return
            re = self._admitted(re, route, payload, size)
            if (forbidden := self.forbidden(re)) is not None:
                self.fail(re, forbidden)
                return
            waiting = route.handler(self, re, payload)
        except packets.InvalidPayloadError as error:
            self.fail(re, invalid_argument(error.field, error.problem))
        except Exception:  # noqa: BLE001 - whatever it is, it harms this packet alone
            self._internal_error(re)
        else:
            if waiting is not None:
                self.start(re, waiting)
            elif envelope.op == packets.Op.PONG:
                self.edge.hub.pongs.learn(data, re.outcomes)

    def _admitted(self, re: Request, route: Route, payload: Any, size: int) -> Request:
        """A request that counts from now on among the writes and the bytes of its person."""
        conversation = getattr(payload, "conversation", UNSET) or ""
        activity = packets.activity_of(route.activity, payload)
        writes = self.writes if activity is packets.Activity.WRITE else None
        if writes is not None:
            writes.begin()
        self.person.hold(size)
        self._originated += 1
        return Request(
            re.id,
            re.outcomes,
            re.answer,
            activity,
            conversation,
            writes,
            self.person,
            size,
            re.began,
            re.trace,
            f"{self.id}:{self._originated}",
        )

    def originate(self, re: Request) -> str:
        """The origin of a change that leaves for a service now."""
        if self._origins is None:
            self._origins = Origins()
        self._origins.begin(re.origin)
        return re.origin

    def lacks_answer(self, origin: str, own: Own) -> bool:
        """Whether this client is to be told of an event of this origin."""
        if not origin.startswith(self.id):
            return True
        return self._origins is not None and self._origins.lacks_answer(origin, own)

    def start(self, re: Request, waiting: Waiting) -> asyncio.Task[None]:
        """Run a handler that has to wait, beside the receiving, as long as the session lasts."""
        task = asyncio.get_running_loop().create_task(self._finish(re, waiting))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)
        task.add_done_callback(partial(_end_cancelled, re, waiting))
        return task

    def start_in_turn(self, re: Request, waiting: Waiting) -> None:
        """As `start`; until it is done, others have their turn behind it."""
        task = self.start(re, waiting)
        self.in_turn.add(task)
        task.add_done_callback(self.in_turn.discard)

    def fail(self, re: Request, error: Error) -> None:
        """Queue an ERROR, with the sanctions that forbid the packet where a backend lacks them."""
        if error.code == ErrorCode.SANCTIONED and not isinstance(error.current, Standing):
            standing = self.edge.sanctions.standing(self.user)
            error = msgspec.structs.replace(error, current=standing or UNSET)
        super().fail(re, error)

    def forbidden(self, re: Request) -> Error | None:
        """Refuse what a sanction forbids now; to be asked again after every wait."""
        if re.activity is None:
            return None
        return self.edge.sanctions.check(self.user, re.activity, re.conversation)

    async def _finish(self, re: Request, waiting: Waiting) -> None:
        try:
            if (error := self.forbidden(re)) is not None:
                waiting.close()
                self.fail(re, error)
                return
            await waiting
        except packets.InvalidPayloadError as error:
            self.fail(re, invalid_argument(error.field, error.problem))
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
        self.fail(re, refusal(ErrorCode.INTERNAL, f"An internal error, {error_id}."))

    def _bad_packet(self, packet_id: int | str | None, error: Error) -> None:
        self.fail(Request(packet_id, self.edge.metrics.bad_packets), error)
        if self._bad_packets.add(self.last_heard):
            self.edge.metrics.limits.reached("bad_packets_per_minute")
            self.close(CloseCode.BAD_PACKETS, "repeated bad packets")

    def type_in(self, conversation: str) -> None:
        """Note where its user types: in one conversation at a time."""
        if self.typing != conversation:
            self.stop_typing()
        self.typing = conversation

    def stop_typing(self) -> None:
        """Tell that its user does not type any more."""
        conversation, self.typing = self.typing, ""
        if conversation:
            self.edge.messaging.stop_typing(self.user, conversation)

    # Closing.

    def stop(self) -> bool:
        """Queue nothing more. False when that was so already."""
        stopping = super().stop()
        if stopping:
            self.stop_typing()
        return stopping

    def _overflowed(self) -> None:
        self.edge.metrics.limits.reached("outbox_bytes")
        self.close(CloseCode.SLOW_READER, "too slow a reader")

    def drop(self, code: CloseCode, reason: str) -> None:
        """Close, and keep nothing: a client that does not read is cut off, and learns no code."""
        stuck = self._outbox.cut()
        self.close(code, reason)
        if stuck:
            self._abort()

    def close(self, code: CloseCode, reason: str) -> None:
        """Send what is queued, then close. A peer that does not read is cut off after a while."""
        if self.stop():
            self.edge.metrics.closed(code)
            if code is CloseCode.BAD_PACKETS:
                self.person.ignored_limits()
            self._closer = asyncio.get_running_loop().create_task(self._close(code, reason))

    async def _close(self, code: CloseCode, reason: str) -> None:
        seconds = self.edge.settings.close_timeout_seconds
        # Also for the peer that takes the close frame and never answers it.
        self._abort(seconds)
        try:
            async with asyncio.timeout(seconds):
                await self._outbox.close()
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception as error:  # noqa: BLE001
            # The server says in several ways that the client is gone already.
            _logger.debug("a socket could not be closed in order", cause=repr(error))
            self._abort()


def _end_cancelled(re: Request, waiting: Waiting, task: "asyncio.Task[None]") -> None:
    """End a request whose socket is gone, and with it whoever asked; perhaps before it began."""
    if task.cancelled():
        waiting.close()
        re.failed("CANCELLED")

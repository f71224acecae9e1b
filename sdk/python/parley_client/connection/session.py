"""A socket from HELLO to its end: packets out, replies matched, the resume, the token renewed."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET, Struct, ValidationError, convert, to_builtins
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from parley_client.backoff import asked_seconds, pause_seconds
from parley_client.connection.resumption import Resumption
from parley_client.connection.sockets import seconds_until
from parley_client.errors import (
    AskedToLeaveError,
    DisconnectedError,
    ParleyError,
    ProtocolError,
    RejectedError,
    invalid,
    rejected,
)
from parley_client.options import Options
from parley_client.packets import Identifier, Observe, Packet
from parley_client.states import Input, Lost
from parley_protocol.packets import FORMATS, OP_OF, BadPacketError, Format, Op
from parley_protocol.payloads.connection import Hello, Pong, Reconnect, Resumed

# Longer times of a HELLO are nonsense.
_LONGEST_INTERVAL_MS = 3_600_000
_PING_INTERVALS = 2
_SILENCE_GRACE_SECONDS = 5.0
# Packets that nobody waits for, such as TYPING, are left out when so many wait to be sent.
_QUEUE_FOR_FORGETTABLE = 64
_ANSWERS = {structure: op.answer for structure, op in OP_OF.items()}


@dataclass(frozen=True)
class Hooks:
    """Hooks by which a session tells its user, each called before the next packet is read.

    `push` takes what nobody asked for. `reply` takes what was asked and its answer, and may give
    what is to be told as if it had been pushed. Both raise ProtocolError. `fail` is told errors
    that nobody awaits. `confirmed` gives the cursor of what was handled.
    """

    push: Callable[[Packet], None]
    reply: Callable[[Struct, Packet], Packet | None]
    fail: Callable[[ParleyError], None]
    confirmed: Callable[[], str | None]
    observe: Observe | None


class Session:
    """One socket. `run` reads it until it ends, and says what that means.

    `greet` takes the first HELLO; it may give an input that ends the socket. `ids` are those of
    the packets.
    """

    def __init__(
        self,
        socket: ClientConnection,
        options: Options,
        resumption: Resumption,
        greet: Callable[["Session"], Input | None],
        hooks: Hooks,
        ids: Iterator[int],
    ) -> None:
        self.hello: Hello | None = None
        self.resumption = resumption
        self.last_heard = asyncio.get_running_loop().time()
        self._socket = socket
        self._options = options
        self._greet = greet
        self._hooks = hooks
        self._format = FORMATS[options.subprotocol]
        self._ids = ids
        # What was asked, and the reply that is awaited.
        self._waiting: dict[Identifier, tuple[Struct, asyncio.Future[Packet]]] = {}
        # With the id and the frame of each.
        self._outgoing: deque[tuple[Struct, Identifier | None, str | bytes]] = deque()
        self._pong_due = False
        self._something_due = asyncio.Event()
        self._nothing_due = asyncio.Event()
        # The end that was agreed with RECONNECT.
        self._leaving: Lost | None = None
        # When a resume last brought something.
        self._progress = self.last_heard
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        self._defect: BaseException | None = None

    # Sending.

    @property
    def accepting(self) -> bool:
        """Whether packets are sent: HELLO came, and the server did not ask to leave."""
        return self.hello is not None and self._leaving is None and not self._ended

    def request(self, payload: Struct) -> "asyncio.Future[Packet]":
        """Send a packet; its reply, or DisconnectedError when the socket ends before.

        Raises InvalidArgumentError for what cannot be sent, DisconnectedError after the end.
        """
        if self._ended:
            raise self._disconnected()
        identifier = next(self._ids)
        self._send(payload, identifier)
        reply: asyncio.Future[Packet] = asyncio.get_running_loop().create_future()
        reply.add_done_callback(lambda _reply: self._waiting.pop(identifier, None))
        self._waiting[identifier] = payload, reply
        return reply

    def tell(self, payload: Struct) -> bool:
        """Send a packet that nobody waits for; False if it is left out."""
        if not self.accepting or len(self._outgoing) >= _QUEUE_FOR_FORGETTABLE:
            return False
        self._send(payload, None)
        return True

    async def flush(self) -> None:
        """Return when all that was to be sent is with the operating system, or cannot be."""
        if not self._ended:
            await self._nothing_due.wait()

    def pong(self) -> None:
        """Tell the server that this client lives, and what was handled."""
        self._pong_due = True
        self._something_due.set()
        self._nothing_due.clear()

    def _send(self, payload: Struct, identifier: Identifier | None) -> None:
        frame = encode(self._format, payload, identifier)
        size = len(frame) if isinstance(frame, bytes) else len(frame.encode())
        if self.hello is not None and size > self.hello.max_packet_bytes:
            raise invalid("", f"has {size} bytes; {self.hello.max_packet_bytes} may be sent")
        self._outgoing.append((payload, identifier, frame))
        self._something_due.set()
        self._nothing_due.clear()

    async def _write(self) -> None:
        while True:
            self._nothing_due.set()
            await self._something_due.wait()
            self._something_due.clear()
            while self._pong_due or self._outgoing:
                if self._pong_due:
                    # However many PINGs came meanwhile, one PONG answers them.
                    self._pong_due = False
                    cursor = self._hooks.confirmed() if self.resumption.caught_up else None
                    payload: Struct = Pong(UNSET if cursor is None else cursor)
                    identifier, frame = None, encode(self._format, payload)
                else:
                    payload, identifier, frame = self._outgoing.popleft()
                if self._hooks.observe is not None:
                    # First, for the answer may be there before the sending returns.
                    packet = Packet(OP_OF[type(payload)], to_builtins(payload), id=identifier)
                    self._hooks.observe("=>", packet)
                try:
                    await self._socket.send(frame)
                except ConnectionClosed:
                    # Whoever reads learns how.
                    return

    # Reading.

    async def run(self) -> Input:
        """Read until the socket ends; tell what that means for the connection."""
        writer = asyncio.create_task(self._write())
        writer.add_done_callback(self._written)
        try:
            while True:
                # Undecoded, for whoever reads packets decodes them as well.
                data = await self._socket.recv(decode=False)
                if (ended := self._take(data)) is not None:
                    return ended
        except ConnectionClosed:
            if self._defect is not None:
                raise self._defect from None
            return self._leaving or Lost(self._disconnected())
        except ProtocolError as error:
            self._hooks.fail(error)
            return Lost(error)
        finally:
            self._ended = True
            self._nothing_due.set()
            for task in (writer, *self._tasks):
                task.cancel()
            for _, reply in list(self._waiting.values()):
                if not reply.done():
                    reply.set_exception(self._disconnected())
                    # Taken note of: maybe nobody awaits it any more.
                    reply.exception()

    def _written(self, writer: asyncio.Task[None]) -> None:
        if not writer.cancelled() and (error := writer.exception()) is not None:
            self._break(error)

    def _disconnected(self) -> DisconnectedError:
        return DisconnectedError(self._socket.close_code or 1006, self._socket.close_reason or "")

    def _take(self, data: bytes) -> Input | None:
        try:
            envelope = self._format.decode_from_server(data)
        except BadPacketError as error:
            raise ProtocolError(str(error)) from None
        payload: Any = {} if envelope.d is None else envelope.d
        if not isinstance(payload, dict):
            raise ProtocolError(f"packet {envelope.op:#04x} has a payload that is no object")
        packet = Packet(envelope.op, payload, re=envelope.re, cursor=envelope.cur)
        if self._hooks.observe is not None:
            self._hooks.observe("<=", packet)
        self.last_heard = asyncio.get_running_loop().time()
        if self.hello is None:
            self.hello = hello_of(packet)
            return self._greet(self)
        if packet.opcode != Op.PING:
            self._progress = self.last_heard
        match packet.opcode:
            case Op.PING:
                self.resumption.move(packet)
                self.pong()
            case Op.RESUMED:
                self._settle(packet)
                self.resumption.resumed(packet.re, resumed_of(packet))
            case Op.RECONNECT:
                return self._ask_to_leave(packet)
            case _ if packet.re is not None:
                self._reply(packet)
            case Op.ERROR if self.resumption.caught_up:
                self._hooks.fail(rejected(packet.data))
            case Op.ERROR | Op.HELLO:
                # Why a resume in the address was not followed: it is asked for again by a packet.
                pass
            case Op.SANCTION if not self.resumption.caught_up:
                # It restricts from now on, whatever else was missed.
                self._hooks.push(replace(packet, cursor=None))
                self.resumption.push(packet)
            case _:
                self.resumption.push(packet)
        return self._leaving if self._leaving is not None and not self._waiting else None

    def _reply(self, packet: Packet) -> None:
        if packet.opcode == Op.HELLO:
            renewed = hello_of(packet)
            if self.hello is None or renewed.user != self.hello.user:
                raise ProtocolError("HELLO names another user than before")
            self.hello = renewed
        if packet.re in self._waiting:
            asked = self._waiting[packet.re][0]
            if packet.opcode not in {_ANSWERS[type(asked)], Op.ERROR}:
                raise ProtocolError(f"packet {packet.opcode:#04x} answers {type(asked).__name__}")
            told = self._hooks.reply(asked, packet)
            if told is not None:
                self.resumption.push(told)
            self.resumption.move(packet)
            self._settle(packet)

    def _settle(self, packet: Packet) -> None:
        asked = None if packet.re is None else self._waiting.pop(packet.re, None)
        if asked is not None and not asked[1].done():
            asked[1].set_result(packet)

    def _ask_to_leave(self, packet: Packet) -> Input | None:
        """Leave when what was asked is answered, which the server does first."""
        try:
            asked = convert(packet.data, Reconnect)
        except ValidationError as error:
            raise ProtocolError(f"RECONNECT has another form: {error}") from None
        if asked.delay_ms < 0:
            raise ProtocolError("RECONNECT has a negative delay")
        delay = asked.delay_ms / 1000
        self._leaving = Lost(AskedToLeaveError(delay, asked.reason), delay=delay)
        return None if self._waiting else self._leaving

    # Beside the reading.

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the reading, for as long as the socket lives."""
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # It may be cancelled before it has begun.
        task.add_done_callback(lambda _task: work.close())

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except DisconnectedError:
            # Whoever reads learns how.
            pass
        except ParleyError as error:
            self._hooks.fail(error)
            self._socket.transport.abort()
        except Exception as error:  # noqa: BLE001 - `run` raises it
            self._break(error)

    def _break(self, error: BaseException) -> None:
        """End the socket because of a defect, here or in what observes."""
        self._defect = error
        self._socket.transport.abort()

    def heard_until(self, silence: float) -> float:
        """Tell when this socket is to be given up, as far as is known now."""
        if self.resumption.caught_up:
            return self.last_heard + silence
        progress = self._progress + self._options.resume_timeout_seconds
        return min(self.last_heard + silence, progress)

    @property
    def silence_seconds(self) -> float:
        """After how long without a frame this socket is given up."""
        chosen = self._options.silence_timeout_seconds
        if chosen is not None or self.hello is None:
            return chosen or self._options.hello_timeout_seconds
        interval = self.hello.ping_interval_ms / 1000
        return _PING_INTERVALS * interval + _SILENCE_GRACE_SECONDS


def pause_after(refusal: RejectedError, failures: int, options: Options) -> float:
    """Give the pause before a packet is sent again that was refused for the moment, in seconds."""
    chance = random.random()  # noqa: S311 - no secret
    if refusal.retry_after is not None:
        return asked_seconds(refusal.retry_after, chance, options)
    return pause_seconds(failures, chance, options)


def encode(format_: Format, payload: Struct, identifier: Identifier | None = None) -> str | bytes:
    """Make a frame. Raises InvalidArgumentError for a payload that cannot be encoded."""
    try:
        return format_.encode_from_client(payload, identifier)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise invalid("", f"cannot be encoded: {error}") from None


def resumed_of(packet: Packet) -> Resumed:
    """Read a RESUMED. Raises ProtocolError for nonsense in it."""
    try:
        return convert(packet.data, Resumed)
    except ValidationError as error:
        raise ProtocolError(f"RESUMED has another form: {error}") from None


def hello_of(packet: Packet) -> Hello:
    """Read a HELLO. Raises ProtocolError for another packet, and for nonsense in it."""
    if packet.opcode != Op.HELLO:
        raise ProtocolError(f"packet {packet.opcode:#04x} came before HELLO")
    try:
        hello = convert(packet.data, Hello)
        seconds_until(hello.token_expires_at)
    except (ValidationError, ValueError) as error:
        raise ProtocolError(f"HELLO has another form: {error}") from None
    if not hello.user:
        raise ProtocolError("HELLO names no user")
    for name in ("ping_interval_ms", "pong_timeout_ms"):
        if not 1 <= getattr(hello, name) <= _LONGEST_INTERVAL_MS:
            raise ProtocolError(f"HELLO has a senseless {name}")
    if hello.max_packet_bytes < 1:
        raise ProtocolError("HELLO has a senseless max_packet_bytes")
    return hello

"""People on real sockets, with a client cheap enough not to be the bottleneck."""

import asyncio
import socket
import uuid
from collections.abc import Coroutine, Sequence
from typing import Any, Self

import msgspec
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.systems.system import System

# Sockets that are being opened at the same time, where how fast is not the question.
_OPENING = 32
_GREETED_WITHIN_SECONDS = 30
# Of many, as long as it takes on a busy machine.
_SECONDS_A_PERSON = 0.05
# What the kernel keeps for one who never reads: the less, the sooner the server has to.
_UNREAD_BYTES = 4096


class _Packet(msgspec.Struct):
    op: int
    d: msgspec.Raw = msgspec.Raw()
    re: int | None = None
    cur: str | None = None


class Status(msgspec.Struct):
    """A STATUS MSG: "stored" or "delivered", the conversation, and the message."""

    status: str
    conversation: str = ""
    message: str = ""


class _Event(msgspec.Struct):
    cause: str


class _Message(msgspec.Struct):
    sender: str
    text: str = ""
    event: _Event | None = None


class _Alert(msgspec.Struct):
    message: _Message


class _Service(msgspec.Struct):
    service: str


class _Update(msgspec.Struct):
    cause: str
    service: _Service


class _Hello(msgspec.Struct):
    cur: str = ""


class Resumed(msgspec.Struct):
    """A RESUMED: how much was told again, and whether that was all."""

    replayed: int
    complete: bool
    cur: str


_decode = msgspec.json.Decoder(_Packet).decode
_decode_hello = msgspec.json.Decoder(_Hello).decode
_decode_resumed = msgspec.json.Decoder(Resumed).decode
_decode_status = msgspec.json.Decoder(Status).decode
_decode_alert = msgspec.json.Decoder(_Alert).decode
_decode_update = msgspec.json.Decoder(_Update).decode
_encode = msgspec.json.encode


class Person(WSListener):
    """One socket, which answers PING; subclasses handle the other packets."""

    # Which of the system's edges it connects to.
    edge = 0

    def __init__(self, user: str) -> None:
        self.user = user
        self.crowd: Crowd
        self.transport: WSTransport
        self.greeted = asyncio.Event()
        # The last one that came; and the one from which the next connection goes on, if from any.
        self.cursor = ""
        self.resume = ""
        # With which the server has closed the socket, if it has.
        self.close_code: int | None = None
        self._leaving = False
        self._sent = 0
        # The same people come back on another socket, with other messages.
        self._key = uuid.uuid4().hex

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        if not self._leaving:
            code = self.close_code or "without a code"
            self.crowd.fail(f"{self.user} was disconnected: {code}")

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.close_code = frame.get_close_code().value
            self.on_close(self.close_code)
        if frame.msg_type != WSMsgType.TEXT:
            return
        packet = _decode(frame.get_payload_as_bytes())
        if packet.cur is not None:
            self.cursor = packet.cur
        if packet.re is not None:
            self.on_answer(packet.re, packet.d)
        match packet.op:
            case 0x08:
                self.on_status(_decode_status(packet.d))
            case 0x10:
                message = _decode_alert(packet.d).message
                if message.event is None:
                    self.on_alert(message.sender, message.text, packet.cur)
                else:
                    self.on_event(message.event.cause, packet.cur)
            case 0xE0:
                update = _decode_update(packet.d)
                self.on_update(packet.re, update.cause, update.service.service)
            case 0xFA:
                self.on_sanction()
            case 0x01:
                self.confirm(packet.cur)
            case 0x03:
                self.cursor = _decode_hello(packet.d).cur or self.cursor
                self.greeted.set()
            case 0x04:
                self.on_error(bytes(packet.d).decode())
            case 0x0D:
                self.on_resumed(_decode_resumed(packet.d))

    def on_answer(self, re: int, d: msgspec.Raw) -> None:
        """The answer to the packet with this id, of whatever kind, before what is done about it."""

    def on_status(self, status: Status) -> None:
        """STATUS MSG: "stored" for each message that was written, "delivered" now and then."""

    def on_alert(self, sender: str, text: str, cursor: str | None) -> None:
        """ALERT NEW MSG of words."""

    def on_event(self, cause: str, cursor: str | None) -> None:
        """ALERT NEW MSG of what happened to a service."""

    def on_update(self, re: int | None, cause: str, service: str) -> None:
        """UPDATE CONVERSATION DATAS, as the answer to a packet or pushed."""

    def on_sanction(self) -> None:
        """SANCTION."""

    def on_resumed(self, resumed: Resumed) -> None:
        """RESUMED."""

    def on_error(self, error: str) -> None:
        """ERROR: a failure of the measurement, unless somebody reckons with it."""
        self.crowd.fail(f"{self.user} got an error: {error}")

    def on_close(self, code: int) -> None:
        """The server closes the socket."""

    def confirm(self, cursor: str | None) -> None:
        """Send PONG: everything up to the cursor has arrived."""
        self._send({"op": 0x02, "d": {"cur": cursor} if cursor else {}})

    def write(self, to: str, text: str) -> int:
        """Send CREATE MSG; returns its id."""
        return self.ask(0x07, {"to": to, "text": text})

    def ask(self, op: int, d: dict[str, object]) -> int:
        """Send a packet with an idempotency key; returns its id."""
        d["idempotency_key"] = f"{self._key}-{self._sent + 1}"
        return self.question(op, d)

    def question(self, op: int, d: dict[str, object]) -> int:
        """Send a packet that changes nothing; returns its id."""
        self._sent += 1
        self._send({"op": op, "id": self._sent, "d": d})
        return self._sent

    def _send(self, packet: object) -> None:
        self.transport.send(WSMsgType.TEXT, _encode(packet))

    def stop_reading(self) -> None:
        """Read nothing from now on, but stay."""
        self.transport.underlying_transport.pause_reading()

    def leave(self) -> None:
        """Close the socket."""
        self._leaving = True
        self.crowd.people.discard(self)
        self.transport.send_close(WSCloseCode.OK)
        self.transport.disconnect()


class Crowd:
    """The people of one measurement, who leave at the end of the context.

    What goes wrong with one of them, an ERROR or a lost connection, ends what is waited for.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.people: set[Person] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._opening = asyncio.Semaphore(_OPENING)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.disperse()

    async def disperse(self) -> None:
        """Let all leave."""
        leaving = list(self.people)
        for person in leaving:
            person.leave()
        # The next round shall not pay for the farewell of this one.
        await asyncio.gather(*(person.transport.wait_disconnected() for person in leaving))
        self._failed.cancel()

    def fail(self, cause: str) -> None:
        """Note what went wrong; the first counts."""
        if not self._failed.done():
            self._failed.set_exception(RuntimeError(f"{self.system.name}: {cause}"))

    async def join(self, people: Sequence[Person], **options: Any) -> None:
        """Connect people, and return when all have HELLO."""
        seconds = _GREETED_WITHIN_SECONDS + len(people) * _SECONDS_A_PERSON
        await self.wait(self._gather(people, options), seconds)

    async def _gather(self, people: Sequence[Person], options: dict[str, Any]) -> None:
        async with asyncio.TaskGroup() as group:
            for person in people:
                group.create_task(self._join(person, options))

    async def _join(self, person: Person, options: dict[str, Any]) -> None:
        async with self._opening:
            await self.connect(person, **options)

    async def connect(self, person: Person, **options: Any) -> None:
        """Connect one person, and return at HELLO."""
        person.crowd = self
        headers = {"Authorization": f"Bearer {self.system.token(person.user)}"}
        url = self.system.urls[person.edge]
        await ws_connect(
            lambda: person,
            f"{url}?resume={person.resume}" if person.resume else url,
            extra_headers=headers,
            **{"websocket_handshake_timeout": _GREETED_WITHIN_SECONDS, **options},
        )
        self.people.add(person)
        await person.greeted.wait()

    async def wait(self, coroutine: Coroutine[Any, Any, Any], seconds: float | None = None) -> None:
        """Wait for something. Raises RuntimeError for what goes wrong, or TimeoutError."""
        task = asyncio.ensure_future(coroutine)
        try:
            await asyncio.wait(
                {task, self._failed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if self._failed.done():
                await self._failed
            if not task.done():
                raise TimeoutError(f"{self.system.name} did not answer within {seconds} s")
            await task
        finally:
            task.cancel()


def small_socket(_url: object) -> socket.socket:
    """Make a socket with a small receive buffer, for picows to connect, for one who never reads."""
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UNREAD_BYTES)
    return made

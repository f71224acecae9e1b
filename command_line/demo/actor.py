"""A user of the demo: a socket, and checks of what comes through it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from command_line.client.client import Client, Direction, Packet, RejectedError
from command_line.demo.transcript import line
from command_line.display.console import CommandError
from parley_protocol.packets import OP_OF, Op
from parley_protocol.payloads.messaging import CreateMsg

SECONDS_PER_STEP = 10.0

Say = Callable[[str], None]


@dataclass
class Actor:
    """A user of the demo, with a socket while connected."""

    name: str
    url: str
    mint: Callable[[str], str]
    say: Say
    cursor: str | None = field(default=None, init=False)
    _client: Client | None = field(default=None, init=False)
    _kept: list[Packet] = field(default_factory=list, init=False)

    async def connect(self) -> None:
        """Opens a socket with a new token; HELLO must name this user."""
        self.say(f"{self.name:<5} => GET /ws  Authorization: Bearer [redacted]")
        self._client = await Client.open(self.url, self.mint(self.name), self.cursor, self._show)
        hello = await self.receive(Op.HELLO)
        must(hello.data["user"] == self.name, f"HELLO greets {self.name}")

    async def ask(self, payload: Struct, answer: Op) -> Packet:
        """Sends a packet, whose reply must have the opcode `answer`."""
        try:
            reply = await self._connected.ask(payload, SECONDS_PER_STEP)
        except TimeoutError as error:
            raise self._missing(f"answer to {OP_OF[type(payload)].title}") from error
        must(reply.opcode == answer, f"{answer.title} answers {OP_OF[type(payload)].title}")
        return reply

    async def command(self, payload: Struct) -> Packet:
        """Sends a packet about a deal or a dispute with a key of its own; gives the answer."""
        return await self.ask(
            replace(payload, idempotency_key=new_key()), Op.UPDATE_CONVERSATION_DATAS
        )

    async def ask_in_vain(self, payload: Struct, code: str) -> Packet:
        """Sends a packet, whose reply must be ERROR with this code."""
        try:
            await self.ask(payload, Op.ERROR)
        except RejectedError as error:
            must(error.packet.data["code"] == code, f"{code} answers {OP_OF[type(payload)].title}")
            return error.packet
        raise self._missing(f"{code} for {OP_OF[type(payload)].title}")

    async def send(self, payload: Struct) -> None:
        """Sends a packet that has no reply."""
        await self._connected.send(payload)

    async def acknowledge(self) -> None:
        """Sends PONG with the cursor."""
        await self._connected.acknowledge()

    async def receive(self, opcode: Op, having: str = "") -> Packet:
        """The next pushed packet of this opcode, with the field `having` if given.

        Others before it are kept until they are asked for, since the pushes of different services
        come in any order.
        """

        def is_it(packet: Packet) -> bool:
            return packet.opcode == opcode and (not having or having in packet.data)

        for packet in self._kept:
            if is_it(packet):
                self._kept.remove(packet)
                return packet
        try:
            async with asyncio.timeout(SECONDS_PER_STEP):
                while True:
                    packet = await self._connected.next_push()
                    if is_it(packet):
                        return packet
                    if packet.opcode == Op.ERROR:
                        raise RejectedError(packet)
                    self._kept.append(packet)
        except TimeoutError as error:
            raise self._missing(opcode.title) from error

    async def drop(self) -> None:
        """Drops the connection as a lost network does; the cursor is kept, as an app keeps it."""
        self.cursor = self._connected.cursor
        await self._connected.drop()
        self._client = None
        self._kept.clear()
        self.say(f"{self.name:<5} .. is gone")

    async def leave(self) -> None:
        """Closes the socket, if there is one."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    @property
    def _connected(self) -> Client:
        if self._client is None:
            raise RuntimeError(f"{self.name} is not connected")
        return self._client

    def _show(self, direction: Direction, packet: Packet) -> None:
        self.say(line(self.name, direction, packet))

    def _missing(self, what: str) -> CommandError:
        return CommandError(
            f"the demo failed: {self.name} got no {what} within {SECONDS_PER_STEP:.0f} s"
        )


def new_key() -> str:
    """An idempotency key."""
    return uuid4().hex[:12]


def must(holds: bool, what: str) -> None:
    """Raises CommandError when the expectation of a step does not hold."""
    if not holds:
        raise CommandError(f"the demo failed: expected that {what}")


async def write(author: Actor, text: str, **where: str) -> Packet:
    """Sends a message, which must be stored."""
    message = CreateMsg(text, **where, idempotency_key=new_key())
    stored = await author.ask(message, Op.STATUS_MSG)
    must(stored.data["status"] == "stored", "the message is stored")
    return stored

"""Someone in the demo's play: a person with a socket, who checks what comes through it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from command_line.client.client import Client, Direction, Packet, RejectedError
from command_line.client.packets import Opcode
from command_line.demo.transcript import line
from command_line.display.console import CommandError

SECONDS_PER_STEP = 10.0

Say = Callable[[str], None]


@dataclass
class Actor:
    """Someone in the play: a name, tokens, and the socket while there is one."""

    name: str
    url: str
    mint: Callable[[str], str]
    say: Say
    cursor: str | None = field(default=None, init=False)
    _client: Client | None = field(default=None, init=False)
    _kept: list[Packet] = field(default_factory=list, init=False)

    async def connect(self) -> None:
        """Opens a socket with a fresh token; HELLO must greet this very person."""
        self.say(f"{self.name:<5} => GET /ws  Authorization: Bearer [redacted]")
        self._client = await Client.open(self.url, self.mint(self.name), self.cursor, self._show)
        hello = await self.receive(Opcode.HELLO)
        must(hello.data["user"] == self.name, f"HELLO greets {self.name}")

    async def ask(self, opcode: Opcode, answer: Opcode, **data: Any) -> Packet:
        """Sends a packet; its reply must be of this kind."""
        try:
            reply = await self._connected.ask(opcode, data, SECONDS_PER_STEP)
        except TimeoutError as error:
            raise self._missing(f"answer to {opcode.title}") from error
        must(reply.opcode == answer, f"{answer.title} answers {opcode.title}")
        return reply

    async def ask_in_vain(self, opcode: Opcode, code: str, **data: Any) -> Packet:
        """Sends a packet; its reply must be the ERROR with this code."""
        try:
            await self.ask(opcode, Opcode.ERROR, **data)
        except RejectedError as error:
            must(error.packet.data["code"] == code, f"{code} answers {opcode.title}")
            return error.packet
        raise self._missing(f"{code} for {opcode.title}")

    async def tell(self, opcode: Opcode, **data: Any) -> None:
        """Sends a packet that has no reply."""
        await self._connected.send(opcode, data)

    async def acknowledge(self) -> None:
        """A PONG with the cursor."""
        await self._connected.acknowledge()

    async def receive(self, opcode: Opcode, having: str = "") -> Packet:
        """The next pushed packet of this kind, and with this field if one is named.

        Others before it are kept until they are asked for: the services tell what happens
        independently of one another, so any may be the first.
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
                    if packet.opcode == Opcode.ERROR:
                        raise RejectedError(packet)
                    self._kept.append(packet)
        except TimeoutError as error:
            raise self._missing(opcode.title) from error

    async def drop(self) -> None:
        """Vanishes without a word; the cursor is kept, as an app keeps it on the device."""
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
            f"the play failed: {self.name} got no {what} within {SECONDS_PER_STEP:.0f} s"
        )


def must(holds: bool, what: str) -> None:
    """A step's expectation; CommandError when it does not hold."""
    if not holds:
        raise CommandError(f"the play failed: expected that {what}")


async def write(author: Actor, text: str, **where: str) -> Packet:
    """CREATE MSG, which must be answered as stored."""
    stored = await author.ask(
        Opcode.CREATE_MSG, Opcode.STATUS_MSG, **where, text=text, idempotency_key=uuid4().hex[:12]
    )
    must(stored.data["status"] == "stored", "the message is stored")
    return stored

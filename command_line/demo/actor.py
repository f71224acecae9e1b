"""A user of the demo: a client, and checks of what comes through it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from msgspec import Struct

from command_line.demo.transcript import line
from command_line.display.console import CommandError
from parley_client.client import Client
from parley_client.errors import RejectedError
from parley_client.events import Event, Failed, Pushed, Reset
from parley_client.packets import Direction, Packet
from parley_client.states import State
from parley_client.stores.memory import MemoryStore
from parley_protocol.packets import OP_OF, Op
from parley_protocol.payloads.messaging import CreateMsg

SECONDS_PER_STEP = 10.0

Say = Callable[[str], None]


@dataclass
class Actor:
    """A user of the demo, with a client while there."""

    name: str
    url: str
    mint: Callable[[str], str]
    say: Say
    # Outlives the client, as the memory of an app does.
    _store: MemoryStore = field(default_factory=MemoryStore, init=False)
    _was_here: bool = field(default=False, init=False)
    _client: Client | None = field(default=None, init=False)
    _following: asyncio.Task[None] | None = field(default=None, init=False)
    _kept: list[Packet] = field(default_factory=list, init=False)
    _failure: str | None = field(default=None, init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def connect(self) -> None:
        """Connects with a new token, and resumes where there is a cursor; until all is told."""
        place = "/ws?resume=[the last cursor]" if self._was_here else "/ws"
        self.say(f"{self.name:<5} => GET {place}  Authorization: Bearer [redacted]")
        self._client = Client(
            self.url,
            token=self.mint(self.name),
            user=self.name,
            store=self._store,
            observe=self._show,
        )
        self._following = asyncio.create_task(self._follow(self._client))
        await self._client.connect()
        try:
            async with asyncio.timeout(SECONDS_PER_STEP):
                await self._client.wait_for(State.LIVE)
        except TimeoutError as error:
            raise self._missing("connection") from error
        self._was_here = True

    async def ask(self, payload: Struct, answer: Op) -> Packet:
        """Sends a packet, whose reply must have the opcode `answer`."""
        ask = self._connected.command if _has_key(payload) else self._connected.ask
        try:
            async with asyncio.timeout(SECONDS_PER_STEP):
                reply = await ask(payload)
        except TimeoutError as error:
            raise self._missing(f"answer to {OP_OF[type(payload)].title}") from error
        must(reply.opcode == answer, f"{answer.title} answers {OP_OF[type(payload)].title}")
        return reply

    async def command(self, payload: Struct) -> Packet:
        """Sends a packet about a deal or a dispute; gives the answer."""
        return await self.ask(payload, Op.UPDATE_CONVERSATION_DATAS)

    async def ask_in_vain(self, payload: Struct, code: str) -> Mapping[str, Any]:
        """Sends a packet, whose reply must be ERROR with this code; gives what stands instead."""
        try:
            await self.ask(payload, Op.ERROR)
        except RejectedError as error:
            must(error.code == code, f"{code} answers {OP_OF[type(payload)].title}")
            current: Mapping[str, Any] = error.data.get("current") or {}
            return current
        raise self._missing(f"{code} for {OP_OF[type(payload)].title}")

    def send(self, payload: Struct) -> None:
        """Sends a packet that has no reply."""
        must(self._connected.tell(payload), f"{OP_OF[type(payload)].title} is sent")

    async def receive(self, opcode: Op, having: str = "") -> Packet:
        """The next pushed packet of this opcode, with the field `having` if given.

        Others before it are kept until they are asked for, since the pushes of different services
        come in any order.
        """

        def is_it(packet: Packet) -> bool:
            return packet.opcode == opcode and (not having or having in packet.data)

        try:
            async with asyncio.timeout(SECONDS_PER_STEP):
                while True:
                    for packet in self._kept:
                        if is_it(packet):
                            self._kept.remove(packet)
                            return packet
                    must(self._failure is None, f"all goes well, and not: {self._failure}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise self._missing(opcode.title) from error

    async def drop(self) -> None:
        """Drops the connection as a lost network does; the store is kept, as an app keeps it."""
        self._connected.drop()
        await self.leave()
        self._kept.clear()
        self.say(f"{self.name:<5} .. is gone")

    async def leave(self) -> None:
        """Closes the client, if there is one."""
        if self._client is not None and self._following is not None:
            await self._client.close()
            await self._following
            self._client = None

    @property
    def _connected(self) -> Client:
        if self._client is None:
            raise RuntimeError(f"{self.name} is not connected")
        return self._client

    async def _follow(self, client: Client) -> None:
        async for event in client.events():
            self._take(event)
            self._news.set()

    def _take(self, event: Event) -> None:
        match event:
            # What is sent here was told by its reply.
            case Pushed(packet, own=False):
                self._kept.append(packet)
            case Reset(reason):
                self._failure = f"something was missed ({reason})"
            case Failed(error):
                self._failure = f"{type(error).__name__}: {error}"

    def _show(self, direction: Direction, packet: Packet) -> None:
        self.say(line(self.name, direction, packet))

    def _missing(self, what: str) -> CommandError:
        return CommandError(
            f"the demo failed: {self.name} got no {what} within {SECONDS_PER_STEP:.0f} s"
        )


def _has_key(payload: Struct) -> bool:
    return "idempotency_key" in payload.__struct_fields__


def new_key() -> str:
    """An idempotency key."""
    return uuid4().hex[:12]


def must(holds: bool, what: str) -> None:
    """Raises CommandError when the expectation of a step does not hold."""
    if not holds:
        raise CommandError(f"the demo failed: expected that {what}")


async def write(author: Actor, text: str, **where: str) -> Packet:
    """Sends a message, which must be stored."""
    stored = await author.ask(CreateMsg(text, **where), Op.STATUS_MSG)
    must(stored.data["status"] == "stored", "the message is stored")
    return stored

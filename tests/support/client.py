"""A client of the protocol on top of the `websockets` package's asyncio client."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from parley_protocol.packets import Op

Packet = dict[str, Any]

# About a service, each answered by UPDATE CONVERSATION DATAS.
COMMANDS = frozenset(
    {
        Op.SERVICE_CREATED,
        Op.NOTE_SUBMITTED,
        Op.SERVICE_TERMINATED,
        Op.PRICE_EDITED,
        Op.NEGOTIATION_END,
    }
)


class Client:
    """One socket. Packets are kept until a test asks for them; PINGs are kept apart."""

    # For how long an awaited packet may take.
    patience = 10.0

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.packets: list[Packet] = []
        self.pings: list[Packet] = []
        self.cursor: str | None = None
        self.hello: Packet = {}
        # How often the packet of each id was sent.
        self.times_sent: Counter[int | str] = Counter()
        self._next_id = 0
        self._arrived = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        url: str,
        token: str | None,
        *,
        resume: str | None = None,
        subprotocol: str | None = "parley.v1.json",
        **options: Any,
    ) -> Self:
        """Connect with the token in the header and wait for HELLO."""
        if resume is not None:
            url += f"?resume={resume}"
        if token is not None:
            options["additional_headers"] = {"Authorization": f"Bearer {token}"}
        if subprotocol is not None:
            options["subprotocols"] = [subprotocol]
        connection = await connect(url, compression=None, ping_interval=None, **options)
        client = cls(connection)
        client.hello = await client.expect(Op.HELLO)
        return client

    async def _read(self) -> None:
        try:
            async for data in self.connection:
                packet: Packet = (
                    msgspec.msgpack.decode(data) if isinstance(data, bytes) else json.loads(data)
                )
                async with self._arrived:
                    self._keep(packet)
                    self._arrived.notify_all()
        except ConnectionClosed:
            # The code is read from the connection.
            pass
        finally:
            async with self._arrived:
                self._arrived.notify_all()

    def _keep(self, packet: Packet) -> None:
        (self.pings if packet["op"] == Op.PING else self.packets).append(packet)
        self.cursor = packet.get("cur", self.cursor)

    async def send(self, op: int, d: Any = None, id: int | str | None = None) -> None:  # noqa: A002
        packet: Packet = {"op": op}
        if id is not None:
            packet["id"] = id
        if d is not None:
            packet["d"] = d
        binary = self.connection.subprotocol == "parley.v1.msgpack"
        await self.send_raw(msgspec.msgpack.encode(packet) if binary else json.dumps(packet))
        if id is not None:
            self.times_sent[id] += 1

    async def send_raw(self, data: Any) -> None:
        await self.connection.send(data)

    async def take(self, matches: Callable[[Packet], bool], seconds: float | None = None) -> Packet:
        """The first packet not yet taken that matches."""

        def position() -> int | None:
            return next((i for i, packet in enumerate(self.packets) if matches(packet)), None)

        async with asyncio.timeout(seconds or self.patience), self._arrived:
            while (found := position()) is None:
                if self._reader.done():
                    raise AssertionError(
                        f"closed with {self.connection.close_code}; last {self.packets[-5:]}"
                    )
                await self._arrived.wait()
            return self.packets.pop(found)

    async def take_ping(self, seconds: float = patience) -> None:
        """Wait for a PING beyond those seen so far."""
        seen = len(self.pings)
        async with asyncio.timeout(seconds), self._arrived:
            while len(self.pings) <= seen:
                if self._reader.done():
                    raise AssertionError(f"closed with {self.connection.close_code}")
                await self._arrived.wait()

    async def expect(self, op: int, **fields: Any) -> Packet:
        """The first packet not yet taken of this opcode whose payload has these fields."""
        return await self.take(
            lambda packet: (
                packet["op"] == op
                and all(packet["d"].get(name) == value for name, value in fields.items())
            )
        )

    async def ask(self, op: int, d: Any = None, id: int | str | None = None) -> Packet:  # noqa: A002
        """Send a packet and give its one reply."""
        if id is None:
            self._next_id += 1
            id = self._next_id  # noqa: A001 - the protocol's own word
        await self.send(op, d, id)
        return await self.take_reply(id)

    async def take_reply(self, id: int | str, seconds: float | None = None) -> Packet:  # noqa: A002
        """The reply to the packet of this id."""
        return await self.take(lambda packet: packet.get("re") == id, seconds)

    async def settle(self) -> None:
        """Return when the edge has handled everything that was sent before."""
        await self.ask(Op.OPENED_CONVERSATION, {"conversation": "settled"})

    async def write(self, to: str, text: str, **fields: Any) -> Packet:
        """Send a text to a user and give the payload of STATUS MSG."""
        reply = await self.ask(Op.CREATE_MSG, {"to": to, "text": text, **fields})
        assert reply["op"] == Op.STATUS_MSG, reply
        payload: Packet = reply["d"]
        return payload

    async def closed(self, seconds: float = patience) -> int | None:
        """Wait until the server has closed; the close code."""
        async with asyncio.timeout(seconds):
            await self.connection.wait_closed()
            await self._reader
        return self.connection.close_code

    async def drop(self) -> None:
        """Vanish without a closing handshake."""
        self.connection.transport.abort()
        await self.closed()

    async def close(self) -> None:
        await self.connection.close()
        await self._reader

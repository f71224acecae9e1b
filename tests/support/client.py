"""A plain socket of the protocol, for tests of the protocol itself.

It does what it is told and nothing else: it keeps no cursor for a resume, answers no PING, comes
back after no end, and sends what no client library would. So it shares nothing with
`parley_client`, whose sockets do none of that; `tests/support/device.py` stands on the library.
"""

import asyncio
import json
from typing import Any, Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from parley_protocol.packets import Op
from tests.support.inbox import Inbox, Packet


class Client(Inbox):
    """One socket. Packets are kept until a test asks for them; PINGs are kept apart."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__()
        self.connection = connection
        self.pings: list[Packet] = []
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

    @property
    def over(self) -> str:
        return f"closed with {self.connection.close_code}" if self._reader.done() else ""

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
            await self._notify()

    def _keep(self, packet: Packet) -> None:
        (self.pings if packet["op"] == Op.PING else self.packets).append(packet)
        self.cursor = packet.get("cur", self.cursor)

    async def send(self, op: int, d: Any = None, id: int | str | None = None) -> None:  # noqa: A002 - the protocol's own word
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

    async def take_ping(self, seconds: float = Inbox.patience) -> None:
        """Wait for a PING beyond those seen so far."""
        seen = len(self.pings)
        async with asyncio.timeout(seconds), self._arrived:
            while len(self.pings) <= seen:
                assert not self.over, self.over
                await self._arrived.wait()

    async def closed(self, seconds: float = Inbox.patience) -> int | None:
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

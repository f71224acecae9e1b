"""The packets that a client of the tests was told, kept until a test asks for them."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any

from parley_protocol.packets import Activity, Op
from tests.support.waiting import PATIENCE

Packet = dict[str, Any]

# Steps of a service, each answered by the service as it stands then.
COMMANDS = frozenset(
    op
    for op in Op
    if op.answer is Op.UPDATE_CONVERSATION_DATAS
    and op.activity in {Activity.WRITE, Activity.PERFORM}
)


class Inbox(ABC):
    """Packets as they came, and the ways to ask for them. Replies bear `re`, and pushes do not."""

    # For how long an awaited packet may take.
    patience = PATIENCE

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.cursor: str | None = None
        self.hello: Packet = {}
        # How often the packet of each id was sent.
        self.times_sent: Counter[int | str] = Counter()
        self._next_id = 0
        self._arrived = asyncio.Condition()

    @abstractmethod
    async def send(self, op: int, d: Any = None, id: int | str | None = None) -> None:  # noqa: A002 - the protocol's own word
        """Send a packet; one with an id has one reply."""

    @abstractmethod
    async def close(self) -> None:
        """Close in order."""

    @abstractmethod
    async def drop(self) -> None:
        """Vanish without a closing handshake."""

    @property
    @abstractmethod
    def over(self) -> str:
        """Why nothing comes any more; empty as long as something may."""

    async def take(self, matches: Callable[[Packet], bool], seconds: float | None = None) -> Packet:
        """The first packet not yet taken that matches."""

        def position() -> int | None:
            return next((i for i, packet in enumerate(self.packets) if matches(packet)), None)

        async with asyncio.timeout(seconds or self.patience), self._arrived:
            while (found := position()) is None:
                if self.over:
                    raise AssertionError(f"{self.over}; last {self.packets[-5:]}")
                await self._arrived.wait()
            return self.packets.pop(found)

    async def expect(self, op: int, **fields: Any) -> Packet:
        """The first packet not yet taken of this opcode whose payload has these fields."""
        return await self.take(
            lambda packet: (
                packet["op"] == op
                and all(packet["d"].get(name) == value for name, value in fields.items())
            )
        )

    async def ask(self, op: int, d: Any = None, id: int | str | None = None) -> Packet:  # noqa: A002 - as above
        """Send a packet and give its one reply."""
        if id is None:
            self._next_id += 1
            id = self._next_id  # noqa: A001 - the protocol's own word
        await self.send(op, d, id)
        return await self.take_reply(id)

    async def take_reply(self, id: int | str, seconds: float | None = None) -> Packet:  # noqa: A002 - as above
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

    async def ask_until_there(self, op: int, d: Packet) -> Packet:
        """Ask as a client does of which a service was away: again, when it said so."""
        async with asyncio.timeout(self.patience):
            while (reply := await self.ask(op, d))["op"] == Op.ERROR:
                assert reply["d"]["code"] == "UNAVAILABLE", reply
                await asyncio.sleep(reply["d"]["retry_after_ms"] / 1000)
        return reply

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

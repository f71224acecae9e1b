"""Two people who bargain through the real socket."""

from collections.abc import Callable
from typing import Any

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.system import System


def euros(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "EUR"}


class Party:
    """One of the two, on one socket."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def do(self, op: int, **d: Any) -> dict[str, Any]:
        """Send a packet about a service; the snapshot that answers it."""
        reply = await self.client.ask(op, d)
        assert reply["op"] == Op.UPDATE_CONVERSATION_DATAS, reply
        service: dict[str, Any] = reply["d"]["service"]
        return service

    async def refused(self, op: int, **d: Any) -> dict[str, Any]:
        """Send a packet about a service that is refused; the error."""
        reply = await self.client.ask(op, d)
        assert reply["op"] == Op.ERROR, reply
        error: dict[str, Any] = reply["d"]
        return error

    async def told(self, cause: str) -> dict[str, Any]:
        """The snapshot that was pushed for this cause."""
        packet = await self.client.take(
            lambda one: (
                one["op"] == Op.UPDATE_CONVERSATION_DATAS
                and "re" not in one
                and one["d"]["cause"] == cause
            )
        )
        service: dict[str, Any] = packet["d"]["service"]
        return service

    async def event(self, cause: str) -> dict[str, Any]:
        """The message of kind event that alerts of this cause."""
        packet = await self.client.take(
            lambda one: (
                one["op"] == Op.ALERT_NEW_MSG
                and one["d"]["message"].get("event", {}).get("cause") == cause
            )
        )
        message: dict[str, Any] = packet["d"]["message"]
        return message


class Deal:
    """Alice, who pays, and Bob, who works, in a conversation."""

    def __init__(self, alice: Party, bob: Party, conversation: str) -> None:
        self.alice, self.bob, self.conversation = alice, bob, conversation
        self.service = ""

    async def offer(self, amount: int = 12_000, **more: Any) -> dict[str, Any]:
        """Alice proposes."""
        d = {"role": "client", "title": "Kitchen tap", "price": euros(amount), **more}
        offered = await self.alice.do(Op.SERVICE_CREATED, conversation=self.conversation, **d)
        self.service = offered["service"]
        return offered

    async def agree(self) -> dict[str, Any]:
        """Alice proposes, Bob accepts."""
        await self.offer()
        return await self.bob.do(
            Op.NEGOTIATION_END, service=self.service, outcome="agreed", offer=1, price=euros(12_000)
        )

    async def complete(self) -> None:
        """Bob delivers, Alice takes it as completed."""
        await self.bob.do(Op.SERVICE_TERMINATED, service=self.service, outcome="delivered")
        await self.alice.do(Op.SERVICE_TERMINATED, service=self.service, outcome="completed")


async def begin(system: System, connect: Callable[..., Any], alice: str, bob: str) -> Deal:
    """Connect both, and let Alice say hello."""
    first, second = Party(await connect(system, alice)), Party(await connect(system, bob))
    stored = await first.client.write(bob, "Hello")
    await second.client.expect(Op.ALERT_NEW_MSG)
    return Deal(first, second, stored["conversation"])


async def history(deal: Deal, seqs: int) -> list[tuple[str, str]]:
    """Kind, and text or cause, of the first `seqs` entries; they are there when it returns."""
    while True:
        reply = await deal.alice.client.ask_until_there(
            Op.ASK_MESSAGES, {"conversation": deal.conversation, "after": 0, "limit": 200}
        )
        messages = reply["d"]["messages"]
        if len(messages) >= seqs:
            assert [one["seq"] for one in messages] == list(range(1, len(messages) + 1))
            return [
                (one["kind"], one["event"]["cause"] if one["kind"] == "event" else one["text"])
                for one in messages
            ]
        await deal.alice.client.expect(Op.ALERT_NEW_MSG)

"""A life in which every packet is sent and answered, against the table and docs/asyncapi.json."""

import signal
from contextlib import AsyncExitStack
from typing import Any, Self

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet
from tests.support.moderator import Moderator
from tests.support.schema import problems_of
from tests.support.system import System
from tests.system.deals import euros

_SPLIT = {"provider_minor": 7_000, "client_minor": 5_000}


class Recorded(Client):
    """A client that keeps all packets of both directions."""

    def __init__(self, *arguments: Any) -> None:
        self.sent: list[Packet] = []
        self.heard: list[Packet] = []
        super().__init__(*arguments)

    def _keep(self, packet: Packet) -> None:
        self.heard.append(packet)
        super()._keep(packet)

    async def send(self, op: int, d: Any = None, id: int | str | None = None) -> None:  # noqa: A002
        named = {name: value for name, value in (("id", id), ("d", d)) if value is not None}
        self.sent.append({"op": op, **named})
        await super().send(op, d, id)

    async def answer(self, op: Op, /, **d: Any) -> Packet:
        """Send a packet; the payload of its answer, which is that of the table."""
        reply = await self.ask(op, d)
        assert reply["op"] == op.answer, (op.title, reply)
        payload: Packet = reply["d"]
        return payload

    @classmethod
    async def join(cls, system: System, user: str, **options: Any) -> Self:
        return await cls.open(system.url, system.token(user), **options)


class Life:
    """Alice and Bob: they talk, agree, dispute and part, and a moderator looks at it once."""

    def __init__(self, system: System, alice: Recorded, bob: Recorded) -> None:
        self.system, self.alice, self.bob = system, alice, bob
        self.names = alice.hello["d"]["user"], bob.hello["d"]["user"]
        self.conversation = self.service = self.message = ""

    async def talk(self) -> None:
        """Messages, marks, pages and presence."""
        _, name = self.names
        stored = await self.alice.answer(Op.CREATE_MSG, to=name, text="Hello", idempotency_key="1")
        self.conversation = stored["conversation"]
        about = {"conversation": self.conversation}
        alert = await self.bob.expect(Op.ALERT_NEW_MSG)
        await self.bob.send(Op.PONG, {"cur": alert["cur"]})
        await self.alice.expect(Op.STATUS_MSG, status="delivered")
        await self.bob.answer(Op.OPENED_CONVERSATION, **about, seq=1)
        await self.alice.expect(Op.MSG_SEEN)
        mine = await self.bob.answer(Op.CREATE_MSG, **about, text="Buy now")
        self.message = mine["message"]
        # Who has answered is no stranger.
        await self.alice.expect(Op.PRESENCE)
        await self.alice.expect(Op.ALERT_NEW_MSG)
        await self.bob.answer(Op.EDIT_MSG, message=self.message, text="Buy now, cheap")
        await self.alice.expect(Op.MSG_CHANGED)
        await self.alice.send(Op.TYPING, {**about, "typing": True})
        await self.bob.expect(Op.TYPING)
        await self.bob.answer(Op.ASK_MESSAGES, **about, after=0, limit=1)
        await self.bob.answer(Op.ASK_CONVERSATIONS)
        renewed = await self.bob.answer(Op.RENEW_TOKEN, token=self.system.token(name))
        await self.bob.answer(Op.RESUME, cur=renewed["cur"])

    async def bargain(self) -> None:
        """A deal up to its delivery, and an offer that is not the live one."""
        offered = await self.alice.answer(
            Op.SERVICE_CREATED,
            conversation=self.conversation,
            role="client",
            title="Kitchen tap",
            price=euros(10_000),
        )
        self.service = offered["service"]["service"]
        about = {"service": self.service}
        await self.bob.answer(Op.PRICE_EDITED, **about, price=euros(12_000), base_offer=1)
        accept = {**about, "outcome": "agreed", "price": euros(12_000)}
        stale = await self.alice.ask(Op.NEGOTIATION_END, {**accept, "offer": 1})
        assert (stale["op"], stale["d"]["code"]) == (Op.ERROR, "STALE_OFFER")
        await self.alice.answer(Op.NEGOTIATION_END, **accept, offer=2)
        await self.bob.answer(Op.SERVICE_TERMINATED, **about, outcome="delivered")
        for asked in (Op.ASK_SERVICE, Op.ASK_SERVICE_EVENTS):
            await self.bob.answer(asked, **about)
        await self.bob.answer(Op.ASK_SERVICES, conversation=self.conversation)

    async def dispute(self) -> None:
        """A dispute that is settled, and notes about what came of it."""
        opened = await self.alice.answer(
            Op.LITIGE_CREATED,
            service=self.service,
            reason="quality",
            statement="It drips.",
            claim={"refund": euros(6_000)},
        )
        about = {"dispute": opened["dispute"]["dispute"]}
        if opened["dispute"]["state"] == "pending_hold":
            # Negotiation took its time.
            await self.alice.expect(Op.UPDATE_CONVERSATION_DATAS, cause="hold_placed")
        said = await self.bob.answer(Op.LITIGE_STATEMENT, **about, text="No.", settlement=_SPLIT)
        await self.bob.answer(Op.ASK_DISPUTE, **about)
        await self.bob.answer(Op.ASK_DISPUTES, service=self.service)
        await self.alice.answer(Op.REPORT_STATEMENT, **about, number=2, reason="harassment")
        accept = {"offer": said["dispute"]["offers"][-1]["number"], "settlement": _SPLIT}
        await self.alice.answer(Op.LITIGE_STATEMENT, **about, accept=accept)
        await self.bob.expect(Op.UPDATE_CONVERSATION_DATAS, cause="decided")
        await self.bob.answer(Op.NOTE_SUBMITTED, service=self.service, score=5, comment="Thanks")

    async def complain(self, moderator: Moderator) -> None:
        """A report with its decision, and the appeal against that."""
        await self.alice.answer(Op.REPORT_MSG, message=self.message, reason="spam")
        await moderator.decide(self.names[1], "warning")
        await self.alice.expect(Op.REPORT_STATUS, status="actioned")
        warned = await self.bob.expect(Op.SANCTION)
        await self.bob.answer(Op.APPEAL, decision=warned["d"]["decision"], text="It was not me.")
        await self.bob.answer(Op.ASK_APPEALS)
        await self.bob.answer(Op.ASK_STANDING)
        await self.alice.answer(
            Op.REPORT_CONVERSATIONS, conversation=self.conversation, reason="other", comment="Odd"
        )
        await self.alice.answer(Op.ASK_REPORTS, open_only=True)

    async def part(self, tablet: Recorded) -> None:
        """A message that is taken back, and a block, of which Alice's other device is told."""
        await self.bob.answer(Op.DELETE_MSG, message=self.message)
        await tablet.expect(Op.RESUMED)
        await self.alice.answer(Op.BLOCK_USER, user=self.names[1], blocked=True)
        await tablet.expect(Op.BLOCK_USER)
        await self.alice.answer(Op.ASK_BLOCKS)
        # Without an id an answer has nothing to bear, but for a refusal.
        await tablet.send(Op.ASK_MESSAGES, {"conversation": "nowhere"})
        await tablet.expect(Op.ERROR)
        await tablet.take_ping()


async def test_every_packet_has_the_answer_of_the_table_and_the_form_of_the_schema(
    moderated_system: System, moderator: Moderator, alice: str, bob: str
) -> None:
    """Whatever a client can send is answered by the packet of the column, in both encodings; no
    packet of either side has a field or a value that the schema does not allow.
    """
    async with AsyncExitStack() as stack:

        async def join(user: str, **options: Any) -> Recorded:
            client = await Recorded.join(moderated_system, user, **options)
            stack.push_async_callback(client.close)
            return client

        first, second = await join(alice), await join(bob, subprotocol="parley.v1.msgpack")
        life = Life(moderated_system, first, second)
        await life.talk()
        await life.complain(moderator)
        await life.bargain()
        await life.dispute()
        third = await join(alice, resume=first.cursor)
        await life.part(third)
    clients = (first, second, third)
    sent = [packet for one in clients for packet in one.sent]
    heard = [packet for one in clients for packet in one.heard]
    assert {one["op"] for one in sent} == {op for op in Op if op.from_client}
    # An edge says RECONNECT when it ends, which is the next test.
    assert {one["op"] for one in heard} == {op for op in Op if op.to_client} - {Op.RECONNECT}
    unasked = {one["op"] for one in heard if "re" not in one}
    assert unasked == {op for op in Op if op.pushed} - {Op.RECONNECT}
    problems = [line for one in sent for line in problems_of(one, from_client=True)]
    problems += [line for one in heard for line in problems_of(one, from_client=False)]
    assert problems == []


async def test_the_farewell_of_an_edge_has_the_form_of_the_schema(own_system: System) -> None:
    """RECONNECT is the last packet before the close, and nothing in it is undescribed."""
    edge = own_system.start("messaging")
    client = await Recorded.join(own_system, "alice")
    edge.process.send_signal(signal.SIGTERM)
    await client.expect(Op.RECONNECT)
    await client.closed()
    assert client.heard[-1]["op"] == Op.RECONNECT
    assert [line for one in client.heard for line in problems_of(one, from_client=False)] == []

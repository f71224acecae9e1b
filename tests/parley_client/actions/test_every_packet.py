"""Every packet that a client can send has a typed method, and every push an event of its own."""

from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from parley_client.actions.actions import Actions
from parley_client.events import Pushed
from parley_client.memory import Memory
from parley_client.packets import Packet
from parley_client.pushes import DealChanged, event_of
from parley_client.views.deals import Deal
from parley_client.views.disputes import Dispute
from parley_client.views.price import Price
from parley_protocol.packets import OP_OF, Op
from parley_protocol.payloads.fields import Settlement
from tests.parley_client.payloads import (
    APPEAL,
    CONVERSATION,
    DEAL,
    DISPUTE,
    MESSAGE,
    NOW,
    REPORT,
    REVISION,
    SANCTION,
)

# What the connection itself sends, whatever an application does.
OF_THE_CONNECTION = {Op.PONG, Op.RESUME, Op.RENEW_TOKEN}
REPLIES: dict[Op, dict[str, Any]] = {
    Op.ASK_CONVERSATIONS: {"conversations": [CONVERSATION]},
    Op.CREATE_MSG: {
        "message": "m1",
        "conversation": "c1",
        "seq": 1,
        "status": "stored",
        "created_at": NOW,
        "duplicate": False,
    },
    Op.OPENED_CONVERSATION: {"conversation": "c1", "message": "m1", "seq": 1, "reader": "cleo"},
    Op.ASK_MESSAGES: {"conversation": "c1", "messages": [MESSAGE], "more": False},
    Op.EDIT_MSG: REVISION,
    Op.DELETE_MSG: {**REVISION, "change": "deleted", "text": None},
    Op.ASK_BLOCKS: {"blocks": [CONVERSATION["block"]]},
    Op.BLOCK_USER: CONVERSATION["block"],
    Op.ASK_SERVICES: {"services": [DEAL]},
    Op.ASK_SERVICE_EVENTS: {"service": "s1", "events": []},
    Op.ASK_REPORTS: {"reports": [REPORT]},
    Op.ASK_APPEALS: {"appeals": [APPEAL]},
    Op.ASK_DISPUTES: {"disputes": [DISPUTE]},
    Op.ASK_STANDING: {"standing": {"user": "cleo", "banned": False, "sanctions": [SANCTION]}},
    Op.APPEAL: {"appeal": APPEAL},
    Op.REPORT_STATEMENT: REPORT,
    Op.REPORT_CONVERSATIONS: REPORT,
    Op.REPORT_MSG: REPORT,
}
UPDATE = {"conversation": "c1", "cause": "asked", "service": DEAL, "dispute": DISPUTE}


class Recorder(Actions):
    """A client without a server: it writes down what is sent, and gives the answers above."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Struct] = []
        self._memory = Memory("cleo", 1000)

    @property
    def user(self) -> str | None:
        return "cleo"

    @property
    def objects(self) -> Memory:
        return self._memory

    async def command(
        self,
        payload: Struct,
        *,
        lane: str | None = None,  # noqa: ARG002 - as a client has it
        key: str | None = None,  # noqa: ARG002 - as a client has it
    ) -> Packet:
        return await self.ask(payload)

    async def ask(self, payload: Struct) -> Packet:
        self.sent.append(payload)
        op = OP_OF[type(payload)]
        return Packet(0, REPLIES.get(op, UPDATE))

    def tell(self, payload: Struct) -> bool:
        self.sent.append(payload)
        return True


async def use_everything(client: Recorder) -> AsyncIterator[object]:
    """Call each method once."""
    talk = client.conversation("c1")
    yield await talk.send("Hello")
    yield await talk.edit("m1", "Hello again")
    yield await talk.delete("m1")
    yield await talk.history()
    yield await talk.mark_read()
    yield talk.typing()
    yield await talk.report("spam")
    yield await talk.report_message("m1", "spam")
    yield await talk.propose(role="client", title="Roof", price=Price(1, "EUR"))
    deal, offer = client.deal("s1"), Deal.read(DEAL).offer
    assert offer is not None
    yield await deal.load()
    yield [one async for one in deal.history()]
    yield await deal.counter(offer, Price(1, "EUR"))
    yield await deal.accept(offer)
    yield await deal.deliver()
    yield await deal.submit_note(5)
    yield await deal.open_dispute("quality", "It drips")
    dispute, settlement = client.dispute("d1"), Dispute.read(DISPUTE).newest_offer
    assert settlement is not None
    yield await dispute.load()
    yield await dispute.state("It drips")
    yield await dispute.propose(Settlement(1, 1))
    yield await dispute.accept(settlement)
    yield await dispute.withdraw()
    yield await dispute.report_statement(1, "hate")
    for pages in (
        client.conversations(),
        client.deals(),
        client.disputes(),
        client.reports(),
        client.appeals(),
        client.blocks(),
    ):
        yield [one async for one in pages]
    yield await client.standing()
    yield await client.appeal("x1", "It was a quote")
    yield await client.block("pat")


async def test_every_packet_that_a_client_sends_has_a_method() -> None:
    """But for those by which the connection lives."""
    client = Recorder()
    assert [one async for one in use_everything(client)]
    reached = {OP_OF[type(payload)] for payload in client.sent}
    assert reached == {op for op in Op if op.from_client is not None} - OF_THE_CONNECTION


PUSHES: dict[Op, tuple[dict[str, Any], str]] = {
    Op.ALERT_NEW_MSG: (
        {"conversation": "c1", "message": MESSAGE, "unread": 1, "conversation_version": 1},
        "NewMessage",
    ),
    Op.MSG_SEEN: (
        {"conversation": "c1", "message": "m1", "seq": 1, "reader": "pat", "seen_at": NOW},
        "MessagesRead",
    ),
    Op.STATUS_MSG: ({**REPLIES[Op.CREATE_MSG], "status": "delivered"}, "MessagesDelivered"),
    Op.TYPING: ({"conversation": "c1", "user": "pat", "typing": True}, "TypingChanged"),
    Op.PRESENCE: ({"user": "pat", "online": True, "version": 1}, "PresenceChanged"),
    Op.MSG_CHANGED: (REVISION, "MessageChanged"),
    Op.UPDATE_CONVERSATION_DATAS: (
        {"conversation": "c1", "cause": "created", "service": DEAL},
        "DealChanged",
    ),
    Op.BLOCK_USER: (CONVERSATION["block"], "BlockChanged"),
    Op.SANCTION: (SANCTION, "SanctionChanged"),
    Op.REPORT_STATUS: (REPORT, "ReportChanged"),
}
# What no consumer is told: answers, and what the connection is told.
NO_EVENT = {
    *(op for op in Op if op.name.startswith("RETURN_")),
    *(Op.PING, Op.HELLO, Op.ERROR, Op.RESUMED, Op.RECONNECT),
}


def told(op: int, data: dict[str, Any], memory: Memory | None = None) -> Pushed:
    """The event of a push, with what was known before it."""
    memory = memory or Memory("cleo", 1000)
    return event_of(Packet(op, data), memory.take(op, data), memory)


def test_every_push_has_an_event_of_its_own() -> None:
    """A new packet to clients needs one."""
    assert PUSHES.keys() == {op for op in Op if op.to_client is not None} - NO_EVENT
    for op, (data, kind) in PUSHES.items():
        assert type(told(op, data)).__name__ == kind


def test_the_other_forms_of_two_packets_have_events_as_well() -> None:
    """UPDATE CONVERSATION DATAS with a dispute, REPORT STATUS with an appeal alone."""
    update = {"conversation": "c1", "cause": "stated", "dispute": DISPUTE}
    assert type(told(Op.UPDATE_CONVERSATION_DATAS, update)).__name__ == "DisputeChanged"
    assert type(told(Op.REPORT_STATUS, {"appeal": APPEAL})).__name__ == "AppealChanged"


def test_a_packet_that_is_newer_than_this_release_is_told_as_it_came() -> None:
    """Nothing is lost to an application that knows it."""
    event = told(0x77, {"colour": "red"})
    assert type(event) is Pushed
    assert event.data == {"colour": "red"}


def test_an_event_shows_an_object_as_it_is_known() -> None:
    """A page was faster than the push: the event says what happened, and shows the newest."""
    memory = Memory("cleo", 1000)
    agreed = {**DEAL, "state": "agreed", "offer": None, "version": 9}
    memory.take(Op.RETURN_SERVICES, {"services": [agreed]})
    update = {"conversation": "c1", "cause": "countered", "service": DEAL}
    event: Any = told(Op.UPDATE_CONVERSATION_DATAS, update, memory)
    assert (event.cause, event.deal.state, event.deal.offer) == ("countered", "agreed", None)

    memory.take(Op.RETURN_MESSAGES, {"messages": [{**MESSAGE, "text": "Third", "version": 7}]})
    event = told(Op.MSG_CHANGED, {**REVISION, "change": "deleted", "text": None}, memory)
    assert (event.revision.text, event.revision.tombstone) == ("Third", None)


def test_the_events_can_be_matched() -> None:
    """By class and by what they hold."""
    update = {"conversation": "c1", "cause": "created", "service": DEAL}
    match told(Op.UPDATE_CONVERSATION_DATAS, update):
        case DealChanged(deal=Deal(offer=offer, state="offered"), cause="created"):
            assert offer is not None
        case other:
            raise AssertionError(other)

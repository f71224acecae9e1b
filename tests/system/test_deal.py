"""Two people bargain through the real socket, from a proposal to the notes."""

import asyncio
import json
import signal
from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc

from edge.protocol.packets import Op
from tests.support.client import Client
from tests.support.system import System
from tests.system.conftest import Connect


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


async def begin(system: System, connect: Connect, alice: str, bob: str) -> Deal:
    first, second = Party(await connect(system, alice)), Party(await connect(system, bob))
    stored = await first.client.write(bob, "Hello")
    await second.client.expect(Op.ALERT_NEW_MSG)
    return Deal(first, second, stored["conversation"])


@pytest.fixture
async def deal(shared_deals: System, connect: Connect, alice: str, bob: str) -> Deal:
    return await begin(shared_deals, connect, alice, bob)


async def history(deal: Deal, seqs: int) -> list[tuple[str, str]]:
    """Kind, and text or cause, of the first `seqs` entries; they are there when it returns."""
    while True:
        reply = await deal.alice.client.ask(
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


async def test_a_deal_from_proposal_to_notes(deal: Deal) -> None:
    """Offer, counter, a stale accept, agreement, delivery, completion, notes revealed together."""
    alice, bob = deal.alice, deal.bob
    offered = await deal.offer()
    assert (offered["state"], offered["offer"]["number"]) == ("offered", 1)
    assert offered["offer"]["price"] == euros(12_000)
    assert (await bob.told("created"))["allowed_actions"] == ["counter", "accept", "decline"]

    countered = await bob.do(
        Op.PRICE_EDITED, service=deal.service, price=euros(15_000), base_offer=1, note="Parts"
    )
    assert countered["offer"]["number"] == 2
    assert (await alice.told("countered"))["offer"]["note"] == "Parts"

    stale = await alice.refused(
        Op.NEGOTIATION_END, service=deal.service, outcome="agreed", offer=1, price=euros(12_000)
    )
    assert (stale["code"], stale["retryable"]) == ("STALE_OFFER", False)
    assert stale["current"]["offer"]["price"] == euros(15_000)
    wrong = await alice.refused(
        Op.NEGOTIATION_END, service=deal.service, outcome="agreed", offer=2, price=euros(14_999)
    )
    assert wrong["code"] == "STALE_OFFER"
    own = await bob.refused(
        Op.NEGOTIATION_END, service=deal.service, outcome="agreed", offer=2, price=euros(15_000)
    )
    assert (own["code"], own["reason"]) == ("PERMISSION_DENIED", "OWN_OFFER")

    agreed = await alice.do(
        Op.NEGOTIATION_END, service=deal.service, outcome="agreed", offer=2, price=euros(15_000)
    )
    assert (agreed["state"], agreed["agreed"]["price"]) == ("agreed", euros(15_000))
    assert (await bob.told("agreed"))["agreed"]["price"] == euros(15_000)

    await deal.complete()
    assert (await alice.told("delivered"))["state"] == "delivered"
    assert (await bob.told("completed"))["state"] == "completed"

    mine = await alice.do(Op.NOTE_SUBMITTED, service=deal.service, score=5, comment="Quick")
    assert mine["notes"]["mine"]["comment"] == "Quick"
    both = await bob.do(Op.NOTE_SUBMITTED, service=deal.service, score=4, comment="Friendly")
    assert both["notes"]["theirs"]["comment"] == "Quick"
    assert (await alice.told("notes_revealed"))["notes"]["theirs"]["comment"] == "Friendly"

    assert await history(deal, 7) == [
        ("text", "Hello"),
        ("event", "created"),
        ("event", "countered"),
        ("event", "agreed"),
        ("event", "delivered"),
        ("event", "completed"),
        ("event", "notes_revealed"),
    ]


async def test_every_socket_of_both_is_told_and_the_words_keep_their_places(
    shared_deals: System, deal: Deal, connect: Connect, alice: str, bob: str
) -> None:
    """Also the socket that asked, for the answer moves no cursor; events alert like messages."""
    others = [Party(await connect(shared_deals, user)) for user in (alice, bob)]
    await deal.offer()
    for party in (deal.alice, deal.bob, *others):
        snapshot = await party.told("created")
        assert snapshot["service"] == deal.service
    event = await deal.bob.event("created")
    assert (event["seq"], event["sender"], event["kind"]) == (2, alice, "event")
    assert event["event"]["price"] == euros(12_000)
    assert event["event"]["title"] == "Kitchen tap"
    await deal.bob.client.write(alice, "Too little")
    await deal.bob.do(Op.PRICE_EDITED, service=deal.service, price=euros(13_000), base_offer=1)
    assert [kind for kind, _ in await history(deal, 4)] == ["text", "event", "text", "event"]


async def test_a_resend_with_its_key_is_answered_as_the_first_time(deal: Deal) -> None:
    """Nothing happens twice; the key with another body is a conflict."""
    offered = await deal.offer(idempotency_key="k1")
    await deal.bob.do(Op.PRICE_EDITED, service=deal.service, price=euros(1), base_offer=1)
    assert await deal.offer(idempotency_key="k1") == offered
    other = await deal.alice.refused(
        Op.SERVICE_CREATED,
        conversation=deal.conversation,
        role="client",
        title="Another",
        price=euros(12_000),
        idempotency_key="k1",
    )
    assert other["code"] == "CONFLICT"


async def test_the_list_shows_the_open_deal_or_the_latest(deal: Deal) -> None:
    """With what its reader may do."""
    client = deal.bob.client
    shown = (await client.ask(Op.ASK_CONVERSATIONS))["d"]
    assert "service" not in shown["conversations"][0]
    assert "missing" not in shown
    await deal.offer()
    await deal.bob.do(Op.NEGOTIATION_END, service=deal.service, outcome="declined", offer=1)
    service = (await client.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"][0]["service"]
    assert (service["service"], service["state"]) == (deal.service, "closed")
    first = deal.service
    await deal.offer(9_900)
    service = (await client.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"][0]["service"]
    assert service["service"] == deal.service != first
    assert service["allowed_actions"] == ["counter", "accept", "decline"]


async def test_a_party_that_is_away_learns_all_on_resume(
    shared_deals: System, deal: Deal, connect: Connect, bob: str
) -> None:
    """From one cursor: what was said, what happened, and how the deal stands."""
    await deal.bob.client.settle()
    await deal.bob.client.drop()
    await deal.offer()
    await deal.alice.do(Op.PRICE_EDITED, service=deal.service, price=euros(11_000), base_offer=1)
    await history(deal, 3)
    back: Client = await connect(shared_deals, bob, resume=deal.bob.client.cursor)
    resumed = await back.expect(Op.RESUMED)
    assert resumed["d"]["complete"] is True
    assert "missing" not in resumed["d"]
    party = Party(back)
    assert (await party.told("created"))["service"] == deal.service
    assert (await party.told("revised"))["offer"]["price"] == euros(11_000)
    assert (await party.event("created"))["seq"] == 2
    assert (await party.event("revised"))["seq"] == 3
    again: Client = await connect(shared_deals, bob, resume=resumed["cur"])
    assert (await again.expect(Op.RESUMED))["d"]["replayed"] == 0


async def test_two_accept_at_the_same_time_as_the_price_changes(deal: Deal) -> None:
    """Whoever comes second is told what is true now; there are never two prices."""
    await deal.offer()
    answers = await asyncio.gather(
        deal.alice.client.ask(
            Op.PRICE_EDITED, {"service": deal.service, "price": euros(10_000), "base_offer": 1}
        ),
        deal.bob.client.ask(
            Op.NEGOTIATION_END,
            {"service": deal.service, "outcome": "agreed", "offer": 1, "price": euros(12_000)},
        ),
    )
    won = [one for one in answers if one["op"] == Op.UPDATE_CONVERSATION_DATAS]
    lost = [one["d"] for one in answers if one["op"] == Op.ERROR]
    # After an agreement offer 1 is not the live one any more, and after a revision neither.
    assert len(won) == len(lost) == 1
    assert lost[0]["code"] in {"STALE_OFFER", "INVALID_STATE"}
    assert lost[0]["current"]["service"] == deal.service


async def test_a_sealed_note_is_in_no_packet_and_no_log(shared_deals: System, deal: Deal) -> None:
    """Until both are in the other finds neither its words nor that it is there."""
    await deal.agree()
    await deal.complete()
    before = (await deal.bob.told("completed"))["version"]
    secret = f"sealed-{deal.service}"
    await deal.alice.do(Op.NOTE_SUBMITTED, service=deal.service, score=1, comment=secret)
    shown = (await deal.bob.client.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"][0]
    assert shown["service"]["notes"] == {}
    assert shown["service"]["version"] == before
    await history(deal, 5)
    await deal.bob.client.settle()
    assert secret not in json.dumps(deal.bob.client.packets)
    assert all(
        one["d"].get("cause") != "note_submitted"
        for one in deal.bob.client.packets
        if one["op"] == Op.UPDATE_CONVERSATION_DATAS
    )
    assert secret not in shared_deals.logs()


async def test_a_sealed_note_leaves_no_gap_among_the_numbers(
    shared_deals: System, deal: Deal, bob: str
) -> None:
    """What happens after it is told to the other as if there was none, pushed and in history."""
    await deal.agree()
    await deal.complete()
    before = (await deal.bob.told("completed"))["version"]
    await deal.alice.do(Op.NOTE_SUBMITTED, service=deal.service, score=1)
    target = f"127.0.0.1:{shared_deals.negotiation_port}"
    async with grpc.aio.insecure_channel(target) as channel:
        await negotiation_pb2_grpc.NegotiationServiceStub(channel).PlaceHold(
            pb.PlaceHoldRequest(service_id=deal.service, dispute="d1", opened_by=bob),
            metadata=(("authorization", f"Bearer {shared_deals.credential}"),),
        )
    assert (await deal.bob.told("held"))["version"] == before + 1
    completed, held = [(await deal.bob.event(one))["event"] for one in ("completed", "held")]
    assert held["number"] == completed["number"] + 1


NAMES = {"service": "x", "conversation": "x"}
GOOD: dict[int, dict[str, Any]] = {
    Op.SERVICE_CREATED: {
        "conversation": "c",
        "role": "client",
        "title": "Tap",
        "price": euros(100),
    },
    Op.PRICE_EDITED: {"service": "s", "price": euros(100), "base_offer": 1},
    Op.NEGOTIATION_END: {"service": "s", "outcome": "agreed", "offer": 1, "price": euros(100)},
    Op.SERVICE_TERMINATED: {"service": "s", "outcome": "delivered"},
    Op.NOTE_SUBMITTED: {"service": "s", "score": 5},
}
BAD: list[tuple[int, str, Any]] = [
    (Op.SERVICE_CREATED, "price.amount_minor", 0),
    (Op.SERVICE_CREATED, "price.amount_minor", -1),
    (Op.SERVICE_CREATED, "price.amount_minor", 2**62),
    (Op.SERVICE_CREATED, "price.amount_minor", 2**64),
    (Op.SERVICE_CREATED, "price.amount_minor", 120.5),
    (Op.SERVICE_CREATED, "price.amount_minor", "100"),
    (Op.SERVICE_CREATED, "price.currency", "EURO"),
    (Op.SERVICE_CREATED, "price.currency", "eur"),
    (Op.SERVICE_CREATED, "price.currency", "XTS"),
    (Op.SERVICE_CREATED, "role", "moderator"),
    (Op.SERVICE_CREATED, "title", ""),
    (Op.SERVICE_CREATED, "title", "x" * 121),
    (Op.SERVICE_CREATED, "title", "a\u0000b"),
    (Op.SERVICE_CREATED, "description", "x" * 4_001),
    (Op.SERVICE_CREATED, "offer_ttl_s", 0),
    (Op.SERVICE_CREATED, "offer_ttl_s", 10**12),
    (Op.SERVICE_CREATED, "idempotency_key", "k" * 65),
    (Op.PRICE_EDITED, "price.amount_minor", 0),
    (Op.PRICE_EDITED, "base_offer", -1),
    (Op.PRICE_EDITED, "base_offer", 2**63),
    (Op.PRICE_EDITED, "note", "x" * 501),
    (Op.NEGOTIATION_END, "outcome", "accepted"),
    (Op.NEGOTIATION_END, "offer", 0),
    (Op.NEGOTIATION_END, "price", None),
    (Op.SERVICE_TERMINATED, "outcome", "done"),
    (Op.SERVICE_TERMINATED, "reason", "x" * 501),
    (Op.NOTE_SUBMITTED, "score", 0),
    (Op.NOTE_SUBMITTED, "score", 6),
    (Op.NOTE_SUBMITTED, "score", 2**31),
    (Op.NOTE_SUBMITTED, "comment", "x" * 2_001),
]


@pytest.mark.parametrize(("op", "field", "value"), BAD)
async def test_a_bad_field_is_named(deal: Deal, op: int, field: str, value: Any) -> None:
    """INVALID_ARGUMENT with the path of the field; nothing happens, and the socket lives."""
    d: dict[str, Any] = {
        **GOOD[op],
        **{name: deal.conversation for name in NAMES if name in GOOD[op]},
    }
    outer, _, inner = field.partition(".")
    d[outer] = {**d[outer], inner: value} if inner else value
    error = await deal.alice.refused(op, **d)
    assert (error["code"], error["retryable"]) == ("INVALID_ARGUMENT", False)
    assert [one["field"] for one in error["fields"]] == [field]
    await deal.alice.client.settle()


@pytest.mark.parametrize("op", GOOD)
async def test_what_one_may_not_see_is_not_found(
    shared_deals: System, deal: Deal, connect: Connect, person: Any, op: int
) -> None:
    """An outsider is told of someone else's service as of one that does not exist."""
    await deal.offer()
    carol = Party(await connect(shared_deals, person("carol")))
    answers = []
    for conversation, service in ((deal.conversation, deal.service), ("none", "none")):
        d = {**GOOD[op]}
        d |= {"conversation": conversation} if "conversation" in d else {"service": service}
        answers.append(await carol.refused(op, **d))
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "NOT_FOUND"


async def test_negotiation_that_is_down_costs_its_own_features_only(
    own_system: System, connect: Connect
) -> None:
    """Words go on, with their delivery and resume; lists say what is missing; its packets get
    UNAVAILABLE; when it is back, all are told to ask anew, and what was done is there.
    """
    own_system.start_negotiation()
    own_system.start_messaging()
    edge = own_system.start_edge(watch_timeout_seconds=2)
    deal = await begin(own_system, connect, "alice", "bob")
    await deal.offer()
    await deal.bob.told("created")
    await history(deal, 2)
    own_system.negotiation.stop(signal.SIGKILL)

    error = await deal.bob.refused(
        Op.PRICE_EDITED, service=deal.service, price=euros(1), base_offer=1
    )
    assert error["code"] in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
    assert error["retryable"] is True
    await deal.alice.client.ask(Op.CREATE_MSG, {"conversation": deal.conversation, "text": "Still"})
    await deal.bob.client.take(
        lambda one: one["op"] == Op.ALERT_NEW_MSG and one["d"]["message"].get("text") == "Still"
    )
    shown = (await deal.bob.client.ask(Op.ASK_CONVERSATIONS))["d"]
    assert shown["missing"] == ["negotiation"]
    assert own_system.get("/readyz")[0] == 200
    late: Client = await connect(own_system, "bob", resume=deal.bob.client.cursor)
    resumed = (await late.expect(Op.RESUMED))["d"]
    assert (resumed["complete"], resumed["missing"]) == (True, ["negotiation"])

    own_system.start_negotiation()
    await asyncio.to_thread(own_system.wait_ready, edge)
    assert (await late.expect(Op.RESUMED))["d"]["complete"] is False
    shown = (await late.ask(Op.ASK_CONVERSATIONS))["d"]
    assert shown["conversations"][0]["service"]["service"] == deal.service
    await Party(late).do(Op.PRICE_EDITED, service=deal.service, price=euros(13_000), base_offer=1)
    assert (await deal.alice.told("countered"))["offer"]["price"] == euros(13_000)
    assert (await deal.alice.event("countered"))["seq"] == 4


async def test_messaging_that_was_away_catches_up_with_what_happened(
    own_system: System, connect: Connect
) -> None:
    """Each event once and in its order, though messaging was killed while deals went on."""
    own_system.start_negotiation()
    own_system.start_messaging()
    edge = own_system.start_edge(watch_timeout_seconds=2)
    deal = await begin(own_system, connect, "alice", "bob")
    await deal.offer()
    own_system.messaging.stop(signal.SIGKILL)
    for number in range(1, 6):
        await deal.alice.do(
            Op.PRICE_EDITED, service=deal.service, price=euros(100 + number), base_offer=number
        )
    own_system.start_messaging()
    await asyncio.to_thread(own_system.wait_ready, edge)
    causes = ["created", *["revised"] * 5]
    expected = [("text", "Hello"), *(("event", cause) for cause in causes)]
    async with asyncio.timeout(20):
        while await history(deal, 1) != expected:
            await deal.alice.client.expect(Op.ALERT_NEW_MSG)


async def test_time_reminds_and_then_acts(own_system: System, connect: Connect) -> None:
    """An offer that nobody answers: a reminder before it lapses, then it has, told to both."""
    # Seconds as fractions of the settings' units.
    own_system.negotiation_settings = {
        "offer_hours": 2 / 3600,
        "offer_reminder_hours": 1 / 3600,
        "min_offer_minutes": 1 / 60,
    }
    own_system.start_negotiation()
    own_system.start_messaging()
    own_system.start_edge()
    deal = await begin(own_system, connect, "alice", "bob")
    await deal.offer()
    for party in (deal.alice, deal.bob):
        assert (await party.told("reminder"))["state"] == "offered"
        assert (await party.told("expired"))["state"] == "closed"
    assert await history(deal, 3) == [("text", "Hello"), ("event", "created"), ("event", "expired")]

"""A deal through the real socket, from a proposal to the notes."""

import asyncio
import json

import grpc
from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc

from parley_protocol.packets import Op
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import present
from tests.support.system import System
from tests.system.conftest import Connect
from tests.system.deals import Deal, Party, euros, history


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
    back = await connect(shared_deals, bob, resume=deal.bob.client.cursor)
    resumed = await back.expect(Op.RESUMED)
    assert resumed["d"]["complete"] is True
    assert "missing" not in resumed["d"]
    party = Party(back)
    assert (await party.told("created"))["service"] == deal.service
    assert (await party.told("revised"))["offer"]["price"] == euros(11_000)
    assert (await party.event("created"))["seq"] == 2
    assert (await party.event("revised"))["seq"] == 3
    again = await connect(shared_deals, bob, resume=resumed["cur"])
    assert (await again.expect(Op.RESUMED))["d"]["replayed"] == 0


async def test_two_accept_at_the_same_time_as_the_price_changes(deal: Deal) -> None:
    """The second is told what is true now; there are never two prices."""
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
    """Later events are told to the other as if there was no note, pushed and in history."""
    await deal.agree()
    await deal.complete()
    before = (await deal.bob.told("completed"))["version"]
    await deal.alice.do(Op.NOTE_SUBMITTED, service=deal.service, score=1)
    target = shared_deals.target("negotiation")
    async with grpc.aio.insecure_channel(target) as channel:
        await negotiation_pb2_grpc.NegotiationServiceStub(channel).PlaceHold(
            pb.PlaceHoldRequest(service_id=deal.service, dispute="d1", opened_by=bob),
            metadata=present(shared_deals.credentials[Caller.MODERATION]),
        )
    assert (await deal.bob.told("held"))["version"] == before + 1
    completed, held = [(await deal.bob.event(one))["event"] for one in ("completed", "held")]
    assert held["number"] == completed["number"] + 1

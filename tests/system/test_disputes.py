"""Disputes about deals, through real processes and sockets."""

from typing import Any

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet
from tests.support.system import System
from tests.system.conftest import Connect
from tests.system.deals import Deal, begin, euros


@pytest.fixture
async def deal(moderated_system: System, connect: Connect, alice: str, bob: str) -> Deal:
    """Alice, who pays, and Bob, who works, have agreed on 120 euros, and Bob has delivered."""
    found = await begin(moderated_system, connect, alice, bob)
    await found.agree()
    return found


async def answered(client: Client, op: int, d: Packet) -> Packet:
    """Send a packet about a dispute; the answer's payload."""
    reply = await client.ask(op, d)
    assert reply["op"] == Op.UPDATE_CONVERSATION_DATAS, reply
    update: Packet = reply["d"]
    return update


async def told(client: Client, cause: str) -> Packet:
    """The dispute as it was pushed for this cause."""
    packet = await client.take(
        lambda one: (
            one["op"] == Op.UPDATE_CONVERSATION_DATAS
            and "re" not in one
            and "dispute" in one["d"]
            and one["d"]["cause"] == cause
        )
    )
    assert "service" not in packet["d"]
    assert "cur" in packet
    dispute: Packet = packet["d"]["dispute"]
    return dispute


async def dispute(deal: Deal, **more: Any) -> Packet:
    d = {"service": deal.service, "reason": "quality", "statement": "It still drips.", **more}
    return await answered(deal.alice.client, Op.LITIGE_CREATED, d)


async def test_a_dispute_holds_the_deal_and_is_settled(deal: Deal, alice: str) -> None:
    """The answer shows both; each is told of what the other does; an offer is accepted by number
    and amounts; in the end the deal is split.
    """
    first, second = deal.alice.client, deal.bob.client
    opened = await dispute(deal, claim={"refund": euros(6_000)})
    found = opened["dispute"]
    assert found["opened_by"] == alice
    assert found["claim"] == {"refund": euros(6_000)}
    assert found["statements"][0]["text"] == "It still drips."
    assert opened["service"]["service"] == found["service"] == deal.service
    if found["state"] == "pending_hold":
        # Negotiation took its time.
        found = await told(first, "hold_placed")
    assert (found["state"], found["price"]) == ("open", euros(12_000))
    assert (await told(second, "created"))["dispute"] == found["dispute"]
    assert (await deal.bob.told("held"))["hold"]["dispute"] == found["dispute"]

    about = {"dispute": found["dispute"]}
    said = await answered(second, Op.LITIGE_STATEMENT, {**about, "text": "It did not when I left."})
    assert [one["text"] for one in said["dispute"]["statements"]][1:] == ["It did not when I left."]
    assert (await told(first, "stated"))["version"] == said["dispute"]["version"]

    split = {"provider_minor": 7_000, "client_minor": 5_000}
    await answered(second, Op.LITIGE_STATEMENT, {**about, "settlement": split})
    offer = (await told(first, "settlement_proposed"))["offers"][-1]
    assert offer["settlement"] == split
    other = {"provider_minor": 12_000, "client_minor": 0}
    stale = await first.ask(
        Op.LITIGE_STATEMENT, {**about, "accept": {"offer": offer["number"], "settlement": other}}
    )
    assert (stale["op"], stale["d"]["reason"]) == (Op.ERROR, "STALE_SETTLEMENT")
    assert stale["d"]["current"]["dispute"] == found["dispute"]
    accept = {"offer": offer["number"], "settlement": split}
    settled = await answered(first, Op.LITIGE_STATEMENT, {**about, "accept": accept})
    assert settled["dispute"]["resolution"]["split"] == split
    assert (await told(second, "settled"))["resolution"]["outcome"] == "split"
    assert (await deal.bob.told("decided"))["settlement"] == split


async def test_the_list_shows_the_dispute_that_holds_a_deal(
    moderated_system: System, connect: Connect, deal: Deal, bob: str
) -> None:
    """So a client that starts anew can answer a settlement; over, it is shown no more."""
    found = (await dispute(deal))["dispute"]
    split = {"provider_minor": 7_000, "client_minor": 5_000}
    about = {"dispute": found["dispute"]}
    offered = await answered(deal.alice.client, Op.LITIGE_STATEMENT, {**about, "settlement": split})
    anew = await connect(moderated_system, bob)
    (entry,) = (await anew.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"]
    assert entry["dispute"]["offers"] == offered["dispute"]["offers"]
    assert entry["dispute"]["version"] == offered["dispute"]["version"]
    assert "accept" in entry["dispute"]["allowed_actions"]
    accept = {"offer": entry["dispute"]["offers"][-1]["number"], "settlement": split}
    await answered(anew, Op.LITIGE_STATEMENT, {**about, "accept": accept})
    await deal.bob.told("decided")
    (entry,) = (await anew.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"]
    assert "dispute" not in entry
    assert entry["service"]["settlement"] == split


async def test_whoever_opened_a_dispute_withdraws_it(deal: Deal) -> None:
    """The other may not; then the deal goes on."""
    found = (await dispute(deal))["dispute"]
    withdrawal = {"dispute": found["dispute"], "withdraw": True}
    reply = await deal.bob.client.ask(Op.LITIGE_STATEMENT, withdrawal)
    assert (reply["d"]["code"], reply["d"]["reason"]) == ("PERMISSION_DENIED", "OPENER_ONLY")
    ended = (await answered(deal.alice.client, Op.LITIGE_STATEMENT, withdrawal))["dispute"]
    assert ended["resolution"]["outcome"] == "resume"
    assert "hold" not in await deal.bob.told("resumed")


@pytest.mark.parametrize(
    ("op", "d", "field"),
    [
        (Op.LITIGE_CREATED, {"reason": "quality", "statement": " "}, "statement"),
        (Op.LITIGE_CREATED, {"reason": "quality", "statement": "x" * 4_001}, "statement"),
        (Op.LITIGE_CREATED, {"reason": "boredom", "statement": "x"}, "reason"),
        (
            Op.LITIGE_CREATED,
            {"reason": "quality", "statement": "x", "claim": {"refund": euros(-1)}},
            "claim.refund.amount_minor",
        ),
        (Op.LITIGE_STATEMENT, {}, "text"),
        (
            Op.LITIGE_STATEMENT,
            {"settlement": {"provider_minor": -1, "client_minor": 0}},
            "settlement.provider_minor",
        ),
        (
            Op.LITIGE_STATEMENT,
            {"settlement": {"provider_minor": 2**63, "client_minor": 0}},
            "settlement.provider_minor",
        ),
        (
            Op.LITIGE_STATEMENT,
            {"withdraw": True, "settlement": {"provider_minor": 1, "client_minor": 1}},
            "settlement",
        ),
    ],
)
async def test_a_field_at_fault_is_named(deal: Deal, op: int, d: Packet, field: str) -> None:
    """As the packet calls it, whoever finds it wrong; the dispute goes on as it was."""
    about = {"service": deal.service}
    if op == Op.LITIGE_STATEMENT:
        about = {"dispute": (await dispute(deal))["dispute"]["dispute"]}
    reply = await deal.alice.client.ask(op, {**about, **d})
    assert reply["op"] == Op.ERROR, reply
    assert reply["d"]["code"] == "INVALID_ARGUMENT", reply
    assert [one["field"] for one in reply["d"]["fields"]] == [field]

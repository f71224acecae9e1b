"""A new device asks for all that the user was once told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from parley_protocol.objects import Kind
from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet
from tests.support.moderator import Moderator
from tests.support.remembering import Remembering
from tests.support.system import System
from tests.system.conftest import Connect
from tests.system.deals import Deal, Party, begin, euros

FORMATS = ["parley.v1.json", "parley.v1.msgpack"]


async def answer(client: Client, op: Op, **d: Any) -> Packet:
    reply = await client.ask(op, d)
    assert reply["op"] != Op.ERROR, reply
    payload: Packet = reply["d"]
    return payload


async def pages(client: Client, op: Op, what: str, **d: Any) -> AsyncIterator[Any]:
    """All of a list, one at a time."""
    page: dict[str, Any] = {}
    for _ in range(100):
        returned = await answer(client, op, limit=1, **d, **page)
        assert len(returned[what]) <= 1
        for one in returned[what]:
            yield one
        if "next" not in returned:
            return
        page = {"page": returned["next"]}
    raise AssertionError("the pages have no end")


@pytest.fixture
async def deal(moderated_system: System, connect: Connect, alice: str, bob: str) -> Deal:
    """Alice, who pays, and Bob, who works, have agreed on 120 euros."""
    found = await begin(moderated_system, connect, alice, bob)
    await found.agree()
    return found


@pytest.mark.parametrize("subprotocol", FORMATS)
async def test_a_new_device_reads_what_the_other_was_told(
    deal: Deal,
    moderated_system: System,
    connect: Connect,
    moderator: Moderator,
    alice: str,
    bob: str,
    subprotocol: str,
) -> None:
    """Blocks, reports, appeals, disputes and deals, each as it was pushed or answered."""
    first = deal.alice.client
    stored = await deal.bob.client.write(alice, "Buy now", subject="spam")
    blocked = await answer(first, Op.BLOCK_USER, user=bob, blocked=True)
    await answer(first, Op.REPORT_MSG, message=stored["message"], reason="spam")
    await moderator.decide(bob)
    decided = (await first.expect(Op.REPORT_STATUS, status="no_violation"))["d"]
    appealed = await answer(first, Op.APPEAL, decision=decided["decision"], text="Look again.")
    opened = await answer(
        first, Op.LITIGE_CREATED, service=deal.service, reason="quality", statement="It drips."
    )
    dispute = opened["dispute"]
    if dispute["state"] == "pending_hold":
        dispute = (
            await first.take(
                lambda one: (
                    one["op"] == Op.UPDATE_CONVERSATION_DATAS and one["d"]["cause"] == "hold_placed"
                )
            )
        )["d"]["dispute"]

    device = await connect(moderated_system, alice, subprotocol=subprotocol)
    assert [one async for one in pages(device, Op.ASK_BLOCKS, "blocks")] == [blocked]
    (report,) = [one async for one in pages(device, Op.ASK_REPORTS, "reports")]
    assert (report["report"], report["status"]) == (decided["report"], "no_violation")
    assert report["appeal"] == appealed["appeal"]
    found = [one async for one in pages(device, Op.ASK_APPEALS, "appeals")]
    assert found == [appealed["appeal"]]
    assert [one async for one in pages(device, Op.ASK_DISPUTES, "disputes")] == [dispute]
    update = await answer(device, Op.ASK_DISPUTE, dispute=dispute["dispute"])
    assert (update["cause"], update["dispute"]) == ("asked", dispute)
    assert (await answer(device, Op.ASK_STANDING))["standing"] == {
        "user": alice,
        "banned": False,
        "sanctions": [],
    }
    update = await answer(device, Op.ASK_SERVICE, service=deal.service)
    assert (update["cause"], update["conversation"]) == ("asked", deal.conversation)
    service = update["service"]
    assert (service["hold"]["dispute"], service["agreed"]["price"]) == (
        dispute["dispute"],
        euros(12_000),
    )
    services = pages(device, Op.ASK_SERVICES, "services", conversation=deal.conversation)
    assert [one async for one in services] == [service]
    events = pages(device, Op.ASK_SERVICE_EVENTS, "events", service=deal.service)
    told = [one async for one in events]
    assert [one["cause"] for one in told] == ["created", "agreed", "held"]
    assert [one["number"] for one in told] == [1, 2, 3]
    assert told[1]["price"] == euros(12_000)


async def test_past_deals_are_listed_beside_open_ones(deal: Deal, alice: str) -> None:
    await deal.complete()
    past = deal.service
    await deal.agree()
    device = deal.alice.client
    services = [one["service"] async for one in pages(device, Op.ASK_SERVICES, "services")]
    assert services == [deal.service, past]
    is_open = pages(device, Op.ASK_SERVICES, "services", open_only=True)
    assert [one["service"] async for one in is_open] == [deal.service]


async def test_a_standing_is_what_was_pushed(
    deal: Deal,
    moderated_system: System,
    connect: Connect,
    moderator: Moderator,
    alice: str,
    bob: str,
) -> None:
    stored = await deal.bob.client.write(alice, "Buy now")
    await moderator.report(stored["message"], alice)
    await moderator.decide(bob, "muted", "warning")
    pushed = {
        one["sanction"]: one
        for one in [(await deal.bob.client.expect(Op.SANCTION))["d"] for _ in range(2)]
    }
    device = await connect(moderated_system, bob)
    standing = (await answer(device, Op.ASK_STANDING))["standing"]
    assert {one["sanction"]: one for one in standing["sanctions"]} == pushed
    assert "muted_until" in standing


async def test_nobody_reads_what_is_anothers(
    deal: Deal, moderated_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """Lists are empty, and what is named is not found; the other of two is told nothing either."""
    first = deal.alice.client
    stored = await deal.bob.client.write(alice, "Buy now")
    await answer(first, Op.BLOCK_USER, user=bob, blocked=True)
    await answer(first, Op.REPORT_MSG, message=stored["message"], reason="spam")
    opened = await answer(
        first, Op.LITIGE_CREATED, service=deal.service, reason="quality", statement="It drips."
    )
    stranger = await connect(moderated_system, str(uuid4()))
    for op, what in ((Op.ASK_SERVICES, "services"), (Op.ASK_DISPUTES, "disputes")):
        assert (await answer(stranger, op))[what] == []
    for client in (stranger, deal.bob.client):
        for op, what in (
            (Op.ASK_BLOCKS, "blocks"),
            (Op.ASK_REPORTS, "reports"),
            (Op.ASK_APPEALS, "appeals"),
        ):
            assert (await answer(client, op))[what] == []
    for op, d in (
        (Op.ASK_SERVICE, {"service": deal.service}),
        (Op.ASK_SERVICE_EVENTS, {"service": deal.service}),
        (Op.ASK_DISPUTE, {"dispute": opened["dispute"]["dispute"]}),
    ):
        for given in (d, dict.fromkeys(d, "a\0b"), dict.fromkeys(d, str(uuid4()))):
            reply = await stranger.ask(op, given)
            assert (reply["op"], reply["d"]["code"]) == (Op.ERROR, "NOT_FOUND"), (op, given, reply)


async def test_lists_refuse_what_is_no_page(moderated_system: System, connect: Connect) -> None:
    client = await connect(moderated_system, str(uuid4()))
    for op in (
        Op.ASK_BLOCKS,
        Op.ASK_SERVICES,
        Op.ASK_REPORTS,
        Op.ASK_APPEALS,
        Op.ASK_DISPUTES,
    ):
        for field, wrong in (("limit", 0), ("limit", 101), ("page", "nonsense"), ("page", 7)):
            reply = await client.ask(op, {field: wrong})
            assert reply["d"]["code"] == "INVALID_ARGUMENT", (op, field, reply)
            assert [one["field"] for one in reply["d"]["fields"]] == [field]
    await asyncio.gather(*(client.ask(Op.ASK_SERVICES, {}) for _ in range(30)))


async def ask_everything(client: Remembering) -> None:
    """Ask as docs/protocol.md tells a device that is new, or missed something."""
    lists = {
        Op.ASK_CONVERSATIONS: "conversations",
        Op.ASK_BLOCKS: "blocks",
        Op.ASK_SERVICES: "services",
        Op.ASK_DISPUTES: "disputes",
        Op.ASK_REPORTS: "reports",
        Op.ASK_APPEALS: "appeals",
    }
    for op, items in lists.items():
        found = [one async for one in pages(client, op, items)]
        if op is Op.ASK_CONVERSATIONS:
            for one in found:
                await answer(client, Op.ASK_MESSAGES, conversation=one["conversation"], limit=200)
    await answer(client, Op.ASK_STANDING)


async def test_what_is_asked_anew_is_what_was_told(
    moderated_system: System, moderator: Moderator, alice: str, bob: str
) -> None:
    """A device that missed everything knows what one knows that was there all the time."""
    system = moderated_system
    first, second, there = [
        await Remembering.open(system.url, system.token(user)) for user in (alice, bob, alice)
    ]
    stored = await first.write(bob, "Hello")
    deal = Deal(Party(first), Party(second), stored["conversation"])
    await deal.agree()
    await deal.complete()
    await deal.agree()
    spam = await second.write(alice, "Buy now", subject="spam")
    edited = await second.write(alice, "Helo", subject="flat")
    await answer(second, Op.EDIT_MSG, message=edited["message"], text="Hello")
    gone = await second.write(alice, "Oops", subject="flat")
    await answer(second, Op.DELETE_MSG, message=gone["message"])
    await answer(first, Op.OPENED_CONVERSATION, conversation=edited["conversation"])
    await answer(first, Op.REPORT_MSG, message=spam["message"], reason="spam")
    await moderator.decide(bob)
    decided = (await first.expect(Op.REPORT_STATUS, status="no_violation"))["d"]
    await answer(first, Op.APPEAL, decision=decided["decision"], text="Look again.")
    await answer(first, Op.LITIGE_CREATED, service=deal.service, reason="quality", statement="No.")
    await deal.bob.event("held")
    await moderator.report(stored["message"], bob)
    await moderator.decide(alice, "warning")
    await there.expect(Op.SANCTION, kind="warning")
    await answer(first, Op.BLOCK_USER, user=str(uuid4()), blocked=True)

    asking = await Remembering.open(system.url, system.token(alice))
    await ask_everything(asking)
    assert {kind for kind, _ in asking.objects} | {Kind.PRESENCE} == set(Kind)
    for shown in asking.objects.values():
        if shown.kind is Kind.PRESENCE or shown.version == 0:
            # Nobody tells of a watermark that never moved, and of a block that never was.
            continue
        await there.agree(shown)
    missing = {place for place in there.objects if place not in asking.objects}
    assert not {place for place in missing if place[0] is not Kind.PRESENCE}
    for client in (first, second, there, asking):
        await client.close()

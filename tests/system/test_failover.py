"""The whole system over a failover of PostgreSQL, with two real servers and a promotion."""

import asyncio
import signal
from collections.abc import Sequence

import pytest

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.pair import Pair
from tests.support.system import SERVICES, System
from tests.support.waiting import PATIENCE
from tests.system.conftest import Connect
from tests.system.deals import Deal, Party, begin, euros, history


def place(system: System, pair: Pair, names: Sequence[str], **settings: object) -> None:
    """Give services databases on both servers."""
    with pair.primary.connect() as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
            system.settings.setdefault(name, {}).update(database_url=pair.url(name), **settings)


async def say(client: Client, conversation: str, text: str) -> int:
    """Say something until it is stored, as clients do with what is retryable; gives its seq."""
    async with asyncio.timeout(PATIENCE):
        while True:
            d = {"conversation": conversation, "text": text, "idempotency_key": text}
            reply = await client.ask(Op.CREATE_MSG, d)
            if reply["op"] == Op.STATUS_MSG:
                return int(reply["d"]["seq"])
            assert reply["d"]["retryable"], reply
            await asyncio.sleep(reply["d"].get("retry_after_ms", 100) / 1000)


async def offer(deal: Deal, title: str) -> str:
    """Offer until it is stored; gives the service."""
    d = {"role": "client", "title": title, "price": euros(12_000), "idempotency_key": title}
    async with asyncio.timeout(PATIENCE):
        while True:
            reply = await deal.alice.client.ask(
                Op.SERVICE_CREATED, {"conversation": deal.conversation, **d}
            )
            if reply["op"] == Op.UPDATE_CONVERSATION_DATAS:
                return str(reply["d"]["service"]["service"])
            assert reply["d"]["retryable"], reply
            await asyncio.sleep(reply["d"].get("retry_after_ms", 100) / 1000)


async def test_nobody_resumes_over_what_a_promotion_lost(
    pair: Pair, own_system: System, connect: Connect
) -> None:
    """Who stayed is told that all is to be asked anew, and who comes back as well, though more was
    written since than was lost. A deal made after it is not taken for the one that was lost.
    """
    place(own_system, pair, SERVICES)
    edge = own_system.start(*SERVICES, watch_timeout_seconds=2)
    deal = await begin(own_system, connect, "alice", "bob")
    alice, bob = deal.alice.client, deal.bob.client
    await asyncio.to_thread(pair.catch_up)
    await asyncio.to_thread(pair.part)
    lost = await offer(deal, "Lost")
    await deal.bob.event("created")
    for number in range(3):
        await say(alice, deal.conversation, f"lost {number}")
    await bob.take(
        lambda one: one["op"] == Op.ALERT_NEW_MSG and one["d"]["message"].get("text") == "lost 2"
    )
    cursor = bob.cursor
    await bob.drop()

    await asyncio.to_thread(pair.fail_over)
    kept = [await say(alice, deal.conversation, f"kept {number}") for number in range(8)]
    assert kept == list(range(2, 10))
    await alice.expect(Op.RESUMED, complete=False)
    await asyncio.to_thread(own_system.wait_ready, edge)
    deal.bob = Party(await connect(own_system, "bob", resume=cursor))
    assert (await deal.bob.client.expect(Op.RESUMED))["d"]["complete"] is False

    deal.service = await offer(deal, "New")
    assert deal.service != lost
    assert (await deal.bob.event("created"))["event"]["service"] == deal.service
    words = [("text", "Hello"), *(("text", f"kept {number}") for number in range(8))]
    assert await history(deal, 10) == [*words, ("event", "created")]
    shown = (await deal.bob.client.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"]
    assert [one["service"]["service"] for one in shown] == [deal.service]
    await deal.bob.do(
        Op.NEGOTIATION_END, service=deal.service, outcome="agreed", offer=1, price=euros(12_000)
    )
    await deal.alice.told("agreed")


async def test_messaging_passes_over_no_deal_that_came_with_a_revision_of_before(
    pair: Pair, own_system: System, connect: Connect
) -> None:
    """Negotiation is killed, and its database fails over, before it is started again: nothing of it
    remembers what was lost, and messaging has followed it so far.
    """
    place(own_system, pair, ("negotiation",))
    edge = own_system.start("negotiation", "messaging", watch_timeout_seconds=2)
    deal = await begin(own_system, connect, "alice", "bob")
    await asyncio.to_thread(pair.catch_up)
    await asyncio.to_thread(pair.part)
    await deal.offer()
    for number in range(1, 4):
        await deal.alice.do(
            Op.PRICE_EDITED, service=deal.service, price=euros(100 + number), base_offer=number
        )
    lost = [("event", "created"), *[("event", "revised")] * 3]
    assert await history(deal, 5) == [("text", "Hello"), *lost]
    own_system.services["negotiation"].stop(signal.SIGKILL)
    await asyncio.to_thread(pair.fail_over)
    await asyncio.to_thread(own_system.start_services, "negotiation")
    await asyncio.to_thread(own_system.wait_ready, edge)

    deal.service = await offer(deal, "New")
    for number in range(1, 6):
        await deal.alice.do(
            Op.PRICE_EDITED, service=deal.service, price=euros(200 + number), base_offer=number
        )
    new = [("event", "created"), *[("event", "revised")] * 5]
    assert await history(deal, 11) == [("text", "Hello"), *lost, *new]


@pytest.mark.nightly
async def test_after_synchronous_replication_nothing_is_reset(
    pair: Pair, own_system: System, connect: Connect
) -> None:
    """All that was stored is there, and who was away resumes with all of it."""
    place(own_system, pair, ("messaging",), database_replication="synchronous")
    own_system.start("messaging", watch_timeout_seconds=2)
    await asyncio.to_thread(pair.make_synchronous)
    deal = await begin(own_system, connect, "alice", "bob")
    alice, bob = deal.alice.client, deal.bob.client
    await bob.drop()
    for number in range(3):
        await say(alice, deal.conversation, f"before {number}")
    await asyncio.to_thread(pair.fail_over)
    for number in range(3):
        await say(alice, deal.conversation, f"after {number}")
    back = await connect(own_system, "bob", resume=bob.cursor)
    assert (await back.expect(Op.RESUMED))["d"]["complete"] is True
    texts = [one["d"]["message"]["text"] for one in back.packets if one["op"] == Op.ALERT_NEW_MSG]
    assert texts == [f"{when} {number}" for when in ("before", "after") for number in range(3)]
    assert not [one for one in alice.packets if one["op"] == Op.RESUMED]

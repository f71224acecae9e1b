"""Deals while a service is down, and deals that time ends."""

import asyncio
import signal

from parley_protocol.packets import Op
from tests.support.system import System
from tests.support.waiting import PATIENCE
from tests.system.conftest import Connect
from tests.system.deals import Party, begin, euros, history


async def test_negotiation_that_is_down_costs_its_own_features_only(
    own_system: System, connect: Connect
) -> None:
    """Words go on, with their delivery and resume; lists say what is missing; its packets get
    UNAVAILABLE; when it is back, all are told to ask anew, and what was done is there.
    """
    edge = own_system.start("negotiation", "messaging", watch_timeout_seconds=2)
    deal = await begin(own_system, connect, "alice", "bob")
    await deal.offer()
    await deal.bob.told("created")
    await history(deal, 2)
    own_system.services["negotiation"].stop(signal.SIGKILL)

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
    late = await connect(own_system, "bob", resume=deal.bob.client.cursor)
    resumed = (await late.expect(Op.RESUMED))["d"]
    assert (resumed["complete"], resumed["missing"]) == (True, ["negotiation"])

    own_system.start_services("negotiation")
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
    edge = own_system.start("negotiation", "messaging", watch_timeout_seconds=2)
    deal = await begin(own_system, connect, "alice", "bob")
    await deal.offer()
    own_system.services["messaging"].stop(signal.SIGKILL)
    for number in range(1, 6):
        await deal.alice.do(
            Op.PRICE_EDITED, service=deal.service, price=euros(100 + number), base_offer=number
        )
    own_system.start_services("messaging")
    await asyncio.to_thread(own_system.wait_ready, edge)
    causes = ["created", *["revised"] * 5]
    expected = [("text", "Hello"), *(("event", cause) for cause in causes)]
    async with asyncio.timeout(PATIENCE):
        while await history(deal, 1) != expected:
            await deal.alice.client.expect(Op.ALERT_NEW_MSG)


async def test_time_reminds_and_then_acts(own_system: System, connect: Connect) -> None:
    """An offer that nobody answers: a reminder before it lapses, then it has, told to both."""
    # Seconds as fractions of the settings' units.
    own_system.settings["negotiation"] = {
        "offer_hours": 2 / 3600,
        "offer_reminder_hours": 1 / 3600,
        "min_offer_minutes": 1 / 60,
    }
    own_system.start("negotiation", "messaging")
    deal = await begin(own_system, connect, "alice", "bob")
    await deal.offer()
    for party in (deal.alice, deal.bob):
        assert (await party.told("reminder"))["state"] == "offered"
        assert (await party.told("expired"))["state"] == "closed"
    assert await history(deal, 3) == [("text", "Hello"), ("event", "created"), ("event", "expired")]

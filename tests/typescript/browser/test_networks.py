"""A page whose network goes, comes back or is slow, whose time stands still, or that sleeps."""

import asyncio

import pytest
from playwright.async_api import CDPSession

from tests.support.gate import Gate
from tests.support.processes import Processes, sleeping
from tests.support.waiting import PATIENCE
from tests.typescript.browser.conftest import Tab, World

# In seconds; much less than the silence by which the patient edge would be given up.
_AT_ONCE = 15.0
_WAKE_UPS = {
    "online": "dispatchEvent(new Event('online'))",
    "pageshow": "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
    "visibilitychange": "document.dispatchEvent(new Event('visibilitychange'))",
    "resume": "document.dispatchEvent(new Event('resume'))",
}


async def test_offline_and_online(world: World, line: Gate) -> None:
    """What is written offline is sent as soon as the browser is online, before the backoff ends."""
    async with world.browse("ann") as anns:
        anns.url = line.url
        # Nothing but the browser's word brings it back within the time of this test.
        ann = await anns.open(backoffBase=600_000, backoffLimit=600_000)
        await ann.live()
        await anns.context.set_offline(True)
        line.shut()
        await ann.heard("state", state="waiting")
        for text in "abc":
            await ann.send(world.user("bob"), text)
        await ann.heard("stored", 3)
        before = len(ann.told)
        line.open()
        await anns.context.set_offline(False)
        await ann.live(before)
        await ann.heard("resolved", 3)
    assert await world.stored("bob", "ann") == ["a", "b", "c"]


@pytest.mark.parametrize("name", _WAKE_UPS)
async def test_a_dead_line_is_noticed_at_once_upon(name: str, world: World) -> None:
    """A network that went without a word is found out when the page is back, not minutes later."""
    async with world.browse("ann") as anns, world.patient() as patient:
        anns.url = patient.url
        ann = await anns.open()
        await ann.live()
        before = len(ann.told)
        patient.hold()
        # The old line stays silent; a new one would be let through.
        patient.renew()
        await ann.page.evaluate(f"() => {{ {_WAKE_UPS[name]} }}")
        async with asyncio.timeout(_AT_ONCE):
            await ann.live(before)
        assert patient.opened == 2


async def test_waking_up_on_a_good_line_changes_nothing(world: World) -> None:
    """Whoever goes to and fro between tabs keeps the socket."""
    async with world.browse("ann") as anns, world.client("bob") as bob:
        ann = await anns.open()
        await ann.live()
        before = len(ann.told)
        for step in _WAKE_UPS.values():
            await ann.page.evaluate(f"() => {{ {step} }}")
        await bob.write(anns.user, "Hello")
        await ann.heard("ping", len(await ann.heard("ping")) + 3)
        await bob.write(anns.user, "still there?")
        await ann.heard("message", 2)
        assert [event for event in ann.told[before:] if event["type"] == "state"] == []


async def test_a_slow_network(world: World, line: Gate) -> None:
    """Answers that are late are waited for; nothing is sent or told twice."""
    texts = [f"{number}" for number in range(6)]
    async with world.browse("ann") as anns, world.client("bob") as bob:
        anns.url = line.url
        line.delay = 0.3
        ann = await anns.open()
        await ann.live()
        for text in texts:
            await ann.send(world.user("bob"), text)
            await bob.write(anns.user, text)
        await ann.heard("resolved", 6)
        await ann.heard("message", 6)
        assert ann.texts() == texts
        assert {entry["attempts"] for entry in await _sent(ann)} == {1}
        assert line.opened == 1
    assert await world.stored("bob", "ann") == texts


async def test_a_page_whose_timers_stand_still_stays_connected_and_is_told_all(
    world: World,
) -> None:
    """Life hangs on no timer of the page: the server asks, and the answer comes from an event."""
    async with world.browse("ann") as anns, world.client("bob") as bob:
        ann = await anns.open()
        await ann.live()
        before = len(ann.told)
        session = await anns.context.new_cdp_session(ann.page)
        await _stop_time(session)
        # Longer than the edge waits for a client that says nothing.
        for number in range(7):
            await bob.write(anns.user, f"{number}")
            await ann.heard("ping", number + 1)
        await ann.heard("message", 7)
        assert ann.texts() == [f"{number}" for number in range(7)]
        assert [event for event in ann.told[before:] if event["type"] == "state"] == []


async def test_a_page_that_sleeps_is_told_afterwards_what_it_missed(
    world: World, line: Gate
) -> None:
    """The server gives it up meanwhile; it resumes: nothing lost, doubled or out of order."""
    async with world.browse("ann") as anns, world.client("bob") as bob:
        anns.url = line.url
        ann = await anns.open()
        await ann.live()
        await bob.write(anns.user, "before")
        await ann.heard("message")
        before = len(ann.told)
        process = await (await Processes.of(anns.context.browser)).of_page(ann.page)
        with sleeping(process):
            async with asyncio.timeout(PATIENCE):
                await line.emptied()
            for number in range(5):
                await bob.write(anns.user, f"{number}")
        await ann.heard("message", 6)
        await ann.live(before)
        assert ann.texts() == ["before", "0", "1", "2", "3", "4"]


async def _sent(tab: Tab) -> list[dict[str, object]]:
    """The entries of the outbox as they were when they were answered."""
    return [event["entry"] for event in await tab.heard("outbox", state="done")]


async def _stop_time(session: CDPSession) -> None:
    """Stop the clock and all timers of a page; what comes from outside goes on."""
    await session.send("Emulation.setVirtualTimePolicy", {"policy": "pause"})

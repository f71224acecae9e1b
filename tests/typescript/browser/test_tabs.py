"""Two tabs of one person, which share an outbox: one sends, and the other takes its place."""

import pytest

from parley_protocol.packets import Op
from tests.support.gate import Gate
from tests.support.processes import Processes, sleeping
from tests.typescript.browser.conftest import World

_TEXTS = [f"{number}" for number in range(6)]


async def test_what_either_tab_sends_is_answered_in_that_tab(world: World) -> None:
    """One of them sends for both; each hears of what it asked for, and of the other's as well."""
    async with world.browse("ann") as anns:
        one, two = await anns.open(), await anns.open()
        await one.live()
        await two.live()
        for number in range(3):
            await one.send(world.user("bob"), f"one {number}")
            await two.send(world.user("bob"), f"two {number}")
        for tab, name in ((one, "one"), (two, "two")):
            answers = await tab.heard("resolved", 3)
            assert [answer["answer"]["status"] for answer in answers] == ["stored"] * 3, name
            await tab.heard("outbox", 6, state="done")
            assert await tab.entries() == []
    texts = await world.stored("bob", "ann")
    assert [text for text in texts if text.startswith("one")] == ["one 0", "one 1", "one 2"]
    assert [text for text in texts if text.startswith("two")] == ["two 0", "two 1", "two 2"]


async def test_the_outbox_looks_the_same_in_both_tabs(world: World, line: Gate) -> None:
    """What one of them wrote offline is listed by the other, which may cancel it."""
    async with world.browse("ann") as anns:
        anns.url = line.url
        line.shut()
        one, two = await anns.open(), await anns.open()
        keys = [await one.send(world.user("bob"), text) for text in _TEXTS]
        await two.heard("outbox", 6, state="queued")
        assert [entry["key"] for entry in await two.entries()] == keys
        assert await two.page.evaluate("key => page.cancel(key)", keys[2])
        (rejected,) = await one.heard("rejected")
        assert (rejected["key"], rejected["error"]["name"]) == (keys[2], "Cancelled")
        line.open()
        await one.heard("resolved", 5)
        assert not await one.page.evaluate("key => page.cancel(key)", keys[3])
    assert await world.stored("bob", "ann") == _TEXTS[:2] + _TEXTS[3:]


@pytest.mark.parametrize("end", ["close", "crash"])
async def test_the_next_tab_goes_on_when_the_first_ends(end: str, world: World, line: Gate) -> None:
    """It sends with the same keys what the first had sent and heard no answer to."""
    async with world.browse("ann") as anns, world.client("bob") as bob:
        anns.url = line.url
        one = await anns.open()
        await one.live()
        # The first has the lead before there is a second.
        await one.send(world.user("bob"), "first")
        await one.heard("resolved")
        two = await anns.open()
        await two.live()
        line.hold_answers()
        for text in _TEXTS:
            await one.send(world.user("bob"), f"one {text}")
            await two.send(world.user("bob"), f"two {text}")
        await two.heard("stored", 6)
        await two.knows(12)
        await bob.expect(Op.ALERT_NEW_MSG, unread=2)
        if end == "close":
            await one.page.close()
        else:
            await one.crash()
        line.cut()
        line.open()
        await two.heard("resolved", 6)
        await two.heard("outbox", 12, state="done")
        assert await two.entries() == []
    texts = await world.stored("bob", "ann")
    assert len(texts) == 13
    for name in ("one", "two"):
        found = [text for text in texts if text.startswith(name)]
        assert found == [f"{name} {text}" for text in _TEXTS]


async def test_a_tab_that_sleeps_does_not_hold_the_others_up(world: World) -> None:
    """Its turn is taken by a tab that is awake; when it wakes up, it knows what became of all."""
    async with world.browse("ann") as anns:
        one = await anns.open(storage={"patience": 300})
        await one.live()
        await one.send(world.user("bob"), "first")
        await one.heard("resolved")
        processes = await Processes.of(anns.context.browser)
        first = await processes.of_page(one.page)
        two = await anns.open(storage={"patience": 300})
        await two.live()
        assert await processes.of_page(two.page) != first
        with sleeping(first):
            await two.send(world.user("bob"), "second")
            await two.heard("resolved")
        await one.heard("outbox", 2, state="done")
        before = len(one.told)
        await one.send(world.user("bob"), "third")
        await one.heard("resolved", 2)
        assert await one.entries() == []
        assert [event for event in one.told[before:] if event["type"] == "error"] == []
    assert await world.stored("bob", "ann") == ["first", "second", "third"]


async def test_without_web_locks_each_tab_sends_its_own(world: World, line: Gate) -> None:
    """Pages without TLS have none; what one of them leaves behind is found by the next."""
    async with world.browse("ann") as anns:
        await anns.context.add_init_script("Object.defineProperty(navigator, 'locks', {})")
        anns.url = line.url
        line.shut()
        one, two = await anns.open(), await anns.open()
        # Each has read, at its start and as the one who sends, and found nothing of the other.
        await one.heard("read", 2)
        await two.heard("read", 2)
        for text in _TEXTS:
            await one.send(world.user("bob"), text)
            await two.send(world.user("eve"), text)
        await one.heard("stored", 6)
        await two.heard("stored", 6)
        await one.crash()
        line.open()
        await two.heard("resolved", 6)
        three = await anns.open()
        await three.heard("outbox", 6, state="done")
        assert await three.entries() == []
    assert await world.stored("bob", "ann") == _TEXTS
    assert await world.stored("eve", "ann") == _TEXTS

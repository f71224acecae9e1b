"""Tokens that expire while a page is open, or while it sleeps."""

import asyncio

from tests.support.gate import Gate
from tests.support.processes import Processes, sleeping
from tests.support.waiting import PATIENCE
from tests.typescript.browser.conftest import World


async def test_a_token_is_renewed_before_it_expires(world: World, line: Gate) -> None:
    """The socket lives longer than any of the tokens, and nothing is told of it."""
    async with world.browse("ann") as anns, world.client("bob") as bob:
        anns.url = line.url
        # The edge lets each live for 5 s more.
        anns.token_life = 2
        ann = await anns.open()
        await ann.live()
        before = len(ann.told)
        # One a second: the first token would have ended in between.
        await ann.heard("ping", 12)
        await bob.write(anns.user, "Hello")
        await ann.heard("message")
        assert [event for event in ann.told[before:] if event["type"] in {"state", "error"}] == []
        assert anns.token_reasons[0] == "connect"
        assert set(anns.token_reasons[1:]) == {"expiring"}
        assert len(anns.token_reasons) >= 3
        assert line.opened == 1


async def test_a_token_that_expires_while_the_page_sleeps_is_replaced(
    world: World,
) -> None:
    """The server closes the socket; the page comes back with a fresh one, and misses nothing."""
    async with world.browse("ann") as anns, world.client("bob") as bob, world.patient() as line:
        anns.url = line.url
        anns.token_life = 1
        ann = await anns.open()
        await ann.live()
        process = await (await Processes.of(anns.context.browser)).of_page(ann.page)
        before = len(ann.told)
        with sleeping(process):
            async with asyncio.timeout(PATIENCE):
                await line.emptied()
            await bob.write(anns.user, "Hello")
        await ann.live(before)
        await ann.heard("message")
        await ann.send(world.user("bob"), "Good morning")
        await ann.heard("resolved")
    assert await world.stored("bob", "ann") == ["Good morning"]


async def test_whoever_is_signed_out_loses_nothing(world: World) -> None:
    """The token function says that nobody is there; what is written waits for the next sign-in."""
    async with world.browse("ann") as anns:
        anns.signed_in = False
        ann = await anns.open()
        (state,) = await ann.heard("state", state="unauthorized")
        assert state["reason"]["name"] == "SignedOut"
        await ann.send(world.user("bob"), "written while signed out")
        await ann.heard("stored")
        anns.signed_in = True
        await ann.page.evaluate("() => page.connect()")
        await ann.heard("resolved")
    assert await world.stored("bob", "ann") == ["written while signed out"]

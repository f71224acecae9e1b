"""A page with a client, and pages and browsers that are killed with a full outbox."""

from parley_protocol.packets import Op
from tests.support.gate import Gate
from tests.typescript.browser.conftest import World

# More than the edge of these tests waits for a client that says nothing.
_SLEEP_SECONDS = 6


async def test_two_people_talk(world: World) -> None:
    """Each page is answered, and told what the other says, once and in order."""
    async with world.browse("ann") as anns, world.browse("bob") as bobs:
        ann, bob = await anns.open(), await bobs.open()
        await ann.live()
        await bob.live()
        for number in range(5):
            await ann.send(bobs.user, f"{number}")
        await bob.heard("message", 5)
        await ann.heard("resolved", 5)
        assert bob.texts() == ["0", "1", "2", "3", "4"]
        assert await ann.entries() == []


async def test_a_client_lives_in_a_worker(world: World) -> None:
    """It has no document, and talks all the same."""
    async with world.browse("ann") as anns, world.client("bob") as bob:
        ann = await anns.open()
        told = {
            "url": anns.url,
            "token": world.site.system.token(anns.user),
            "to": world.user("bob"),
            "text": "from a worker",
        }
        await ann.page.evaluate("told => page.startWorker(told)", told)
        (sent,) = await ann.heard("sent")
        assert sent["status"] == "stored"
        await bob.expect(Op.ALERT_NEW_MSG)
        await bob.write(anns.user, "to a worker")
        await ann.heard("heard", text="to a worker")


async def test_a_page_killed_with_a_full_outbox_sends_each_once(world: World, line: Gate) -> None:
    """What was written while there was no network is there after the renderer has crashed."""
    texts = [f"{number}" for number in range(20)]
    async with world.browse("ann") as anns:
        anns.url = line.url
        line.shut()
        ann = await anns.open()
        for text in texts:
            await ann.send(world.user("bob"), text)
        await ann.heard("stored", 20)
        await ann.crash()
        line.open()
        ann = await anns.open()
        await ann.heard("outbox", 20, state="done")
        assert await ann.entries() == []
    assert await world.stored("bob", "ann") == texts


async def test_a_browser_killed_while_answers_are_under_way_stores_each_once(
    world: World, line: Gate
) -> None:
    """The server has some and the page was told of none; the next sends with the same keys."""
    texts = [f"{number}" for number in range(12)]
    async with world.browse("ann") as anns:
        anns.url = line.url
        ann = await anns.open()
        await ann.live()
        # From now on the server hears everything, and nobody hears the server.
        line.hold_answers()
        async with world.client("bob") as bob, world.client("eve") as eve:
            for text in texts:
                await ann.send(world.user("bob"), text)
                await ann.send(world.user("eve"), text)
            await ann.heard("stored", 24)
            await bob.expect(Op.ALERT_NEW_MSG)
            await eve.expect(Op.ALERT_NEW_MSG)
        await anns.kill()
        line.cut()
        line.open()
    async with world.browse("ann") as anns:
        anns.url = line.url
        ann = await anns.open()
        await ann.heard("outbox", 24, state="done")
        assert await ann.entries() == []
    assert await world.stored("bob", "ann") == texts
    assert await world.stored("eve", "ann") == texts

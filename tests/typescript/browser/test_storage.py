"""Storage of a browser that is full, denied or cleared: it is told, and nothing is lost."""

import pytest

from tests.typescript.browser.conftest import World

_DENIED = {
    "no storage": "Object.defineProperty(globalThis, 'indexedDB', { value: undefined })",
    "denied": """Object.defineProperty(globalThis, 'indexedDB', {
        get() { throw new DOMException('denied', 'SecurityError'); } })""",
    "never answers": "IDBFactory.prototype.open = () => ({})",
}
# As far as a page can tell: the quota of this browser cannot be set.
_FULL = """globalThis.full = false; const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (...row) {
        if (globalThis.full) throw new DOMException('', 'QuotaExceededError');
        return put.apply(this, row); }"""


@pytest.mark.parametrize("how", _DENIED)
async def test_denied_storage_is_told_and_messages_are_sent_from_memory(
    how: str, world: World
) -> None:
    """Every tab goes on as well as it can, also one that does not lead."""
    async with world.browse("ann") as anns:
        await anns.context.add_init_script(_DENIED[how])
        one, two = await anns.open(), await anns.open()
        for tab, text in ((one, "one"), (two, "two")):
            errors = await tab.heard("error")
            assert {error["error"]["name"] for error in errors} == {"StorageError"}
            await tab.send(world.user("bob"), text)
            await tab.heard("resolved")
    assert await world.stored("bob", "ann") == ["one", "two"]


async def test_full_storage_is_told_and_messages_are_sent_from_memory(world: World) -> None:
    """What does not fit says that it is not durable; once there is room again, all is stored."""
    async with world.browse("ann") as anns:
        await anns.context.add_init_script(_FULL)
        ann = await anns.open()
        await ann.live()
        await anns.context.set_offline(True)
        await ann.page.evaluate("() => { full = true }")
        await ann.send(world.user("bob"), "Hello")
        (error,) = await ann.heard("error")
        assert error["error"]["message"] == "the storage is full"
        assert [entry["durable"] for entry in await ann.entries()] == [False]
        await anns.context.set_offline(False)
        await ann.heard("resolved")
        await ann.page.evaluate("() => { full = false }")
        await ann.send(world.user("bob"), "again")
        await ann.heard("resolved", 2)
        assert await ann.heard("stored")
    assert await world.stored("bob", "ann") == ["Hello", "again"]


async def test_storage_that_is_cleared_while_the_page_is_open_is_made_anew(world: World) -> None:
    """As a person does it in the settings of the browser."""
    async with world.browse("ann") as anns:
        ann = await anns.open()
        await ann.live()
        await ann.send(world.user("bob"), "before")
        await ann.heard("resolved")
        session = await anns.context.new_cdp_session(ann.page)
        cleared = {"origin": world.site.address, "storageTypes": "indexeddb"}
        await session.send("Storage.clearDataForOrigin", cleared)
        await ann.send(world.user("bob"), "after")
        await ann.heard("resolved", 2)
        assert len(await ann.heard("stored", 2)) >= 2
    assert await world.stored("bob", "ann") == ["before", "after"]

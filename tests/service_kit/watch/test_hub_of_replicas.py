"""The hub of one replica among several: own commits and heard ones, in one order."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service_kit.rules import Position
from service_kit.storage.writer import Events
from service_kit.watch.hub import HeardEvent, WatchHub
from service_kit.watch.watcher import REVISION_GAP, Batch, WatcherCutOff
from tests.support.waiting import PATIENCE


class Missing:
    """A source that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.told: Events = []

    def missing(self, *, read_now: bool) -> None:
        self.asked.append(read_now)

    async def look(self) -> None:
        """Nothing is to be read."""

    def tell(self, events: Events) -> None:
        self.told += events


@pytest.fixture
def source() -> Missing:
    return Missing()


@pytest.fixture
def reached() -> list[str]:
    return []


@pytest.fixture
async def hub(source: Missing, reached: list[str]) -> AsyncIterator[WatchHub]:
    """A hub at revision 5, of which three revisions may wait for those before them."""
    made = WatchHub(
        Position("epoch", 5),
        lambda _to, event: event,
        early_revisions=3,
        progress_interval=60,
        reached=reached.append,
    )
    made.join(source)
    yield made
    made.close()


def commit(hub: WatchHub, revision: int) -> None:
    """A commit of this replica."""
    hub.publish(Position("epoch", revision), [(("a",), f"own {revision}")])


def hear(hub: WatchHub, revision: int) -> None:
    """A revision of another replica."""
    hub.hear(revision, [(("a",), HeardEvent(f"heard {revision}", f"all {revision}"))])


def watching(hub: WatchHub, *, everything: bool = False) -> AsyncIterator[Batch]:
    watcher = hub.open("test", everything=everything)
    if not everything:
        hub.update(watcher.id, ("a",), ())
    return aiter(watcher)


async def told(batches: AsyncIterator[Batch], count: int) -> list[Batch]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(batches) for _ in range(count)]


async def test_own_commits_and_heard_ones_are_told_in_their_order(
    hub: WatchHub, source: Missing
) -> None:
    """One that is before its turn waits for those before it, and a repeat is dropped."""
    batches, everything = watching(hub), watching(hub, everything=True)
    commit(hub, 6)
    commit(hub, 8)
    assert (hub.position.revision, hub.hole, source.asked) == (6, (6, 7), [False])
    hear(hub, 7)
    hear(hub, 7)
    hear(hub, 8)
    hear(hub, 9)
    commit(hub, 9)
    assert await told(batches, 4) == [
        Batch(6, ["own 6"]),
        Batch(7, ["heard 7"]),
        Batch(8, ["own 8"]),
        Batch(9, ["heard 9"]),
    ]
    assert [batch.events for batch in await told(everything, 4)] == [
        ["own 6"],
        ["all 7"],
        ["own 8"],
        ["all 9"],
    ]
    assert (hub.hole, hub.waiting) == (None, 0)


async def test_a_revision_that_is_heard_of_is_read_at_once(hub: WatchHub, source: Missing) -> None:
    """Unless it was told already."""
    hub.expect(7)
    assert (hub.hole, source.asked) == ((5, 7), [True])
    hear(hub, 6)
    hear(hub, 7)
    hub.expect(7)
    assert (hub.hole, source.asked) == (None, [True])


async def test_too_many_that_wait_end_the_streams(
    hub: WatchHub, source: Missing, reached: list[str]
) -> None:
    """Whoever followed reads; what comes after the last of them is told again."""
    batches = watching(hub)
    for revision in (7, 8, 9, 10):
        commit(hub, revision)
    with pytest.raises(WatcherCutOff, match=REVISION_GAP):
        await anext(batches)
    assert reached == ["bus_early_revisions"]
    assert (hub.position.revision, hub.waiting, hub.hole) == (10, 0, None)
    again = watching(hub)
    hear(hub, 6)
    hear(hub, 11)
    assert await told(again, 1) == [Batch(11, ["heard 11"])]


async def test_a_commit_that_nobody_confirmed_is_read(hub: WatchHub, source: Missing) -> None:
    """Nobody's stream ends for it."""
    batches = watching(hub)
    hub.catch_up(Position("epoch", 6))
    assert (hub.hole, source.asked) == ((5, 6), [True])
    commit(hub, 7)
    hear(hub, 6)
    assert [batch.revision for batch in await told(batches, 2)] == [6, 7]


async def test_another_epoch_ends_the_streams(hub: WatchHub) -> None:
    """What is committed in an epoch that the database has left is told to nobody."""
    batches = watching(hub)
    commit(hub, 7)
    hub.catch_up(Position("another", 3))
    with pytest.raises(WatcherCutOff, match=REVISION_GAP):
        await anext(batches)
    commit(hub, 8)
    assert (hub.position, hub.hole) == (Position("another", 3), None)


async def test_what_is_stored_nowhere_is_told_to_others(hub: WatchHub, source: Missing) -> None:
    """What others tell is told here, and to nobody else again."""
    batches, everything = watching(hub), watching(hub, everything=True)
    seen: Events = []
    hub.observe_heard(seen.extend)
    hub.publish_ephemeral([(("a",), "typing")])
    heard: Events = [(("a",), HeardEvent("typing elsewhere", None))]
    hub.hear_ephemeral(heard)
    assert [batch.events for batch in await told(batches, 2)] == [["typing"], ["typing elsewhere"]]
    assert source.told == [(("a",), "typing")]
    assert seen == heard
    commit(hub, 6)
    assert [batch.events for batch in await told(everything, 1)] == [["own 6"]]

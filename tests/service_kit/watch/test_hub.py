"""The watch hub: recipients, order, cut-offs, metrics and the observer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from service_kit.rules import Position
from service_kit.watch.hub import WatcherNotFound, WatchHub
from service_kit.watch.watcher import (
    REVISION_GAP,
    SHUTTING_DOWN,
    WATCHER_TOO_SLOW,
    Batch,
    Watcher,
    WatcherCutOff,
)
from tests.support.waiting import PATIENCE


@pytest.fixture
async def hub() -> AsyncIterator[WatchHub]:
    """A hub at revision 5 whose timer does not disturb."""
    made = WatchHub(
        Position("epoch", 5), lambda _to, event: event, queue_events=3, progress_interval=60
    )
    yield made
    made.close()


def following(hub: WatchHub, *users: str) -> tuple[Watcher, AsyncIterator[Batch]]:
    watcher = hub.open("test")
    hub.update(watcher.id, users, ())
    return watcher, aiter(watcher)


def at(revision: int) -> Position:
    """A position on the clock of the hub."""
    return Position("epoch", revision)


async def test_a_watcher_is_told_of_whom_it_follows(hub: WatchHub) -> None:
    """An event comes once to each watcher that follows any of its recipients."""
    _, both = following(hub, "a", "b")
    _, one = following(hub, "b")
    hub.publish(at(6), [(("a",), "first"), (("a", "b"), "second"), (("c",), "third")])
    assert await anext(both) == Batch(6, ["first", "second"])
    assert await anext(one) == Batch(6, ["second"])


async def test_no_longer_followed_is_no_longer_told(hub: WatchHub) -> None:
    """After remove nothing of that user comes; the answer bears the position."""
    watcher, batches = following(hub, "a", "b")
    assert hub.update(watcher.id, (), ("a", "unknown")) == Position("epoch", 5)
    hub.publish(at(6), [(("a",), "lost"), (("b",), "found")])
    assert await anext(batches) == Batch(6, ["found"])


async def test_nothing_ephemeral_overtakes(hub: WatchHub) -> None:
    """Ephemeral events come behind all that was published before them."""
    _, batches = following(hub, "a")
    hub.publish(at(6), [(("a",), "stored")])
    hub.publish_ephemeral([(("a",), "typing")])
    assert [await anext(batches), await anext(batches)] == [
        Batch(6, ["stored"]),
        Batch(6, ["typing"]),
    ]


async def test_a_slow_watcher_is_cut_off_alone(hub: WatchHub) -> None:
    """One that lets its queue overflow is cut off by name; its id is unknown afterwards."""
    slow, batches = following(hub, "a")
    for revision in (6, 7, 8):
        hub.publish(at(revision), [(("a",), "x"), (("b",), "x")])
    _, quick = following(hub, "b")
    hub.publish(at(9), [(("a",), "x"), (("b",), "x")])
    with pytest.raises(WatcherCutOff, match=WATCHER_TOO_SLOW):
        await anext(batches)
    with pytest.raises(WatcherNotFound):
        hub.update(slow.id, ("a",), ())
    assert await anext(quick) == Batch(9, ["x"])


async def test_a_hole_in_the_revisions_cuts_all_off(hub: WatchHub) -> None:
    """After a missing revision all must read; the hub goes on from where it is."""
    _, batches = following(hub, "a")
    hub.publish(at(7), [(("a",), "x")])
    with pytest.raises(WatcherCutOff, match=REVISION_GAP):
        await anext(batches)
    _, again = following(hub, "a")
    assert hub.position == Position("epoch", 7)
    hub.publish(at(8), [(("a",), "y")])
    assert await anext(again) == Batch(8, ["y"])


async def test_a_database_found_further_on_cuts_all_off(hub: WatchHub) -> None:
    """The position of the database changes nothing unless it differs from what was published."""
    _, batches = following(hub, "a")
    hub.catch_up(at(5))
    hub.publish(at(6), [(("a",), "x")])
    assert await anext(batches) == Batch(6, ["x"])
    hub.catch_up(at(7))
    with pytest.raises(WatcherCutOff, match=REVISION_GAP):
        await anext(batches)
    assert hub.position == Position("epoch", 7)


async def test_silence_is_broken_by_progress() -> None:
    """A watcher without events is told the position, which other events may have moved."""
    hub = WatchHub(Position("epoch", 5), lambda _to, event: event, progress_interval=0.01)
    _, batches = following(hub, "a")
    hub.publish(at(6), [(("b",), "not yours")])
    async with asyncio.timeout(PATIENCE):
        assert await anext(batches) == Batch(6, [])
    hub.close()


async def test_closing_ends_every_stream() -> None:
    hub = WatchHub(Position("epoch", 5), lambda _to, event: event)
    _, batches = following(hub, "a")
    hub.close()
    with pytest.raises(WatcherCutOff, match=SHUTTING_DOWN):
        await anext(batches)
    with pytest.raises(WatcherCutOff, match=SHUTTING_DOWN):
        hub.open("late")


async def test_what_is_queued_comes_before_the_end(hub: WatchHub) -> None:
    """Closing cuts nobody off from what was published already."""
    _, batches = following(hub, "a")
    hub.publish(at(6), [(("a",), "x")])
    hub.publish(at(7), [(("a",), "y")])
    hub.close()
    assert [await anext(batches), await anext(batches)] == [Batch(6, ["x"]), Batch(7, ["y"])]
    with pytest.raises(WatcherCutOff, match=SHUTTING_DOWN):
        await anext(batches)


async def test_the_lag_of_each_watcher_is_told_while_it_is_open() -> None:
    """By revisions not handed out yet; nothing that it does not follow counts, and of several
    streams of one name the worst is told.
    """
    registry = CollectorRegistry()
    hub = WatchHub(
        Position("epoch", 5), lambda _to, event: event, progress_interval=60, registry=registry
    )

    def told(metric: str, watcher: str) -> float | None:
        return registry.get_sample_value(f"watch_{metric}", {"watcher": watcher})

    watcher, batches = following(hub, "a")
    following(hub, "b")
    hub.publish(at(6), [(("a",), "x"), (("a",), "y")])
    hub.publish(at(7), [(("b",), "z")])
    hub.publish(at(8), [(("b",), "z")])
    assert (told("lag_revisions", "test"), told("queued_events", "test")) == (3, 2)
    hub.publish(at(9), [(("a",), "z")])
    await anext(batches)
    assert watcher.lag(9) == 3
    await anext(batches)
    assert (watcher.lag(9), watcher.queued_events) == (0, 0)
    for one in hub.watchers:
        hub.forget(one)
    assert told("lag_revisions", "test") is None
    hub.close()


async def test_names_of_watchers_make_no_endless_metrics() -> None:
    """Callers choose them: they are cut short, and only the furthest behind are shown."""
    registry = CollectorRegistry()
    hub = WatchHub(
        Position("epoch", 0), lambda _to, event: event, progress_interval=60, registry=registry
    )
    for number in range(300):
        hub.open(f"{number} " + "x" * 10_000)
    late = hub.open("late")
    hub.update(late.id, ("a",), ())
    hub.publish(at(1), [(("a",), "x")])
    shown = {
        sample.labels["watcher"]
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "watch_lag_revisions"
    }
    assert len(shown) == 100
    assert "late" in shown
    assert max(map(len, shown)) <= 64
    hub.close()


async def test_only_what_is_followed_is_encoded() -> None:
    """An event is encoded once however many follow, and not at all when nobody does."""
    encoded: list[object] = []
    hub = WatchHub(Position("epoch", 0), lambda _to, event: encoded.append(event))
    following(hub, "a")
    following(hub, "a")
    hub.publish(at(1), [(("a",), "followed"), (("b",), "alone")])
    hub.close()
    assert encoded == ["followed"]


async def test_a_watcher_of_everything_is_told_each_event_once(hub: WatchHub) -> None:
    """Any recipients will do, none included, and also one who is followed by name."""
    watcher = hub.open("a service", everything=True)
    batches = aiter(watcher)
    hub.update(watcher.id, ("a",), ())
    _, one = following(hub, "b")
    hub.publish(at(6), [(("a", "b"), "first"), (("c",), "second"), ((), "third")])
    assert await anext(batches) == Batch(6, ["first", "second", "third"])
    assert await anext(one) == Batch(6, ["first"])


async def test_a_watcher_of_everything_is_told_what_has_a_revision(hub: WatchHub) -> None:
    """Ephemeral events could not be read again, so only followers of their recipients are told."""
    batches = aiter(hub.open("a service", everything=True))
    hub.publish_ephemeral([(("a",), "typing")])
    hub.publish(at(6), [(("a",), "stored")])
    assert await anext(batches) == Batch(6, ["stored"])


async def test_a_watcher_of_everything_has_progress_bounds_and_an_end() -> None:
    """Like all others it is told the position when idle, and cut off when it is too slow."""
    hub = WatchHub(
        Position("epoch", 5), lambda _to, event: event, queue_events=1, progress_interval=0.01
    )
    watcher = hub.open("a service", everything=True)
    batches = aiter(watcher)
    hub.publish(at(6), [])
    async with asyncio.timeout(PATIENCE):
        assert await anext(batches) == Batch(6, [])
    for revision in (7, 8):
        hub.publish(at(revision), [((), "x")])
    with pytest.raises(WatcherCutOff, match=WATCHER_TOO_SLOW):
        await anext(batches)
    hub.publish(at(9), [((), "x")])
    hub.close()


Observed = list[tuple[list[str], list[str]]]


@pytest.fixture
def observed(hub: WatchHub) -> Observed:
    """The calls of the hub's observer: users followed, and no longer followed."""
    told: Observed = []
    hub.observe(lambda followed, unfollowed: told.append((followed, unfollowed)))
    return told


def test_the_observer_learns_of_the_first_follower_and_the_last(
    hub: WatchHub, observed: Observed
) -> None:
    """At once for all users of one change, and not of what changes nothing."""
    one, other = hub.open("one"), hub.open("other")
    hub.update(one.id, ["a", "b"], ())
    hub.update(other.id, ["b", "c"], ["unknown"])
    hub.update(one.id, ["a"], ["a"])
    hub.update(one.id, (), ["a", "b"])
    assert observed == [(["a", "b"], []), (["c"], []), ([], ["a"])]


def test_the_observer_learns_who_is_lost_with_a_stream(hub: WatchHub, observed: Observed) -> None:
    """A watcher may leave or be cut off; told once, however often the watcher is forgotten."""
    one, other = hub.open("one"), hub.open("other")
    hub.update(one.id, ["a", "b"], ())
    hub.update(other.id, ["b"], ())
    observed.clear()
    hub.forget(one)
    hub.forget(one)
    assert observed == [([], ["a"])]
    hub.publish(at(99), [])
    assert observed[1:] == [([], ["b"])]


def test_who_is_followed_quietly_does_not_count(hub: WatchHub, observed: Observed) -> None:
    """But is told all the same; adding again changes it, and another watcher counts alone."""
    one, other = hub.open("one"), hub.open("other")
    hub.update(one.id, ["a", "b"], (), quiet=["a", "nobody"])
    hub.update(one.id, ["a"], ())
    hub.update(one.id, ["a"], (), quiet=["a"])
    hub.update(other.id, ["a"], ())
    hub.update(other.id, (), ["a"])
    hub.update(one.id, (), ["a"])
    hub.update(one.id, ["a"], ())
    assert observed == [
        (["b"], []),
        (["a"], []),
        ([], ["a"]),
        (["a"], []),
        ([], ["a"]),
        (["a"], []),
    ]


async def test_who_is_followed_quietly_is_told(hub: WatchHub) -> None:
    """Being quiet hides nothing from the user."""
    watcher = hub.open("test")
    hub.update(watcher.id, ["a"], (), quiet=["a"])
    hub.publish(at(6), [(("a",), "x")])
    assert await anext(aiter(watcher)) == Batch(6, ["x"])


def test_nobody_is_lost_with_the_replica(hub: WatchHub, observed: Observed) -> None:
    """The users are where they were, and follow another replica or the next process."""
    hub.update(hub.open("test").id, ["a"], ())
    hub.close()
    assert observed == [(["a"], [])]


async def test_a_watcher_of_everything_is_told_in_its_own_words() -> None:
    """Watchers of everything have an encoding of their own."""
    hub = WatchHub(
        Position("epoch", 5),
        lambda to, event: (to, event),
        encode_for_everything=lambda _to, event: event,
    )
    everything = hub.open("a service", everything=True)
    hub.update(everything.id, ("a",), ())
    _, followed = following(hub, "a")
    hub.publish(at(6), [(("a",), "first"), (("b",), "second")])
    assert await anext(aiter(everything)) == Batch(6, ["first", "second"])
    assert await anext(followed) == Batch(6, [(("a",), "first")])
    hub.close()


def refusing(_to: tuple[str, ...], event: object) -> object:
    """Encode anything but what the translation has no word for."""
    if event == "unspeakable":
        raise KeyError(event)
    return event


async def test_an_event_that_cannot_be_told_cuts_off_those_who_follow_it() -> None:
    """Told the rest of the revision and the next one, they would take them for all there was."""
    registry = CollectorRegistry()
    hub = WatchHub(Position("epoch", 5), refusing, progress_interval=60, registry=registry)
    concerned, told = following(hub, "a")
    other, batches = following(hub, "b")
    hub.publish(at(6), [(("a",), "before"), (("a",), "unspeakable"), (("b",), "another's")])
    hub.publish(at(7), [(("a", "b"), "next")])
    with pytest.raises(WatcherCutOff, match=REVISION_GAP):
        await anext(told)
    assert [await anext(batches), await anext(batches)] == [
        Batch(6, ["another's"]),
        Batch(7, ["next"]),
    ]
    assert concerned.revision == 5
    assert hub.watchers == [other]
    assert registry.get_sample_value("watch_untold_events_total") == 1
    assert registry.get_sample_value("watch_cut_offs_total", {"reason": REVISION_GAP}) == 1
    hub.close()


async def test_what_everybody_is_told_and_cannot_be_encoded_cuts_off_followers_of_everything() -> (
    None
):
    """A service that follows them must not pass over what it has no other way to learn."""
    hub = WatchHub(Position("epoch", 5), lambda _to, event: event, encode_for_everything=refusing)
    everything = aiter(hub.open("service", everything=True))
    _, batches = following(hub, "a")
    hub.publish(at(6), [(("a",), "unspeakable")])
    with pytest.raises(WatcherCutOff, match=REVISION_GAP):
        await anext(everything)
    assert await anext(batches) == Batch(6, ["unspeakable"])
    hub.close()


async def test_another_epoch_ends_all_streams(hub: WatchHub) -> None:
    """Whoever follows the hub has to learn of another epoch, and is told nothing of before."""
    for revision, epoch in enumerate(("another", "third"), 5):
        _, batches = following(hub, "a")
        if epoch == "another":
            hub.catch_up(Position(epoch, revision))
        else:
            hub.publish(Position(epoch, revision), [(("a",), "x")])
        with pytest.raises(WatcherCutOff, match=REVISION_GAP):
            await anext(batches)
    assert hub.position == Position("third", 6)
    _, batches = following(hub, "a")
    hub.publish(Position("third", 7), [(("a",), "y")])
    assert await anext(batches) == Batch(7, ["y"])

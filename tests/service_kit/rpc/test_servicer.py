"""Methods that all servicers share, called without a connection."""

from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from service_kit.process.limit_counters import ReachedLimits
from service_kit.rpc.failures import BATCH_TOO_LARGE, Failures, Refused
from service_kit.rpc.servicer import WatchMixin
from service_kit.rules import INVALID_ARGUMENT, Position, Refusal
from service_kit.watch.changes import ChangedUsers, ChangePage, RevisionEvents
from service_kit.watch.hub import HeardEvent, WatchHub
from tests.support.tally.service import messages


class Servicer(WatchMixin):
    """Has two revisions of changes, and a word for anything but what is unspeakable."""

    _contract = messages
    _most_users = 2
    _changes_bytes = 1_000

    def __init__(self, registry: CollectorRegistry, *names: str) -> None:
        self._names = names
        self._reached = ReachedLimits(["changes_bytes"], registry)
        self._failures = Failures("test", {})
        self._hub = WatchHub(Position("e", 2), lambda _to, event: event, registry=registry)

    async def _read_changes(
        self, request: Any, _after: Position, _until: Position
    ) -> ChangePage[Any] | Refusal:
        if request.user == "refused":
            return Refusal(INVALID_ARGUMENT, "not for you", "user")
        if request.user == "broken":
            raise KeyError(request.user)
        changes = [RevisionEvents(number, [name]) for number, name in enumerate(self._names)]
        return ChangePage(complete=True, changes=changes, next_page_token="more")

    async def _find_changed_users(
        self, users: Sequence[str], _after: Position, _until: Position
    ) -> ChangedUsers:
        return ChangedUsers(complete=True, users={*users})

    def _encode_changes(self, events: list[Any], user: str) -> list[Any]:
        if "unspeakable" in events:
            raise KeyError(user)
        return [messages.Event(added=messages.Added(name=name)) for name in events]


async def test_changes_that_cannot_be_told_are_not_complete() -> None:
    """To ask again would only find them again: whoever reads starts over."""
    registry = CollectorRegistry()
    page = await Servicer(registry, "a", "b").ListChanges(messages.ListChangesRequest(), None)
    assert (page.complete, len(page.changes), page.next_page_token) == (True, 2, "more")
    registry = CollectorRegistry()
    servicer = Servicer(registry, "a", "unspeakable")
    page = await servicer.ListChanges(messages.ListChangesRequest(), None)
    assert (page.complete, len(page.changes), page.next_page_token) == (False, 0, "")
    assert registry.get_sample_value("watch_untold_events_total") == 1


async def test_changes_of_many_are_one_answer_in_the_order_of_the_requests() -> None:
    """A refusal is for its own request alone, and the bytes of a page are shared by all."""
    servicer = Servicer(CollectorRegistry(), "a" * 400, "b" * 400)
    ask = messages.ListChangesRequest
    batch = messages.BatchListChangesRequest
    alone = await servicer.BatchListChanges(batch(requests=[ask(user="ann")]), None)
    assert [len(one.page.changes) for one in alone.results] == [2]
    requests = [ask(user="refused"), ask(user="ann")]
    refused, shared = (await servicer.BatchListChanges(batch(requests=requests), None)).results
    assert (refused.WhichOneof("result"), refused.status.message) == ("status", "not for you")
    assert [one.revision for one in shared.page.changes] == [0]
    assert (shared.page.complete, shared.page.next_page_token != "") == (True, True)
    assert not (await servicer.BatchListChanges(batch(), None)).results


async def test_changes_of_many_end_with_what_nobody_foresaw() -> None:
    """As the call for one does: then they are asked for in halves."""
    servicer = Servicer(CollectorRegistry())
    requests = [messages.ListChangesRequest(user=user) for user in ("ann", "broken")]
    with pytest.raises(KeyError):
        await servicer.BatchListChanges(messages.BatchListChangesRequest(requests=requests), None)


async def test_changes_are_asked_for_a_bounded_number_at_a_time() -> None:
    servicer = Servicer(CollectorRegistry())
    requests = [messages.ListChangesRequest()] * 3
    with pytest.raises(Refused) as refused:
        await servicer.BatchListChanges(messages.BatchListChangesRequest(requests=requests), None)
    assert refused.value.refusal.reason == BATCH_TOO_LARGE
    assert refused.value.refusal.field == "requests"


async def test_changed_users_are_asked_about_a_bounded_number_at_a_time() -> None:
    servicer = Servicer(CollectorRegistry())
    request = messages.ListChangedUsersRequest(users=["a", "b"])
    assert sorted((await servicer.ListChangedUsers(request, None)).users) == ["a", "b"]
    request.users.append("c")
    with pytest.raises(Refused) as refused:
        await servicer.ListChangedUsers(request, None)
    assert (refused.value.refusal.reason, refused.value.refusal.field) == (BATCH_TOO_LARGE, "users")


class Behind:
    """A source by whose first look another replica's revision is heard."""

    def __init__(self, hub: WatchHub) -> None:
        self._hub = hub

    async def look(self) -> None:
        self.hear(3)

    def hear(self, revision: int) -> None:
        event = messages.Event(added=messages.Added(name="ann", amount=revision))
        self._hub.hear(revision, [(("ann",), HeardEvent(event, event))])

    def missing(self, *, read_now: bool) -> None:
        """Nothing is missing."""

    def tell(self, events: Any) -> None:
        """Nobody else is there."""


@pytest.fixture
async def servicer() -> Servicer:
    """One of several replicas, which is a revision behind another one."""
    made = Servicer(CollectorRegistry())
    made._hub.join(Behind(made._hub))
    return made


async def test_who_opens_a_stream_of_everything_is_told_what_comes_after_its_position(
    servicer: Servicer,
) -> None:
    """And nothing else: what its position covers is read."""
    stream = servicer.Watch(messages.WatchRequest(everything=True), None)
    assert (await anext(stream)).position.revision == 3
    Behind(servicer._hub).hear(4)
    assert (await anext(stream)).position.revision == 4


async def test_who_is_followed_is_told_what_comes_after_the_position_of_the_answer(
    servicer: Servicer,
) -> None:
    """And nothing else: whoever has read up to there would be told it twice."""
    watcher = servicer._hub.open("test")
    update = messages.UpdateWatchRequest(watcher_id=watcher.id, add_users=["ann"])
    assert (await servicer.UpdateWatch(update, None)).position.revision == 3
    Behind(servicer._hub).hear(4)
    assert (await anext(aiter(watcher))).revision == 4

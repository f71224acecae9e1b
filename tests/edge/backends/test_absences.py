"""Nobody who missed something is told that there was nothing, however many are asked about."""

import asyncio
from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge.backends.absences import Absence, Absences, judge, question_of
from edge.backends.errors import NotLiveError
from edge.cursors import Position
from edge.metrics import Metrics
from edge.settings import Settings

USERS, EPOCHS = st.sampled_from("abcd"), st.sampled_from(["e", "f"])


@st.composite
def absences(draw: st.DrawFn) -> Absence:
    epoch, after = draw(EPOCHS), draw(st.integers(0, 20))
    until = draw(st.integers(after, 20))
    return Absence(draw(USERS), Position(epoch, after), Position(epoch, until))


@given(st.lists(absences(), min_size=1), st.dictionaries(USERS, st.integers(1, 20)))
def test_who_missed_something_is_always_named(
    given_ones: list[Absence], happened: dict[str, int]
) -> None:
    """Whatever others were away for, in any epoch; `happened` are revisions by user."""
    question = question_of(given_ones)
    changed = {
        user
        for user, revision in happened.items()
        if user in question.users and question.after.revision < revision <= question.until.revision
    }
    told = judge(given_ones, question, changed)
    for one, may_have in zip(given_ones, told, strict=True):
        missed = one.after.revision < happened.get(one.user, 0) <= one.until.revision
        assert may_have or not missed
        assert may_have or one.until.epoch == question.until.epoch
    assert all(judge(given_ones, question, None))


class Service:
    """Keeps the questions, and answers with those who changed; None: it is away."""

    def __init__(self, changed: Collection[str] | None = ()) -> None:
        self.asked: list[tuple[set[str], int, int]] = []
        self.changed = changed
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def changed_users(
        self, users: Collection[str], after: Position, until: Position, _seconds: float
    ) -> Collection[str]:
        self.asked.append((set(users), after.revision, until.revision))
        await self.go_on.wait()
        if self.changed is None:
            raise NotLiveError("away")
        return self.changed


def asking(
    service: Service, settings: Settings, registry: CollectorRegistry | None = None
) -> Absences:
    metrics = Metrics(registry or CollectorRegistry())
    return Absences("messaging", service.changed_users, settings, metrics)


async def test_those_who_come_at_once_are_asked_about_at_once(settings: Settings) -> None:
    """While one question is under way others gather; who was not away is not asked about."""
    service = Service({"b"})
    service.go_on.clear()
    registry = CollectorRegistry()
    ones = asking(service, settings, registry)
    told = [
        asyncio.ensure_future(ones.may_have_missed(user, Position("e", after), Position("e", 9)))
        for user, after in (("a", 3), ("b", 5), ("c", 2), ("d", 9))
    ]
    await asyncio.sleep(0)
    call = {"call": "ListChangedUsers messaging"}
    assert registry.get_sample_value("parley_edge_waiting_items", call) == 3
    service.go_on.set()
    assert await asyncio.gather(*told) == [False, True, False, False]
    assert sorted(user for users, _, _ in service.asked for user in users) == ["a", "b", "c"]
    assert len(service.asked) <= 2
    assert registry.get_sample_value("parley_edge_batch_items_sum", call) == 3


async def test_where_it_cannot_be_told_something_may_have_been_missed(settings: Settings) -> None:
    """The service is away, or does not answer in time."""
    after, until = Position("e", 1), Position("e", 2)
    assert await asking(Service(None), settings).may_have_missed("a", after, until)
    silent = Service()
    silent.go_on.clear()
    assert await asking(silent, settings).may_have_missed("a", after, until, 0.01)

"""People who have left and come back soon: followed meanwhile, and moderation is not asked again.

The moderation service is a real gRPC server on loopback whose answers the test writes.
"""

from collections.abc import AsyncIterator

import pytest

from edge.cursors import Position
from edge.sessions.context import Edge
from tests.edge.conftest import Clock
from tests.edge.moderated import (
    EPOCH,
    Moderated,
    lifted,
    log_in,
    log_out,
    may_write,
    moderated,
    sanction,
    sanctioned,
)
from tests.edge.scripted import running, sample
from tests.support.waiting import until


@pytest.fixture
async def at(edge: Edge, clock: Clock) -> AsyncIterator[Moderated]:
    """An edge that follows those who leave for a minute."""
    async with (
        moderated(edge, clock, follow_linger_seconds=60.0) as found,
        running(found.feed.run()),
    ):
        await found.next_stream()
        yield found


async def test_who_comes_back_soon_costs_no_call(at: Moderated) -> None:
    """Neither a question nor an update, however often."""
    first, _, _ = await log_in(at)
    for _ in range(3):
        log_out(at, first)
        first, _, excluding = await log_in(at)
        assert excluding is None
    assert at.service.reads == [["bob"]]
    assert at.service.updates == [(["bob"], [])]
    assert sample(at.edge, "admissions_total", by="live") == 3


async def test_what_happens_to_who_has_left_is_known(at: Moderated) -> None:
    """Imposed or lifted, it is as if the person had been here."""
    session, _, _ = await log_in(at)
    log_out(at, session)
    at.say(11, sanctioned("bob", kind="muted", name="m"))
    at.say(12, sanctioned("bob", kind="banned", name="b"))
    await until(lambda: at.feed.position == Position(EPOCH, 12))
    at.service.revision = 12
    at.service.sanctions["bob"] = [sanction("muted", "m"), sanction("banned", "b")]
    _, _, excluding = await log_in(at)
    assert excluding is not None
    assert excluding.banned
    assert not may_write(at)
    at.say(13, lifted("bob", kind="banned", name="b"))
    at.say(14, lifted("bob", kind="muted", name="m"))
    await until(lambda: may_write(at))


async def test_nobody_is_kept_out_by_what_was_just_lifted(at: Moderated) -> None:
    """The event may be on its way still: before somebody is refused, the service is asked."""
    session, _, _ = await log_in(at)
    log_out(at, session)
    at.say(11, sanctioned("bob", kind="suspended", name="b"))
    await until(lambda: at.feed.position == Position(EPOCH, 11))
    at.service.revision = 12
    _, _, excluding = await log_in(at)
    assert excluding is None
    assert at.service.reads == [["bob"], ["bob"]]


async def test_after_the_stream_was_interrupted_it_is_asked_again(at: Moderated) -> None:
    """Nobody who had left was told of what happened meanwhile."""
    session, _, _ = await log_in(at)
    log_out(at, session)
    assert at.feed.users.lingers("bob")
    at.stream.put_nowait(None)
    await at.next_stream()
    assert not at.feed.users.lingers("bob")
    at.service.sanctions["bob"] = [sanctioned("bob", kind="muted").sanctioned.sanction]
    await log_in(at)
    assert not may_write(at)
    assert len(at.service.reads) == 2


async def test_what_cannot_be_told_of_who_has_left_is_asked_for(at: Moderated) -> None:
    """As it is read again of those who are here."""
    session, _, _ = await log_in(at)
    log_out(at, session)
    at.feed._sink.start_over(["bob"], Position(EPOCH, 11), everyone=True)
    at.service.revision = 11
    await log_in(at)
    assert len(at.service.reads) >= 2


async def test_in_the_end_nobody_is_followed_who_has_left(edge: Edge, clock: Clock) -> None:
    """All that are due go with one call, and it is asked again of who comes after that."""
    async with (
        moderated(edge, clock, follow_linger_seconds=0.2) as at,
        running(at.feed.run()),
    ):
        await at.next_stream()
        sessions = [(await log_in(at, user))[0] for user in ("ann", "bob", "eve")]
        for session in sessions:
            log_out(at, session)
        await log_in(at, "eve")
        await until(lambda: at.service.updates[-1][1])
        assert at.service.updates[-1] == ([], ["ann", "bob"])
        assert not at.feed.users.lingers("bob")
        await log_in(at, "bob")
        assert at.service.reads.count(["bob"]) == 2


async def test_those_who_are_followed_for_nothing_are_bounded(edge: Edge, clock: Clock) -> None:
    """The first to leave is the first to go."""
    async with (
        moderated(edge, clock, follow_linger_seconds=60.0, known_standings=2) as at,
        running(at.feed.run()),
    ):
        await at.next_stream()
        for user in ("ann", "bob", "eve"):
            log_out(at, (await log_in(at, user))[0])
        assert [at.feed.users.lingers(user) for user in ("ann", "bob", "eve")] == [
            False,
            True,
            True,
        ]
        await until(lambda: at.service.updates[-1] == ([], ["ann"]))

"""Sanctions are read before a login, and again where events may be missing.

The moderation service is a real gRPC server on loopback whose answers the test writes.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from edge.sanctions.reader import StandingUnknownError
from edge.sessions.context import Edge
from tests.edge.conftest import Clock
from tests.edge.moderated import (
    Moderated,
    log_in,
    log_out,
    may_write,
    moderated,
    sanction,
    sanctioned,
)
from tests.edge.scripted import new_session, principal_of, running, sample
from tests.support.waiting import until


@pytest.fixture
async def away(edge: Edge, clock: Clock) -> AsyncIterator[Moderated]:
    """Moderation takes calls and answers none; its feed does not run."""
    async with moderated(edge, clock) as found:
        found.service.answers.clear()
        yield found
        found.service.answers.set()


async def test_logins_are_read_in_batches(at: Moderated) -> None:
    """While one call is under way the next gathers: a hundred logins are a few calls."""
    at.service.answers.clear()
    logins = [asyncio.create_task(log_in(at, f"u{number}")) for number in range(100)]
    await until(lambda: at.service.reads)
    at.service.answers.set()
    await asyncio.gather(*logins)
    assert sum(map(len, at.service.reads)) == 100
    assert len(at.service.reads) <= 2


async def test_who_is_known_through_the_stream_costs_no_call(at: Moderated) -> None:
    """A second socket is let in under what the events say; after the last socket it is asked."""
    first, _, _ = await log_in(at)
    at.say(11, sanctioned("bob", kind="muted"))
    await until(lambda: not may_write(at))
    second, _, _ = await log_in(at)
    assert len(at.service.reads) == 1
    assert sample(at.edge, "admissions_total", by="live") == 1
    log_out(at, first)
    log_out(at, second)
    await log_in(at)
    assert len(at.service.reads) == 2
    # The service says otherwise, and it was asked later.
    assert may_write(at)


async def test_what_falls_between_the_reading_and_the_stream_is_read(
    at: Moderated,
) -> None:
    """The events come from a later position than that at which the standing was read."""
    assert await at.edge.sanctions_reader.admit(principal_of("bob"), at.deadline()) is None
    at.service.sanctions["bob"] = [sanction("muted")]
    at.service.revision = 12
    session, _ = new_session(at.edge, "bob")
    at.edge.hub.add(session)
    at.edge.sanctions.enter("bob")
    assert may_write(at)
    await at.edge.sanctions_reader.settle("bob", await at.feed.users.follow("bob"), at.deadline())
    assert not may_write(at)
    assert len(at.service.reads) == 2


async def test_a_reading_that_is_older_than_an_event_is_read_again(
    at: Moderated,
) -> None:
    """What a slow reader of the service says must not undo what is known."""
    await log_in(at)
    at.say(11, sanctioned("bob", kind="muted"))
    await until(lambda: not may_write(at))
    at.service.revision = 10
    assert await at.edge.sanctions_reader._read("bob", at.deadline())
    assert not may_write(at)


async def test_who_is_banned_is_told_why_before_coming_in(at: Moderated) -> None:
    """A warning or a mute keeps nobody out, a suspension that is over neither."""
    at.service.sanctions = {
        "bob": [sanction("banned")],
        "eve": [sanction("suspended", until=1)],
        "dan": [sanction("muted"), sanction("warning", "w")],
    }
    standing = await at.edge.sanctions_reader.admit(principal_of("bob"), at.deadline())
    assert standing is not None
    assert standing.banned
    assert standing.sanctions[0].statement.facts == "Advertised."
    for user in ("eve", "dan"):
        assert await at.edge.sanctions_reader.admit(principal_of(user), at.deadline()) is None


async def test_where_nobody_can_say_what_was_missed_all_are_read(
    at: Moderated,
) -> None:
    """New restrictions take effect and are told, and so is the end of old ones."""
    _, wire, _ = await log_in(at)
    at.say(11, sanctioned("bob", kind="conversation_locked", name="old", conversation="c"))
    assert (await wire.hear())["d"]["sanction"] == "old"
    at.service.epoch = "moderation-2"
    at.service.sanctions["bob"] = [sanction("muted", "new")]
    at.stream.put_nowait(None)
    await at.next_stream()
    told = [await wire.hear() for _ in range(3)]
    assert told[0]["d"]["complete"] is False
    assert [(one["d"]["sanction"], one["d"]["lifted"]) for one in told[1:]] == [
        ("old", True),
        ("new", False),
    ]
    assert not may_write(at)
    assert may_write(at, "eve")


async def test_who_came_while_moderation_was_away_is_read_when_it_is_back(
    edge: Edge, clock: Clock
) -> None:
    """Let in unseen, and closed as soon as it is known that nobody should have."""
    async with moderated(edge, clock) as at:
        at.service.answers.clear()
        _, wire, excluding = await log_in(at, seconds=0.05)
        assert excluding is None
        assert sample(at.edge, "admissions_total", by="allowed") == 1
        at.service.sanctions["bob"] = [sanction("banned")]
        async with running(at.feed.run()):
            await at.next_stream()
            at.service.answers.set()
            packets = [await wire.hear() for _ in range(3)]
        assert [one.get("op") for one in packets] == [0x0D, 0xFA, None]
        assert packets[2]["code"] == 4403


async def test_strangers_are_let_in_or_not_as_the_setting_says(
    edge: Edge, clock: Clock, away: Moderated
) -> None:
    """And who was seen here before comes in as was known last."""
    assert await away.edge.sanctions_reader.admit(principal_of("bob"), away.deadline(0.05)) is None
    assert sample(edge, "limit_reached_total", limit="moderation_timeout_seconds") >= 1
    async with moderated(edge, clock, moderation_down="refuse") as at:
        at.service.sanctions["eve"] = [sanction("banned")]
        for user in ("dan", "eve"):
            await at.edge.sanctions_reader.admit(principal_of(user), at.deadline())
        at.service.answers.clear()
        assert await at.edge.sanctions_reader.admit(principal_of("dan"), at.deadline(0.05)) is None
        assert (
            await at.edge.sanctions_reader.admit(principal_of("eve"), at.deadline(0.05)) is not None
        )
        with pytest.raises(StandingUnknownError):
            await at.edge.sanctions_reader.admit(principal_of("bob"), at.deadline(0.05))
        at.service.answers.set()

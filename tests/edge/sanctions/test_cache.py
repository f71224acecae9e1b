"""What restricts whom: read before a login, kept true by events, and never with a gap.

The moderation service is a real gRPC server on loopback whose answers the test writes.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import UNSET
from parley.moderation.v1 import moderation_pb2 as pb

from edge.protocol.cursors import MODERATION, Position
from edge.protocol.packets import Activity
from edge.protocol.payloads.moderation import Standing
from edge.sanctions.reader import StandingUnknownError
from edge.sessions.context import Edge
from edge.sessions.session import Session
from tests.edge.conftest import Clock
from tests.edge.moderated import Moderated, lifted, moderated, sanction, sanctioned
from tests.edge.scripted import Wire, new_session, sample
from tests.support.waiting import until


async def log_in(
    at: Moderated, user: str = "bob", seconds: float = 5
) -> tuple[Session, Wire, Standing | None]:
    """As the application does it, up to HELLO."""
    reader, deadline = at.edge.sanctions_reader, at.deadline(seconds)
    excluding = await reader.admit(user, deadline)
    session, wire = new_session(at.edge, user)
    at.edge.hub.add(session)
    at.edge.sanctions.enter(user)
    positions = {}
    if at.feed.live:
        positions[MODERATION] = await at.feed.users.follow(user)
        await reader.settle(user, positions[MODERATION], deadline)
    session.attach(positions)
    session.release()
    return session, wire, excluding


def log_out(at: Moderated, session: Session) -> None:
    at.edge.hub.remove(session)
    at.edge.sanctions.leave(session.user)
    at.feed.users.review(session.user)


def may_write(at: Moderated, user: str = "bob", conversation: str = "") -> bool:
    return at.edge.sanctions.check(user, Activity.WRITE, conversation) is None


@pytest.fixture
async def away(edge: Edge, clock: Clock) -> AsyncIterator[Moderated]:
    """Moderation takes calls and answers none; its feed does not run."""
    async with moderated(edge, clock) as found:
        found.service.answers.clear()
        yield found
        found.service.answers.set()


async def test_logins_are_read_in_batches(with_moderation: Moderated) -> None:
    """While one call is under way the next gathers: a hundred logins are a few calls."""
    at = with_moderation
    at.service.answers.clear()
    logins = [asyncio.create_task(log_in(at, f"u{number}")) for number in range(100)]
    await until(lambda: at.service.reads)
    at.service.answers.set()
    await asyncio.gather(*logins)
    assert sum(map(len, at.service.reads)) == 100
    assert len(at.service.reads) <= 2


async def test_who_is_known_through_the_stream_costs_no_call(with_moderation: Moderated) -> None:
    """A second socket is let in under what the events say; after the last socket it is asked."""
    at = with_moderation
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
    with_moderation: Moderated,
) -> None:
    """The events come from a later position than that at which the standing was read."""
    at = with_moderation
    assert await at.edge.sanctions_reader.admit("bob", at.deadline()) is None
    at.service.sanctions["bob"] = [sanction("muted")]
    at.service.revision = 12
    session, _ = new_session(at.edge, "bob")
    at.edge.hub.add(session)
    at.edge.sanctions.enter("bob")
    assert may_write(at)
    await at.edge.sanctions_reader.settle("bob", await at.feed.users.follow("bob"), at.deadline())
    assert not may_write(at)
    assert len(at.service.reads) == 2


async def test_an_event_that_was_read_already_changes_nothing(with_moderation: Moderated) -> None:
    """It was read at a later position, at which the sanction had been lifted."""
    at = with_moderation
    at.service.revision, at.service.followed_from = 12, 10
    await log_in(at)
    at.say(11, sanctioned("bob", kind="muted"))
    at.say(13, sanctioned("bob", kind="conversation_locked", name="s2", conversation="c"))
    await until(lambda: not may_write(at, conversation="c"))
    assert may_write(at)


async def test_a_reading_that_is_older_than_an_event_is_read_again(
    with_moderation: Moderated,
) -> None:
    """What a slow reader of the service says must not undo what is known."""
    at = with_moderation
    await log_in(at)
    at.say(11, sanctioned("bob", kind="muted"))
    await until(lambda: not may_write(at))
    at.service.revision = 10
    assert await at.edge.sanctions_reader._read("bob", at.deadline())
    assert not may_write(at)


async def test_sanctions_are_a_set_and_end_by_the_clock(
    with_moderation: Moderated, clock: Clock
) -> None:
    """Lifting one leaves the other; the time that one ends at is not waited for."""
    at = with_moderation
    await log_in(at)
    at.say(11, sanctioned("bob", kind="muted", name="short", until=clock.now + 5))
    at.say(12, sanctioned("bob", kind="muted", name="long", until=clock.now + 50))
    at.say(13, lifted("bob", kind="muted", name="short"))
    at.say(14, sanctioned("eve", kind="banned", name="other"))
    await until(lambda: at.feed.position == Position("moderation-1", 14))
    standing = at.edge.sanctions.standing("bob")
    assert standing is not None
    assert [one.sanction for one in standing.sanctions] == ["long"]
    assert standing.muted_until == standing.sanctions[0].until
    clock.now += 49.9
    assert not may_write(at)
    clock.now += 0.1
    assert may_write(at)
    assert at.edge.sanctions.standing("bob") is None
    assert sample(at.edge, "restricted_users") == 0


async def test_a_whole_standing_replaces_what_was_known(with_moderation: Moderated) -> None:
    """StandingChanged says how it is, whatever was missed; what does not restrict is not held."""
    at = with_moderation
    await log_in(at)
    at.say(11, sanctioned("bob", kind="muted"))
    shown = pb.Standing(
        user="bob",
        sanctions=[sanction("warning", "w"), sanction("muted", "s2")],
        position=at.service.position(12),
    )
    changed = pb.StandingChanged(standing=shown)
    at.say(12, pb.Event(recipients=["bob"], standing_changed=changed))
    at.say(13, lifted("bob", kind="muted", name="s2"))
    await until(lambda: at.feed.position == Position("moderation-1", 13))
    assert may_write(at)


async def test_an_appeal_is_shown_with_what_it_is_about(with_moderation: Moderated) -> None:
    """The sanction stands, and cannot be appealed against once more."""
    at = with_moderation
    await log_in(at)
    at.say(11, sanctioned("bob", kind="muted"))
    appeal = pb.Appeal(id="a", decision_id="d1", status=pb.APPEAL_STATUS_OPEN)
    changed = pb.AppealStatusChanged(appeal=appeal)
    at.say(12, pb.Event(recipients=["bob"], appeal_status_changed=changed))
    await until(lambda: at.feed.position == Position("moderation-1", 12))
    standing = at.edge.sanctions.standing("bob")
    assert standing is not None
    (shown,) = standing.sanctions
    assert shown.appeal is not UNSET
    assert (shown.appeal.appeal, shown.appeal.status, shown.appealable) == ("a", "open", False)
    assert not may_write(at)


async def test_who_is_banned_is_told_why_before_coming_in(with_moderation: Moderated) -> None:
    """A warning or a mute keeps nobody out, a suspension that is over neither."""
    at = with_moderation
    at.service.sanctions = {
        "bob": [sanction("banned")],
        "eve": [sanction("suspended", until=1)],
        "dan": [sanction("muted"), sanction("warning", "w")],
    }
    standing = await at.edge.sanctions_reader.admit("bob", at.deadline())
    assert standing is not None
    assert standing.banned
    assert standing.sanctions[0].statement.facts == "Advertised."
    for user in ("eve", "dan"):
        assert await at.edge.sanctions_reader.admit(user, at.deadline()) is None


async def test_after_an_interruption_the_missed_is_replayed(with_moderation: Moderated) -> None:
    """Sockets that were here are told by the replay; nothing is read anew."""
    at = with_moderation
    _, wire, _ = await log_in(at)
    at.service.revision = 12
    event = sanctioned("bob", kind="muted")
    at.service.changes = [pb.ListChangesResponse.Change(revision=12, events=[event])]
    at.stream.put_nowait(None)
    await at.next_stream()
    assert not may_write(at)
    assert (await wire.hear())["d"]["sanction"] == "s1"
    assert len(at.service.reads) == 1


async def test_where_nobody_can_say_what_was_missed_all_are_read(
    with_moderation: Moderated,
) -> None:
    """New restrictions take effect and are told, and so is the end of old ones."""
    at = with_moderation
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
        task = asyncio.create_task(at.feed.run())
        await at.next_stream()
        at.service.answers.set()
        packets = [await wire.hear() for _ in range(3)]
        assert [one.get("op") for one in packets] == [0x0D, 0xFA, None]
        assert packets[2]["code"] == 4403
        task.cancel()
        await asyncio.wait({task})


async def test_strangers_are_let_in_or_not_as_the_setting_says(
    edge: Edge, clock: Clock, away: Moderated
) -> None:
    """And who was seen here before comes in as was known last."""
    assert await away.edge.sanctions_reader.admit("bob", away.deadline(0.05)) is None
    assert sample(edge, "limit_reached_total", limit="moderation_timeout_seconds") >= 1
    async with moderated(edge, clock, moderation_down="refuse") as at:
        at.service.sanctions["eve"] = [sanction("banned")]
        for user in ("dan", "eve"):
            await at.edge.sanctions_reader.admit(user, at.deadline())
        at.service.answers.clear()
        assert await at.edge.sanctions_reader.admit("dan", at.deadline(0.05)) is None
        assert await at.edge.sanctions_reader.admit("eve", at.deadline(0.05)) is not None
        with pytest.raises(StandingUnknownError):
            await at.edge.sanctions_reader.admit("bob", at.deadline(0.05))
        at.service.answers.set()


async def test_who_left_first_is_forgotten_first(edge: Edge, clock: Clock) -> None:
    """What is remembered of those who are not here has a bound."""
    async with moderated(edge, clock, known_standings=2) as at:
        for user in ("a", "b", "c"):
            assert await at.edge.sanctions_reader.admit(user, at.deadline()) is None
        at.service.answers.clear()
        for user in ("a", "b", "c"):
            await at.edge.sanctions_reader.admit(user, at.deadline(0.05))
        at.service.answers.set()
        assert sample(edge, "admissions_total", by="allowed") == 1
        assert sample(edge, "admissions_total", by="last_known") == 2
        assert sample(edge, "limit_reached_total", limit="known_standings") >= 1

"""The sanctions of who is here and who left, kept true by events.

The moderation service is a real gRPC server on loopback whose answers the test writes.
"""

from msgspec import UNSET
from parley.moderation.v1 import moderation_pb2 as pb

from edge.cursors import Position
from edge.sessions.context import Edge
from parley_protocol.packets import Op
from tests.edge.conftest import Clock
from tests.edge.moderated import (
    Moderated,
    lifted,
    log_in,
    may_write,
    moderated,
    sanction,
    sanctioned,
)
from tests.edge.scripted import principal_of, sample
from tests.support.newer import fill, newer_events
from tests.support.waiting import until


async def test_an_event_that_was_read_already_changes_nothing(at: Moderated) -> None:
    """It was read at a later position, at which the sanction had been lifted."""
    at.service.revision, at.service.followed_from = 12, 10
    await log_in(at)
    at.say(11, sanctioned("bob", kind="muted"))
    at.say(13, sanctioned("bob", kind="conversation_locked", name="s2", conversation="c"))
    await until(lambda: not may_write(at, conversation="c"))
    assert may_write(at)


async def test_sanctions_are_a_set_and_end_by_the_clock(at: Moderated, clock: Clock) -> None:
    """Lifting one leaves the other; the time that one ends at is not waited for."""
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


async def test_a_whole_standing_replaces_what_was_known(at: Moderated) -> None:
    """StandingChanged says how it is, whatever was missed; what does not restrict is not held."""
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


async def test_an_appeal_is_shown_with_what_it_is_about(at: Moderated) -> None:
    """The sanction stands, and cannot be appealed against once more."""
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


async def test_after_an_interruption_the_missed_is_replayed(at: Moderated) -> None:
    """Sockets that were here are told by the replay; nothing is read anew."""
    _, wire, _ = await log_in(at)
    at.service.revision = 12
    event = sanctioned("bob", kind="muted")
    at.service.changes = [pb.ListChangesResponse.Change(revision=12, events=[event])]
    at.stream.put_nowait(None)
    await at.next_stream()
    assert not may_write(at)
    assert (await wire.hear())["d"]["sanction"] == "s1"
    assert len(at.service.reads) == 1


async def test_who_left_first_is_forgotten_first(edge: Edge, clock: Clock) -> None:
    """What is remembered of those who are not here has a bound."""
    async with moderated(edge, clock, known_standings=2) as at:
        for user in ("a", "b", "c"):
            assert await at.edge.sanctions_reader.admit(principal_of(user), at.deadline()) is None
        at.service.answers.clear()
        for user in ("a", "b", "c"):
            await at.edge.sanctions_reader.admit(principal_of(user), at.deadline(0.05))
        at.service.answers.set()
        assert sample(edge, "admissions_total", by="allowed") == 1
        assert sample(edge, "admissions_total", by="last_known") == 2
        assert sample(edge, "limit_reached_total", limit="known_standings") >= 1


async def test_a_newer_moderation_service_stops_nothing(at: Moderated) -> None:
    """Each kind of event with words that are not known here, and one of a kind that is not."""
    _, wire, _ = await log_in(at)
    at.say(11, *newer_events(pb.Event, "bob"))
    at.say(12, sanctioned("bob", kind="muted", name="known"))
    told = await wire.hear()
    while told["d"].get("sanction") != "known":
        assert told["op"] != Op.RESUMED, told
        told = await wire.hear()
    assert at.feed.live
    assert not may_write(at)
    for of in ("Event.event", "Ground", "SanctionKind", "AppealStatus", "DisputeState"):
        assert sample(at.edge, "unknown_words_total", of=f"parley.moderation.v1.{of}")
    assert sample(at.edge, "untold_events_total", service="moderation") == 0


async def test_a_standing_with_what_is_not_known_restricts_by_what_is(at: Moderated) -> None:
    """At a login, where an exception would let nobody in, or everybody."""
    unknown = sanction("muted", "unknown")
    fill(unknown)
    at.service.sanctions["bob"] = [unknown, sanction("banned", "known")]
    standing = await at.edge.sanctions_reader.admit(principal_of("bob"), at.deadline())
    assert standing is not None
    assert [one.sanction for one in standing.sanctions] == ["known"]

"""The stream of a backend: live events, and that nobody misses anything when it was interrupted.

The backend is a real gRPC server on loopback whose answers the test writes.
"""

import asyncio
from collections.abc import Sequence

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.backends.errors import NotLiveError
from edge.cursors import MESSAGING, Position
from edge.push.feed import Feed
from edge.sessions.context import Edge
from edge.settings import Settings
from parley_protocol.packets import JSON, Op
from tests.edge.push.conftest import Sockets, alert, pages
from tests.edge.scripted import (
    CURSORS,
    EPOCH,
    Service,
    at,
    change,
    cursor,
    given,
    message_event,
    position,
    running,
    typing_event,
)
from tests.support.waiting import PATIENCE, until


async def test_live_events_reach_the_sockets_and_move_the_position(sockets: Sockets) -> None:
    """Progress without events moves it as well."""
    _, wire = await sockets.attached()
    sockets.live.say(11, message_event(1))
    sockets.live.say(13)
    assert await alert(wire) == (1, 11)
    await sockets.reached(Position(EPOCH, 13))


async def test_after_an_interruption_what_was_missed_comes_first_and_in_order(
    sockets: Sockets,
) -> None:
    """The people notice nothing but a delay: no gap, no repetition."""
    _, wire = await sockets.attached()
    sockets.live.say(11, message_event(1))
    assert await alert(wire) == (1, 11)
    sockets.service.revision = 14
    sockets.service.changes = pages(
        ([change(12, message_event(2), message_event(3))], "next"),
        ([change(14, message_event(4))], ""),
    )
    sockets.live.end()
    stream = await sockets.next_stream()
    stream.say(15, message_event(5))
    heard = [await alert(wire) for _ in range(4)]
    assert heard == [(2, 11), (3, 12), (4, 14), (5, 15)]
    first, second = sockets.service.change_requests
    assert (first.user, first.after, first.until) == ("alice", position(11), position(14))
    assert (first.page_token, second.page_token) == ("", "next")


async def test_an_interruption_in_which_nothing_happened_reads_nothing(sockets: Sockets) -> None:
    """20,000 users are not asked about for a hiccup."""
    _, wire = await sockets.attached()
    sockets.live.end(grpc.StatusCode.ABORTED)
    stream = await sockets.next_stream()
    stream.say(11, message_event(1))
    assert await alert(wire) == (1, 11)
    assert sockets.service.change_requests == []


async def test_what_was_missed_may_be_larger_than_grpcs_default(sockets: Sockets) -> None:
    """A page of long messages is more than 4 MiB; the feed must not fail for ever over it."""
    _, wire = await sockets.attached()
    sockets.service.revision = 12
    events = [message_event(seq) for seq in range(1, 61)]
    for event in events:
        event.message_created.message.text = "x" * 12_000
    padding = message_event(99, recipients=["nobody"])
    padding.message_created.message.text = "x" * 5_000_000
    sockets.service.changes = pages(([change(12, padding, *events)], ""))
    sockets.live.end()
    await sockets.next_stream()
    assert [(await alert(wire))[0] for _ in events] == list(range(1, 61))


async def test_changes_that_cannot_be_told_make_everyone_start_over(sockets: Sockets) -> None:
    """Going on as if nothing were missing would hide a gap."""
    _, wire = await sockets.attached()
    sockets.service.revision = 14
    sockets.service.changes = given(pb.ListChangesResponse(complete=False))
    sockets.live.end()
    await sockets.next_stream()
    packet = await wire.hear()
    assert (packet["op"], packet["d"]["complete"]) == (0x0D, False)


async def test_only_those_who_missed_something_are_asked_about(sockets: Sockets) -> None:
    """One call finds them, so that an interruption costs what happened in it."""
    _, wire = await sockets.attached()
    _, quiet = await sockets.attached("bob")
    sockets.service.revision = 12
    sockets.service.changed_users = {"alice"}
    sockets.service.changes = pages(([change(12, message_event(2))], ""))
    sockets.live.end()
    await sockets.next_stream()
    assert await alert(wire) == (2, 12)
    (asked,) = sockets.service.changed_users_requests
    assert list(asked.users) == ["alice", "bob"]
    assert (asked.after, asked.until) == (position(10), position(12))
    assert [one.user for one in sockets.service.change_requests] == ["alice"]
    assert quiet.heard() == []


async def test_one_whose_changes_cannot_be_told_starts_over_alone(sockets: Sockets) -> None:
    """The others were told what they missed, and need not ask for everything."""
    _, wire = await sockets.attached()
    _, other = await sockets.attached("bob")
    sockets.service.revision = 12

    async def answer(request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        missed = [change(12, message_event(2, recipients=["bob"]))]
        told = request.user == "bob"
        return pb.ListChangesResponse(complete=told, changes=missed if told else ())

    sockets.service.changes = answer
    sockets.live.end()
    await sockets.next_stream()
    packet = await wire.hear()
    assert (packet["op"], packet["d"]["complete"]) == (0x0D, False)
    assert await alert(other) == (2, 12)
    assert other.heard() == []


async def test_a_service_that_cannot_tell_who_missed_anything_makes_everyone_start_over(
    sockets: Sockets,
) -> None:
    """Its database went back while it was away."""
    _, wire = await sockets.attached()
    sockets.service.revision = 12
    sockets.service.can_tell = False
    sockets.live.end()
    await sockets.next_stream()
    packet = await wire.hear()
    assert (packet["op"], packet["d"]["complete"]) == (0x0D, False)
    assert sockets.service.change_requests == []


async def test_many_are_followed_and_asked_about_a_group_at_a_time(sockets: Sockets) -> None:
    """Each is told what happened up to where its own events begin, once and without a gap."""
    sockets.users._batch = 2
    wires = {user: (await sockets.attached(user))[1] for user in ("a", "b", "c", "d", "e")}
    await sockets.settled()
    sockets.service.updates = asyncio.Queue()
    sockets.service.hold_updates = True

    async def answer(request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        first, last = request.after.revision + 1, request.until.revision
        missed = [
            change(number, message_event(number, recipients=[request.user]))
            for number in range(first, last + 1)
        ]
        return pb.ListChangesResponse(complete=True, changes=missed)

    sockets.service.changes = answer
    sockets.live.end()
    for group, revision in ((["a", "b"], 11), (["c", "d"], 12), (["e"], 13)):
        assert await sockets.told() == (group, [])
        sockets.service.release_update(revision)
    stream = await sockets.next_stream()
    asked = [list(one.users) for one in sockets.service.changed_users_requests]
    assert asked == [["a", "b"], ["c", "d"], ["e"]]
    # The service tells of what happens after anybody of it was followed, and whom it concerns.
    stream.say(12, message_event(12, recipients=["a", "b", "c"]))
    stream.say(13, message_event(13, recipients=["a", "b", "c", "d", "e"]))
    stream.say(14, message_event(14, recipients=["a", "b", "c", "d", "e"]))
    for user, wire in wires.items():
        told = [(await alert(wire))[0] for _ in range(4)]
        assert told == [11, 12, 13, 14], user


async def test_typing_is_told_also_where_a_recovery_has_been_already(sockets: Sockets) -> None:
    """It has no revision of its own, and no recovery tells it."""
    _, wire = await sockets.attached()
    sockets.service.revision = 12
    sockets.live.end()
    stream = await sockets.next_stream()
    stream.say(12, typing_event())
    assert (await wire.hear())["op"] == Op.TYPING


async def test_who_comes_at_once_is_followed_a_group_at_a_time(sockets: Sockets) -> None:
    """Thousands of handshakes are calls of a bounded size, in the order in which they came."""
    sockets.users._batch = 2
    users = ["e", "d", "c", "b", "a"]
    for user in users:
        sockets.join(user)
    await asyncio.gather(*map(sockets.users.follow, users))
    told = [(await sockets.told())[0] for _ in range(3)]
    assert told == [["d", "e"], ["b", "c"], ["a"]]


async def test_another_database_makes_everyone_start_over(sockets: Sockets) -> None:
    """Nothing can be said about what lies between two clocks."""
    _, wire = await sockets.attached()
    sockets.service.epoch, sockets.service.revision = "epoch-2", 3
    sockets.live.end()
    stream = await sockets.next_stream()
    packet = await wire.hear()
    assert (packet["op"], packet["d"]["complete"]) == (0x0D, False)
    assert CURSORS.decode(packet["cur"])["messaging"] == Position("epoch-2", 3)
    stream.say(4, message_event(1), epoch="epoch-2")
    assert await alert(wire) == (1, 4)
    assert sockets.service.change_requests == []


async def test_who_came_while_the_service_was_away_starts_over_once_followed(
    sockets: Sockets,
) -> None:
    """Told before, it would ask too early and miss what happens until it is followed."""
    await sockets.attached()
    await sockets.told()
    sockets.service.hold_updates = True
    sockets.live.end()
    assert await sockets.told() == (["alice"], [])
    late, wire = sockets.join("bob")
    with pytest.raises(NotLiveError):
        await sockets.users.follow("bob")
    late.attach({})
    late.release()
    sockets.service.release_update(10)
    await sockets.next_stream()
    assert await sockets.told() == (["bob"], [])
    assert wire.heard() == []
    sockets.service.release_update(12)
    packet = await wire.hear()
    assert (packet["op"], packet["d"]["complete"]) == (0x0D, False)
    assert late.floors == {MESSAGING: 12}


async def test_silence_is_an_interruption(sockets: Sockets) -> None:
    """A stream that says nothing at all for too long may be dead."""
    feed = Feed(
        sockets.edge.messaging,
        sockets.edge.hub,
        sockets.feed._sink,
        watcher_name="impatient",
        timeout_seconds=0.05,
        batch_items=1000,
        metrics=sockets.edge.metrics,
    )
    async with running(feed.run()), asyncio.timeout(PATIENCE):
        first = await sockets.service.streams.get()
        second = await sockets.service.streams.get()
    assert first.watcher_id != second.watcher_id


async def test_a_failing_recovery_is_tried_again(sockets: Sockets) -> None:
    """The position stays where it was until everybody has what was missed."""
    _, wire = await sockets.attached()
    sockets.service.revision = 12
    failures = 2

    async def failing(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError("the database is away")
        return pb.ListChangesResponse(complete=True, changes=[change(12, message_event(2))])

    sockets.service.changes = failing
    sockets.live.end()
    await sockets.reached(Position(EPOCH, 12))
    assert await alert(wire) == (2, 12)
    assert failures == 0


async def test_a_recovery_that_failed_goes_on_where_it_came_to(sockets: Sockets) -> None:
    """Of many who missed something each is told once, however often one answer fails."""
    wires = {user: (await sockets.attached(user))[1] for user in ("alice", "bob")}
    sockets.service.revision = 12
    asked: list[tuple[str, int]] = []

    async def answer(request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        asked.append((request.user, request.after.revision))
        last = request.until.revision
        if request.user == "bob" and last == 12:
            raise RuntimeError("nobody foresaw this")
        missed = [change(last, message_event(last, recipients=[request.user]))]
        return pb.ListChangesResponse(complete=True, changes=missed)

    sockets.service.changes = answer
    sockets.live.end()
    assert await alert(wires["alice"]) == (12, 12)
    sockets.service.revision = 13
    await sockets.reached(Position(EPOCH, 13))
    # Together, each alone, and then from where each had come to.
    assert asked[:4] == [("alice", 10), ("bob", 10), ("alice", 10), ("bob", 10)]
    assert set(asked[4:]) == {("bob", 10), ("alice", 12)}
    assert await alert(wires["alice"]) == (13, 13)
    assert await alert(wires["bob"]) == (13, 13)
    assert not sockets.feed._ahead


@pytest.mark.parametrize("is_earlier", [False, True])
async def test_those_who_missed_something_are_asked_about_together(
    sockets: Sockets, *, is_earlier: bool
) -> None:
    """A replica of an earlier version is asked about each."""
    users = ("alice", "bob", "carol")
    wires = {user: (await sockets.attached(user))[1] for user in users}
    sockets.service.change_batches.clear()
    sockets.service.is_earlier = is_earlier
    sockets.service.revision = 12

    async def answer(request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        missed = [change(12, message_event(12, recipients=[request.user]))]
        return pb.ListChangesResponse(complete=True, changes=missed)

    sockets.service.changes = answer
    sockets.live.end()
    for wire in wires.values():
        assert await alert(wire) == (12, 12)
    assert sockets.service.change_batches == ([] if is_earlier else [[*users]])


async def test_no_cursor_takes_back_what_a_recovery_has_told(sockets: Sockets) -> None:
    """The position stays where it was until all were told, and who was is told nothing twice."""
    # So that the one is not asked about together with the other.
    sockets.edge.messaging._changes._batch_items = 1
    (alice, wire), _ = [await sockets.attached(user) for user in ("alice", "bob")]
    sockets.service.revision = 12
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def answer(request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        if request.user == "bob":
            asked.set()
            await go_on.wait()
        missed = [change(12, message_event(12, recipients=[request.user]))]
        return pb.ListChangesResponse(complete=True, changes=missed)

    sockets.service.changes = answer
    sockets.live.end()
    assert await alert(wire) == (12, 12)
    await asked.wait()
    assert sockets.edge.hub.positions[MESSAGING].revision == 10
    alice.ping(JSON.encode(Op.PING, {}, cur=cursor(10)))
    assert at(await wire.hear()) == 12
    go_on.set()
    await sockets.reached(Position(EPOCH, 12))


async def test_a_recovery_that_failed_between_two_pages_tells_none_twice(sockets: Sockets) -> None:
    """Nothing of the first page is told again."""
    _, wire = await sockets.attached()
    sockets.service.revision = 12
    asked: list[tuple[int, str]] = []

    async def answer(request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        asked.append((request.after.revision, request.page_token))
        if request.page_token:
            raise RuntimeError("the database is away")
        first = request.after.revision + 1
        changes = [change(first, message_event(first))]
        token = "next" if first < 12 else ""
        return pb.ListChangesResponse(complete=True, changes=changes, next_page_token=token)

    sockets.service.changes = answer
    sockets.live.end()
    await sockets.reached(Position(EPOCH, 12))
    assert asked == [(10, ""), (10, "next"), (11, "")]
    assert [await alert(wire) for _ in range(2)] == [(11, 11), (12, 12)]
    assert wire.heard() == []


async def test_no_recovery_takes_back_what_a_resume_has_told(sockets: Sockets) -> None:
    """It begins where the stream ended, which may be before."""
    session, wire = sockets.join()
    session.attach({MESSAGING: Position(EPOCH, 14)})
    session.release()
    sockets.service.revision = 13
    sockets.service.changes = pages(([change(13, message_event(13))], ""))
    sockets.live.end()
    await sockets.reached(Position(EPOCH, 13))
    session.ping(JSON.encode(Op.PING, {}, cur=cursor(13)))
    assert at(await wire.hear()) == 14


async def test_a_replay_ends_at_its_limit(sockets: Sockets) -> None:
    """Whoever missed too much asks for everything anew, which is less."""
    changes = [change(number, message_event(number)) for number in (11, 12, 13)]
    sockets.service.changes = pages((changes, ""), (changes, ""))
    seen: list[int] = []

    async def deliver(revision: int, _events: Sequence[pb.Event]) -> None:
        seen.append(revision)

    first, last = Position(EPOCH, 10), Position(EPOCH, 13)
    assert not await sockets.edge.messaging.replay("alice", first, last, deliver, limit=2)
    assert seen == [11, 12]
    assert await sockets.edge.messaging.replay("alice", first, last, deliver, limit=3)


async def test_stopping_is_not_held_up(edge: Edge, service: Service, settings: Settings) -> None:
    """A cancelled feed ends, whatever it was at."""
    task = asyncio.create_task(edge.feeds[MESSAGING].run())
    async with asyncio.timeout(PATIENCE):
        await service.streams.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_feed_that_is_stopped_is_not_live(edge: Edge, service: Service) -> None:
    """Nobody is told that events come."""
    feed = edge.feeds[MESSAGING]
    async with running(feed.run()):
        await service.streams.get()
        await until(lambda: feed.live)
    assert not feed.live
    with pytest.raises(NotLiveError):
        await feed.users.follow("alice")


async def test_a_replica_that_is_behind_is_waited_for(sockets: Sockets) -> None:
    """The feed moves to another with its revision: nobody starts over, and nothing comes twice."""
    _, wire = await sockets.attached()
    sockets.live.say(12, message_event(1), message_event(2))
    assert [(await alert(wire))[0] for _ in range(2)] == [1, 2]
    sockets.service.revision = 10
    sockets.service.changes = pages(([change(13, message_event(3))], ""))
    sockets.service.updates = asyncio.Queue()
    sockets.live.end()
    for _ in range(3):
        # Where it stands, and nobody is followed yet.
        assert await sockets.told() == ([], [])
    sockets.service.revision = 13
    stream = await sockets.next_stream()
    (asked,) = sockets.service.change_requests
    assert (asked.after, asked.until) == (position(12), position(13))
    assert await alert(wire) == (3, 13)
    stream.say(14, message_event(4))
    assert await alert(wire) == (4, 14)
    assert wire.heard() == []

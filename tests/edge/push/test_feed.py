"""Following a service's stream: who is followed, and that nobody misses anything.

The service is a real gRPC server on loopback whose answers the test writes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.backends.backend import NotLiveError
from edge.protocol.cursors import MESSAGING, Position
from edge.push.feed import Feed
from edge.sessions.context import Edge
from edge.sessions.session import Session
from edge.settings import Settings
from tests.edge.scripted import (
    CURSORS,
    EPOCH,
    Service,
    Stream,
    Wire,
    change,
    message_event,
    new_session,
    position,
)
from tests.support.waiting import until


def join(edge: Edge, user: str = "alice", *, invisible: bool = False) -> tuple[Session, Wire]:
    """A socket that is here and not attached yet."""
    session, wire = new_session(edge, user, invisible=invisible)
    edge.hub.add(session)
    return session, wire


def leave(edge: Edge, session: Session) -> None:
    edge.hub.remove(session)
    edge.feeds[MESSAGING].review(session.user)


async def attached(edge: Edge, user: str = "alice") -> tuple[Session, Wire]:
    """A socket to which live alerts go."""
    session, wire = join(edge, user)
    session.attach({MESSAGING: await edge.feeds[MESSAGING].follow(user)})
    session.release()
    return session, wire


async def get(queue: "asyncio.Queue[pb.UpdateWatchRequest]") -> tuple[list[str], list[str]]:
    async with asyncio.timeout(5):
        update = await queue.get()
    return list(update.add_users), list(update.remove_users)


async def next_stream(edge: Edge, service: Service) -> Stream:
    async with asyncio.timeout(5):
        stream = await service.streams.get()
    await until(lambda: edge.feeds[MESSAGING].live)
    return stream


async def alert(wire: Wire) -> tuple[int, int]:
    """The next alert: its seq and the revision of its cursor."""
    packet = await wire.hear()
    assert packet["op"] == 0x10, packet
    return packet["d"]["message"]["seq"], CURSORS.decode(packet["cur"])["messaging"].revision


async def test_a_user_is_followed_from_the_answers_position(
    edge: Edge, service: Service, live: Stream
) -> None:
    """What comes after that position is on the stream; what came before, reads show."""
    service.revision = 12
    join(edge)
    assert await edge.feeds[MESSAGING].follow("alice") == Position(EPOCH, 12)
    assert await get(service.updates) == (["alice"], [])


async def test_the_stream_may_be_faster_than_the_answer(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Then what it brought is what a new session has to read."""
    service.hold_updates = True
    join(edge)
    following = asyncio.create_task(edge.feeds[MESSAGING].follow("alice"))
    await get(service.updates)
    live.say(15)
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 15))
    service.release_update(12)
    assert await following == Position(EPOCH, 15)


async def test_a_second_socket_is_followed_from_no_earlier_than_the_first(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The stream may still be behind the answer, and brings nothing of the user before it."""
    service.revision = 20
    join(edge)
    await edge.feeds[MESSAGING].follow("alice")
    live.say(15)
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 15))
    join(edge)
    assert await edge.feeds[MESSAGING].follow("alice") == Position(EPOCH, 20)
    live.say(25)
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 25))
    assert await edge.feeds[MESSAGING].follow("alice") == Position(EPOCH, 25)


async def test_who_was_told_more_elsewhere_is_followed_from_where_the_service_stands(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Another edge's stream was faster. Who was told less costs no call."""
    join(edge)
    feed = edge.feeds[MESSAGING]
    assert await feed.follow("alice", Position(EPOCH, 7)) == Position(EPOCH, 10)
    assert await get(service.updates) == (["alice"], [])
    service.revision = 30
    assert await feed.follow("alice", Position(EPOCH, 10)) == Position(EPOCH, 10)
    assert await feed.follow("alice", Position("epoch-2", 25)) == Position(EPOCH, 10)
    assert service.updates.empty()
    assert await feed.follow("alice", Position(EPOCH, 25)) == Position(EPOCH, 30)
    assert await get(service.updates) == ([], [])
    # Nobody has been there yet: the database went back.
    assert await feed.follow("alice", Position(EPOCH, 99)) == Position(EPOCH, 30)


async def test_an_answer_from_before_one_came_is_not_where_the_service_stands(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The call was under way when the other edge told more."""
    service.hold_updates = True
    join(edge)
    feed = edge.feeds[MESSAGING]
    first = asyncio.create_task(feed.follow("alice"))
    await get(service.updates)
    second = asyncio.create_task(feed.follow("alice", Position(EPOCH, 14)))
    await asyncio.sleep(0)
    service.release_update(12)
    service.release_update(15)
    assert (await first).revision == 12
    assert (await second).revision == 15


async def test_who_comes_while_an_update_is_in_flight_travels_together(
    edge: Edge, service: Service, live: Stream
) -> None:
    """One call at a time; a thousand handshakes are a few calls."""
    service.hold_updates = True
    join(edge, "alice")
    following = [asyncio.create_task(edge.feeds[MESSAGING].follow("alice"))]
    assert await get(service.updates) == (["alice"], [])
    for user in ("bob", "carol", "dora"):
        join(edge, user)
        following.append(asyncio.create_task(edge.feeds[MESSAGING].follow(user)))
    await asyncio.sleep(0)
    service.release_update(10)
    assert await get(service.updates) == (["bob", "carol", "dora"], [])
    service.release_update(11)
    positions = await asyncio.gather(*following)
    assert [at.revision for at in positions] == [10, 11, 11, 11]
    assert service.updates.empty()


async def test_the_last_socket_of_a_user_takes_the_following_with_it(
    edge: Edge, service: Service, live: Stream
) -> None:
    """And not one before."""
    first, _ = await attached(edge)
    second, _ = await attached(edge)
    assert await get(service.updates) == (["alice"], [])
    leave(edge, first)
    leave(edge, second)
    assert await get(service.updates) == ([], ["alice"])
    assert service.updates.empty()


async def test_leaving_and_returning_while_the_removal_is_in_flight(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The user is added again, and waits for the position of that addition."""
    session, _ = await attached(edge)
    await get(service.updates)
    service.hold_updates = True
    leave(edge, session)
    assert await get(service.updates) == ([], ["alice"])
    join(edge)
    returning = asyncio.create_task(edge.feeds[MESSAGING].follow("alice"))
    await asyncio.sleep(0)
    service.release_update(11)
    assert await get(service.updates) == (["alice"], [])
    assert not returning.done()
    service.release_update(13)
    assert await returning == Position(EPOCH, 13)


async def test_leaving_and_returning_while_the_addition_is_in_flight(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The first addition serves the second socket."""
    service.hold_updates = True
    session, _ = join(edge)
    first = asyncio.create_task(edge.feeds[MESSAGING].follow("alice"))
    assert await get(service.updates) == (["alice"], [])
    leave(edge, session)
    join(edge)
    second = asyncio.create_task(edge.feeds[MESSAGING].follow("alice"))
    await asyncio.sleep(0)
    service.release_update(11)
    assert (await first).revision == (await second).revision == 11
    assert await get(service.updates) == ([], [])
    service.release_update(11)
    await until(lambda: edge.feeds[MESSAGING]._updater is None)
    assert await edge.feeds[MESSAGING].follow("alice") == Position(EPOCH, 11)


async def invisible(queue: "asyncio.Queue[pb.UpdateWatchRequest]") -> tuple[list[str], list[str]]:
    """Of the next update: who is added, and who of them is invisible."""
    async with asyncio.timeout(5):
        update = await queue.get()
    assert not update.remove_users
    return list(update.add_users), list(update.invisible_users)


async def test_a_user_is_invisible_when_all_sockets_are(
    edge: Edge, service: Service, live: Stream
) -> None:
    """A visible one that comes or goes changes it; each other one changes nothing."""
    join(edge, invisible=True)
    await edge.feeds[MESSAGING].follow("alice")
    assert await invisible(service.updates) == (["alice"], ["alice"])
    hidden, _ = join(edge, invisible=True)
    await edge.feeds[MESSAGING].follow("alice")
    assert service.updates.empty()
    first, _ = join(edge)
    await edge.feeds[MESSAGING].follow("alice")
    assert await invisible(service.updates) == (["alice"], [])
    second, _ = join(edge)
    await edge.feeds[MESSAGING].follow("alice")
    leave(edge, hidden)
    leave(edge, first)
    await until(lambda: edge.feeds[MESSAGING]._updater is None)
    assert service.updates.empty()
    leave(edge, second)
    assert await invisible(service.updates) == (["alice"], ["alice"])


async def test_to_be_followed_otherwise_moves_no_position(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The events came all the while: they are not skipped by who attaches now."""
    join(edge, invisible=True)
    assert await edge.feeds[MESSAGING].follow("alice") == Position(EPOCH, 10)
    service.revision = 20
    visible, _ = join(edge)
    await edge.feeds[MESSAGING].follow("alice")
    leave(edge, visible)
    await until(lambda: service.updates.qsize() == 3)
    await until(lambda: edge.feeds[MESSAGING]._updater is None)
    assert await edge.feeds[MESSAGING].follow("alice") == Position(EPOCH, 10)


async def test_a_token_may_change_who_is_invisible_also_during_an_update(
    edge: Edge, service: Service, live: Stream
) -> None:
    """What is told in the end is how it is in the end."""
    session, _ = await attached(edge)
    await get(service.updates)
    service.hold_updates = True

    def renew(*, hidden: bool) -> None:
        session.principal = replace(session.principal, invisible=hidden)
        edge.feeds[MESSAGING].review("alice")

    renew(hidden=True)
    assert await invisible(service.updates) == (["alice"], ["alice"])
    renew(hidden=False)
    service.release_update(10)
    assert await invisible(service.updates) == (["alice"], [])
    service.release_update(10)
    await until(lambda: edge.feeds[MESSAGING]._updater is None)
    assert not edge.feeds[MESSAGING]._invisible


async def test_a_new_stream_is_told_who_is_invisible(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Those who are here when it begins, and whoever changed while it was being made."""
    await attached(edge, "bob")
    join(edge, invisible=True)
    await edge.feeds[MESSAGING].follow("alice")
    for _ in range(2):
        await get(service.updates)
    service.hold_updates = True
    live.end()
    async with asyncio.timeout(5):
        update = await service.updates.get()
    assert sorted(update.add_users) == ["alice", "bob"]
    assert list(update.invisible_users) == ["alice"]
    join(edge)
    service.release_update(10)
    assert await invisible(service.updates) == (["alice"], [])
    service.release_update(10)


async def test_a_socket_that_leaves_before_it_is_followed_is_forgotten(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Nothing of it stays behind."""
    service.hold_updates = True
    session, _ = join(edge)
    following = asyncio.create_task(edge.feeds[MESSAGING].follow("alice"))
    await get(service.updates)
    following.cancel()
    leave(edge, session)
    service.release_update(11)
    assert await get(service.updates) == ([], ["alice"])
    service.release_update(12)
    await until(lambda: edge.feeds[MESSAGING]._updater is None)
    assert not edge.feeds[MESSAGING]._waiting
    assert not edge.feeds[MESSAGING]._followed


async def test_live_events_reach_the_sockets_and_move_the_position(
    edge: Edge, live: Stream
) -> None:
    """Progress without events moves it as well."""
    _, wire = await attached(edge)
    live.say(11, message_event(1))
    live.say(13)
    assert await alert(wire) == (1, 11)
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 13))


async def test_before_the_first_stream_nobody_can_follow(edge: Edge) -> None:
    """The session is greeted all the same, and told when the service is there."""
    with pytest.raises(NotLiveError):
        await edge.feeds[MESSAGING].follow("alice")


async def test_an_end_of_the_stream_is_told_to_who_waits(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Nobody hangs on an answer that will not come."""
    service.hold_updates = True
    join(edge)
    following = asyncio.create_task(edge.feeds[MESSAGING].follow("alice"))
    await get(service.updates)
    live.end()
    async with asyncio.timeout(5):
        with pytest.raises(NotLiveError):
            await following


def pages(
    *answers: tuple[Sequence[pb.ListChangesResponse.Change], str],
) -> Callable[[pb.ListChangesRequest], "asyncio.Future[pb.ListChangesResponse]"]:
    """Answers of ListChanges in order, each with the token of the next."""
    remaining = list(answers)

    def answer(_request: pb.ListChangesRequest) -> "asyncio.Future[pb.ListChangesResponse]":
        changes, token = remaining.pop(0)
        future = asyncio.get_running_loop().create_future()
        future.set_result(
            pb.ListChangesResponse(complete=True, changes=changes, next_page_token=token)
        )
        return future

    return answer


async def test_after_an_interruption_what_was_missed_comes_first_and_in_order(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The people notice nothing but a delay: no gap, no repetition."""
    _, wire = await attached(edge)
    live.say(11, message_event(1))
    assert await alert(wire) == (1, 11)
    service.revision = 14
    service.changes = pages(
        ([change(12, message_event(2), message_event(3))], "next"),
        ([change(14, message_event(4))], ""),
    )
    live.end()
    stream = await next_stream(edge, service)
    stream.say(15, message_event(5))
    heard = [await alert(wire) for _ in range(4)]
    assert heard == [(2, 11), (3, 12), (4, 14), (5, 15)]
    first, second = service.change_requests
    assert (first.user, first.after, first.until) == ("alice", position(11), position(14))
    assert (first.page_token, second.page_token) == ("", "next")


async def test_an_interruption_in_which_nothing_happened_reads_nothing(
    edge: Edge, service: Service, live: Stream
) -> None:
    """20,000 users are not asked about for a hiccup."""
    _, wire = await attached(edge)
    live.end(grpc.StatusCode.ABORTED)
    stream = await next_stream(edge, service)
    stream.say(11, message_event(1))
    assert await alert(wire) == (1, 11)
    assert service.change_requests == []


async def test_what_was_missed_may_be_larger_than_grpcs_default(
    edge: Edge, service: Service, live: Stream
) -> None:
    """A page of long messages is more than 4 MiB; the feed must not fail for ever over it."""
    _, wire = await attached(edge)
    service.revision = 12
    events = [message_event(seq) for seq in range(1, 61)]
    for event in events:
        event.message_created.message.text = "x" * 12_000
    padding = message_event(99, recipients=["nobody"])
    padding.message_created.message.text = "x" * 5_000_000
    service.changes = pages(([change(12, padding, *events)], ""))
    live.end()
    await next_stream(edge, service)
    assert [(await alert(wire))[0] for _ in events] == list(range(1, 61))


async def test_changes_that_cannot_be_told_make_everyone_start_over(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Going on as if nothing were missing would hide a gap."""
    _, wire = await attached(edge)
    service.revision = 14

    async def incomplete(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        return pb.ListChangesResponse(complete=False)

    service.changes = incomplete
    live.end()
    await next_stream(edge, service)
    packet = await wire.hear()
    assert (packet["op"], packet["d"]["complete"]) == (0x0D, False)


async def test_another_database_makes_everyone_start_over(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Nothing can be said about what lies between two clocks."""
    _, wire = await attached(edge)
    service.epoch, service.revision = "epoch-2", 3
    live.end()
    stream = await next_stream(edge, service)
    packet = await wire.hear()
    assert (packet["op"], packet["d"]["complete"]) == (0x0D, False)
    assert CURSORS.decode(packet["cur"])["messaging"] == Position("epoch-2", 3)
    stream.say(4, message_event(1), epoch="epoch-2")
    assert await alert(wire) == (1, 4)
    assert service.change_requests == []


async def test_who_came_while_the_service_was_away_starts_over_once_followed(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Told before, it would ask too early and miss what happens until it is followed."""
    await attached(edge)
    await get(service.updates)
    service.hold_updates = True
    live.end()
    assert await get(service.updates) == (["alice"], [])
    late, wire = join(edge, "bob")
    with pytest.raises(NotLiveError):
        await edge.feeds[MESSAGING].follow("bob")
    late.attach({})
    late.release()
    service.release_update(10)
    await next_stream(edge, service)
    assert await get(service.updates) == (["bob"], [])
    assert wire.heard() == []
    service.release_update(12)
    packet = await wire.hear()
    assert (packet["op"], packet["d"]["complete"]) == (0x0D, False)
    assert late.floors == {MESSAGING: 12}


async def test_silence_is_an_interruption(edge: Edge, service: Service, live: Stream) -> None:
    """A stream that says nothing at all for too long may be dead."""
    feed = Feed(
        edge.messaging,
        edge.hub,
        edge.feeds[MESSAGING]._sink,
        watcher_name="impatient",
        timeout_seconds=0.05,
        metrics=edge.metrics,
    )
    task = asyncio.create_task(feed.run())
    async with asyncio.timeout(5):
        first = await service.streams.get()
        second = await service.streams.get()
    assert first.watcher_id != second.watcher_id
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_watcher_that_the_service_does_not_know_watches_anew(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The stream may have ended on the other side alone."""
    service.hold_updates = True
    join(edge)
    following = asyncio.create_task(edge.feeds[MESSAGING].follow("alice"))
    await get(service.updates)
    service.release_update(grpc.StatusCode.NOT_FOUND)
    with pytest.raises(NotLiveError):
        await following
    service.hold_updates = False
    stream = await next_stream(edge, service)
    assert stream.watcher_id != live.watcher_id
    assert await get(service.updates) == (["alice"], [])
    assert await edge.feeds[MESSAGING].follow("alice") == Position(EPOCH, 10)


async def test_a_mistake_in_following_leaves_nobody_waiting(
    edge: Edge, service: Service, live: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handshake waits for it, and so does the memory of the session."""

    async def fail(_request: pb.UpdateWatchRequest) -> pb.UpdateWatchResponse:
        raise RuntimeError("a mistake")

    join(edge)
    with monkeypatch.context() as patched:
        patched.setattr(edge.messaging, "update_watch", fail)
        async with asyncio.timeout(5):
            with pytest.raises(NotLiveError):
                await edge.feeds[MESSAGING].follow("alice")
    await next_stream(edge, service)
    assert await edge.feeds[MESSAGING].follow("alice") == Position(EPOCH, 10)


async def test_a_failing_recovery_is_tried_again(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The position stays where it was until everybody has what was missed."""
    _, wire = await attached(edge)
    service.revision = 12
    failures = 2

    async def failing(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError("the database is away")
        return pb.ListChangesResponse(complete=True, changes=[change(12, message_event(2))])

    service.changes = failing
    live.end()
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 12))
    assert await alert(wire) == (2, 12)
    assert failures == 0


async def test_a_replay_ends_at_its_limit(edge: Edge, service: Service, live: Stream) -> None:
    """Whoever missed too much asks for everything anew, which is less."""
    changes = [change(number, message_event(number)) for number in (11, 12, 13)]
    service.changes = pages((changes, ""), (changes, ""))
    seen: list[int] = []

    async def deliver(revision: int, _events: Sequence[pb.Event]) -> None:
        seen.append(revision)

    first, last = Position(EPOCH, 10), Position(EPOCH, 13)
    assert not await edge.messaging.replay("alice", first, last, deliver, limit=2)
    assert seen == [11, 12]
    assert await edge.messaging.replay("alice", first, last, deliver, limit=3)


async def test_stopping_is_not_held_up(edge: Edge, service: Service, settings: Settings) -> None:
    """A cancelled feed ends, whatever it was at."""
    task = asyncio.create_task(edge.feeds[MESSAGING].run())
    async with asyncio.timeout(5):
        await service.streams.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

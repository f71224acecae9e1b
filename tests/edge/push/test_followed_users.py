"""The users whom a backend is told to follow, and where their events begin.

The backend is a real gRPC server on loopback whose answers the test writes.
"""

import asyncio
from dataclasses import replace

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.backends.backend import NotLiveError
from edge.protocol.cursors import MESSAGING, Position
from edge.sessions.context import Edge
from tests.edge.push.sockets import attached, get, invisible, join, leave, next_stream
from tests.edge.scripted import EPOCH, Service, Stream
from tests.support.waiting import until


async def test_a_user_is_followed_from_the_answers_position(
    edge: Edge, service: Service, live: Stream
) -> None:
    """What comes after that position is on the stream; what came before, reads show."""
    service.revision = 12
    join(edge)
    assert await edge.feeds[MESSAGING].users.follow("alice") == Position(EPOCH, 12)
    assert await get(service.updates) == (["alice"], [])


async def test_the_stream_may_be_faster_than_the_answer(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Then what it brought is what a new session has to read."""
    service.hold_updates = True
    join(edge)
    following = asyncio.create_task(edge.feeds[MESSAGING].users.follow("alice"))
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
    await edge.feeds[MESSAGING].users.follow("alice")
    live.say(15)
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 15))
    join(edge)
    assert await edge.feeds[MESSAGING].users.follow("alice") == Position(EPOCH, 20)
    live.say(25)
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 25))
    assert await edge.feeds[MESSAGING].users.follow("alice") == Position(EPOCH, 25)


async def test_who_was_told_more_elsewhere_is_followed_from_where_the_service_stands(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Another edge's stream was faster. Who was told less costs no call."""
    join(edge)
    feed = edge.feeds[MESSAGING]
    assert await feed.users.follow("alice", Position(EPOCH, 7)) == Position(EPOCH, 10)
    assert await get(service.updates) == (["alice"], [])
    service.revision = 30
    assert await feed.users.follow("alice", Position(EPOCH, 10)) == Position(EPOCH, 10)
    assert await feed.users.follow("alice", Position("epoch-2", 25)) == Position(EPOCH, 10)
    assert service.updates.empty()
    assert await feed.users.follow("alice", Position(EPOCH, 25)) == Position(EPOCH, 30)
    assert await get(service.updates) == ([], [])
    # Nobody has been there yet: the database went back.
    assert await feed.users.follow("alice", Position(EPOCH, 99)) == Position(EPOCH, 30)


async def test_an_answer_from_before_one_came_is_not_where_the_service_stands(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The call was under way when the other edge told more."""
    service.hold_updates = True
    join(edge)
    feed = edge.feeds[MESSAGING]
    first = asyncio.create_task(feed.users.follow("alice"))
    await get(service.updates)
    second = asyncio.create_task(feed.users.follow("alice", Position(EPOCH, 14)))
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
    following = [asyncio.create_task(edge.feeds[MESSAGING].users.follow("alice"))]
    assert await get(service.updates) == (["alice"], [])
    for user in ("bob", "carol", "dora"):
        join(edge, user)
        following.append(asyncio.create_task(edge.feeds[MESSAGING].users.follow(user)))
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
    returning = asyncio.create_task(edge.feeds[MESSAGING].users.follow("alice"))
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
    first = asyncio.create_task(edge.feeds[MESSAGING].users.follow("alice"))
    assert await get(service.updates) == (["alice"], [])
    leave(edge, session)
    join(edge)
    second = asyncio.create_task(edge.feeds[MESSAGING].users.follow("alice"))
    await asyncio.sleep(0)
    service.release_update(11)
    assert (await first).revision == (await second).revision == 11
    assert await get(service.updates) == ([], [])
    service.release_update(11)
    await until(lambda: edge.feeds[MESSAGING].users._updater is None)
    assert await edge.feeds[MESSAGING].users.follow("alice") == Position(EPOCH, 11)


async def test_a_user_is_invisible_when_all_sockets_are(
    edge: Edge, service: Service, live: Stream
) -> None:
    """A visible one that comes or goes changes it; each other one changes nothing."""
    join(edge, invisible=True)
    await edge.feeds[MESSAGING].users.follow("alice")
    assert await invisible(service.updates) == (["alice"], ["alice"])
    hidden, _ = join(edge, invisible=True)
    await edge.feeds[MESSAGING].users.follow("alice")
    assert service.updates.empty()
    first, _ = join(edge)
    await edge.feeds[MESSAGING].users.follow("alice")
    assert await invisible(service.updates) == (["alice"], [])
    second, _ = join(edge)
    await edge.feeds[MESSAGING].users.follow("alice")
    leave(edge, hidden)
    leave(edge, first)
    await until(lambda: edge.feeds[MESSAGING].users._updater is None)
    assert service.updates.empty()
    leave(edge, second)
    assert await invisible(service.updates) == (["alice"], ["alice"])


async def test_to_be_followed_otherwise_moves_no_position(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The events came all the while: they are not skipped by who attaches now."""
    join(edge, invisible=True)
    assert await edge.feeds[MESSAGING].users.follow("alice") == Position(EPOCH, 10)
    service.revision = 20
    visible, _ = join(edge)
    await edge.feeds[MESSAGING].users.follow("alice")
    leave(edge, visible)
    await until(lambda: service.updates.qsize() == 3)
    await until(lambda: edge.feeds[MESSAGING].users._updater is None)
    assert await edge.feeds[MESSAGING].users.follow("alice") == Position(EPOCH, 10)


async def test_a_token_may_change_who_is_invisible_also_during_an_update(
    edge: Edge, service: Service, live: Stream
) -> None:
    """What is told in the end is how it is in the end."""
    session, _ = await attached(edge)
    await get(service.updates)
    service.hold_updates = True

    def renew(*, hidden: bool) -> None:
        session.principal = replace(session.principal, invisible=hidden)
        edge.feeds[MESSAGING].users.review("alice")

    renew(hidden=True)
    assert await invisible(service.updates) == (["alice"], ["alice"])
    renew(hidden=False)
    service.release_update(10)
    assert await invisible(service.updates) == (["alice"], [])
    service.release_update(10)
    await until(lambda: edge.feeds[MESSAGING].users._updater is None)
    assert not edge.feeds[MESSAGING].users._invisible


async def test_a_new_stream_is_told_who_is_invisible(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Those who are here when it begins, and whoever changed while it was being made."""
    await attached(edge, "bob")
    join(edge, invisible=True)
    await edge.feeds[MESSAGING].users.follow("alice")
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
    following = asyncio.create_task(edge.feeds[MESSAGING].users.follow("alice"))
    await get(service.updates)
    following.cancel()
    leave(edge, session)
    service.release_update(11)
    assert await get(service.updates) == ([], ["alice"])
    service.release_update(12)
    await until(lambda: edge.feeds[MESSAGING].users._updater is None)
    assert not edge.feeds[MESSAGING].users._waiting
    assert not edge.feeds[MESSAGING].users._followed


async def test_before_the_first_stream_nobody_can_follow(edge: Edge) -> None:
    """The session is greeted all the same, and told when the service is there."""
    with pytest.raises(NotLiveError):
        await edge.feeds[MESSAGING].users.follow("alice")


async def test_an_end_of_the_stream_is_told_to_who_waits(
    edge: Edge, service: Service, live: Stream
) -> None:
    """Nobody hangs on an answer that will not come."""
    service.hold_updates = True
    join(edge)
    following = asyncio.create_task(edge.feeds[MESSAGING].users.follow("alice"))
    await get(service.updates)
    live.end()
    async with asyncio.timeout(5):
        with pytest.raises(NotLiveError):
            await following


async def test_a_watcher_that_the_service_does_not_know_watches_anew(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The stream may have ended on the other side alone."""
    service.hold_updates = True
    join(edge)
    following = asyncio.create_task(edge.feeds[MESSAGING].users.follow("alice"))
    await get(service.updates)
    service.release_update(grpc.StatusCode.NOT_FOUND)
    with pytest.raises(NotLiveError):
        await following
    service.hold_updates = False
    stream = await next_stream(edge, service)
    assert stream.watcher_id != live.watcher_id
    assert await get(service.updates) == (["alice"], [])
    assert await edge.feeds[MESSAGING].users.follow("alice") == Position(EPOCH, 10)


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
                await edge.feeds[MESSAGING].users.follow("alice")
    await next_stream(edge, service)
    assert await edge.feeds[MESSAGING].users.follow("alice") == Position(EPOCH, 10)

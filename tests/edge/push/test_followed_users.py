"""The users whom a backend is told to follow, and where their events begin.

The backend is a real gRPC server on loopback whose answers the test writes.
"""

import asyncio
from dataclasses import replace

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.backends.errors import NotLiveError
from edge.cursors import MESSAGING, Position
from edge.sessions.context import Edge
from tests.edge.push.conftest import Sockets
from tests.edge.scripted import EPOCH
from tests.support.waiting import PATIENCE, until


async def test_a_user_is_followed_from_the_answers_position(sockets: Sockets) -> None:
    """What comes after that position is on the stream; what came before, reads show."""
    sockets.service.revision = 12
    sockets.join()
    assert await sockets.users.follow("alice") == Position(EPOCH, 12)
    assert await sockets.told() == (["alice"], [])


async def test_the_stream_may_be_faster_than_the_answer(sockets: Sockets) -> None:
    """Then what it brought is what a new session has to read."""
    sockets.service.hold_updates = True
    sockets.join()
    following = asyncio.create_task(sockets.users.follow("alice"))
    await sockets.told()
    sockets.live.say(15)
    await sockets.reached(Position(EPOCH, 15))
    sockets.service.release_update(12)
    assert await following == Position(EPOCH, 15)


async def test_a_second_socket_is_followed_from_no_earlier_than_the_first(sockets: Sockets) -> None:
    """The stream may still be behind the answer, and brings nothing of the user before it."""
    sockets.service.revision = 20
    sockets.join()
    await sockets.users.follow("alice")
    sockets.live.say(15)
    await sockets.reached(Position(EPOCH, 15))
    sockets.join()
    assert await sockets.users.follow("alice") == Position(EPOCH, 20)
    sockets.live.say(25)
    await sockets.reached(Position(EPOCH, 25))
    assert await sockets.users.follow("alice") == Position(EPOCH, 25)


async def test_who_was_told_more_elsewhere_is_followed_from_where_the_service_stands(
    sockets: Sockets,
) -> None:
    """Another edge's stream was faster. Who was told less costs no call."""
    sockets.join()
    assert await sockets.users.follow("alice", Position(EPOCH, 7)) == Position(EPOCH, 10)
    assert await sockets.told() == (["alice"], [])
    sockets.service.revision = 30
    assert await sockets.users.follow("alice", Position(EPOCH, 10)) == Position(EPOCH, 10)
    assert await sockets.users.follow("alice", Position("epoch-2", 25)) == Position(EPOCH, 10)
    assert sockets.service.updates.empty()
    assert await sockets.users.follow("alice", Position(EPOCH, 25)) == Position(EPOCH, 30)
    assert await sockets.told() == ([], [])
    # Nobody has been there yet: the database went back.
    assert await sockets.users.follow("alice", Position(EPOCH, 99)) == Position(EPOCH, 30)


async def test_an_answer_from_before_one_came_is_not_where_the_service_stands(
    sockets: Sockets,
) -> None:
    """The call was under way when the other edge told more."""
    sockets.service.hold_updates = True
    sockets.join()
    first = asyncio.create_task(sockets.users.follow("alice"))
    await sockets.told()
    second = asyncio.create_task(sockets.users.follow("alice", Position(EPOCH, 14)))
    await asyncio.sleep(0)
    sockets.service.release_update(12)
    sockets.service.release_update(15)
    assert (await first).revision == 12
    assert (await second).revision == 15


async def test_who_comes_while_an_update_is_in_flight_travels_together(sockets: Sockets) -> None:
    """One call at a time; a thousand handshakes are a few calls."""
    sockets.service.hold_updates = True
    sockets.join("alice")
    following = [asyncio.create_task(sockets.users.follow("alice"))]
    assert await sockets.told() == (["alice"], [])
    for user in ("bob", "carol", "dora"):
        sockets.join(user)
        following.append(asyncio.create_task(sockets.users.follow(user)))
    await asyncio.sleep(0)
    sockets.service.release_update(10)
    assert await sockets.told() == (["bob", "carol", "dora"], [])
    sockets.service.release_update(11)
    positions = await asyncio.gather(*following)
    assert [at.revision for at in positions] == [10, 11, 11, 11]
    assert sockets.service.updates.empty()


async def come(sockets: Sockets, *users: str) -> "list[asyncio.Task[Position]]":
    """Somebody comes, or some at once: when this returns, each has asked to be followed."""
    for user in users:
        sockets.join(user)
    asking = [asyncio.create_task(sockets.users.follow(user)) for user in users]
    await asyncio.sleep(0)
    return asking


async def test_after_many_who_came_the_next_call_waits_for_as_many(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where logins come in numbers, a call is shared by all of a moment."""
    monkeypatch.setattr("edge.push.followed_users.PACE_SECONDS", 3600)
    await asyncio.gather(*await come(sockets, "alice", "bob", "carol", "dora"))
    assert await sockets.told() == (["alice", "bob", "carol", "dora"], [])
    following = await come(sockets, "eve", "fred", "gina")
    sockets.live.say(20)
    await sockets.reached(Position(EPOCH, 20))
    assert sockets.service.updates.empty()
    following += await come(sockets, "hal")
    await asyncio.gather(*following)
    assert await sockets.told() == (["eve", "fred", "gina", "hal"], [])


async def test_after_many_who_came_one_waits_for_a_moment_at_most(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody at all where few come."""
    monkeypatch.setattr("edge.push.followed_users.PACE_SECONDS", 0.05)
    await asyncio.gather(*await come(sockets, "alice", "bob", "carol", "dora"))
    await asyncio.gather(*await come(sockets, "eve"))
    monkeypatch.setattr("edge.push.followed_users.PACE_SECONDS", 3600)
    for user in ("fred", "gina", "hal"):
        await asyncio.gather(*await come(sockets, user))
    assert [(await sockets.told())[0] for _ in range(5)] == [
        ["alice", "bob", "carol", "dora"],
        ["eve"],
        ["fred"],
        ["gina"],
        ["hal"],
    ]


async def test_the_last_socket_of_a_user_takes_the_following_with_it(sockets: Sockets) -> None:
    """And not one before."""
    first, _ = await sockets.attached()
    second, _ = await sockets.attached()
    assert await sockets.told() == (["alice"], [])
    sockets.leave(first)
    sockets.leave(second)
    assert await sockets.told() == ([], ["alice"])
    assert sockets.service.updates.empty()


async def test_who_comes_back_at_once_was_never_away(sockets: Sockets) -> None:
    """Nobody is told, and there is nothing to wait for."""
    session, _ = await sockets.attached()
    assert await sockets.told() == (["alice"], [])
    sockets.leave(session)
    sockets.join()
    sockets.service.hold_updates = True
    assert await sockets.users.follow("alice") == Position(EPOCH, 10)
    sockets.users._update_now()
    await sockets.settled()
    assert sockets.service.updates.empty()


async def test_who_leaves_is_told_with_the_next_who_comes(sockets: Sockets) -> None:
    """One call for both."""
    session, _ = await sockets.attached()
    await sockets.told()
    sockets.leave(session)
    await sockets.attached("bob")
    assert await sockets.told() == (["bob"], ["alice"])


async def test_leaving_and_returning_while_the_removal_is_in_flight(sockets: Sockets) -> None:
    """The user is added again, and waits for the position of that addition."""
    session, _ = await sockets.attached()
    await sockets.told()
    sockets.service.hold_updates = True
    sockets.leave(session)
    assert await sockets.told() == ([], ["alice"])
    sockets.join()
    returning = asyncio.create_task(sockets.users.follow("alice"))
    await asyncio.sleep(0)
    sockets.service.release_update(11)
    assert await sockets.told() == (["alice"], [])
    assert not returning.done()
    sockets.service.release_update(13)
    assert await returning == Position(EPOCH, 13)


async def test_leaving_and_returning_while_the_addition_is_in_flight(sockets: Sockets) -> None:
    """The first addition serves the second socket."""
    sockets.service.hold_updates = True
    session, _ = sockets.join()
    first = asyncio.create_task(sockets.users.follow("alice"))
    assert await sockets.told() == (["alice"], [])
    sockets.leave(session)
    sockets.join()
    second = asyncio.create_task(sockets.users.follow("alice"))
    await asyncio.sleep(0)
    sockets.service.release_update(11)
    assert (await first).revision == (await second).revision == 11
    assert await sockets.told() == ([], [])
    sockets.service.release_update(11)
    await sockets.settled()
    assert await sockets.users.follow("alice") == Position(EPOCH, 11)


async def test_a_user_is_invisible_when_all_sockets_are(sockets: Sockets) -> None:
    """A visible one that comes or goes changes it; each other one changes nothing."""
    sockets.join(invisible=True)
    await sockets.users.follow("alice")
    assert await sockets.told_invisible() == (["alice"], ["alice"])
    hidden, _ = sockets.join(invisible=True)
    await sockets.users.follow("alice")
    assert sockets.service.updates.empty()
    first, _ = sockets.join()
    await sockets.users.follow("alice")
    assert await sockets.told_invisible() == (["alice"], [])
    second, _ = sockets.join()
    await sockets.users.follow("alice")
    sockets.leave(hidden)
    sockets.leave(first)
    await sockets.settled()
    assert sockets.service.updates.empty()
    sockets.leave(second)
    assert await sockets.told_invisible() == (["alice"], ["alice"])


async def test_to_be_followed_otherwise_moves_no_position(sockets: Sockets) -> None:
    """The events came all the while: they are not skipped by who attaches now."""
    sockets.join(invisible=True)
    assert await sockets.users.follow("alice") == Position(EPOCH, 10)
    sockets.service.revision = 20
    visible, _ = sockets.join()
    await sockets.users.follow("alice")
    sockets.leave(visible)
    await until(lambda: sockets.service.updates.qsize() == 3)
    await sockets.settled()
    assert await sockets.users.follow("alice") == Position(EPOCH, 10)


async def test_a_token_may_change_who_is_invisible_also_during_an_update(sockets: Sockets) -> None:
    """What is told in the end is how it is in the end."""
    session, _ = await sockets.attached()
    await sockets.told()
    sockets.service.hold_updates = True

    def renew(*, hidden: bool) -> None:
        session.principal = replace(session.principal, invisible=hidden)
        sockets.users.review("alice")

    renew(hidden=True)
    assert await sockets.told_invisible() == (["alice"], ["alice"])
    renew(hidden=False)
    sockets.service.release_update(10)
    assert await sockets.told_invisible() == (["alice"], [])
    sockets.service.release_update(10)
    await sockets.settled()
    assert not sockets.users._invisible


async def test_a_new_stream_is_told_who_is_invisible(sockets: Sockets) -> None:
    """Those who are here when it begins, and whoever changed while it was being made."""
    await sockets.attached("bob")
    sockets.join(invisible=True)
    await sockets.users.follow("alice")
    for _ in range(2):
        await sockets.told()
    sockets.service.hold_updates = True
    sockets.live.end()
    assert await sockets.told_invisible() == (["alice", "bob"], ["alice"])
    sockets.join()
    sockets.service.release_update(10)
    assert await sockets.told_invisible() == (["alice"], [])
    sockets.service.release_update(10)


async def test_a_socket_that_leaves_before_it_is_followed_is_forgotten(sockets: Sockets) -> None:
    """Nothing of it stays behind."""
    sockets.service.hold_updates = True
    session, _ = sockets.join()
    following = asyncio.create_task(sockets.users.follow("alice"))
    await sockets.told()
    following.cancel()
    sockets.leave(session)
    sockets.service.release_update(11)
    assert await sockets.told() == ([], ["alice"])
    sockets.service.release_update(12)
    await sockets.settled()
    assert not sockets.users._waiting
    assert not sockets.users._followed


async def test_before_the_first_stream_nobody_can_follow(edge: Edge) -> None:
    """The session is greeted all the same, and told when the service is there."""
    with pytest.raises(NotLiveError):
        await edge.feeds[MESSAGING].users.follow("alice")


async def test_who_waits_is_told_when_no_other_stream_comes(sockets: Sockets) -> None:
    """Nobody hangs on an answer that will not come."""
    sockets.service.hold_updates = True
    sockets.join()
    following = asyncio.create_task(sockets.users.follow("alice"))
    await sockets.told()
    sockets.live.end()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(NotLiveError):
            await following


async def test_a_watcher_that_the_service_does_not_know_watches_anew(sockets: Sockets) -> None:
    """The stream may have ended on the other side alone."""
    sockets.service.hold_updates = True
    sockets.join()
    following = asyncio.create_task(sockets.users.follow("alice"))
    await sockets.told()
    sockets.service.hold_updates = False
    sockets.service.release_update(grpc.StatusCode.NOT_FOUND)
    stream = await sockets.next_stream()
    assert stream.watcher_id != sockets.live.watcher_id
    assert await sockets.told() == (["alice"], [])
    assert await following == Position(EPOCH, 10)


async def test_who_comes_between_two_streams_waits_for_the_next(sockets: Sockets) -> None:
    """Another replica takes the place of one that went, and nobody is told of it."""
    sockets.live.end()
    await until(lambda: not sockets.users.ready)
    assert sockets.feed.live
    sockets.join()
    following = asyncio.create_task(sockets.users.follow("alice"))
    await sockets.next_stream()
    assert await following == Position(EPOCH, 10)
    assert sockets.feed.live


async def test_a_replica_that_is_behind_a_client_is_asked_until_it_is_not(
    sockets: Sockets,
) -> None:
    """The client comes from an edge whose replica had heard of more."""
    sockets.join()
    following = asyncio.create_task(sockets.users.follow("alice", Position(EPOCH, 12)))
    for _ in range(3):
        await sockets.told()
    assert not following.done()
    sockets.service.revision = 12
    assert await following == Position(EPOCH, 12)


async def test_a_mistake_in_following_leaves_nobody_waiting(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handshake waits for it, and so does the memory of the session."""

    async def fail(_request: pb.UpdateWatchRequest) -> pb.UpdateWatchResponse:
        raise RuntimeError("a mistake")

    sockets.join()
    with monkeypatch.context() as patched:
        patched.setattr(sockets.edge.messaging, "update_watch", fail)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(NotLiveError):
                await sockets.users.follow("alice")
    await sockets.next_stream()
    assert await sockets.users.follow("alice") == Position(EPOCH, 10)


async def test_a_replica_of_an_earlier_version_is_told_by_calls(sockets: Sockets) -> None:
    """It has no stream for whom an edge follows."""
    sockets.service.is_earlier = True
    sockets.join()
    await sockets.users.follow("alice")
    assert await sockets.told() == (["alice"], [])

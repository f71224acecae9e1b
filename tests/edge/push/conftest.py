"""Sockets of users that come, are attached and leave, and what reaches them."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import MESSAGING, Position
from edge.sessions.context import Edge
from edge.sessions.session import Session
from tests.edge.scripted import Service, Stream, Wire, at, new_session
from tests.support.waiting import until


class Sockets:
    """The sockets of an edge whose feed is live, and what the service is told of their users."""

    def __init__(self, edge: Edge, service: Service, live: Stream) -> None:
        self.edge, self.service, self.live = edge, service, live
        self.feed = edge.feeds[MESSAGING]
        self.users = self.feed.users

    def join(self, user: str = "alice", *, invisible: bool = False) -> tuple[Session, Wire]:
        """A socket that is here and not attached yet."""
        session, wire = new_session(self.edge, user, invisible=invisible)
        self.edge.hub.add(session)
        return session, wire

    def leave(self, session: Session) -> None:
        self.edge.hub.remove(session)
        self.users.review(session.user)

    async def attached(self, user: str = "alice") -> tuple[Session, Wire]:
        """A socket to which live alerts go."""
        session, wire = self.join(user)
        session.attach({MESSAGING: await self.users.follow(user)})
        session.release()
        return session, wire

    async def told(self) -> tuple[list[str], list[str]]:
        """Give who is followed from the next update on, and who no longer."""
        update = await asyncio.wait_for(self.service.updates.get(), 5)
        return list(update.add_users), list(update.remove_users)

    async def told_invisible(self) -> tuple[list[str], list[str]]:
        """Give who is followed from the next update on, and who of them is invisible."""
        update = await asyncio.wait_for(self.service.updates.get(), 5)
        assert not update.remove_users
        return sorted(update.add_users), list(update.invisible_users)

    async def settled(self) -> None:
        """Return when the service has been told everything."""
        await until(lambda: self.users._updater is None)

    async def reached(self, position: Position) -> None:
        """Return when the stream has brought everything up to here."""
        await until(lambda: self.feed.position == position)

    async def next_stream(self) -> Stream:
        stream = await asyncio.wait_for(self.service.streams.get(), 5)
        await until(lambda: self.users.ready)
        return stream


@pytest.fixture
def sockets(edge: Edge, service: Service, live: Stream) -> Sockets:
    return Sockets(edge, service, live)


async def alert(wire: Wire) -> tuple[int, int]:
    """The next alert: its seq and the revision of its cursor."""
    packet = await wire.hear()
    assert packet["op"] == 0x10, packet
    return packet["d"]["message"]["seq"], at(packet)


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

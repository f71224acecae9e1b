"""Sockets of a user that come, are attached and leave, and what reaches them."""

import asyncio
from collections.abc import Callable, Sequence

from parley.messaging.v1 import messaging_pb2 as pb

from edge.protocol.cursors import MESSAGING
from edge.sessions.context import Edge
from edge.sessions.session import Session
from tests.edge.scripted import CURSORS, Service, Stream, Wire, new_session
from tests.support.waiting import until


def join(edge: Edge, user: str = "alice", *, invisible: bool = False) -> tuple[Session, Wire]:
    """A socket that is here and not attached yet."""
    session, wire = new_session(edge, user, invisible=invisible)
    edge.hub.add(session)
    return session, wire


def leave(edge: Edge, session: Session) -> None:
    edge.hub.remove(session)
    edge.feeds[MESSAGING].users.review(session.user)


async def attached(edge: Edge, user: str = "alice") -> tuple[Session, Wire]:
    """A socket to which live alerts go."""
    session, wire = join(edge, user)
    session.attach({MESSAGING: await edge.feeds[MESSAGING].users.follow(user)})
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


async def invisible(queue: "asyncio.Queue[pb.UpdateWatchRequest]") -> tuple[list[str], list[str]]:
    """Of the next update: who is added, and who of them is invisible."""
    async with asyncio.timeout(5):
        update = await queue.get()
    assert not update.remove_users
    return list(update.add_users), list(update.invisible_users)


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

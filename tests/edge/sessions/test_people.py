"""Costs of one person over all sockets, and all people together: bytes, packets, handshakes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import MESSAGING, Position
from edge.sessions.context import Edge
from edge.sessions.session import Session
from edge.sessions.state import State
from parley_protocol.errors import CloseCode
from parley_protocol.packets import Op
from tests.edge.scripted import (
    EPOCH,
    Held,
    Service,
    Start,
    Stream,
    Wire,
    cursor,
    message_event,
    sample,
    with_settings,
)
from tests.support.waiting import until

_PAGE = 50_000


async def deaf(enter: Start, edge: Edge, user: str = "alice") -> tuple[Session, Wire]:
    """A socket whose client has read HELLO and reads no more."""
    session, wire = await enter(on=edge, user=user)
    wire.reads.clear()
    return session, wire


async def answered_or_closed(session: Session) -> None:
    await until(lambda: session.kept_bytes > 0 or session.state is State.CLOSING)


async def reached(edge: Edge, position: Position) -> None:
    await until(lambda: edge.feeds[MESSAGING].position == position)


async def close_code(wire: Wire) -> int:
    wire.reads.set()
    packet = await wire.hear()
    while "op" in packet:
        packet = await wire.hear()
    code: int = packet["code"]
    return code


@asynccontextmanager
async def nothing_left(edge: Edge, wires: Iterable[Wire]) -> AsyncIterator[None]:
    """What was held is held no longer when all have left and all is answered."""
    yield
    for wire in wires:
        wire.reads.set()
        wire.hang_up()
    await until(lambda: edge.people.bytes == 0)


@pytest.fixture
def pages(service: Service) -> None:
    """Every page is as large as many messages."""

    async def list_messages(_request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        return pb.ListMessagesResponse(messages=[pb.Message(id="m", text="x" * _PAGE)])

    service.list_messages = list_messages


@pytest.mark.usefixtures("pages", "live")
async def test_the_largest_socket_goes_when_the_sockets_of_a_person_hold_too_much(
    edge: Edge, enter: Start
) -> None:
    """Each of them less than it may: the one with the most is closed, and the others stay."""
    edge = with_settings(edge, bytes_per_user=5 * _PAGE)
    sockets = [await deaf(enter, edge) for _ in range(4)]
    async with nothing_left(edge, (wire for _, wire in sockets)):
        sockets[1][1].say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
        sockets[1][1].say(Op.ASK_CONVERSATIONS, {}, 2)
        await until(lambda: sockets[1][0].kept_bytes > _PAGE)
        for _, wire in (sockets[0], *sockets[2:]):
            wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
        await until(lambda: edge.people.of("alice").bytes > 4 * _PAGE)
        await until(lambda: not sockets[1][0].requests)
        assert edge.people.bytes == sum(session.kept_bytes for session, _ in sockets)
        assert all(session.state is State.LIVE for session, _ in sockets)
        session, wire = await deaf(enter, edge)
        sockets.append((session, wire))
        wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
        await sockets[1][1].aborted.wait()
        assert [one.state for one, _ in sockets].count(State.LIVE) == 4
        assert edge.people.of("alice").bytes <= 5 * _PAGE
        assert sample(edge, "closes_total", code="4101") == 1
        assert sample(edge, "limit_reached_total", limit="bytes_per_user") == 1


@pytest.mark.usefixtures("pages", "live")
async def test_the_largest_person_goes_when_all_hold_too_much(edge: Edge, enter: Start) -> None:
    """Two sockets of one hold more than the one socket of each other, so these are told nothing."""
    edge = with_settings(edge, bytes_per_edge=4 * _PAGE)
    sockets = [await deaf(enter, edge, user) for user in ("alice", "alice", "bob", "carol")]
    async with nothing_left(edge, (wire for _, wire in sockets)):
        for session, wire in sockets:
            wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
            await answered_or_closed(session)
        await until(lambda: any(one.state is State.CLOSING for one, _ in sockets))
        closed = [wire for one, wire in sockets if one.state is State.CLOSING]
        await closed[0].aborted.wait()
        assert [one.user for one, _ in sockets if one.state is State.LIVE] == [
            "alice",
            "bob",
            "carol",
        ]
        assert sample(edge, "closes_total", code="4200") == 1
        assert sample(edge, "limit_reached_total", limit="bytes_per_edge") == 1
        assert sample(edge, "limit_reached_total", limit="bytes_per_user") == 0


@pytest.mark.parametrize("limit", ["bytes_per_user", "bytes_per_edge"])
async def test_what_waits_for_an_answer_is_held_and_bounded(
    edge: Edge, enter: Start, service: Service, live: Stream, limit: str
) -> None:
    """Packets that wait for a service are held as well; over all sockets there are only so many
    bytes of them, and more are refused.
    """
    edge = with_settings(edge, **{limit: 100_000})
    service.let_create.clear()
    wires = [(await enter(on=edge))[1] for _ in range(3)]
    async with nothing_left(edge, wires):
        for number, wire in enumerate(wires):
            wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "x" * 40_000}, number)
        error = await wires[2].hear()
        assert (error["re"], error["d"]["code"]) == (2, "RESOURCE_EXHAUSTED")
        assert error["d"]["retryable"] is True
        assert sample(edge, "limit_reached_total", limit=limit) == 1
        service.let_create.set()
        for wire in wires[:2]:
            assert (await wire.hear())["op"] == Op.STATUS_MSG
        await until(lambda: edge.people.bytes == 0)
        wires[2].say(Op.CREATE_MSG, {"conversation": "c", "text": "x" * 40_000}, 3)
        assert (await wires[2].hear())["op"] == Op.STATUS_MSG


async def test_a_request_that_never_began_is_held_no_longer(
    edge: Edge, enter: Start, live: Stream
) -> None:
    """The socket is gone in the turn in which it asked."""
    _, wire = await enter()
    wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
    wire.hang_up()
    await until(lambda: sample(edge, "packets_total", opcode="ASK MESSAGES", outcome="CANCELLED"))
    assert edge.people.bytes == 0


async def test_held_alerts_count(edge: Edge, enter: Start, service: Service, live: Stream) -> None:
    """What waits for a replay to end is held as what waits to be read. Whoever reads learns why."""
    edge = with_settings(edge, bytes_per_user=10_000)
    service.changes = Held(pb.ListChangesResponse(complete=True))
    sockets = [await enter(cursor(7), on=edge) for _ in range(2)]
    async with nothing_left(edge, (wire for _, wire in sockets)):
        number = 0
        while all(session.state is State.REPLAYING for session, _ in sockets):
            number += 1
            live.say(10 + number, message_event(number))
            await reached(edge, Position(EPOCH, 10 + number))
        closed = [wire for session, wire in sockets if session.state is State.CLOSING]
        assert (await closed[0].hear())["code"] == CloseCode.SLOW_READER
        assert len(closed) == 1


async def test_alerts_to_be_confirmed_are_bounded_over_all_sockets(
    edge: Edge, enter: Start, live: Stream
) -> None:
    """The oldest of the socket that has most of them are forgotten."""
    edge = with_settings(edge, unconfirmed_alerts=5)
    sessions, wires = zip(*[await enter(on=edge) for _ in range(2)], strict=True)
    async with nothing_left(edge, wires):
        for number in range(1, 6):
            live.say(10 + number, message_event(number))
            for wire in wires:
                await wire.hear()
        assert sorted(len(session.unconfirmed) for session in sessions) == [2, 3]
        assert edge.people.of("alice").unconfirmed == 5
        assert sample(edge, "limit_reached_total", limit="unconfirmed_alerts") == 5


async def test_the_rate_is_that_of_the_person(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """Whatever the number of sockets; whoever goes on regardless is closed on that socket alone,
    and others are not concerned.
    """
    edge = with_settings(edge, packets_burst=6, packets_per_second=0.001, rate_limited_packets=20)
    wires = [(await enter(on=edge))[1] for _ in range(3)]
    other = (await enter(on=edge, user="bob"))[1]
    for number in range(4):
        for wire in wires:
            wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "x"}, number)
    answers = [await wire.hear() for _ in range(4) for wire in wires]
    refused = [one for one in answers if one["op"] == Op.ERROR]
    assert len(refused) == 6
    assert {one["d"]["code"] for one in refused} == {"RATE_LIMITED"}
    assert len(service.created) == 6
    for _ in range(30):
        wires[0].say(Op.PONG)
    assert await close_code(wires[0]) == CloseCode.BAD_PACKETS
    other.say(Op.CREATE_MSG, {"conversation": "c", "text": "x"}, 1)
    assert (await other.hear())["op"] == Op.STATUS_MSG
    await until(lambda: len(edge.hub.of("alice")) == 2)


async def test_who_comes_back_is_the_same(edge: Edge, enter: Start, live: Stream) -> None:
    """A new connection brings no new burst."""
    edge = with_settings(edge, packets_burst=2, packets_per_second=0.001)
    for expected in ([Op.STATUS_MSG, Op.STATUS_MSG], [Op.ERROR, Op.ERROR]):
        _, wire = await enter(on=edge)
        for number in range(2):
            wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "x"}, number)
        assert [(await wire.hear())["op"] for _ in range(2)] == expected
        wire.hang_up()
        await until(lambda: len(edge.hub) == 0)


async def test_who_is_closed_for_floods_again_and_again_is_kept_out(
    edge: Edge, enter: Start, live: Stream
) -> None:
    """Each time counts as half of the connections that pass at once."""
    edge = with_settings(
        edge,
        packets_burst=1,
        packets_per_second=0.001,
        rate_limited_packets=2,
        connections_burst=10,
        connections_per_second=0.001,
    )
    person = edge.people.of("alice")
    for allowed in (True, False):
        _, wire = await enter(on=edge)
        for _ in range(4):
            wire.say(Op.PONG)
        assert await close_code(wire) == CloseCode.BAD_PACKETS
        await until(lambda: len(edge.hub) == 0)
        assert (person.connection_rate.take(edge.people.clock()) == 0) is allowed


async def test_pages_come_at_a_rate_of_bytes(
    edge: Edge, enter: Start, pages: None, live: Stream
) -> None:
    """Over all sockets and kinds of a person; the next one waits, and others do not."""
    edge = with_settings(edge, page_bytes_burst=_PAGE, page_bytes_per_second=1_000_000)
    (_, first), (_, second) = await enter(on=edge), await enter(on=edge)
    person = edge.people.of("alice")
    for number in range(3):
        first.say(Op.ASK_MESSAGES, {"conversation": "c"}, number)
        assert (await first.hear())["re"] == number
    person.page_rate.spend(1_000_000_000, edge.people.clock())
    second.say(Op.ASK_CONVERSATIONS, {}, 3)
    await until(lambda: sample(edge, "limit_reached_total", limit="page_bytes_per_second") >= 1)
    _, other = await enter(on=edge, user="bob")
    other.say(Op.ASK_CONVERSATIONS, {}, 4)
    assert (await other.hear())["re"] == 4
    assert second.heard() == []


async def test_who_left_long_ago_is_forgotten(edge: Edge, enter: Start, live: Stream) -> None:
    """As soon as everything may be done again: nothing is kept of people who are gone."""
    now = 1000.0
    edge.people.clock = lambda: now
    for user in ("alice", "bob"):
        _, wire = await enter(user=user)
        wire.hang_up()
        await until(lambda: len(edge.hub) == 0)
    assert edge.people._left.keys() == {"alice", "bob"}
    now += 21
    _, wire = await enter(user="carol")
    wire.hang_up()
    await until(lambda: "carol" in edge.people._left)
    assert edge.people._left.keys() == {"carol"}
    assert set(edge.people._people) == {"carol"}


@pytest.mark.usefixtures("live")
async def test_one_page_of_a_kind_is_asked_for_whatever_the_number_of_sockets(
    edge: Edge, enter: Start, service: Service
) -> None:
    """Of one person; others do not wait for it."""
    asked: asyncio.Queue[str] = asyncio.Queue()
    go = asyncio.Semaphore(0)

    async def list_messages(request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        asked.put_nowait(request.actor)
        await go.acquire()
        return pb.ListMessagesResponse()

    service.list_messages = list_messages
    wires = [(await enter(user=user))[1] for user in ("alice", "alice", "alice", "bob")]
    for wire in wires:
        wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
    assert {await asked.get(), await asked.get()} == {"alice", "bob"}
    wires[0].say(Op.ASK_CONVERSATIONS, {}, 2)
    assert (await wires[0].hear())["re"] == 2
    assert asked.empty()
    for _ in wires:
        go.release()
    for wire in wires:
        assert (await wire.hear())["re"] == 1


@pytest.mark.usefixtures("live")
async def test_twenty_resumes_of_one_person_read_one_page_at_a_time(
    edge: Edge, enter: Start, service: Service
) -> None:
    """So that they take no more of a service than one."""
    reading = most = 0

    async def changes(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0)
        reading -= 1
        return pb.ListChangesResponse(complete=True)

    service.changes = changes
    wires = [(await enter(cursor(7)))[1] for _ in range(20)]
    for wire in wires:
        resumed: Any = await wire.hear()
        assert (resumed["op"], resumed["d"]["complete"]) == (Op.RESUMED, True)
    assert most == 1
    assert edge.feeds[MESSAGING].live

"""The ways in which a session closes, and what it leaves behind."""

import asyncio
import weakref

import pytest

from edge.sessions.context import Edge
from edge.sessions.session import Session
from edge.sessions.state import State
from parley_protocol.errors import CloseCode
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import Reconnect
from tests.edge.scripted import (
    Start,
    Stream,
    Wire,
    message_event,
    new_session,
    sample,
    with_settings,
)
from tests.support.waiting import until


async def test_a_slow_reader_is_closed(edge: Edge, enter: Start, live: Stream) -> None:
    """What waits for it is dropped; it comes back and resumes."""
    session, wire = await enter(on=with_settings(edge, outbox_bytes=2000))
    wire.reads.clear()
    for number in range(1, 30):
        live.say(10 + number, message_event(number))
    await until(lambda: session.state is State.CLOSING)
    wire.reads.set()
    closed = await wire.hear()
    while "op" in closed:
        closed = await wire.hear()
    assert closed["code"] == CloseCode.SLOW_READER
    assert sample(edge, "limit_reached_total", limit="outbox_bytes") == 1
    assert sample(edge, "closes_total", code="4101") == 1


@pytest.mark.parametrize(
    ("code", "label"),
    [
        (1000, "1000"),
        (1001, "1001"),
        (1005, "1005"),
        (4413, "other"),
        (4100, "other"),
        (3999, "other"),
    ],
)
async def test_a_close_that_is_not_the_edges_is_counted_as_well(
    edge: Edge, greeted: tuple[Session, Wire], code: int, label: str
) -> None:
    """By the codes of RFC 6455; clients make up any."""
    _, wire = greeted
    wire.hang_up(code)
    await until(lambda: len(edge.hub) == 0)
    assert sample(edge, "closes_total", code=label) == 1


async def test_a_limit_below_the_session_is_counted(
    edge: Edge, greeted: tuple[Session, Wire]
) -> None:
    """With the code that the server's protocol has sent, for it is the edge that closes."""
    _, wire = greeted
    wire.hang_up(4413, limit="max_packet_bytes")
    await until(lambda: len(edge.hub) == 0)
    assert sample(edge, "closes_total", code="4413") == 1
    assert sample(edge, "limit_reached_total", limit="max_packet_bytes") == 1


async def test_closing_sends_what_is_queued_first(greeted: tuple[Session, Wire]) -> None:
    """RECONNECT comes before the close frame that follows it."""
    session, wire = greeted
    session.send(Op.RECONNECT, Reconnect(100, "draining"))
    session.close(CloseCode.DRAINING, "draining")
    session.close(CloseCode.NO_PONG, "no PONG")
    assert (await wire.hear())["op"] == 0x0F
    assert (await wire.hear())["code"] == 4100
    await until(lambda: len(session.edge.hub) == 0)
    assert wire.heard() == []


@pytest.mark.parametrize("reads", [True, False])
async def test_a_peer_that_never_answers_is_cut_off(
    edge: Edge, enter: Start, live: Stream, reads: bool
) -> None:
    """Whether it takes the close frame, or nothing at all."""
    session, wire = await enter(on=with_settings(edge, close_timeout_seconds=0.05))
    wire.answers_close = False
    if not reads:
        wire.reads.clear()
        session.send(Op.RECONNECT, Reconnect(100, "draining"))
    session.close(CloseCode.DRAINING, "draining")
    await asyncio.wait_for(wire.aborted.wait(), 5)
    await until(lambda: len(edge.hub) == 0)


async def test_nothing_is_read_until_the_close_is_sent(
    edge: Edge, enter: Start, live: Stream
) -> None:
    """It may be stuck behind what the peer does not read, who goes on sending regardless."""
    session, wire = await enter()
    wire.reads.clear()
    session.send(Op.RECONNECT, Reconnect(100, "draining"))
    session.close(CloseCode.DRAINING, "draining")
    for _ in range(100):
        wire.say(Op.PONG)
        await asyncio.sleep(0)
    assert not wire.taken
    wire.reads.set()
    assert (await wire.hear())["op"] == Op.RECONNECT
    assert (await wire.hear())["code"] == CloseCode.DRAINING
    await until(lambda: len(edge.hub) == 0)
    assert wire.taken


async def test_a_peer_that_hangs_up_and_reads_nothing_is_cut_off(
    edge: Edge, enter: Start, live: Stream
) -> None:
    """The server would hold the connection for as long as there is something to send."""
    session, wire = await enter(on=with_settings(edge, close_timeout_seconds=0.05))
    wire.reads.clear()
    session.send(Op.RECONNECT, Reconnect(100, "draining"))
    wire.hang_up()
    await asyncio.wait_for(wire.aborted.wait(), 5)


async def test_a_session_that_is_over_leaves_nothing_to_the_collector(
    edge: Edge, without_collector: None
) -> None:
    """The collector is rare, and for what has lived for long much rarer: it would be a leak."""
    session, wire = new_session(edge)
    wire.hang_up()
    await session.run()
    # The session itself can not be watched; it holds its outbox.
    gone = weakref.ref(session._outbox)
    del session
    await until(lambda: gone() is None)

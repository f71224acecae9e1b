"""Leaving without a loss."""

import asyncio

import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.drain import Drain
from edge.handlers.connection import attach
from edge.session import Edge, Session
from tests.edge.scripted import Service, Stream, Wire, new_session
from tests.support.waiting import until

RECONNECT, STATUS_MSG = 0x0F, 0x08


async def serve(session: Session) -> None:
    session.edge.hub.add(session)
    await attach(session, None)
    await session.run()
    session.edge.hub.remove(session)


@pytest.fixture
async def serving(edge: Edge, live: Stream) -> tuple[Wire, "asyncio.Task[None]"]:
    """A session that has been greeted."""
    session, wire = new_session(edge)
    task = asyncio.create_task(serve(session))
    await wire.hear()
    return wire, task


def drain_of(edge: Edge, **settings: object) -> Drain:
    return Drain(edge.settings.model_copy(update=settings), edge.hub, edge.messaging)


async def test_clients_are_told_answered_and_closed_in_this_order(
    edge: Edge, service: Service, serving: tuple[Wire, "asyncio.Task[None]"]
) -> None:
    """RECONNECT with a delay within the spread, the answers under way, then 4100."""
    wire, task = serving
    wire.say(0x07, {"conversation": "c", "text": "hi"}, 1)
    await until(lambda: edge.messaging.create_message._caller is not None)
    drain = drain_of(edge, reconnect_spread_seconds=2)
    await drain.run()
    assert drain.begun
    reconnect, answer, closed = [await wire.hear() for _ in range(3)]
    assert reconnect["op"] == RECONNECT
    assert reconnect["d"]["reason"] == "draining"
    assert 0 <= reconnect["d"]["delay_ms"] <= 2000
    assert (answer["op"], answer["re"]) == (STATUS_MSG, 1)
    assert closed["code"] == 4100
    await task


async def test_a_busy_edge_drains_as_well(
    edge: Edge, serving: tuple[Wire, "asyncio.Task[None]"]
) -> None:
    """What clients go on sending does not put off the end for ever."""
    wire, task = serving
    answered = 0

    def submit() -> None:
        request = pb.CreateMessageRequest(actor="bob", conversation_id="c", text="hi")
        edge.messaging.create_message.submit(request, done)

    def done(_result: object) -> None:
        nonlocal answered
        answered += 1
        if not task.done():
            submit()

    submit()
    async with asyncio.timeout(5):
        await drain_of(edge, drain_seconds=30).run()
        await task
    assert (await wire.hear())["op"] == RECONNECT
    assert (await wire.hear())["code"] == 4100
    assert answered
    await edge.messaging.flush()


async def test_draining_is_bounded_in_time(
    edge: Edge, serving: tuple[Wire, "asyncio.Task[None]"]
) -> None:
    """A client that reads nothing cannot keep the process alive."""
    wire, task = serving
    wire.reads.clear()
    async with asyncio.timeout(5):
        await drain_of(edge, drain_seconds=0.05).run()
    assert len(edge.hub) == 1
    wire.hang_up()
    await task
    wire.reads.set()


async def test_an_empty_edge_drains_at_once(edge: Edge) -> None:
    """Nothing is waited for that is not there."""
    async with asyncio.timeout(1):
        await drain_of(edge).run()

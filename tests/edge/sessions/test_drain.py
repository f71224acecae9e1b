"""Leaving without a loss."""

import asyncio

import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import Position
from edge.handlers.attach import attach
from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from edge.sessions.session import Session
from tests.edge.scripted import (
    CURSORS,
    EPOCH,
    Held,
    Service,
    Stream,
    Wire,
    change,
    message_event,
    new_session,
)
from tests.support.waiting import PATIENCE, until

HELLO, STATUS_MSG, ASK_MESSAGES, RETURN_MESSAGES = 0x03, 0x08, 0x0A, 0x0B
RESUMED, RECONNECT, ALERT_NEW_MSG = 0x0D, 0x0F, 0x10


async def serve(session: Session, resume: str | None = None) -> None:
    session.edge.hub.add(session)
    await attach(session, resume, 0)
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
    return Drain(edge.settings.model_copy(update=settings), edge.hub, [edge.messaging])


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
    async with asyncio.timeout(PATIENCE):
        await drain_of(edge, drain_seconds=30).run()
        await task
    assert (await wire.hear())["op"] == RECONNECT
    assert (await wire.hear())["code"] == 4100
    assert answered
    await edge.messaging.flush()


async def test_a_question_under_way_is_answered_before_the_close(
    edge: Edge, service: Service, serving: tuple[Wire, "asyncio.Task[None]"]
) -> None:
    """However long it takes, within the time of the drain."""
    service.list_messages = held = Held(pb.ListMessagesResponse())
    wire, task = serving
    wire.say(ASK_MESSAGES, {"conversation": "c"}, 1)
    await held.asked.wait()
    draining = asyncio.create_task(drain_of(edge, drain_seconds=30).run())
    assert (await wire.hear())["op"] == RECONNECT
    await asyncio.sleep(0)
    assert not draining.done()
    held.go.set()
    answer, closed = await wire.hear(), await wire.hear()
    assert (answer["op"], answer["re"]) == (RETURN_MESSAGES, 1)
    assert closed["code"] == 4100
    await draining
    await task


async def test_a_resume_under_way_comes_to_its_end(
    edge: Edge, service: Service, live: Stream
) -> None:
    """The client leaves with all that it had missed, and a cursor that says so."""
    missed = [change(9, message_event(1))]
    service.changes = held = Held(pb.ListChangesResponse(complete=True, changes=missed))
    session, wire = new_session(edge)
    old = CURSORS.encode({"messaging": Position(EPOCH, 7)})
    task = asyncio.create_task(serve(session, old))
    assert (await wire.hear())["op"] == HELLO
    await held.asked.wait()
    draining = asyncio.create_task(drain_of(edge, drain_seconds=30).run())
    assert (await wire.hear())["op"] == RECONNECT
    held.go.set()
    alert, resumed, closed = [await wire.hear() for _ in range(3)]
    assert alert["op"] == ALERT_NEW_MSG
    assert (resumed["op"], resumed["d"]["complete"]) == (RESUMED, True)
    assert closed["code"] == 4100
    await draining
    await task


async def test_an_answer_that_does_not_come_takes_nobody_elses_close(
    edge: Edge, service: Service, serving: tuple[Wire, "asyncio.Task[None]"]
) -> None:
    """Half of the time is for answers; then all are closed in order, also who still waits."""
    service.list_messages = Held()
    wire, task = serving
    other_session, other = new_session(edge, user="bob")
    other_task = asyncio.create_task(serve(other_session))
    await other.hear()
    wire.say(ASK_MESSAGES, {"conversation": "c"}, 1)
    await until(lambda: any(session.requests for session in edge.hub))
    await asyncio.wait_for(drain_of(edge, drain_seconds=0.2).run(), 5)
    for one in (wire, other):
        assert (await one.hear())["op"] == RECONNECT
        assert (await one.hear())["code"] == 4100
    await asyncio.wait({task, other_task})


async def test_who_was_not_greeted_yet_is_told_nothing_before_hello(
    edge: Edge, service: Service, live: Stream
) -> None:
    """HELLO is the first packet, so there is only the close."""
    service.hold_updates = True
    session, wire = new_session(edge)
    task = asyncio.create_task(serve(session))
    await service.updates.get()
    await drain_of(edge, drain_seconds=0.2).run()
    assert (await wire.hear())["code"] == 4100
    service.release_update(12)
    await task


async def test_draining_is_bounded_in_time(
    edge: Edge, serving: tuple[Wire, "asyncio.Task[None]"]
) -> None:
    """A client that reads nothing cannot keep the process alive."""
    wire, task = serving
    wire.reads.clear()
    await asyncio.wait_for(drain_of(edge, drain_seconds=0.05).run(), 5)
    assert len(edge.hub) == 1
    wire.hang_up()
    await task
    wire.reads.set()


async def test_an_empty_edge_drains_at_once(edge: Edge) -> None:
    """Nothing is waited for that is not there."""
    await asyncio.wait_for(drain_of(edge).run(), 1)

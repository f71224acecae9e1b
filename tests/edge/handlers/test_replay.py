"""A replay brings what was missed, in order and without a gap, and says whether that was all."""

import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import MESSAGING, Position
from edge.sessions.context import Edge
from edge.sessions.session import Session
from parley_protocol.errors import CloseCode
from parley_protocol.packets import JSON, Op
from tests.edge.scripted import (
    CURSORS,
    EPOCH,
    Held,
    Service,
    Start,
    Stream,
    Wire,
    at,
    change,
    cursor,
    given,
    message_event,
    position,
    sample,
    typing_event,
    with_settings,
)
from tests.support.waiting import until


async def test_alerts_held_during_a_resume_come_after_it_in_order(
    start: Start, service: Service, live: Stream
) -> None:
    """Replay, Op.RESUMED, live; what the replay covered does not come twice."""
    missed = [change(8, message_event(1), message_event(2)), change(12, message_event(3))]
    held = Held(pb.ListChangesResponse(complete=True, changes=missed))
    service.revision, service.changes = 12, held
    session, wire = await start(cursor(7))
    hello = await wire.hear()
    assert (hello["d"]["resumed"], hello["d"]["cur"]) == (True, cursor(7))
    await held.asked.wait()
    live.say(12, message_event(3))
    live.say(13, message_event(4))
    live.say(13, typing_event())
    live.say(14, message_event(5))
    await until(lambda: session.edge.feeds[MESSAGING].position == Position(EPOCH, 14))
    session.ping(JSON.encode(Op.PING, {}, cur=cursor(14)))
    assert await wire.hear() == {"op": Op.PING, "d": {}}
    held.go.set()
    packets = [await wire.hear() for _ in range(6)]
    alert = Op.ALERT_NEW_MSG
    assert [packet["op"] for packet in packets] == [alert] * 3 + [Op.RESUMED] + [alert] * 2
    (request,) = service.change_requests
    assert (request.after, request.until) == (position(7), position(12))
    assert [at(packet) for packet in packets] == [7, 8, 12, 12, 13, 14]
    assert packets[3]["d"] == {"replayed": 3, "complete": True, "cur": cursor(12)}
    assert [p["d"]["message"]["seq"] for p in packets if p["op"] == alert] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "old", [cursor(7, "another"), cursor(99), "", CURSORS.encode({"other": Position("e", 1)})]
)
async def test_a_resume_that_cannot_be_proven_is_not_complete(
    greeted: tuple[Session, Wire], old: str
) -> None:
    """Another database, a place not yet reached, or no place at all."""
    _, wire = greeted
    wire.say(Op.RESUME, {"cur": old}, 1)
    resumed = await wire.hear()
    assert (resumed["op"], resumed["re"]) == (Op.RESUMED, 1)
    assert resumed["d"] == {"replayed": 0, "complete": False, "cur": cursor(10)}


async def test_a_place_that_was_never_reached_is_told_to_the_service(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """The client was there: so the database went back, and the service learns that by it."""
    service.can_tell = False
    _, wire = greeted
    wire.say(Op.RESUME, {"cur": cursor(99)}, 1)
    resumed = await wire.hear()
    assert resumed["d"] == {"replayed": 0, "complete": False, "cur": cursor(10)}
    assert [one.after for one in service.changed_users_requests] == [position(99)]


async def test_whoever_comes_from_a_faster_edge_misses_nothing(
    greeted: tuple[Session, Wire], start: Start, service: Service
) -> None:
    """The stream here is behind the cursor: then the service itself says where it stands. That the
    user is followed already, for another socket, makes no difference.
    """
    missed = [change(12, message_event(3))]
    answer = given(pb.ListChangesResponse(complete=True, changes=missed))
    service.revision, service.changes = 12, answer
    _, wire = await start(cursor(11))
    hello, alert, resumed = [await wire.hear() for _ in range(3)]
    assert (hello["op"], hello["d"]["resumed"]) == (Op.HELLO, True)
    assert (alert["d"]["message"]["seq"], at(alert)) == (3, 12)
    assert resumed["d"] == {"replayed": 1, "complete": True, "cur": cursor(12)}
    _, first = greeted
    first.say(Op.RESUME, {"cur": cursor(11)}, 1)
    alert, resumed = await first.hear(), await first.hear()
    assert (at(alert), resumed["d"]["complete"]) == (12, True)
    asked = [(one.after, one.until) for one in service.change_requests]
    assert asked == [(position(11), position(12))] * 2


async def test_no_cursor_takes_back_what_a_resume_has_told(
    start: Start, service: Service, live: Stream
) -> None:
    """While the stream here is behind, whoever resumed would otherwise be told it all again, were
    the connection to break then.
    """
    missed = [change(12, message_event(3))]
    service.revision = 12
    service.changes = given(pb.ListChangesResponse(complete=True, changes=missed))
    session, wire = await start(cursor(11))
    _hello, alert, resumed = [await wire.hear() for _ in range(3)]
    assert (at(alert), at(resumed)) == (12, 12)
    session.ping(JSON.encode(Op.PING, {}, cur=cursor(10)))
    assert at(await wire.hear()) == 12
    live.say(13, message_event(4))
    live.say(14)
    await until(lambda: session.edge.hub.positions[MESSAGING].revision == 14)
    assert at(await wire.hear()) == 13
    session.ping(JSON.encode(Op.PING, {}, cur=cursor(14)))
    assert at(await wire.hear()) == 14


async def test_a_database_replaced_during_a_replay_makes_it_incomplete(
    enter: Start, service: Service, edge: Edge, live: Stream
) -> None:
    """No cursor may join the revisions of one clock with the name of the other."""
    missed = [change(8, message_event(1))]
    service.changes = held = Held(pb.ListChangesResponse(complete=True, changes=missed))
    _, wire = await enter(cursor(7))
    await held.asked.wait()
    edge.hub.positions["messaging"] = Position("epoch-2", 3)
    held.go.set()
    alert, resumed = await wire.hear(), await wire.hear()
    assert alert["cur"] == cursor(8)
    assert resumed["d"] == {"replayed": 1, "complete": False, "cur": cursor(3, "epoch-2")}


async def test_only_one_resume_at_a_time(enter: Start, service: Service, live: Stream) -> None:
    """A second one would mix its packets with those of the first."""
    service.changes = held = Held(pb.ListChangesResponse(complete=True))
    _, wire = await enter(cursor(7))
    wire.say(Op.RESUME, {"cur": cursor(8)}, 1)
    error = await wire.hear()
    assert (error["re"], error["d"]["code"]) == (1, "INVALID_STATE")
    held.go.set()
    assert (await wire.hear())["op"] == Op.RESUMED


async def test_a_resume_with_an_event_that_cannot_be_told_is_not_complete(
    start: Start, service: Service, edge: Edge, live: Stream
) -> None:
    """What comes after it is replayed all the same, now and at every resume."""
    nonsense = message_event(1)
    del nonsense.message_created.unread[:]
    missed = [change(8, nonsense), change(9, message_event(2))]
    service.changes = given(pb.ListChangesResponse(complete=True, changes=missed))
    _, wire = await start(cursor(7))
    _, alert, resumed = [await wire.hear() for _ in range(3)]
    assert alert["d"]["message"]["seq"] == 2
    assert (resumed["d"]["replayed"], resumed["d"]["complete"]) == (1, False)
    assert sample(edge, "untold_events_total", service=MESSAGING) == 1


async def test_a_resume_of_too_much_is_not_complete(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """The client asks for everything anew rather than be told of each change."""
    missed = [change(8, message_event(1)), change(9, message_event(2), message_event(3))]
    service.changes = given(pb.ListChangesResponse(complete=True, changes=missed))
    _, wire = await start(cursor(7), on=with_settings(edge, resume_changes=2))
    packets = [await wire.hear() for _ in range(3)]
    assert [packet["op"] for packet in packets] == [Op.HELLO, Op.ALERT_NEW_MSG, Op.RESUMED]
    assert packets[2]["d"]["complete"] is False
    assert sample(edge, "limit_reached_total", limit="resume_changes") == 1


async def test_alerts_held_for_too_long_a_replay_close_it_and_stay_bounded(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """Nothing more is kept for a socket that is being closed."""
    service.changes = held = Held(pb.ListChangesResponse(complete=True))
    session, wire = await enter(cursor(7), on=with_settings(edge, outbox_bytes=2000))
    wire.answers_close = False
    for number in range(1, 200):
        live.say(10 + number, message_event(number))
    assert (await wire.hear())["code"] == CloseCode.SLOW_READER
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 209))
    assert session._held_bytes < 3000
    held.go.set()

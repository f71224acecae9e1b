"""One socket: what it answers, in which order, and the ways it closes.

The wire is the test's; behind the edge is a scripted messaging service.
"""

import asyncio
import json
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
import structlog
from parley.messaging.v1 import messaging_pb2 as pb

from edge.backends.negotiation import NegotiationBackend
from edge.handlers.connection import attach
from edge.opcodes import Route
from edge.protocol.cursors import MESSAGING, Position
from edge.protocol.errors import CloseCode, Error
from edge.protocol.packets import JSON, MESSAGE_PACK, Format, Op
from edge.protocol.payloads.connection import Reconnect
from edge.sessions.context import Edge
from edge.sessions.session import Session
from edge.sessions.state import State
from edge.translation.status import TIMED_OUT
from tests.edge.scripted import (
    CURSORS,
    EPOCH,
    SECRET,
    Service,
    Stream,
    Wire,
    change,
    message_event,
    new_session,
    position,
    sample,
    typing_event,
)
from tests.support.waiting import until

PING, PONG, HELLO, ERROR, ASK_CONVERSATIONS, CREATE_MSG, STATUS_MSG = 1, 2, 3, 4, 5, 7, 8
ASK_MESSAGES, RETURN_MESSAGES, RESUME, RESUMED, RENEW_TOKEN, ALERT = 10, 11, 12, 13, 14, 16
EDIT_MSG, DELETE_MSG, MSG_CHANGED = 20, 21, 22
BLOCK_USER = 0xF9


def cursor(revision: int, epoch: str = EPOCH) -> str:
    return CURSORS.encode({"messaging": Position(epoch, revision)})


def at(packet: dict[str, Any]) -> int:
    """The revision of a packet's cursor."""
    return CURSORS.decode(packet["cur"])["messaging"].revision


Start = Callable[..., Awaitable[tuple[Session, Wire]]]


@pytest.fixture
async def start(edge: Edge) -> AsyncIterator[Start]:
    """Serve a session as the application does, on another edge when one is given."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(session: Session, resume: str | None) -> None:
        session.edge.hub.add(session)
        try:
            await attach(session, resume, 0)
            await session.run()
        finally:
            session.edge.hub.remove(session)
            session.edge.feeds[MESSAGING].review(session.user)

    async def start(
        resume: str | None = None, on: Edge = edge, format_: Format = JSON, **of: Any
    ) -> tuple[Session, Wire]:
        session, wire = new_session(on, format_=format_, **of)
        tasks.append(asyncio.create_task(serve(session, resume)))
        return session, wire

    yield start
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


@pytest.fixture
async def greeted(start: Start, live: Stream) -> tuple[Session, Wire]:
    """A session that has had its HELLO."""
    session, wire = await start()
    assert (await wire.hear())["op"] == HELLO
    return session, wire


class HangingNegotiation(NegotiationBackend):
    """A negotiation service that does not answer until the test lets the time run out."""

    def __init__(self) -> None:
        self.asked = 0
        self.time_out = asyncio.Event()

    async def services(self, *_: object) -> Error:
        self.asked += 1
        await self.time_out.wait()
        return TIMED_OUT


def with_settings(edge: Edge, **changed: object) -> Edge:
    return replace(edge, settings=edge.settings.model_copy(update=changed))


async def test_hello_is_the_first_packet(start: Start, service: Service, live: Stream) -> None:
    """Whatever the client has sent already, and however often it is time for a PING."""
    service.hold_updates = True
    session, wire = await start()
    await service.updates.get()
    wire.say(CREATE_MSG, {"to": "bob", "text": "hi"}, 1)
    session.ping(JSON.encode(Op.PING, {}))
    service.release_update(12)
    hello = await wire.hear()
    assert hello["op"] == HELLO
    assert hello["d"]["user"] == "alice"
    assert hello["d"]["session"] == session.id
    assert hello["d"]["resumed"] is False
    assert hello["d"]["cur"] == cursor(12)
    assert hello["d"]["ping_interval_ms"] == 5000
    assert hello["d"]["pong_timeout_ms"] == 30_000
    assert hello["d"]["max_packet_bytes"] == 65_536
    assert hello["d"]["token_expires_at"].endswith("Z")
    assert (await wire.hear())["op"] == STATUS_MSG


async def test_two_hundred_pipelined_messages_are_stored_and_answered_in_order(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """Nothing has to be waited for, and the order of one socket is kept."""
    _, wire = greeted
    for number in range(200):
        wire.say(CREATE_MSG, {"conversation": "c", "text": str(number)}, number)
    answers = [await wire.hear() for _ in range(200)]
    assert [(answer["op"], answer["re"]) for answer in answers] == [
        (STATUS_MSG, number) for number in range(200)
    ]
    assert [request.text for request in service.created] == [str(n) for n in range(200)]
    assert [answer["d"]["seq"] for answer in answers] == list(range(1, 201))


async def test_requests_of_one_socket_are_bounded(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """What is beyond the limit waits in the socket until an answer is given. One page at a time is
    asked for.
    """
    asked: asyncio.Queue[int] = asyncio.Queue()
    go = asyncio.Semaphore(0)

    async def list_messages(request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        asked.put_nowait(request.after_seq)
        await go.acquire()
        return pb.ListMessagesResponse()

    service.list_messages = list_messages
    _, wire = await start(on=with_settings(edge, requests_per_socket=2))
    await wire.hear()
    for number in range(4):
        wire.say(ASK_MESSAGES, {"conversation": "c", "after": number}, number)
    assert await asked.get() == 0
    assert wire._incoming.qsize() == 2
    go.release()
    assert (await wire.hear())["re"] == 0
    assert await asked.get() == 1
    assert wire._incoming.qsize() == 1
    assert asked.empty()
    for number in range(1, 4):
        go.release()
        assert (await wire.hear())["re"] == number
    assert sample(edge, "limit_reached_total", limit="requests_per_socket") >= 2


async def test_changes_of_one_socket_are_made_in_their_order(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """An edit that was sent after another one must not overtake it, nor a deletion the edits."""
    _, wire = greeted
    service.hold_changes = True
    for number in range(5):
        wire.say(EDIT_MSG, {"message": "m", "text": str(number)}, number)
    wire.say(DELETE_MSG, {"message": "m"}, 5)
    wire.say(CREATE_MSG, {"conversation": "c", "text": "meanwhile"}, 6)
    assert (await wire.hear())["re"] == 6
    asked = []
    for number in range(6):
        asked.append(await service.changed.get())
        assert service.changed.empty()
        service.let_change.release()
        answer = await wire.hear()
        assert (answer["op"], answer["re"]) == (MSG_CHANGED, number)
    assert [getattr(one, "text", "gone") for one in asked] == [*"01234", "gone"]
    assert {one.origin for one in asked} == {greeted[0].id}


async def test_a_block_is_answered_by_how_it_is_then(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """In the order of what changes, on behalf of the session's user."""
    session, wire = greeted
    for number, blocked in enumerate((True, False, True)):
        wire.say(BLOCK_USER, {"user": "bob", "blocked": blocked}, number)
    for number, blocked in enumerate((True, False, True)):
        answer = await wire.hear()
        assert (answer["op"], answer["re"]) == (BLOCK_USER, number)
        assert answer["d"] == {"user": "bob", "blocked": blocked}
        asked = await service.changed.get()
        assert (asked.actor, asked.origin) == (session.user, session.id)


async def test_changes_that_wait_are_answered_within_the_time_for_one(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """However many wait behind one that the service does not answer."""
    impatient = with_settings(edge, call_timeout_seconds=0.3)
    _, wire = await start(on=impatient)
    await wire.hear()
    service.hold_changes = True
    began = asyncio.get_running_loop().time()
    for number in range(10):
        wire.say(EDIT_MSG, {"message": "m", "text": "x"}, number)
    answers = [await wire.hear() for _ in range(10)]
    assert {answer["d"]["code"] for answer in answers} == {"DEADLINE_EXCEEDED"}
    # Ten times the time for one would be three seconds.
    assert asyncio.get_running_loop().time() - began < 2


async def test_pages_that_wait_behind_one_that_is_given_up_are_given_up_with_it(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """A service that hangs costs the whole of what was asked one time-out, not one each."""
    edge.messaging._settings = edge.settings.model_copy(update={"call_timeout_seconds": 0.1})
    asked: list[int] = []

    async def list_messages(request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        asked.append(request.after_seq)
        if request.after_seq < 10:
            await asyncio.Event().wait()
        return pb.ListMessagesResponse()

    service.list_messages = list_messages
    _, wire = await start()
    await wire.hear()
    for number in range(5):
        wire.say(ASK_MESSAGES, {"conversation": "c", "after": number}, number)
    for number in range(5):
        reply = await wire.hear()
        assert (reply["re"], reply["d"]["code"]) == (number, "DEADLINE_EXCEEDED")
    assert asked == [0]
    wire.say(ASK_MESSAGES, {"conversation": "c", "after": 10}, 10)
    assert (await wire.hear())["op"] == RETURN_MESSAGES


async def test_a_service_that_hangs_costs_pages_of_another_nothing(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """Conversations wait for their deals once, however many ask; messages have none to wait for."""
    negotiation = HangingNegotiation()
    service.conversations = [pb.Conversation(id="c", participants=["alice", "bob"])]
    _, wire = await start(on=replace(edge, negotiation=negotiation))
    await wire.hear()
    for number in range(5):
        wire.say(ASK_CONVERSATIONS, {}, number)
    wire.say(ASK_MESSAGES, {"conversation": "c"}, "messages")
    assert (await wire.hear())["re"] == "messages"
    negotiation.time_out.set()
    for number in range(5):
        reply = await wire.hear()
        assert (reply["re"], reply["d"]["missing"]) == (number, ["negotiation"])
    assert negotiation.asked == 1
    wire.say(ASK_CONVERSATIONS, {}, "later")
    await wire.hear()
    assert negotiation.asked == 2


async def test_large_answers_together_are_no_slow_reader(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """A client that asks for many pages at once gets them all, one after the other."""

    async def list_messages(_request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        return pb.ListMessagesResponse(messages=[pb.Message(id="m", text="x" * 50_000)])

    service.list_messages = list_messages
    _, wire = await start(on=with_settings(edge, outbox_bytes=40_000))
    await wire.hear()
    for number in range(10):
        wire.say(ASK_MESSAGES, {"conversation": "c"}, number)
    answers = [await wire.hear() for _ in range(10)]
    assert {answer.get("op") for answer in answers} == {RETURN_MESSAGES}


async def test_pages_wait_unasked_until_the_client_has_read(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """Whoever asks for many and reads none makes the edge hold one."""
    asked: asyncio.Queue[int] = asyncio.Queue()

    async def list_messages(request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        asked.put_nowait(request.after_seq)
        return pb.ListMessagesResponse(messages=[pb.Message(id="m", text="x" * 50_000)])

    service.list_messages = list_messages
    small = with_settings(edge, outbox_bytes=40_000)
    _, wire = await start(on=small)
    await wire.hear()
    wire.reads.clear()
    for number in range(10):
        wire.say(ASK_MESSAGES, {"conversation": "c", "after": number}, number)
    # The first is on its way to the client, and the second waits for room.
    assert [await asked.get() for _ in range(2)] == [0, 1]
    _, other = await start(on=small)
    await other.hear()
    other.say(ASK_MESSAGES, {"conversation": "c", "after": 99}, 99)
    assert (await other.hear())["re"] == 99
    assert (asked.get_nowait(), asked.empty()) == (99, True)
    wire.reads.set()
    assert [(await wire.hear())["re"] for _ in range(10)] == list(range(10))


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", "BAD_PACKET"), ('{"op":99,"id":1}', "UNKNOWN_OPCODE"), ('{"op":1}', "UNKNOWN_OPCODE")],
)
async def test_repeated_bad_packets_close_the_socket(
    edge: Edge, start: Start, live: Stream, text: str, code: str
) -> None:
    """Each is answered; then the client is told not to come back as it is."""
    _, wire = await start(on=with_settings(edge, bad_packets_per_minute=3))
    await wire.hear()
    for _ in range(3):
        wire.say_raw(text)
    errors = [await wire.hear() for _ in range(3)]
    assert [error["d"]["code"] for error in errors] == [code] * 3
    assert (await wire.hear())["code"] == 4400
    assert sample(edge, "limit_reached_total", limit="bad_packets_per_minute") == 1


async def test_packets_beyond_the_burst_are_refused_and_not_handled(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """RATE_LIMITED with `re` and a time to wait, whatever the payload; after it one more passes."""
    _, wire = await start(on=with_settings(edge, packets_burst=3, packets_per_second=20))
    await wire.hear()
    for number in range(3):
        wire.say(CREATE_MSG, {"conversation": "c", "text": str(number)}, number)
    wire.say(CREATE_MSG, {"conversation": "c", "text": "refused"}, "first")
    wire.say(CREATE_MSG, "no payload of this packet", "second")
    packets = [await wire.hear() for _ in range(5)]
    errors = {packet["re"]: packet["d"] for packet in packets if packet["op"] == ERROR}
    assert errors.keys() == {"first", "second"}
    for error in errors.values():
        assert (error["code"], error["retryable"]) == ("RATE_LIMITED", True)
    assert 0 < errors["first"]["retry_after_ms"] <= 51
    assert errors["first"]["retry_after_ms"] < errors["second"]["retry_after_ms"] <= 101
    assert sample(edge, "packets_total", opcode="CREATE MSG", outcome="RATE_LIMITED") == 2
    assert sample(edge, "limit_reached_total", limit="packets_per_second") == 2
    await asyncio.sleep(errors["first"]["retry_after_ms"] / 1000)
    wire.say(CREATE_MSG, {"conversation": "c", "text": "passes"}, "first")
    assert (await wire.hear())["op"] == STATUS_MSG
    assert [request.text for request in service.created] == ["0", "1", "2", "passes"]


async def test_what_is_no_packet_and_what_is_never_answered_count_as_packets(
    edge: Edge, start: Start, live: Stream
) -> None:
    """Otherwise they would be the way around the limit."""
    _, wire = await start(on=with_settings(edge, packets_burst=3, packets_per_second=0.1))
    await wire.hear()
    wire.say(PONG)
    wire.say_raw("{")
    wire.say(99)
    assert [(await wire.hear())["d"]["code"] for _ in range(2)] == ["BAD_PACKET", "UNKNOWN_OPCODE"]
    wire.say(PONG, packet_id=1)
    wire.say_raw("{")
    wire.say(99, packet_id=3)
    errors = [await wire.hear() for _ in range(3)]
    assert {error["d"]["code"] for error in errors} == {"RATE_LIMITED"}
    assert [error.get("re") for error in errors] == [1, None, 3]
    assert sample(edge, "packets_total", opcode="PONG", outcome="RATE_LIMITED") == 1
    assert sample(edge, "packets_total", opcode="BAD PACKET", outcome="RATE_LIMITED") == 2


async def test_whoever_goes_on_regardless_is_closed(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """After that many refusals, with the code for those who must not come back as they are."""
    settings = {"packets_burst": 5, "packets_per_second": 0.1, "rate_limited_packets": 10}
    _, wire = await start(on=with_settings(edge, **settings))
    await wire.hear()
    for number in range(1000):
        wire.say(CREATE_MSG, {"conversation": "c", "text": "x"}, number)
    errors = [await wire.hear() for _ in range(10)]
    assert {error["op"] for error in errors} == {ERROR}
    assert (await wire.hear())["code"] == 4400
    await until(lambda: len(service.created) == 5 and len(edge.hub) == 0)
    assert sample(edge, "limit_reached_total", limit="rate_limited_packets") == 1
    assert sample(edge, "closes_total", code="4400") == 1


async def test_the_defaults_let_a_burst_of_500_pass(start: Start, live: Stream, edge: Edge) -> None:
    """And refuse what comes with it beyond that, however slow the machine is."""
    _, wire = await start(on=with_settings(edge, packets_per_second=0.001))
    assert (await wire.hear())["op"] == HELLO
    for number in range(510):
        wire.say(9, {"conversation": "c"}, number)
    answers = [await wire.hear() for _ in range(510)]
    refused = [answer["re"] for answer in answers if answer["op"] == ERROR]
    assert refused == list(range(500, 510))


async def test_a_frame_of_the_other_kind_is_a_bad_packet(start: Start, live: Stream) -> None:
    """Text does not travel on the MessagePack subprotocol."""
    _, wire = await start(format_=MESSAGE_PACK)
    await wire.hear()
    wire.say_raw('{"op":2}')
    assert (await wire.hear())["d"]["code"] == "BAD_PACKET"


async def test_an_invalid_payload_is_answered_with_its_field(greeted: tuple[Session, Wire]) -> None:
    """The reply bears `re`, and is not counted as a bad packet."""
    session, wire = greeted
    wire.say(CREATE_MSG, {"text": "hi"}, "a")
    error = await wire.hear()
    assert (error["op"], error["re"]) == (ERROR, "a")
    assert error["d"]["code"] == "INVALID_ARGUMENT"
    assert error["d"]["fields"][0]["field"] == "conversation"
    assert session._bad_packets._count == 0


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "while waiting"])
async def test_an_internal_error_has_an_id_and_no_trace(
    edge: Edge, start: Start, live: Stream, waits: bool
) -> None:
    """The id is in the log with the trace; the socket goes on."""

    def fail(*_arguments: object) -> None:
        raise RuntimeError("a secret")

    async def fail_later(*_arguments: object) -> None:
        fail()

    failing: Route = edge.routes[CREATE_MSG]._replace(handler=fail_later if waits else fail)
    _, wire = await start(on=replace(edge, routes={**edge.routes, CREATE_MSG: failing}))
    await wire.hear()
    with structlog.testing.capture_logs() as logs:
        wire.say(CREATE_MSG, {"to": "bob", "text": "hi"}, 1)
        error = await wire.hear()
    assert (error["op"], error["re"], error["d"]["code"]) == (ERROR, 1, "INTERNAL")
    assert "secret" not in json.dumps(error)
    (entry,) = [entry for entry in logs if "error_id" in entry]
    assert entry["error_id"] in error["d"]["message"]
    wire.say(ASK_MESSAGES, {"conversation": "c"}, 2)
    assert (await wire.hear())["op"] == RETURN_MESSAGES


@pytest.mark.parametrize("packet_id", [7, None], ids=["with an id", "without"])
@pytest.mark.parametrize(
    ("op", "payload", "opcode", "outcome"),
    [
        (PONG, {}, "PONG", "ok"),
        (PONG, {"cur": "!"}, "PONG", "INVALID_ARGUMENT"),
        (CREATE_MSG, {"to": "bob", "text": "hi"}, "CREATE MSG", "ok"),
        (CREATE_MSG, {"text": "hi"}, "CREATE MSG", "INVALID_ARGUMENT"),
        (9, {"conversation": "c"}, "OPENED CONVERSATION", "ok"),
        (ASK_MESSAGES, {"conversation": "c"}, "ASK MESSAGES", "ok"),
        (5, {}, "ASK CONVERSATIONS", "ok"),
        (RESUME, {"cur": cursor(10)}, "RESUME", "ok"),
        (RESUME, {"cur": "!"}, "RESUME", "INVALID_ARGUMENT"),
        (RENEW_TOKEN, {"token": "none"}, "RENEW TOKEN", "INVALID_ARGUMENT"),
        (18, {"conversation": "c", "typing": True}, "TYPING", "ok"),
        (EDIT_MSG, {"message": "m", "text": "x"}, "EDIT MSG", "ok"),
        (EDIT_MSG, {"message": "m"}, "EDIT MSG", "INVALID_ARGUMENT"),
        (DELETE_MSG, {"message": "m"}, "DELETE MSG", "ok"),
        (BLOCK_USER, {"user": "bob", "blocked": True}, "BLOCK USER", "ok"),
        (BLOCK_USER, {"user": "bob"}, "BLOCK USER", "INVALID_ARGUMENT"),
        (99, {}, "BAD PACKET", "UNKNOWN_OPCODE"),
    ],
)
async def test_every_packet_is_counted_once_with_its_outcome(
    greeted: tuple[Session, Wire],
    packet_id: int | None,
    op: int,
    payload: object,
    opcode: str,
    outcome: str,
) -> None:
    """By opcode, whether or not it is answered."""
    session, wire = greeted
    wire.say(op, payload, packet_id)

    def counted() -> list[tuple[str, str, float]]:
        return [
            (one.labels["opcode"], one.labels["outcome"], one.value)
            for metric in session.edge.metrics.registry.collect()
            for one in metric.samples
            if one.name == "parley_edge_packets_total" and one.value
        ]

    await until(counted)
    assert counted() == [(opcode, outcome, 1.0)]


# Alerts and resume.


async def test_alerts_held_during_a_resume_come_after_it_in_order(
    start: Start, service: Service, live: Stream
) -> None:
    """Replay, RESUMED, live; what the replay covered does not come twice."""
    replaying, go = asyncio.Event(), asyncio.Event()

    async def changes(request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        replaying.set()
        await go.wait()
        assert (request.after, request.until) == (position(7), position(12))
        missed = [change(8, message_event(1), message_event(2)), change(12, message_event(3))]
        return pb.ListChangesResponse(complete=True, changes=missed)

    service.revision, service.changes = 12, changes
    session, wire = await start(cursor(7))
    hello = await wire.hear()
    assert (hello["d"]["resumed"], hello["d"]["cur"]) == (True, cursor(7))
    await replaying.wait()
    live.say(12, message_event(3))
    live.say(13, message_event(4))
    live.say(13, typing_event())
    live.say(14, message_event(5))
    await until(lambda: session.edge.feeds[MESSAGING].position == Position(EPOCH, 14))
    session.ping(JSON.encode(Op.PING, {}, cur=cursor(14)))
    assert await wire.hear() == {"op": PING, "d": {}}
    go.set()
    packets = [await wire.hear() for _ in range(6)]
    assert [packet["op"] for packet in packets] == [ALERT, ALERT, ALERT, RESUMED, ALERT, ALERT]
    assert [at(packet) for packet in packets] == [7, 8, 12, 12, 13, 14]
    assert packets[3]["d"] == {"replayed": 3, "complete": True, "cur": cursor(12)}
    assert [p["d"]["message"]["seq"] for p in packets if p["op"] == ALERT] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "old", [cursor(7, "another"), cursor(99), "", CURSORS.encode({"other": Position("e", 1)})]
)
async def test_a_resume_that_cannot_be_proven_is_not_complete(
    greeted: tuple[Session, Wire], old: str
) -> None:
    """Another database, a place not yet reached, or no place at all."""
    _, wire = greeted
    wire.say(RESUME, {"cur": old}, 1)
    resumed = await wire.hear()
    assert (resumed["op"], resumed["re"]) == (RESUMED, 1)
    assert resumed["d"] == {"replayed": 0, "complete": False, "cur": cursor(10)}


async def test_whoever_comes_from_a_faster_edge_misses_nothing(
    greeted: tuple[Session, Wire], start: Start, service: Service
) -> None:
    """The stream here is behind the cursor: then the service itself says where it stands. That the
    user is followed already, for another socket, makes no difference.
    """

    async def changes(request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        assert (request.after, request.until) == (position(11), position(12))
        return pb.ListChangesResponse(complete=True, changes=[change(12, message_event(3))])

    service.revision, service.changes = 12, changes
    _, wire = await start(cursor(11))
    hello, alert, resumed = [await wire.hear() for _ in range(3)]
    assert (hello["op"], hello["d"]["resumed"]) == (HELLO, True)
    assert (alert["d"]["message"]["seq"], at(alert)) == (3, 12)
    assert resumed["d"] == {"replayed": 1, "complete": True, "cur": cursor(12)}
    _, first = greeted
    first.say(RESUME, {"cur": cursor(11)}, 1)
    alert, resumed = await first.hear(), await first.hear()
    assert (at(alert), resumed["d"]["complete"]) == (12, True)


async def test_a_database_replaced_during_a_replay_makes_it_incomplete(
    start: Start, service: Service, edge: Edge, live: Stream
) -> None:
    """No cursor may join the revisions of one clock with the name of the other."""
    replaying, go = asyncio.Event(), asyncio.Event()

    async def changes(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        replaying.set()
        await go.wait()
        return pb.ListChangesResponse(complete=True, changes=[change(8, message_event(1))])

    service.changes = changes
    _, wire = await start(cursor(7))
    await wire.hear()
    await replaying.wait()
    edge.hub.positions["messaging"] = Position("epoch-2", 3)
    go.set()
    alert, resumed = await wire.hear(), await wire.hear()
    assert alert["cur"] == cursor(8)
    assert resumed["d"] == {"replayed": 1, "complete": False, "cur": cursor(3, "epoch-2")}


async def test_a_replay_that_fails_at_the_handshake_is_not_complete(
    start: Start, service: Service, live: Stream
) -> None:
    """The cursor will move past what was missed, so the client has to be told."""

    async def changes(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        raise RuntimeError("the database is away")

    service.changes = changes
    _, wire = await start(cursor(7))
    await wire.hear()
    resumed = await wire.hear()
    assert (resumed["op"], resumed["d"]["complete"]) == (RESUMED, False)
    live.say(11, message_event(1))
    assert at(await wire.hear()) == 11


async def test_a_cursor_that_is_none_is_told_at_the_handshake(start: Start, live: Stream) -> None:
    """It is not handed back as if it were good."""
    _, wire = await start("!!")
    hello, error = await wire.hear(), await wire.hear()
    assert (hello["d"]["resumed"], hello["d"]["cur"]) == (False, cursor(10))
    assert (error["d"]["code"], error["d"]["fields"][0]["field"]) == ("INVALID_ARGUMENT", "cur")


async def test_without_the_service_a_session_is_greeted_and_told_later(
    edge: Edge, start: Start, service: Service
) -> None:
    """What does not need the service works; when it is back, the client asks anew."""
    _, wire = await start(cursor(7))
    hello, error = await wire.hear(), await wire.hear()
    assert (hello["d"]["resumed"], hello["d"]["cur"]) == (False, "")
    assert (error["d"]["code"], error["d"]["retryable"]) == ("UNAVAILABLE", True)
    running = asyncio.create_task(edge.feeds[MESSAGING].run())
    resumed = await wire.hear()
    assert resumed["d"] == {"replayed": 0, "complete": False, "cur": cursor(10)}
    running.cancel()
    await asyncio.wait({running})


async def test_only_one_resume_at_a_time(start: Start, service: Service, live: Stream) -> None:
    """A second one would mix its packets with those of the first."""
    go = asyncio.Event()

    async def changes(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        await go.wait()
        return pb.ListChangesResponse(complete=True)

    service.changes = changes
    _, wire = await start(cursor(7))
    await wire.hear()
    wire.say(RESUME, {"cur": cursor(8)}, 1)
    error = await wire.hear()
    assert (error["re"], error["d"]["code"]) == (1, "INVALID_STATE")
    go.set()
    assert (await wire.hear())["op"] == RESUMED


def token(**changed: object) -> str:
    claims = {"sub": "alice", "exp": time.time() + 7200, **changed}
    return jwt.encode(claims, SECRET, algorithm="HS256")


async def test_a_renewed_token_is_answered_by_hello(greeted: tuple[Session, Wire]) -> None:
    """The socket lives on until the new token expires."""
    session, wire = greeted
    before = session.principal.expires_at
    wire.say(RENEW_TOKEN, {"token": token()}, 1)
    hello = await wire.hear()
    assert (hello["op"], hello["re"], hello["d"]["cur"]) == (HELLO, 1, cursor(10))
    assert session.principal.expires_at > before


async def test_a_renewed_token_may_make_invisible(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """The service learns of it, and again when the next one does not."""
    _, wire = greeted
    await service.updates.get()
    for invisible in (True, False):
        wire.say(RENEW_TOKEN, {"token": token(invisible=invisible)}, 1)
        assert (await wire.hear())["op"] == HELLO
        async with asyncio.timeout(5):
            update = await service.updates.get()
        assert list(update.add_users) == ["alice"]
        assert list(update.invisible_users) == (["alice"] if invisible else [])


async def test_a_token_renewed_during_a_replay_brings_no_cursor(
    start: Start, service: Service, live: Stream
) -> None:
    """Whoever kept it and dropped off would miss the rest of the replay."""
    go = asyncio.Event()

    async def changes(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        await go.wait()
        return pb.ListChangesResponse(complete=True)

    service.changes = changes
    _, wire = await start(cursor(7))
    await wire.hear()
    wire.say(RENEW_TOKEN, {"token": token()}, 1)
    hello = await wire.hear()
    assert (hello["re"], hello["d"]["cur"]) == (1, "")
    go.set()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (token(sub="bob"), "PERMISSION_DENIED"),
        (token(exp=1), "INVALID_ARGUMENT"),
        ("no token", "INVALID_ARGUMENT"),
        ("\N{GRINNING FACE}", "INVALID_ARGUMENT"),
    ],
    ids=["another's", "expired", "none", "not ASCII"],
)
async def test_a_wrong_token_changes_nothing(
    greeted: tuple[Session, Wire], bad: str, code: str
) -> None:
    """The session stays the user's, until its own token expires."""
    session, wire = greeted
    principal = session.principal
    wire.say(RENEW_TOKEN, {"token": bad}, 1)
    assert (await wire.hear())["d"]["code"] == code
    assert session.principal is principal


async def test_a_pong_marks_what_it_covers_as_delivered(
    greeted: tuple[Session, Wire], service: Service, live: Stream
) -> None:
    """One mark for each conversation, up to the newest message that the cursor covers."""
    session, wire = greeted
    for number in (1, 2, 3):
        live.say(10 + number, message_event(number))
        await wire.hear()
    wire.say(PONG, {"cur": cursor(12)})
    async with asyncio.timeout(5):
        mark = await service.marks.get()
    assert (mark.actor, mark.conversation_id, mark.seq) == ("alice", "c", 2)
    assert list(session.unconfirmed) == [(13, "c", 3)]


@pytest.mark.parametrize("epoch", ["another", "epoch-2"])
async def test_a_pong_of_another_clock_marks_nothing(
    greeted: tuple[Session, Wire], service: Service, live: Stream, epoch: str
) -> None:
    """Its revision says nothing about the alerts of this one."""
    session, wire = greeted
    live.say(11, message_event(1))
    await wire.hear()
    wire.say(PONG, {"cur": cursor(99, epoch)})
    wire.say(ASK_MESSAGES, {"conversation": "c"}, 1)
    assert (await wire.hear())["op"] == RETURN_MESSAGES
    assert list(session.unconfirmed) == [(11, "c", 1)]
    assert service.marks.empty()


# The ways to close.


async def test_a_slow_reader_is_closed(edge: Edge, start: Start, live: Stream) -> None:
    """What waits for it is dropped; it comes back and resumes."""
    session, wire = await start(on=with_settings(edge, outbox_bytes=2000))
    await wire.hear()
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
        (4413, "4413"),
        (4100, "other"),
        (3999, "other"),
    ],
)
async def test_a_close_that_is_not_the_edges_is_counted_as_well(
    edge: Edge, greeted: tuple[Session, Wire], code: int, label: str
) -> None:
    """By the codes of RFC 6455, and 4413, which the server's protocol says; clients make up any."""
    _, wire = greeted
    wire.hang_up(code)
    await until(lambda: len(edge.hub) == 0)
    assert sample(edge, "closes_total", code=label) == 1


async def test_alerts_that_nobody_confirms_are_forgotten_beyond_a_limit(
    edge: Edge, start: Start, live: Stream
) -> None:
    """The oldest first; they are not marked delivered by a later PONG."""
    session, wire = await start(on=with_settings(edge, unconfirmed_alerts=2))
    await wire.hear()
    for number in (1, 2, 3):
        live.say(10 + number, message_event(number))
        await wire.hear()
    assert [seq for _, _, seq in session.unconfirmed] == [2, 3]
    assert sample(edge, "limit_reached_total", limit="unconfirmed_alerts") == 1


async def test_a_resume_of_too_much_is_not_complete(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """The client asks for everything anew rather than be told of each change."""

    async def changes(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        missed = [change(8, message_event(1)), change(9, message_event(2), message_event(3))]
        return pb.ListChangesResponse(complete=True, changes=missed)

    service.changes = changes
    _, wire = await start(cursor(7), on=with_settings(edge, resume_changes=2))
    packets = [await wire.hear() for _ in range(3)]
    assert [packet["op"] for packet in packets] == [HELLO, ALERT, RESUMED]
    assert packets[2]["d"]["complete"] is False
    assert sample(edge, "limit_reached_total", limit="resume_changes") == 1


async def test_a_service_that_does_not_answer_in_time_is_given_up(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """DEADLINE_EXCEEDED with `retryable`."""
    edge.messaging._settings = edge.settings.model_copy(update={"call_timeout_seconds": 0.05})

    async def list_messages(_request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        await asyncio.Event().wait()
        raise AssertionError

    service.list_messages = list_messages
    _, wire = await start()
    await wire.hear()
    wire.say(ASK_MESSAGES, {"conversation": "c"}, 1)
    error = (await wire.hear())["d"]
    assert (error["code"], error["retryable"]) == ("DEADLINE_EXCEEDED", True)
    assert sample(edge, "limit_reached_total", limit="call_timeout_seconds") == 1


async def test_alerts_held_for_too_long_a_replay_close_it_and_stay_bounded(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """Nothing more is kept for a socket that is being closed."""
    go = asyncio.Event()

    async def changes(_request: pb.ListChangesRequest) -> pb.ListChangesResponse:
        await go.wait()
        return pb.ListChangesResponse(complete=True)

    service.changes = changes
    session, wire = await start(cursor(7), on=with_settings(edge, outbox_bytes=2000))
    await wire.hear()
    wire.answers_close = False
    for number in range(1, 200):
        live.say(10 + number, message_event(number))
    assert (await wire.hear())["code"] == CloseCode.SLOW_READER
    await until(lambda: edge.feeds[MESSAGING].position == Position(EPOCH, 209))
    assert session._held_bytes < 3000
    go.set()


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
    edge: Edge, start: Start, live: Stream, reads: bool
) -> None:
    """Whether it takes the close frame, or nothing at all."""
    session, wire = await start(on=with_settings(edge, close_timeout_seconds=0.05))
    await wire.hear()
    wire.answers_close = False
    if not reads:
        wire.reads.clear()
        session.send(Op.RECONNECT, Reconnect(100, "draining"))
    session.close(CloseCode.DRAINING, "draining")
    async with asyncio.timeout(5):
        await wire.aborted.wait()
    await until(lambda: len(edge.hub) == 0)


async def test_a_peer_that_hangs_up_and_reads_nothing_is_cut_off(
    edge: Edge, start: Start, live: Stream
) -> None:
    """The server would hold the connection for as long as there is something to send."""
    session, wire = await start(on=with_settings(edge, close_timeout_seconds=0.05))
    await wire.hear()
    wire.reads.clear()
    session.send(Op.RECONNECT, Reconnect(100, "draining"))
    wire.hang_up()
    async with asyncio.timeout(5):
        await wire.aborted.wait()


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


async def test_the_requests_of_a_socket_end_with_it(
    edge: Edge, greeted: tuple[Session, Wire], service: Service
) -> None:
    """Nobody would read the answers, and the user is not followed any more."""
    session, wire = greeted
    asked = asyncio.Event()

    async def list_messages(_request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    service.list_messages = list_messages
    wire.say(ASK_MESSAGES, {"conversation": "c"}, 1)
    await asked.wait()
    wire.hang_up()
    await until(lambda: not session._requests and not edge.hub.users)
    assert sample(edge, "packets_total", opcode="ASK MESSAGES", outcome="CANCELLED") == 1
    await until(lambda: not edge.feeds[MESSAGING]._followed)


async def test_a_failing_service_shows_no_trace(
    edge: Edge, greeted: tuple[Session, Wire], service: Service
) -> None:
    """The trace of a handler stays with the service."""
    _, wire = greeted

    async def list_messages(_request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        raise RuntimeError("a secret")

    service.list_messages = list_messages
    wire.say(ASK_MESSAGES, {"conversation": "c"}, 1)
    error = await wire.hear()
    assert error["d"]["code"] == "INTERNAL"
    assert "secret" not in json.dumps(error)

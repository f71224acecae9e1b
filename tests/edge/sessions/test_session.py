"""Receiving: the packets of one socket are answered beside one another, and counted once."""

import asyncio

import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import MESSAGING
from edge.sessions.context import Edge
from edge.sessions.session import Session
from parley_protocol.packets import Op
from tests.edge.scripted import Held, Service, Start, Stream, Wire, cursor, sample, with_settings
from tests.support.waiting import until


async def test_two_hundred_pipelined_messages_are_stored_and_answered_in_order(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """Nothing has to be waited for, and the order of one socket is kept."""
    _, wire = greeted
    for number in range(200):
        wire.say(Op.CREATE_MSG, {"conversation": "c", "text": str(number)}, number)
    answers = [await wire.hear() for _ in range(200)]
    assert [(answer["op"], answer["re"]) for answer in answers] == [
        (Op.STATUS_MSG, number) for number in range(200)
    ]
    assert [request.text for request in service.created] == [str(n) for n in range(200)]
    assert [answer["d"]["seq"] for answer in answers] == list(range(1, 201))


async def test_requests_of_one_socket_are_bounded(
    edge: Edge, enter: Start, service: Service, live: Stream
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
    _, wire = await enter(on=with_settings(edge, requests_per_socket=2))
    for number in range(4):
        wire.say(Op.ASK_MESSAGES, {"conversation": "c", "after": number}, number)
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


async def test_a_service_that_does_not_answer_in_time_is_given_up(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """DEADLINE_EXCEEDED with `retryable`."""
    edge.messaging._settings = edge.settings.model_copy(update={"call_timeout_seconds": 0.05})
    service.list_messages = Held()
    _, wire = await enter()
    wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
    error = (await wire.hear())["d"]
    assert (error["code"], error["retryable"]) == ("DEADLINE_EXCEEDED", True)
    assert sample(edge, "limit_reached_total", limit="call_timeout_seconds") == 1


@pytest.mark.parametrize("packet_id", [7, None], ids=["with an id", "without"])
@pytest.mark.parametrize(
    ("op", "payload", "opcode", "outcome"),
    [
        (Op.PONG, {}, "PONG", "ok"),
        (Op.PONG, {"cur": "!"}, "PONG", "INVALID_ARGUMENT"),
        (Op.CREATE_MSG, {"to": "bob", "text": "hi"}, "CREATE MSG", "ok"),
        (Op.CREATE_MSG, {"text": "hi"}, "CREATE MSG", "INVALID_ARGUMENT"),
        (9, {"conversation": "c"}, "OPENED CONVERSATION", "ok"),
        (Op.ASK_MESSAGES, {"conversation": "c"}, "ASK MESSAGES", "ok"),
        (5, {}, "ASK CONVERSATIONS", "ok"),
        (Op.RESUME, {"cur": cursor(10)}, "RESUME", "ok"),
        (Op.RESUME, {"cur": "!"}, "RESUME", "INVALID_ARGUMENT"),
        (Op.RENEW_TOKEN, {"token": "none"}, "RENEW TOKEN", "INVALID_ARGUMENT"),
        (18, {"conversation": "c", "typing": True}, "TYPING", "ok"),
        (Op.EDIT_MSG, {"message": "m", "text": "x"}, "EDIT MSG", "ok"),
        (Op.EDIT_MSG, {"message": "m"}, "EDIT MSG", "INVALID_ARGUMENT"),
        (Op.DELETE_MSG, {"message": "m"}, "DELETE MSG", "ok"),
        (Op.BLOCK_USER, {"user": "bob", "blocked": True}, "BLOCK USER", "ok"),
        (Op.BLOCK_USER, {"user": "bob"}, "BLOCK USER", "INVALID_ARGUMENT"),
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


async def test_the_requests_of_a_socket_end_with_it(
    edge: Edge, greeted: tuple[Session, Wire], service: Service
) -> None:
    """Nobody would read the answers, and the user is not followed any more."""
    session, wire = greeted
    service.list_messages = held = Held()
    wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
    await held.asked.wait()
    wire.hang_up()
    await until(lambda: not session._requests and not edge.hub.users)
    assert sample(edge, "packets_total", opcode="ASK MESSAGES", outcome="CANCELLED") == 1
    await until(lambda: not edge.feeds[MESSAGING].users._followed)

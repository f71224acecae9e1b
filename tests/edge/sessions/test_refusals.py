"""Packets that a session refuses: bad ones, too many, and those that fail."""

import asyncio
import json
from dataclasses import replace

import pytest
import structlog

from edge.sessions.context import Edge
from edge.sessions.session import Session
from parley_protocol.packets import MESSAGE_PACK, Op
from tests.edge.scripted import Service, Start, Stream, Wire, given, sample, with_settings
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", "BAD_PACKET"), ('{"op":99,"id":1}', "UNKNOWN_OPCODE"), ('{"op":1}', "UNKNOWN_OPCODE")],
)
async def test_repeated_bad_packets_close_the_socket(
    edge: Edge, enter: Start, live: Stream, text: str, code: str
) -> None:
    """Each is answered; then the client is told not to come back as it is."""
    _, wire = await enter(on=with_settings(edge, bad_packets_per_minute=3))
    for _ in range(3):
        wire.say_raw(text)
    errors = [await wire.hear() for _ in range(3)]
    assert [error["d"]["code"] for error in errors] == [code] * 3
    assert (await wire.hear())["code"] == 4400
    assert sample(edge, "limit_reached_total", limit="bad_packets_per_minute") == 1


async def test_packets_beyond_the_burst_are_refused_and_not_handled(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """RATE_LIMITED with `re` and a time to wait, whatever the payload; after it one more passes."""
    _, wire = await enter(on=with_settings(edge, packets_burst=3, packets_per_second=20))
    for number in range(3):
        wire.say(Op.CREATE_MSG, {"conversation": "c", "text": str(number)}, number)
    wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "refused"}, "first")
    wire.say(Op.CREATE_MSG, "no payload of this packet", "second")
    packets = [await wire.hear() for _ in range(5)]
    errors = {packet["re"]: packet["d"] for packet in packets if packet["op"] == Op.ERROR}
    assert errors.keys() == {"first", "second"}
    for error in errors.values():
        assert (error["code"], error["retryable"]) == ("RATE_LIMITED", True)
    assert 0 < errors["first"]["retry_after_ms"] <= 51
    assert errors["first"]["retry_after_ms"] < errors["second"]["retry_after_ms"] <= 101
    assert sample(edge, "packets_total", opcode="CREATE MSG", outcome="RATE_LIMITED") == 2
    assert sample(edge, "limit_reached_total", limit="packets_per_second") == 2
    await asyncio.sleep(errors["first"]["retry_after_ms"] / 1000)
    wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "passes"}, "first")
    assert (await wire.hear())["op"] == Op.STATUS_MSG
    assert [request.text for request in service.created] == ["0", "1", "2", "passes"]


async def test_what_is_no_packet_and_what_is_never_answered_count_as_packets(
    edge: Edge, enter: Start, live: Stream
) -> None:
    """Otherwise they would be the way around the limit."""
    _, wire = await enter(on=with_settings(edge, packets_burst=3, packets_per_second=0.1))
    wire.say(Op.PONG)
    wire.say_raw("{")
    wire.say(99)
    assert [(await wire.hear())["d"]["code"] for _ in range(2)] == ["BAD_PACKET", "UNKNOWN_OPCODE"]
    wire.say(Op.PONG, packet_id=1)
    wire.say_raw("{")
    wire.say(99, packet_id=3)
    errors = [await wire.hear() for _ in range(3)]
    assert {error["d"]["code"] for error in errors} == {"RATE_LIMITED"}
    assert [error.get("re") for error in errors] == [1, None, 3]
    assert sample(edge, "packets_total", opcode="PONG", outcome="RATE_LIMITED") == 1
    assert sample(edge, "packets_total", opcode="BAD PACKET", outcome="RATE_LIMITED") == 2


async def test_whoever_goes_on_regardless_is_closed(
    edge: Edge, enter: Start, service: Service, live: Stream
) -> None:
    """After that many refusals, with the code for those who must not come back as they are."""
    settings = {"packets_burst": 5, "packets_per_second": 0.1, "rate_limited_packets": 10}
    _, wire = await enter(on=with_settings(edge, **settings))
    for number in range(1000):
        wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "x"}, number)
    errors = [await wire.hear() for _ in range(10)]
    assert {error["op"] for error in errors} == {Op.ERROR}
    assert (await wire.hear())["code"] == 4400
    await until(lambda: len(service.created) == 5 and len(edge.hub) == 0)
    assert sample(edge, "limit_reached_total", limit="rate_limited_packets") == 1
    assert sample(edge, "closes_total", code="4400") == 1


async def test_the_defaults_let_a_burst_of_500_pass(enter: Start, live: Stream, edge: Edge) -> None:
    """And refuse what comes with it beyond that, however slow the machine is."""
    _, wire = await enter(on=with_settings(edge, packets_per_second=0.001))
    for number in range(510):
        wire.say(9, {"conversation": "c"}, number)
    answers = [await wire.hear() for _ in range(510)]
    refused = [answer["re"] for answer in answers if answer["op"] == Op.ERROR]
    assert refused == list(range(500, 510))


async def test_a_frame_of_the_other_kind_is_a_bad_packet(enter: Start, live: Stream) -> None:
    """Text does not travel on the MessagePack subprotocol."""
    _, wire = await enter(format_=MESSAGE_PACK)
    wire.say_raw('{"op":2}')
    assert (await wire.hear())["d"]["code"] == "BAD_PACKET"


async def test_an_invalid_payload_is_answered_with_its_field(greeted: tuple[Session, Wire]) -> None:
    """The reply bears `re`, and is not counted as a bad packet."""
    session, wire = greeted
    wire.say(Op.CREATE_MSG, {"text": "hi"}, "a")
    error = await wire.hear()
    assert (error["op"], error["re"]) == (Op.ERROR, "a")
    assert error["d"]["code"] == "INVALID_ARGUMENT"
    assert error["d"]["fields"][0]["field"] == "conversation"
    assert session._bad_packets._count == 0


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "while waiting"])
async def test_an_internal_error_has_an_id_and_no_trace(
    edge: Edge, enter: Start, live: Stream, waits: bool
) -> None:
    """The id is in the log with the trace; the socket goes on."""

    def fail(*_arguments: object) -> None:
        raise RuntimeError("a secret")

    async def fail_later(*_arguments: object) -> None:
        fail()

    failing = edge.routes[Op.CREATE_MSG]._replace(handler=fail_later if waits else fail)
    _, wire = await enter(on=replace(edge, routes={**edge.routes, Op.CREATE_MSG: failing}))
    with structlog.testing.capture_logs() as logs:
        wire.say(Op.CREATE_MSG, {"to": "bob", "text": "hi"}, 1)
        error = await wire.hear()
    assert (error["op"], error["re"], error["d"]["code"]) == (Op.ERROR, 1, "INTERNAL")
    assert "secret" not in json.dumps(error)
    (entry,) = [entry for entry in logs if "error_id" in entry]
    assert entry["error_id"] in error["d"]["message"]
    wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 2)
    assert (await wire.hear())["op"] == Op.RETURN_MESSAGES


async def test_a_failing_service_shows_no_trace(
    edge: Edge, greeted: tuple[Session, Wire], service: Service
) -> None:
    """The trace of a handler stays with the service."""
    _, wire = greeted
    service.list_messages = given(RuntimeError("a secret"))
    wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
    error = await wire.hear()
    assert error["d"]["code"] == "INTERNAL"
    assert "secret" not in json.dumps(error)

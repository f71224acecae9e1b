"""Limits reached through real sockets and processes: the named error or code, and the metric."""

import asyncio
import json
import signal
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from parley_protocol.packets import Op
from tests.support.freezing import freeze
from tests.support.metrics import read_metric
from tests.support.system import System
from tests.system.conftest import Connect


def metric(system: System, name: str, **labels: str) -> float | None:
    """A sample of the edge."""
    url = f"http://127.0.0.1:{system.edge_port}/metrics"
    return read_metric(url, f"parley_edge_{name}", **labels)


def reached(system: System, limit: str) -> float | None:
    """The count of how often a limit of the edge was reached."""
    return metric(system, "limit_reached_total", limit=limit)


async def test_a_flood_is_refused_and_closed_and_the_others_do_not_notice(
    own_system: System, connect: Connect
) -> None:
    """A burst passes, then RATE_LIMITED, then 4400; what was answered as stored is there."""
    own_system.start("messaging", packets_burst=500, packets_per_second=100)
    flooder = await connect(own_system, "alice")
    writer = await connect(own_system, "bob")
    reader = await connect(own_system, "carol")
    conversation = (await flooder.write("dave", "0"))["conversation"]

    async def flood() -> None:
        with suppress(ConnectionClosed):
            for number in range(20_000):
                await flooder.send(
                    Op.CREATE_MSG, {"conversation": conversation, "text": "x"}, id=f"f{number}"
                )

    flooding = asyncio.create_task(flood())
    for number in range(20):
        await writer.write("carol", str(number))
        await reader.expect(Op.ALERT_NEW_MSG)
    assert await flooder.closed() == 4400
    await flooding
    errors = [packet["d"] for packet in flooder.packets if packet["op"] == Op.ERROR]
    assert {error["code"] for error in errors} == {"RATE_LIMITED"}
    assert all(error["retryable"] and error["retry_after_ms"] > 0 for error in errors)
    assert len(errors) >= 500
    stored = [packet["d"] for packet in flooder.packets if packet["op"] == Op.STATUS_MSG]
    assert [status["seq"] for status in stored] == list(range(2, len(stored) + 2))
    assert reached(own_system, "packets_per_second") == len(errors)
    assert reached(own_system, "rate_limited_packets") == 1


async def test_whoever_waits_as_told_sends_all_it_has(own_system: System, connect: Connect) -> None:
    """Each refused packet is sent again at its own time, and is then stored, in the end all."""
    own_system.start("messaging", packets_burst=50, packets_per_second=100)
    client = await connect(own_system, "alice")

    async def send(number: int) -> None:
        for _ in range(10):
            message = {"to": "bob", "text": str(number), "idempotency_key": str(number)}
            reply = await client.ask(Op.CREATE_MSG, message)
            if reply["op"] == Op.STATUS_MSG:
                return
            assert reply["d"]["code"] == "RATE_LIMITED"
            await asyncio.sleep(reply["d"]["retry_after_ms"] / 1000)
        raise AssertionError(f"message {number} was always refused")

    await asyncio.gather(*(send(number) for number in range(150)))
    assert (reached(own_system, "packets_per_second") or 0) >= 90
    assert reached(own_system, "rate_limited_packets") == 0


async def test_who_connects_again_and_again_is_refused(
    own_system: System, connect: Connect
) -> None:
    """With 429 and a time to wait, over all that this user opens and closes; others come in."""
    own_system.start("messaging", connections_burst=3, connections_per_second=0.5)
    for _ in range(3):
        await (await connect(own_system, "alice")).close()
    with pytest.raises(InvalidStatus) as caught:
        await connect(own_system, "alice")
    response = caught.value.response
    problem = json.loads(response.body)
    assert (response.status_code, problem["reason"]) == (429, "rate_limited")
    assert 0 < problem["retry_after_ms"] <= 2_000
    assert response.headers["Retry-After"] in {"1", "2"}
    assert reached(own_system, "connections_per_second") == 1
    await connect(own_system, "bob")


async def test_every_end_of_a_socket_is_counted_by_its_code(
    own_system: System, connect: Connect
) -> None:
    """Also those that the edge did not say, and with them the limits that end a socket."""
    own_system.start(
        "messaging", max_packet_bytes=2_000, ping_interval_seconds=0.2, pong_timeout_seconds=1
    )
    large = await connect(own_system, "alice")
    with suppress(ConnectionClosed):
        await large.send_raw("x" * 3_000)
    assert await large.closed() == 4413
    content = await connect(own_system, "bob")
    await content.close()
    inventive = await connect(own_system, "bob")
    await inventive.connection.close(4999)
    silent = await connect(own_system, "carol")
    assert await silent.closed() == 4102
    for code in ("4413", "1000", "other", "4102"):
        assert metric(own_system, "closes_total", code=code) == 1, code
    assert reached(own_system, "max_packet_bytes") == 1
    assert reached(own_system, "pong_timeout_seconds") == 1
    assert metric(own_system, "limit_value", limit="max_packet_bytes") == 2_000
    assert metric(own_system, "sessions") == 0


async def test_what_waits_for_a_service_is_bounded(own_system: System, connect: Connect) -> None:
    """Beyond it RESOURCE_EXHAUSTED, at once; what waited is stored when the service goes on."""
    own_system.start(
        "messaging", waiting_items=2, call_timeout_seconds=10, watch_timeout_seconds=10
    )
    client = await connect(own_system, "alice")
    conversation = (await client.write("bob", "0"))["conversation"]
    call = "StreamCreateMessages"
    freeze(own_system.services["messaging"].process.pid)
    try:
        await client.send(Op.CREATE_MSG, {"conversation": conversation, "text": "x"}, id=1)
        while metric(own_system, "batch_items_count", call=call) != 2:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        for number in range(2, 6):
            await client.send(Op.CREATE_MSG, {"conversation": conversation, "text": "x"}, id=number)
        for number in (4, 5):
            error = (await client.take_reply(number))["d"]
            assert (error["code"], error["retryable"]) == ("RESOURCE_EXHAUSTED", True)
        assert reached(own_system, "waiting_items") == 2
        assert metric(own_system, "waiting_items", call=call) == 2
    finally:
        own_system.services["messaging"].process.send_signal(signal.SIGCONT)
    assert [(await client.take_reply(number))["d"]["seq"] for number in (1, 2, 3)] == [2, 3, 4]
    outcomes = {
        outcome: metric(own_system, "packets_total", opcode="CREATE MSG", outcome=outcome)
        for outcome in ("ok", "RESOURCE_EXHAUSTED")
    }
    assert outcomes == {"ok": 4, "RESOURCE_EXHAUSTED": 2}

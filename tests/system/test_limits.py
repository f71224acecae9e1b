"""Limits reached through real sockets and processes: the named error or code, and the metric."""

import asyncio
from contextlib import suppress

from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed

from tests.support.client import ALERT_NEW_MSG, CREATE_MSG, ERROR, STATUS_MSG, Client
from tests.support.system import System
from tests.system.conftest import Connect


def reached(system: System, limit: str) -> float:
    """How often a limit of the edge was reached."""
    metrics = system.get("/metrics")[2].decode()
    return next(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "parley_edge_limit_reached_total" and sample.labels == {"limit": limit}
    )


async def test_a_flood_is_refused_and_closed_and_the_others_do_not_notice(
    own_system: System, connect: Connect
) -> None:
    """A burst passes, then RATE_LIMITED, then 4400; what was answered as stored is there."""
    own_system.start_messaging()
    own_system.start_edge(packets_burst=500, packets_per_second=100)
    flooder: Client = await connect(own_system, "alice")
    writer: Client = await connect(own_system, "bob")
    reader: Client = await connect(own_system, "carol")
    conversation = (await flooder.write("dave", "0"))["conversation"]

    async def flood() -> None:
        with suppress(ConnectionClosed):
            for number in range(20_000):
                await flooder.send(
                    CREATE_MSG, {"conversation": conversation, "text": "x"}, id=f"f{number}"
                )

    flooding = asyncio.create_task(flood())
    for number in range(20):
        await writer.write("carol", str(number))
        await reader.expect(ALERT_NEW_MSG)
    assert await flooder.closed() == 4400
    await flooding
    errors = [packet["d"] for packet in flooder.packets if packet["op"] == ERROR]
    assert {error["code"] for error in errors} == {"RATE_LIMITED"}
    assert all(error["retryable"] and error["retry_after_ms"] > 0 for error in errors)
    assert len(errors) >= 500
    stored = [packet["d"] for packet in flooder.packets if packet["op"] == STATUS_MSG]
    assert [status["seq"] for status in stored] == list(range(2, len(stored) + 2))
    assert reached(own_system, "packets_per_second") == len(errors)
    assert reached(own_system, "rate_limited_packets") == 1


async def test_whoever_waits_as_told_sends_all_it_has(own_system: System, connect: Connect) -> None:
    """Each refused packet is sent again at its own time, and is then stored, in the end all."""
    own_system.start_messaging()
    own_system.start_edge(packets_burst=50, packets_per_second=100)
    client: Client = await connect(own_system, "alice")

    async def send(number: int) -> None:
        for _ in range(10):
            message = {"to": "bob", "text": str(number), "idempotency_key": str(number)}
            reply = await client.ask(CREATE_MSG, message)
            if reply["op"] == STATUS_MSG:
                return
            assert reply["d"]["code"] == "RATE_LIMITED"
            await asyncio.sleep(reply["d"]["retry_after_ms"] / 1000)
        raise AssertionError(f"message {number} was always refused")

    await asyncio.gather(*(send(number) for number in range(150)))
    assert reached(own_system, "packets_per_second") >= 90
    assert reached(own_system, "rate_limited_packets") == 0

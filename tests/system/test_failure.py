"""Parts that stop, die and come back: latency grows, nothing is lost."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.freezing import freeze
from tests.support.metrics import read_metric
from tests.support.postgresql import Postgresql
from tests.support.system import System
from tests.system.conftest import Connect


async def meet(system: System, connect: Connect) -> tuple[Client, Client, str]:
    """Alice, Bob, who was told of her first message, and their conversation."""
    alice, bob = await connect(system, "alice"), await connect(system, "bob")
    conversation: str = (await alice.write("bob", "before"))["conversation"]
    await bob.expect(Op.ALERT_NEW_MSG)
    return alice, bob, conversation


async def test_a_dead_messaging_service_costs_its_own_features_only(
    own_system: System, connect: Connect
) -> None:
    """UNAVAILABLE with `retryable` meanwhile; after its return the same sockets go on, and what
    was stored through another edge in between is alerted.
    """
    edge = own_system.start("messaging", watch_timeout_seconds=2)
    alice, bob, conversation = await meet(own_system, connect)

    own_system.services["messaging"].stop(signal.SIGKILL)
    for op, d in [
        (Op.CREATE_MSG, {"conversation": conversation, "text": "x"}),
        (Op.ASK_CONVERSATIONS, {}),
    ]:
        error = (await alice.ask(op, d))["d"]
        assert error["code"] in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
        assert error["retryable"] is True
    await asyncio.to_thread(own_system.wait_ready, edge, 503)
    late = await connect(own_system, "carol")
    assert late.hello["d"]["cur"] == ""

    own_system.start_services("messaging")
    await asyncio.to_thread(own_system.wait_ready, edge)
    # Who came while nobody could say from where on is told to ask for everything.
    assert (await late.expect(Op.RESUMED))["d"]["complete"] is False
    assert (await alice.ask(Op.ASK_CONVERSATIONS))["op"] == Op.RETURN_CONVERSATIONS
    await alice.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "after"})
    assert (await bob.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] == "after"
    await alice.write("carol", "hello")
    await late.expect(Op.ALERT_NEW_MSG)


async def test_a_stopped_service_is_answered_for_within_the_budget(
    own_system: System, connect: Connect
) -> None:
    """SIGSTOP: an error with `retryable` in about 2 s; afterwards everything is caught up."""
    edge = own_system.start("messaging", watch_timeout_seconds=2)
    alice, bob, conversation = await meet(own_system, connect)
    freeze(own_system.services["messaging"].process.pid)
    loop = asyncio.get_running_loop()
    start = loop.time()
    reply = await alice.ask(
        Op.CREATE_MSG, {"conversation": conversation, "text": "kept", "idempotency_key": "k"}
    )
    assert loop.time() - start < 4
    assert (reply["op"], reply["d"]["retryable"]) == (Op.ERROR, True)
    await asyncio.to_thread(own_system.wait_ready, edge, 503)
    own_system.services["messaging"].process.send_signal(signal.SIGCONT)
    await asyncio.to_thread(own_system.wait_ready, edge)
    # Whether or not the first try arrived, the key makes it one message.
    stored = await alice.ask(
        Op.CREATE_MSG, {"conversation": conversation, "text": "kept", "idempotency_key": "k"}
    )
    assert stored["d"]["seq"] == 2
    assert (await bob.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] == "kept"


async def test_a_restart_of_postgresql_costs_only_its_time(
    postgresql: Postgresql, tmp_path: Path, connect: Connect
) -> None:
    """Neither the service nor the edge is restarted, nor any socket closed: UNAVAILABLE with
    `retryable` meanwhile, and afterwards messages and alerts as before.
    """
    with (
        postgresql.database() as name,
        System(tmp_path, database_url=postgresql.url(name)) as system,
        ExitStack() as stack,
    ):
        stack.callback(postgresql.start)
        system.start("messaging")
        alice, bob, conversation = await meet(system, connect)
        await asyncio.to_thread(postgresql.stop)
        for op, d in [
            (Op.CREATE_MSG, {"conversation": conversation, "text": "x"}),
            (Op.ASK_CONVERSATIONS, {}),
        ]:
            error = (await alice.ask(op, d))["d"]
            assert (error["code"], error["retryable"]) == ("UNAVAILABLE", True)
        await asyncio.to_thread(postgresql.start)
        stored = await alice.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "after"})
        assert stored["d"]["seq"] == 2
        assert (await bob.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] == "after"
        assert (await alice.ask(Op.ASK_CONVERSATIONS))["op"] == Op.RETURN_CONVERSATIONS


async def test_two_edges_and_a_message_during_an_interruption(
    own_system: System, connect: Connect
) -> None:
    """An edge whose stream was interrupted reads what its people missed before it goes on."""
    edge = own_system.start("messaging", watch_timeout_seconds=2)
    bob = await connect(own_system, "bob")
    freeze(edge.process.pid)
    first_port = own_system.edge_port
    own_system.start_edge()
    alice = await connect(own_system, "alice")
    own_system.services["messaging"].stop(signal.SIGKILL)
    own_system.start_services("messaging")
    await asyncio.to_thread(own_system.wait_ready, own_system.parts[-2])
    first = {"to": "bob", "text": "0", "idempotency_key": "first"}
    stored = await alice.ask_until_there(Op.CREATE_MSG, first)
    conversation = stored["d"]["conversation"]
    for number in range(1, 50):
        await alice.ask(Op.CREATE_MSG, {"conversation": conversation, "text": str(number)})
    edge.process.send_signal(signal.SIGCONT)
    texts = [(await bob.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] for _ in range(50)]
    assert texts == [str(number) for number in range(50)]
    assert first_port != own_system.edge_port


async def test_sigterm_drains_the_edge(own_system: System, connect: Connect) -> None:
    """RECONNECT with a delay, what is under way is answered, 4100, status 0; and the messaging
    service ends with 0 as well.
    """
    edge = own_system.start("messaging")
    alice = await connect(own_system, "alice")
    await alice.write("bob", "first")
    await alice.send(Op.CREATE_MSG, {"to": "bob", "text": "last"}, id="last")
    edge.process.send_signal(signal.SIGTERM)
    reconnect = await alice.expect(Op.RECONNECT)
    assert 0 <= reconnect["d"]["delay_ms"] <= 3_000
    assert reconnect["d"]["reason"] == "draining"
    assert await alice.closed() == 4100
    assert await asyncio.to_thread(edge.process.wait, 10) == 0
    assert await asyncio.to_thread(own_system.services["messaging"].stop) == 0


async def test_a_service_that_stops_under_load_loses_nothing(
    own_system: System, connect: Connect
) -> None:
    """Every message answered as stored is there, once, and was alerted; the sockets go on."""
    edge = own_system.start("messaging", watch_timeout_seconds=2)
    alice = await connect(own_system, "alice")
    bob = await connect(own_system, "bob")
    conversation = (await alice.write("bob", "0"))["conversation"]
    stored: dict[str, int] = {}
    going = True

    async def write(lane: int) -> None:
        number = 0
        while going:
            number += 1
            text = f"{lane}.{number}"
            message = {"conversation": conversation, "text": text, "idempotency_key": text}
            reply = await alice.ask(Op.CREATE_MSG, message)
            if reply["op"] == Op.ERROR:
                assert reply["d"]["retryable"]
                await asyncio.sleep(0.05)
            else:
                stored[text] = reply["d"]["seq"]

    lanes = [asyncio.create_task(write(lane)) for lane in range(20)]
    await bob.take(lambda packet: packet["op"] == Op.ALERT_NEW_MSG, seconds=10)
    while len(stored) < 200:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    assert await asyncio.to_thread(own_system.services["messaging"].stop) == 0
    await asyncio.to_thread(own_system.wait_ready, edge, 503)
    own_system.start_services("messaging")
    await asyncio.to_thread(own_system.wait_ready, edge)
    before = len(stored)
    while len(stored) < before + 100:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    going = False
    await asyncio.gather(*lanes)
    assert len(set(stored.values())) == len(stored)
    await alice.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "the end"})
    await bob.take(
        lambda packet: (
            packet["op"] == Op.ALERT_NEW_MSG and packet["d"]["message"]["text"] == "the end"
        )
    )
    alerted = {
        packet["d"]["message"]["text"]: packet["d"]["message"]["seq"]
        for packet in bob.packets
        if packet["op"] == Op.ALERT_NEW_MSG
    }
    assert stored.items() <= alerted.items()
    assert "SHUTTING_DOWN" in own_system.logs() or "shutting down" in own_system.logs()


async def test_a_drain_answers_what_was_asked_before_it(
    own_system: System, connect: Connect
) -> None:
    """A slow page and a slow write are answered before 4100; handshakes are refused meanwhile."""
    edge = own_system.start("messaging", drain_seconds=10, call_timeout_seconds=8)
    alice = await connect(own_system, "alice")
    conversation = (await alice.write("bob", "before"))["conversation"]
    freeze(own_system.services["messaging"].process.pid)
    try:
        await alice.send(Op.CREATE_MSG, {"conversation": conversation, "text": "last"}, id="write")
        await alice.send(Op.ASK_CONVERSATIONS, {}, id="page")
        metrics = f"http://127.0.0.1:{own_system.edge_port}/metrics"
        while read_metric(metrics, "parley_edge_requests") != 1:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        edge.process.send_signal(signal.SIGTERM)
        await alice.expect(Op.RECONNECT)
        assert own_system.get("/readyz")[0] == 503
        with pytest.raises(InvalidStatus) as refused:
            await connect(own_system, "bob")
        assert refused.value.response.status_code == 503
    finally:
        own_system.services["messaging"].process.send_signal(signal.SIGCONT)
    assert (await alice.take_reply("write"))["d"]["seq"] == 2
    assert (await alice.take_reply("page"))["op"] == Op.RETURN_CONVERSATIONS
    assert await alice.closed() == 4100
    assert await asyncio.to_thread(edge.process.wait, 10) == 0


async def test_a_drain_does_not_wait_for_who_reads_nothing(
    own_system: System, connect: Connect
) -> None:
    """The edge is gone soon after the time of the drain, and the others got their close."""
    edge = own_system.start("messaging", drain_seconds=2, outbox_bytes=64_000_000)
    alice, stuck, conversation = await meet(own_system, connect)
    stuck.connection.transport.pause_reading()
    for number in range(3_000):
        await alice.send(
            Op.CREATE_MSG, {"conversation": conversation, "text": "x" * 3_900}, id=f"w{number}"
        )
    await alice.take(lambda packet: packet.get("re") == "w2999", seconds=60)
    await stuck.connection.send('{"op": 5, "id": 1}')
    loop = asyncio.get_running_loop()
    began = loop.time()
    edge.process.send_signal(signal.SIGTERM)
    assert await alice.closed() == 4100
    assert await asyncio.to_thread(edge.process.wait, 15) == 0
    assert loop.time() - began < 8

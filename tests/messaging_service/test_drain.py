"""The end of the service: calls under way are answered and events told, in time."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.__main__ import SERVICE
from messaging_service.settings import MessagingSettings
from service_kit.service import running
from tests.support.metrics import read_sample
from tests.support.serving import METADATA, locked
from tests.support.system import free_port
from tests.support.waiting import PATIENCE, eventually


@pytest.fixture
def settings(settings: MessagingSettings) -> MessagingSettings:
    """With time to end, and for a lock."""
    changes = {"grace_seconds": 20.0, "database_lock_timeout_seconds": 30.0}
    return settings.model_copy(update={**changes, "metrics_port": free_port()})


async def until_under_way(settings: MessagingSettings, calls: int) -> None:
    await eventually(
        lambda: read_sample(settings.metrics_port, "calls_under_way"), lambda found: found == calls
    )


async def until_refused(client: Any) -> None:
    async def go_on() -> None:
        while True:
            call = client.stub.GetMessages(pb.GetMessagesRequest(), metadata=METADATA, timeout=2)
            await call

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await go_on()
    # The others: gRPC had taken the call, and gives it to nobody any more.
    assert caught.value.code() in {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }


async def test_a_call_under_way_is_answered_and_its_event_told(
    settings: MessagingSettings, connect: Any, refused: Callable[..., Any]
) -> None:
    """NOT_SERVING, no new calls, the answer, the event, and then the stream ends by name."""
    service = running(SERVICE, settings)
    port = await service.__aenter__()
    async with connect(port) as client:
        stream = await client.watch(["b"])
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        states = health.Watch(health_pb2.HealthCheckRequest(), metadata=METADATA)
        assert (await states.read()).status == health_pb2.HealthCheckResponse.SERVING
        with locked(settings.database_url):
            saying = asyncio.ensure_future(client.say("a", "the last", to="b"))
            await until_under_way(settings, 1)
            stopping = asyncio.ensure_future(service.__aexit__(None, None, None))
            assert (await states.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            states.cancel()
            async with connect(port) as late:
                await until_refused(late)
            assert not saying.done()
            assert not stopping.done()
        assert (await saying).seq == 1
        ((_, event),) = await stream.events(1)
        assert event.message_created.message.text == "the last"
        await refused(stream.events(1), grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        async with asyncio.timeout(PATIENCE):
            await stopping


async def test_a_stream_of_batches_ends_when_its_request_is_answered(
    settings: MessagingSettings, connect: Any, refused: Callable[..., Any]
) -> None:
    """It would wait for the next request for ever; the drain does not wait for it."""
    service = running(SERVICE, settings.model_copy(update={"grace_seconds": 60.0}))
    port = await service.__aenter__()
    async with connect(port) as client:
        exchange = client.stub.StreamCreateMessages(metadata=METADATA)
        batch = pb.BatchCreateMessagesRequest(
            requests=[pb.CreateMessageRequest(actor="a", to="b", text="the last")]
        )
        with locked(settings.database_url):
            await exchange.write(pb.StreamCreateMessagesRequest(batch=batch))
            await until_under_way(settings, 1)
            stopping = asyncio.ensure_future(service.__aexit__(None, None, None))
            async with connect(port) as late:
                await until_refused(late)
        assert (await exchange.read()).batch.results[0].stored.seq == 1
        await refused(exchange.read(), grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        async with asyncio.timeout(PATIENCE):
            await stopping


async def test_what_is_queued_for_a_stream_is_handed_out_before_it_ends(
    settings: MessagingSettings, connect: Any, refused: Callable[..., Any]
) -> None:
    """More than fits into the sockets waits for a watcher that begins to read late."""
    # The grace bounds the handing out; how long that takes is the machine's affair.
    patient = settings.model_copy(update={"grace_seconds": 60.0})
    service = running(SERVICE, patient)
    port = await service.__aenter__()
    async with connect(port) as client, connect(port) as writer:
        stream = await client.watch(["b"])
        count = 4_000
        for _ in range(count // 500):
            requests = [pb.CreateMessageRequest(actor="a", to="b", text="x" * 4_000)] * 500
            await writer.call("BatchCreateMessages", requests=requests)
        stopping = asyncio.ensure_future(service.__aexit__(None, None, None))
        await until_refused(writer)
        told = [event.message_created.message.seq for _, event in await stream.events(count)]
        assert told == list(range(1, count + 1))
        await refused(stream.events(1), grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        async with asyncio.timeout(PATIENCE):
            await stopping


async def test_the_end_comes_in_time_whatever_hangs(
    settings: MessagingSettings, connect: Any
) -> None:
    """A call that gets no answer, and a watcher that reads nothing, have the grace and no more."""
    hasty = settings.model_copy(update={"grace_seconds": 0.5, "database_lock_timeout_seconds": 1.0})
    service = running(SERVICE, hasty)
    port = await service.__aenter__()
    async with connect(port) as client:
        watching = client.stub.Watch(pb.WatchRequest(watcher_name="mute"), metadata=METADATA)
        first = await watching.read()
        await client.call("UpdateWatch", watcher_id=first.watcher_id, add_users=["b"])
        for _ in range(4):
            requests = [pb.CreateMessageRequest(actor="a", to="b", text="x" * 4_000)] * 500
            await client.call("BatchCreateMessages", requests=requests)
        with locked(settings.database_url):
            saying = asyncio.ensure_future(client.say("a", to="b"))
            await until_under_way(hasty, 1)
            async with asyncio.timeout(PATIENCE):
                await service.__aexit__(None, None, None)
            with pytest.raises(grpc.aio.AioRpcError):
                await saying
        watching.cancel()

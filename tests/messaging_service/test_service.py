"""The service as a whole: credentials, health, reflection, defects and its settings."""

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.__main__ import SERVICE
from messaging_service.settings import MessagingSettings
from service_kit.authentication.callers import Caller
from service_kit.service import running
from tests.support.callers import metadata_of
from tests.support.serving import METADATA, SECRET, locked
from tests.support.waiting import PATIENCE

OPERATOR = metadata_of(Caller.OPERATOR)
METHODS = pb.DESCRIPTOR.services_by_name["MessagingService"].methods


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", "Bearer wrong"),),
        (("authorization", SECRET),),
        (("authorization", f"Bearer {SECRET} "),),
        (*METADATA, ("authorization", "Bearer x")),
        (("authorization", "Bearer x"), *METADATA),
        (*METADATA, *METADATA),
    ],
)
async def test_every_method_wants_the_credential(client: Any, refused: Any, metadata: Any) -> None:
    for method in (one.name for one in METHODS):
        # A refusal waits for no request, and one that is written then might meet a closed stream.
        streams = method.startswith("Stream")
        given = () if streams else (getattr(pb, f"{method}Request")(),)
        call = getattr(client.stub, method)(*given, metadata=metadata, timeout=PATIENCE)
        awaitable = call.read() if streams or method == "Watch" else call
        await refused(awaitable, grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_reflection_wants_it_too_and_health_does_not(serve: Any, refused: Any) -> None:
    """A probe has no credential, and learns whether the service serves; all else is for callers."""
    async with serve(reflection=True) as client:
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        question = health_pb2.HealthCheckRequest(service="parley.messaging.v1.MessagingService")
        unauthenticated = (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
        answer = await health.Check(question, timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await refused(health.Watch(question, timeout=PATIENCE).read(), *unauthenticated)
        watched = health.Watch(question, metadata=METADATA, timeout=PATIENCE)
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.SERVING
        watched.cancel()
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        call = reflection.ServerReflectionInfo(timeout=PATIENCE)
        await refused(call.read(), *unauthenticated)
        call = reflection.ServerReflectionInfo(metadata=METADATA, timeout=PATIENCE)
        await refused(call.read(), grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_PERMITTED")
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        call = reflection.ServerReflectionInfo(iter([asked]), metadata=OPERATOR, timeout=PATIENCE)
        listed = (await call.read()).list_services_response.service
        assert question.service in {one.name for one in listed}


async def test_reflection_is_off_unless_set(client: Any) -> None:
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection.ServerReflectionInfo(iter([asked]), metadata=OPERATOR, timeout=PATIENCE)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_stream_ends_with_the_service(settings: MessagingSettings, connect: Any) -> None:
    """When the service stops, an open stream ends as UNAVAILABLE instead of hanging."""
    service = running(SERVICE, settings)
    port = await service.__aenter__()
    async with connect(port) as client:
        stream = await client.watch(["a"])
        await service.__aexit__(None, None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.events(1)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_defect_is_an_incident_and_no_trace(
    client: Any, refused: Any, monkeypatch: Any, capsys: Any
) -> None:
    """An unforeseen exception is INTERNAL with an id that is in the log; the words are not told."""

    def broken(*_arguments: object) -> None:
        raise RuntimeError("the secret plan")

    monkeypatch.setattr("messaging_service.domain.messages.add_message", broken)
    found = await refused(client.say("a", to="b"), grpc.StatusCode.INTERNAL, "INTERNAL")
    assert found["ErrorInfo"].metadata["incident"] in capsys.readouterr().out
    assert "secret" not in str(found)


async def test_a_locked_database_stores_nothing_and_says_so(
    client: Any, refused: Any, settings: MessagingSettings
) -> None:
    """While another process holds the write lock: UNAVAILABLE with a RetryInfo; then it goes on."""
    await client.say("a", to="b")
    with locked(settings.database_url):
        code = grpc.StatusCode.UNAVAILABLE
        found = await refused(client.say("a", to="b"), code, "STORAGE_UNAVAILABLE")
        assert found["RetryInfo"].retry_delay.ToSeconds() == 1
    assert (await client.say("a", to="b")).seq == 2

"""Calls of another service: their credential and deadline, and the reason of a refusal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from service_kit.authentication.callers import Caller
from service_kit.rpc.client import Client, dial, reason_of
from tests.support.callers import as_caller
from tests.support.system import free_port
from tests.support.tally.running import RunningTally
from tests.support.tally.service import messages, methods
from tests.support.waiting import PATIENCE


@pytest.fixture
def kind() -> str:
    """The database plays no part in this."""
    return "sqlite"


@pytest.fixture
def timed_out() -> list[int]:
    return []


Dialled = Callable[..., Any]


@pytest.fixture
def dialled(timed_out: list[int]) -> Dialled:
    def start(target: str, caller: Caller | str = Caller.EDGE, timeout_seconds: float = 5) -> Any:
        stub = methods.TallyServiceStub
        return dial(target, stub, as_caller(caller), timeout_seconds, lambda: timed_out.append(1))

    return start


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """The address of somebody who takes connections and says nothing."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def failed(client: Client, request: Any, **options: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.call("Add", request, **options)
    return caught.value


async def test_a_call_is_answered(dialled: Dialled, tally: RunningTally) -> None:
    """With the credential, which the service wants."""
    async with dialled(tally.target) as client:
        answer = await client.call("Add", messages.AddRequest(name="ann", amount=3))
    assert answer.tally.sum == 3
    async with dialled(tally.target, "nobody") as client:
        error = await failed(client, messages.AddRequest(name="ann", amount=3))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_refusal_gives_its_reason_to_who_knows_the_domain(
    dialled: Dialled, tally: RunningTally
) -> None:
    """And none of another domain: whoever it comes from does not mean what we know."""
    async with dialled(tally.target) as client:
        await client.call("Add", messages.AddRequest(name="ann", amount=3))
        error = await failed(client, messages.AddRequest(name="ann", amount=3, base=7))
    assert reason_of(error, "tally.parley") == "STALE_SUM"
    assert reason_of(error, "another.parley") == ""


async def test_a_failure_without_a_reason_has_none(dialled: Dialled) -> None:
    """As when nobody listens."""
    async with dialled(f"127.0.0.1:{free_port()}") as client:
        error = await failed(client, messages.AddRequest(name="ann", amount=1))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert reason_of(error, "tally.parley") == ""


@pytest.mark.parametrize("trailing", [b"\xff\xff", b"", "text"])
def test_a_broken_status_has_no_reason(trailing: bytes | str) -> None:
    """A proxy in between may write anything."""
    metadata = grpc.aio.Metadata(("grpc-status-details-bin", trailing))
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNKNOWN, grpc.aio.Metadata(), metadata)
    assert reason_of(error, "tally.parley") == ""


async def test_silence_ends_with_the_deadline_and_is_told(
    dialled: Dialled, silent: str, timed_out: list[int]
) -> None:
    """Ours, or what is left to the caller if that is less."""
    request = messages.AddRequest(name="ann", amount=1)
    async with dialled(silent, timeout_seconds=0.05) as client:
        assert (await failed(client, request)).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(timed_out) == 1
    async with asyncio.timeout(PATIENCE), dialled(silent, timeout_seconds=3_600) as client:
        for left in (0.05, 0.0, -1.0):
            # Or the connection is given up before that.
            assert (await failed(client, request, seconds_left=left)).code() in {
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.UNAVAILABLE,
            }

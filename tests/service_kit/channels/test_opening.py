"""Channels over several replicas: spread, kept, moved, and failing at once when none is there."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import islice

import grpc
import pytest

from service_kit.authentication.callers import Caller
from service_kit.channels.opening import open_channel
from service_kit.process.targets import check_target
from tests.support.callers import as_caller
from tests.support.system import free_port
from tests.support.tally.running import RunningTally, run_tally
from tests.support.tally.service import TallySettings, messages, methods
from tests.support.waiting import PATIENCE


@pytest.fixture
def kind() -> str:
    """The database plays no part in this."""
    return "sqlite"


METADATA = as_caller(Caller.EDGE)()


@pytest.fixture
async def replicas(new_settings: Callable[[], TallySettings]) -> AsyncIterator[list[RunningTally]]:
    """Two services that know nothing of one another, so that each says who it is by its sums."""
    async with AsyncExitStack() as stack:
        started = [await stack.enter_async_context(run_tally(new_settings())) for _ in range(2)]
        for number, one in enumerate(started):
            await one.add("who", 1 + 100_000 * number)
        yield started


def target_of(*ports: int) -> str:
    return check_target("ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports))


async def who(channel: grpc.aio.Channel) -> int:
    """Which replica answers."""
    stub = methods.TallyServiceStub(channel)
    request = messages.AddRequest(name="who", amount=1)
    answer = await stub.Add(request, metadata=METADATA, timeout=PATIENCE)
    return int(answer.tally.sum) // 100_000


async def test_calls_are_spread(replicas: list[RunningTally]) -> None:
    """Each replica gets its share of the calls of one channel."""
    async with open_channel(target_of(*(one.port for one in replicas))) as channel:
        await channel.channel_ready()
        async with asyncio.timeout(PATIENCE):
            while {await who(channel) for _ in range(10)} != {0, 1}:
                """The second connection may take a moment longer."""
        found = [await who(channel) for _ in range(20)]
    assert found.count(0) == found.count(1) == 10


async def test_a_kept_channel_goes_to_one(replicas: list[RunningTally]) -> None:
    """All calls of one channel reach the same, but not all channels do."""
    seen = set()
    for _ in islice(iter(int, 1), 40):
        async with open_channel(target_of(*(one.port for one in replicas)), keeps=True) as channel:
            found = {await who(channel) for _ in range(4)}
        assert len(found) == 1
        seen |= found
    assert seen == {0, 1}


async def test_calls_fail_at_once_while_nobody_is_there() -> None:
    """None waits for its deadline."""
    async with open_channel(target_of(free_port(), free_port())) as channel:
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await who(channel)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert time.monotonic() - began < 2


async def test_calls_fail_at_once_while_everybody_is_frozen() -> None:
    """Somebody who takes connections and says nothing is not waited for, once that is known."""
    silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent, open_channel(target_of(port)) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await who(channel)
        began = time.monotonic()
        for _ in range(10):
            with pytest.raises(grpc.aio.AioRpcError):
                await who(channel)
        assert time.monotonic() - began < 2


async def test_streams_and_calls_go_elsewhere_when_they_are_old(
    new_settings: Callable[[], TallySettings],
) -> None:
    """The stream says that it is old after its connection was told to go; no call fails."""
    settings = new_settings().model_copy(
        update={"max_connection_age_seconds": 1.0, "watch_progress_seconds": 0.05}
    )
    async with run_tally(settings) as tally, open_channel(tally.target) as channel:
        stub = methods.TallyServiceStub(channel)
        watch = stub.Watch(messages.WatchRequest(watcher_name="test"), metadata=METADATA)
        calls = 0

        async def read() -> str | None:
            try:
                while await watch.read() is not grpc.aio.EOF:
                    pass
            except grpc.aio.AioRpcError as error:
                return error.details()
            return None

        reading = asyncio.create_task(read())
        async with asyncio.timeout(PATIENCE):
            while not reading.done():
                await who(channel)
                calls += 1
        assert "watch again" in (reading.result() or "")
        assert calls > 10
        await who(channel)

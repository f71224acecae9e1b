"""A stream that stays open, on which each request is answered before the next."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from edge.backends.exchange import Exchange
from service_kit.authentication.credentials import Metadata, present
from tests.support.waiting import PATIENCE

Answer = Callable[[bytes], Any]

# An empty SETTINGS frame, the first that a server sends (RFC 9113, section 3.4).
_HTTP2_SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


class Echo:
    """A server whose answers the test changes; it counts its streams."""

    def __init__(self) -> None:
        self.streams = 0
        self.asked: asyncio.Queue[bytes] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.end_with: grpc.StatusCode | None = None

    async def serve(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[bytes]:
        self.streams += 1
        async for request in requests:
            self.asked.put_nowait(request)
            await self.go_on.wait()
            if self.end_with is not None:
                await context.abort(self.end_with, "the test ends it")
            yield request.upper()


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def exchange(echo: Echo) -> AsyncIterator[Exchange]:
    server = grpc.aio.server()
    handlers: dict[str, Any] = {"Ask": grpc.stream_stream_rpc_method_handler(echo.serve)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        made = Exchange(channel.stream_stream("/test.Echo/Ask"), tuple)
        yield made
        made.close()
    await server.stop(None)


async def test_one_stream_serves_all_requests(echo: Echo, exchange: Exchange) -> None:
    """Each has the response to itself."""
    for text in (b"a", b"b", b"c"):
        assert await exchange.ask(text, 5) == text.upper()
    assert echo.streams == 1


async def test_a_response_that_comes_late_is_not_taken_for_the_next(
    echo: Echo, exchange: Exchange
) -> None:
    """The stream is given up with the request that it did not answer in time."""
    echo.go_on.clear()
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await exchange.ask(b"late", 0.05)
    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    echo.go_on.set()
    assert await exchange.ask(b"next", 5) == b"NEXT"
    assert echo.streams == 2


async def test_a_stream_that_breaks_fails_one_request(echo: Echo, exchange: Exchange) -> None:
    """With the server's own status; the next opens another stream."""
    assert await exchange.ask(b"a", 5) == b"A"
    echo.end_with = grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await exchange.ask(b"b", 5)
    assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failed.value.details() == "the test ends it"
    echo.end_with = None
    assert await exchange.ask(b"c", 5) == b"C"
    assert echo.streams == 2


async def test_a_stream_that_breaks_while_a_request_is_written_is_unavailable() -> None:
    """Nothing is wrong with the request, and it was not carried out: it may be sent again."""
    connected: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    written = asyncio.Event()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A server that greets, and then takes in no more than the beginning of a large request.
        writer.write(_HTTP2_SETTINGS)
        connected.put_nowait(writer)
        while received := await reader.read(64 * 1024):
            if len(received) > 1024:
                written.set()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        exchange = Exchange(channel.stream_stream("/test.Echo/Ask"), tuple)
        asking = asyncio.ensure_future(exchange.ask(b"x" * 10_000_000, 60))
        async with asyncio.timeout(PATIENCE):
            await written.wait()
            (await connected.get()).transport.abort()
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await asking
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_cancelled_request_leaves_no_answer_behind(echo: Echo, exchange: Exchange) -> None:
    """Whoever asks next gets the answer to what was asked next."""
    echo.go_on.clear()
    asking = asyncio.ensure_future(exchange.ask(b"given up", 60))
    await echo.asked.get()
    asking.cancel()
    await asyncio.wait({asking})
    echo.go_on.set()
    assert await exchange.ask(b"next", 5) == b"NEXT"


async def test_where_nobody_listens_a_request_is_unavailable() -> None:
    """At once, and not when its time is over."""
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        exchange = Exchange(channel.stream_stream("/test.Echo/Ask"), tuple)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await exchange.ask(b"a", 60)
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_new_credential_opens_another_stream(echo: Echo, exchange: Exchange) -> None:
    """The old one would end with the old credential, and with it the request that is under way."""
    shown: list[Metadata] = [present("o" * 32)]
    exchange._present = lambda: shown[0]
    for _ in range(2):
        assert await exchange.ask(b"a", 5) == b"A"
    assert echo.streams == 1
    shown[0] = present("n" * 32)
    for _ in range(2):
        assert await exchange.ask(b"a", 5) == b"A"
    assert echo.streams == 2

"""A proxy between two services: it forwards calls, or loses them as networks do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

Forward = Callable[[], Awaitable[bytes]]
Interference = Callable[[Forward], Awaitable[bytes]]
"""Gives the answer to a call, for which it may forward it. Raises AioRpcError, or Cut."""


class Cut(Exception):  # noqa: N818, the name says what is the case
    """Cuts the connection."""


async def lose_call(_forward: Forward) -> bytes:
    """Lose the call before it arrives."""
    raise Cut


async def lose_answer(forward: Forward) -> bytes:
    """Forward the call, and lose the answer."""
    await forward()
    raise Cut


class Proxy(grpc.GenericRpcHandler):
    """Forwards calls to `target`; `interfering` says what happens instead, by method."""

    def __init__(self, target: str) -> None:
        self.target = ""
        self.asked: list[str] = []
        self.interfering: dict[str, Interference] = {}
        self._channel: Any = grpc.aio.insecure_channel(
            target, (("grpc.max_metadata_size", 64 * 1024), ("grpc.max_reconnect_backoff_ms", 200),
                     ("grpc.initial_reconnect_backoff_ms", 50),
                     ("grpc.min_reconnect_backoff_ms", 50))
        )  # fmt: skip

    def service(self, details: Any) -> Any:
        """Handle every method: a stream of answers for Watch, one answer for all else."""
        method = details.method
        if method.endswith("/Watch"):
            return grpc.unary_stream_rpc_method_handler(self._stream(method))
        return grpc.unary_unary_rpc_method_handler(self._call(method))

    def _stream(self, method: str) -> Any:
        async def serve(request: bytes, context: Any) -> AsyncIterator[bytes]:
            call = self._channel.unary_stream(method)(request, metadata=_metadata(context))
            try:
                async for answer in call:
                    yield answer
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")
            finally:
                call.cancel()

        return serve

    def _call(self, method: str) -> Any:
        name = method.rpartition("/")[2]

        async def serve(request: bytes, context: Any) -> bytes:
            self.asked.append(name)

            async def forward() -> bytes:
                answer: bytes = await self._channel.unary_unary(method)(
                    request, metadata=_metadata(context), timeout=context.time_remaining()
                )
                return answer

            try:
                interference = self.interfering.get(name)
                return await (forward() if interference is None else interference(forward))
            except Cut:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "cut off")
            except grpc.aio.AioRpcError as error:
                trailing = tuple((key, value) for key, value in error.trailing_metadata() or ())
                context.set_trailing_metadata(trailing)
                await context.abort(error.code(), error.details() or "", trailing)
            raise AssertionError("a call was aborted")

        return serve

    async def close(self) -> None:
        await self._channel.close()


def _metadata(context: Any) -> tuple[tuple[str, str], ...]:
    given = dict(context.invocation_metadata())
    return (("authorization", given["authorization"]),)


@asynccontextmanager
async def proxy(target: str) -> AsyncIterator[Proxy]:
    """Stand before a service while the context lasts."""
    made = Proxy(target)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((made,))
    made.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield made
    finally:
        await server.stop(None)
        await made.close()

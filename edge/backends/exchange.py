"""One stream of requests and answers to a service, in the place of a call for each."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from service_kit.authentication.credentials import Metadata, Present

# A stream keeps to one replica: another is chosen now and then.
_RENEW_SECONDS = 30.0


class Exchange:
    """A stream that stays open, on which each request is answered before the next.

    It costs a fraction of a call for each. When it breaks, the request that is under way fails, and
    the next one opens another; so does a credential that has been replaced.
    """

    def __init__(
        self,
        open_stream: "Callable[..., grpc.aio.StreamStreamCall[Any, Any]]",
        present: Present,
    ) -> None:
        self._open_stream = open_stream
        self._present = present
        self._metadata: Metadata = ()
        self._stream: grpc.aio.StreamStreamCall[Any, Any] | None = None
        self._renew_at = 0.0

    async def ask(self, request: Any, seconds: float) -> Any:
        """Send a request and give its response. Raises grpc.aio.AioRpcError."""
        now, metadata = asyncio.get_running_loop().time(), self._present()
        if self._stream is not None and (
            self._stream.done() or now >= self._renew_at or metadata is not self._metadata
        ):
            self.close()
        if self._stream is None:
            self._stream = self._open_stream(metadata=metadata)
            self._metadata = metadata
            self._renew_at = now + _RENEW_SECONDS
        stream = self._stream
        try:
            async with asyncio.timeout(seconds):
                await _write(stream, request)
                response = await stream.read()
        except TimeoutError:
            # A response that comes late must not be taken for that of the next request.
            self.close()
            raise _rpc_error(grpc.StatusCode.DEADLINE_EXCEEDED, "no response in time") from None
        except asyncio.InvalidStateError:
            # It broke before the request had left.
            response = grpc.aio.EOF
        except BaseException:
            self.close()
            raise
        if response is grpc.aio.EOF:
            self._stream = None
            code = await stream.code()
            if code is grpc.StatusCode.OK:
                code = grpc.StatusCode.UNAVAILABLE
            raise _rpc_error(code, await stream.details(), await stream.trailing_metadata())
        return response

    def close(self) -> None:
        """End the stream; the next request opens another."""
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None


async def _write(stream: "grpc.aio.StreamStreamCall[Any, Any]", request: Any) -> None:
    try:
        await stream.write(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.INTERNAL:
            raise
        # So gRPC calls a connection that was lost just then; the service has no part in it.
        raise _rpc_error(grpc.StatusCode.UNAVAILABLE, "lost while writing") from error


def _rpc_error(
    code: grpc.StatusCode, details: str, trailing: grpc.aio.Metadata | None = None
) -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, metadata, trailing or metadata, details=details)

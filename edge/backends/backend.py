"""A service as the edge dials it: channels, credential, deadlines, batches, and its Watch.

Every service has the same three RPCs to be followed by, each in messages of its own contract.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any, Protocol, TypeVar

import grpc
import structlog

from edge.backends.batcher import Batcher
from edge.metrics import Metrics
from edge.protocol.cursors import Position
from edge.protocol.errors import Error
from edge.settings import Settings
from edge.translation.status import from_call

_logger = structlog.get_logger(__name__)

_CHANGES_PAGE = 500

Response = TypeVar("Response")

_CHANNEL_OPTIONS = [
    # A dead peer is noticed within seconds even while no call is under way.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # What a person missed, or one commit for many, may be far more than the 4 MiB of default. The
    # service bounds both; refusing to read them would only have them sent again.
    ("grpc.max_receive_message_length", 128 * 1024 * 1024),
    # A refusal may carry the whole state that the command was not meant for.
    ("grpc.max_metadata_size", 256 * 1024),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
# Commands may go to any replica. The watch channel's two calls must reach the same one, so it
# keeps to the first that answers, which is also the default.
_ROUND_ROBIN = ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)


# A stream keeps to one replica: another is chosen now and then.
_EXCHANGE_SECONDS = 30.0


class NotLiveError(Exception):
    """The service does not deliver at present."""


class Event(Protocol):
    """What a service tells, in whichever contract."""

    @property
    def recipients(self) -> Sequence[str]: ...


class Backend:
    """One service. Nothing here raises for a failed call but `watch` and `replay`: a failure is an
    Error, ready to be shown.

    `contract` is the module of the service's messages, and `make_stub` the class of its stub.
    """

    knows_presence = False
    """Whether the service is told who is invisible."""

    def __init__(
        self,
        service: str,
        target: str,
        contract: Any,
        make_stub: Callable[[grpc.aio.Channel], Any],
        settings: Settings,
        credential: str,
        metrics: Metrics,
    ) -> None:
        self.service = service
        self._settings = settings
        self._contract = contract
        self._metadata = (("authorization", f"Bearer {credential}"),)
        self._metrics = metrics
        self._channel = grpc.aio.insecure_channel(target, options=[*_CHANNEL_OPTIONS, _ROUND_ROBIN])
        self._watch_channel = grpc.aio.insecure_channel(
            target, options=[*_CHANNEL_OPTIONS, _OWN_CONNECTION]
        )
        self._stub = make_stub(self._channel)
        self._watch_stub = make_stub(self._watch_channel)
        self._exchanges: list[Exchange] = []

    def _batcher(
        self,
        name: str,
        call: Callable[[list[Any], float], Awaitable[Any]],
        result_of: Callable[[Any], Any],
        linger_seconds: float = 0,
        *,
        size_of: Callable[[Any], int] = lambda item: item.ByteSize(),
        results_of: Callable[[Any], Sequence[Any]] = attrgetter("results"),
        budget_seconds: float | None = None,
    ) -> Batcher[Any, Any]:
        """Make a batcher for the RPC of this name; `call` lasts at most the seconds it is given."""
        settings, metrics = self._settings, self._metrics
        instruments = metrics.batch_items.labels(call=name)

        async def call_batch(items: list[Any], seconds: float) -> list[Any] | Error:
            instruments.observe(len(items))
            response = await call(items, seconds)
            if isinstance(response, Error):
                return response
            return [result_of(result) for result in results_of(response)]

        made: Batcher[Any, Any] = Batcher(
            call_batch,
            size_of,
            batch_items=settings.batch_items,
            batch_bytes=settings.batch_bytes,
            waiting_items=settings.waiting_items,
            budget_seconds=budget_seconds or settings.call_timeout_seconds,
            linger_seconds=linger_seconds,
            reached=metrics.limits.reached,
        )
        metrics.waiting_items.labels(call=name).set_function(made.__len__)
        return made

    async def _measured(self, name: str, call: Awaitable[Response]) -> Response | Error:
        """Await a call; a failure of it is an Error."""
        start = time.perf_counter()
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            status = error.code()
            self._metrics.call_failures.labels(call=name, status=status.name).inc()
            if status is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._metrics.limits.reached("call_timeout_seconds")
            if status is grpc.StatusCode.UNAUTHENTICATED:
                # The trace would say nothing; the operator has to mend a file.
                _logger.error(  # noqa: TRY400
                    "a service refuses this edge's credential", service=self.service
                )
            return from_call(error)
        finally:
            self._metrics.call_seconds.labels(call=name).observe(time.perf_counter() - start)

    async def _call(
        self, name: str, request: Any, stub: Any = None, seconds: float | None = None
    ) -> Any:
        """Call the RPC of this name; its response, or an Error."""
        call = getattr(stub or self._stub, name)
        timeout = self._settings.call_timeout_seconds if seconds is None else max(0.0, seconds)
        return await self._measured(name, call(request, timeout=timeout, metadata=self._metadata))

    async def command(self, name: str, request: Any, seconds: float | None = None) -> Any:
        """Call the RPC of this name, for the answer to one packet; its response, or an Error."""
        return await self._call(name, request, seconds=seconds)

    def _exchange(self, name: str) -> "Exchange":
        """Open the RPC of this name, on whose stream each request has one response."""
        call = getattr(self._stub, name)
        exchange = Exchange(lambda: call(metadata=self._metadata))
        self._exchanges.append(exchange)
        return exchange

    async def replay(
        self,
        user: str,
        after: Position,
        until: Position,
        deliver: Callable[[int, Sequence[Any]], Awaitable[None]],
        limit: int | None = None,
        seconds: float | None = None,
    ) -> bool:
        """Read what `user` missed, a revision at a time, in order.

        Returns whether that was all: false when the service cannot tell, or after `limit` events.
        Raises NotLiveError when the service does not answer, to each question within `seconds`.
        """
        page_token = ""
        count = 0
        while True:
            request = self._contract.ListChangesRequest(
                user=user,
                after=self._contract.Position(epoch=after.epoch, revision=after.revision),
                until=self._contract.Position(epoch=until.epoch, revision=until.revision),
                page_size=_CHANGES_PAGE,
                page_token=page_token,
            )
            page = await self._call("ListChanges", request, seconds=seconds)
            if isinstance(page, Error):
                raise NotLiveError(page.message)
            if not page.complete:
                return False
            for change in page.changes:
                count += len(change.events)
                if limit is not None and count > limit:
                    self._metrics.limits.reached("resume_changes")
                    return False
                await deliver(change.revision, change.events)
            page_token = page.next_page_token
            if not page_token:
                return True

    async def update_watch(
        self,
        watcher_id: str,
        add: Sequence[str],
        remove: Sequence[str],
        invisible: Sequence[str] = (),
    ) -> Position | Error:
        """Follow and no longer follow users; the position after which events of the added come.

        `invisible` are some of the added, and empty unless the service knows presence.
        """
        request = self._contract.UpdateWatchRequest(
            watcher_id=watcher_id, add_users=add, remove_users=remove
        )
        if invisible:
            request.invisible_users.extend(invisible)
        answer = await self._call("UpdateWatch", request, self._watch_stub)
        if isinstance(answer, Error):
            return answer
        return Position(answer.position.epoch, answer.position.revision)

    def watch(self, watcher_name: str) -> "grpc.aio.UnaryStreamCall[Any, Any]":
        """Open the stream. It ends with grpc.aio.AioRpcError, and is cancelled by the caller."""
        request = self._contract.WatchRequest(watcher_name=watcher_name)
        stream: grpc.aio.UnaryStreamCall[Any, Any] = self._watch_stub.Watch(
            request, metadata=self._metadata
        )
        return stream

    async def ready(self) -> None:
        """Return when commands have a connection to the service."""
        await self._channel.channel_ready()

    async def flush(self) -> None:
        """Return when everything that was submitted to a batcher has been answered."""

    async def close(self) -> None:
        for exchange in self._exchanges:
            exchange.close()
        await self._channel.close()
        await self._watch_channel.close()


class Exchange:
    """A stream that stays open, on which each request is answered before the next.

    It costs a fraction of a call for each. When it breaks, the request that is under way fails, and
    the next one opens another.
    """

    def __init__(self, open_stream: "Callable[[], grpc.aio.StreamStreamCall[Any, Any]]") -> None:
        self._open_stream = open_stream
        self._stream: grpc.aio.StreamStreamCall[Any, Any] | None = None
        self._renew_at = 0.0

    async def ask(self, request: Any, seconds: float) -> Any:
        """Send a request and give its response. Raises grpc.aio.AioRpcError."""
        now = asyncio.get_running_loop().time()
        if self._stream is not None and (self._stream.done() or now >= self._renew_at):
            self.close()
        if self._stream is None:
            self._stream = self._open_stream()
            self._renew_at = now + _EXCHANGE_SECONDS
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

"""The client of a service: channels, credential, deadlines, batches, and its Watch.

Every service has the same three RPCs to be followed by, each in messages of its own contract.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Protocol

import grpc
import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Histogram

from edge.backends.absences import Absences
from edge.backends.batcher import PACE_SECONDS, Batcher
from edge.backends.errors import NotLiveError
from edge.backends.exchange import Exchange
from edge.cursors import Position
from edge.metrics import Metrics
from edge.settings import Settings
from edge.translation.status import CALLER_REFUSED, from_call, from_status
from parley_protocol.errors import Error, ErrorCode, refusal
from parley_protocol.packets import Op
from service_kit.authentication.credentials import Metadata, Present
from service_kit.channels.connections import Connections
from service_kit.channels.retries import Retries, is_repeatable
from service_kit.tracing.calls import calling
from service_kit.tracing.requests import batching, present_traceparent
from service_kit.tracing.spans import Tracing

_logger = structlog.get_logger(__name__)

_CHANGES_PAGE = 500

_OPTIONS = (
    # What a person missed, or one commit for many, may be far more than the 4 MiB of default. The
    # service bounds both; refusing to read them would only have them sent again.
    ("grpc.max_receive_message_length", 128 * 1024 * 1024),
    # A refusal may carry the whole state that the command was not meant for.
    ("grpc.max_metadata_size", 256 * 1024),
)


_NOT_WATCHING = refusal(ErrorCode.UNAVAILABLE, "No stream of the service is open.", retryable=True)


class Event(Protocol):
    """An event of any service; each contract has a message of its own."""

    @property
    def recipients(self) -> Sequence[str]: ...
    @property
    def traceparent(self) -> str: ...


class _Bound(dict[str, Histogram]):
    """A metric by its label `call`."""

    def __init__(self, metric: Histogram) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, call: str) -> Histogram:
        found = self[call] = self._metric.labels(call=call)
        return found


class Backend:
    """The client of one service. Nothing here raises for a failed call but
    `watch` and `replay`: a failure is an Error, ready to be shown.
    """

    # In cursors, logs and metrics.
    name: ClassVar[str]
    # The module of the messages of its contract, and the class of its stub.
    contract: ClassVar[Any]
    stub: ClassVar[type[Any]]
    # Whether the service is told who is invisible.
    knows_presence: ClassVar[bool] = False

    def __init__(
        self,
        target: str,
        settings: Settings,
        present: Present,
        metrics: Metrics,
        tracing: Tracing | None = None,
        connections: Connections | None = None,
    ) -> None:
        connections = connections or Connections()
        self._open = partial(connections.open, self.name, target, _OPTIONS)
        self.failed = partial(connections.failed, self.name, target)
        self._settings = settings
        self._tracing = tracing
        self._present = present
        self._metrics = metrics
        self._channel = self._open()
        self._stub = self.stub(self._channel)
        # Of the stream that is open: the stub of its connection, and the stream that changes it.
        self._watched: tuple[Any, Exchange] | None = None
        self._retries = Retries(self._is_away, metrics.call_retries.labels(service=self.name).inc)
        self._replays = asyncio.Semaphore(settings.concurrent_replays)
        self._changes: Batcher[Any, Any] = self._batcher(
            # Each service is asked for itself.
            f"{Op.RESUME.rpc} {self.name}",
            lambda requests: self.contract.BatchListChangesRequest(requests=requests),
            lambda result: result.page if result.HasField("page") else from_status(result.status),
            call=self._list_changes,
            pace_seconds=PACE_SECONDS,
            traced=None,
        )
        self.absences = Absences(self.name, self.changed_users, settings, metrics)
        self._exchanges: list[Exchange] = []
        # Bound once for each RPC: to find a metric by its labels costs more than to count.
        self._seconds = _Bound(metrics.call_seconds)
        self._prepare()

    def _prepare(self) -> None:
        """Make what the calls of this service need besides, at the end of the construction."""

    async def call(self, rpc: str, request: Any, seconds: float | None = None) -> Any:
        """Call an RPC by its name in the contract; its response, or an Error."""
        timeout = self._settings.call_timeout_seconds if seconds is None else max(0.0, seconds)
        method = getattr(self._stub, rpc)

        more: Metadata = ()

        def attempt(left: float) -> Awaitable[Any]:
            metadata = (*self._present(), *more)
            made: Awaitable[Any] = method(request, timeout=left, metadata=metadata)
            return made

        def repeatable() -> bool:
            return is_repeatable(rpc, request)

        if self._tracing is None:
            return await self._measured(rpc, attempt, timeout, repeatable)
        with calling(rpc) as span:
            more = span.metadata
            answer = await self._measured(rpc, attempt, timeout, repeatable)
            if isinstance(answer, Error):
                span.end(answer.code)
            return answer

    def _is_away(self) -> bool:
        """Whether no replica can be reached, as far as is known."""
        return self._channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE

    def _exchange(
        self, rpc: str, repeatable: Callable[[Any], bool]
    ) -> Callable[[Any, float], Awaitable[Any]]:
        """Open an RPC on whose stream each request has one response; used as `call` is.

        `repeatable` tells of a request whether it may be sent twice.
        """
        method = getattr(self._stub, rpc)
        exchange = Exchange(method, self._present)
        self._exchanges.append(exchange)
        return lambda request, seconds: self._measured(
            rpc, partial(exchange.ask, request), seconds, lambda: repeatable(request)
        )

    async def _measured(
        self,
        rpc: str,
        attempt: Callable[[float], Awaitable[Any]],
        seconds: float,
        repeatable: Callable[[], bool],
    ) -> Any:
        start = time.perf_counter()
        try:
            return await self._retries.run(attempt, seconds, repeatable)
        except grpc.aio.AioRpcError as error:
            status = error.code()
            self._metrics.call_failures.labels(call=rpc, status=status.name).inc()
            self.failed(error)
            if status is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._metrics.limits.reached("call_timeout_seconds")
            answer = from_call(error)
            if status is grpc.StatusCode.UNAUTHENTICATED or answer is CALLER_REFUSED:
                # The trace would say nothing; the operator has to mend a file.
                _logger.error(  # noqa: TRY400
                    "a service refuses this edge",
                    service=self.name,
                    cause=error.details(),
                )
            return answer
        finally:
            self._seconds[rpc].observe(time.perf_counter() - start)

    def _batcher(
        self,
        rpc: str,
        request_of: Callable[[list[Any]], Any],
        result_of: Callable[[Any], Any],
        *,
        call: Callable[[Any, float], Awaitable[Any]] | None = None,
        results_of: Callable[[Any], Sequence[Any]] = attrgetter("results"),
        size_of: Callable[[Any], int] = lambda item: item.ByteSize(),
        linger_seconds: float = 0,
        pace_seconds: float = 0,
        budget_seconds: float | None = None,
        repeatable: bool = True,
        traced: Callable[[Any], Any] | None = lambda item: item,
    ) -> Batcher[Any, Any]:
        """Make a batcher for an RPC: items to its request, its response to a result for each.

        `traced` gives the message of an item that says which trace it is part of; None: none does.
        """
        settings, metrics, tracing = self._settings, self._metrics, self._tracing
        instruments = metrics.batch_items.labels(call=rpc)
        call = call or partial(self.call, rpc)

        async def call_batch(items: list[Any], seconds: float) -> list[Any] | Error:
            instruments.observe(len(items))
            if tracing is None:
                response = await call(request_of(items), seconds)
            else:
                found = [] if traced is None else list(map(traced, items))
                with batching(tracing, f"call {rpc}", found, SpanKind.CLIENT):
                    response = await call(request_of(items), seconds)
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
            pace_seconds=pace_seconds,
            repeatable=repeatable,
            reached=metrics.limits.reached,
            stamp=None if tracing is None or traced is None else partial(_stamp, traced),
        )
        metrics.waiting_items.labels(call=rpc).set_function(made.__len__)
        return made

    async def replay(
        self,
        user: str,
        after: Position,
        until: Position,
        deliver: Callable[[int, Sequence[Any]], Awaitable[None]],
        limit: int | None = None,
        seconds: float | None = None,
        turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        holding: Callable[[int], AbstractContextManager[object]] = nullcontext,
    ) -> bool:
        """Read what `user` missed, a revision at a time, in order.

        Each page is asked for in a `turn`, and delivered while its size is counted by `holding`.
        Returns whether that was all: false when the service cannot tell, or after `limit` events.
        Raises NotLiveError when the service does not answer, to each question within `seconds`.
        """
        page_token = ""
        count = 0
        while True:
            request = self.contract.ListChangesRequest(
                user=user,
                after=self.contract.Position(epoch=after.epoch, revision=after.revision),
                until=self.contract.Position(epoch=until.epoch, revision=until.revision),
                page_size=_CHANGES_PAGE,
                page_token=page_token,
            )
            async with turn():
                if self._replays.locked():
                    self._metrics.limits.reached("concurrent_replays")
                async with self._replays:
                    page = await self._changes.ask(request, seconds)
            if isinstance(page, Error):
                raise NotLiveError(page.message)
            if not page.complete:
                return False
            with holding(page.ByteSize()):
                for change in page.changes:
                    count += len(change.events)
                    if limit is not None and count > limit:
                        self._metrics.limits.reached("resume_changes")
                        return False
                    await deliver(change.revision, change.events)
            page_token = page.next_page_token
            if not page_token:
                return True

    async def _list_changes(self, request: Any, seconds: float) -> Any:
        """Call BatchListChanges; its response, or an Error."""

        async def attempt(left: float) -> Any:
            metadata = self._present()
            with _where_served():
                return await self._stub.BatchListChanges(request, timeout=left, metadata=metadata)
            # A replica of an earlier version is asked for each.
            pages = await asyncio.gather(
                *(
                    self._stub.ListChanges(one, timeout=left, metadata=metadata)
                    for one in request.requests
                )
            )
            response = self.contract.BatchListChangesResponse
            return response(results=[response.Result(page=page) for page in pages])

        return await self._measured(Op.RESUME.rpc, attempt, seconds, lambda: True)

    async def changed_users(
        self,
        users: Collection[str],
        after: Position,
        until: Position,
        seconds: float | None = None,
    ) -> Sequence[str] | None:
        """Find those of `users` who missed anything; None when the service cannot tell.

        Raises NotLiveError when it does not answer.
        """
        answer = await self.call(
            "ListChangedUsers",
            self.contract.ListChangedUsersRequest(
                users=users,
                after=self.contract.Position(epoch=after.epoch, revision=after.revision),
                until=self.contract.Position(epoch=until.epoch, revision=until.revision),
            ),
            seconds,
        )
        if isinstance(answer, Error):
            raise NotLiveError(answer.message)
        found: Sequence[str] = answer.users
        return found if answer.complete else None

    async def update_watch(
        self,
        watcher_id: str,
        add: Sequence[str],
        remove: Sequence[str],
        invisible: Sequence[str] = (),
    ) -> Position | Error:
        """Follow users, and others no longer. Returns the position after which the events of the
        added come.

        `invisible` are some of the added, and empty unless the service knows presence.
        """
        update = self.contract.UpdateWatchRequest(
            watcher_id=watcher_id, add_users=add, remove_users=remove
        )
        if invisible:
            update.invisible_users.extend(invisible)
        if self._watched is None:
            return _NOT_WATCHING
        stub, updates = self._watched

        async def attempt(left: float) -> Any:
            request = self.contract.StreamUpdateWatchRequest(update=update)
            with _where_served():
                return (await updates.ask(request, left)).answer
            # A replica of an earlier version has no stream for it.
            return await stub.UpdateWatch(update, timeout=left, metadata=self._present())

        answer = await self._measured(
            "StreamUpdateWatch", attempt, self._settings.call_timeout_seconds, lambda: False
        )
        if isinstance(answer, Error):
            return answer
        return Position(answer.position.epoch, answer.position.revision)

    @asynccontextmanager
    async def watch(self, watcher_name: str) -> AsyncIterator["grpc.aio.UnaryStreamCall[Any, Any]"]:
        """Keep the stream open. It ends with grpc.aio.AioRpcError.

        It and its `update_watch` have a connection of their own, to one replica: one that went, or
        is frozen, keeps nobody from the next.
        """
        request = self.contract.WatchRequest(watcher_name=watcher_name)
        async with self._open(keeps=True) as channel:
            stub = self.stub(channel)
            stream = stub.Watch(request, metadata=self._present())
            updates = Exchange(stub.StreamUpdateWatch, self._present)
            self._watched = stub, updates
            try:
                yield stream
            finally:
                stream.cancel()
                self._watched = None
                updates.close()

    async def ready(self) -> None:
        """Return when commands have a connection to the service."""
        await self._channel.channel_ready()

    async def flush(self) -> None:
        """Return when everything that was submitted to a batcher has been answered."""

    async def close(self) -> None:
        for exchange in self._exchanges:
            exchange.close()
        await self._channel.close()


@contextmanager
def _where_served() -> Iterator[None]:
    """Go on behind the block where a replica of an earlier version lacks the RPC called in it."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise


def _stamp(traced: Callable[[Any], Any], item: Any) -> None:
    """Let an item of a batch say which trace it is part of."""
    if traceparent := present_traceparent():
        traced(item).traceparent = traceparent

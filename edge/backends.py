"""The only file that dials a service: channels, credential, deadlines, batches."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import grpc
import structlog
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc

from edge.batches import Batcher
from edge.cursors import Position
from edge.failures import from_call, from_status
from edge.metrics import Metrics
from edge.payloads import Error
from edge.settings import Settings

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
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
# Commands may go to any replica. The watch channel's two calls must reach the same one, so it
# keeps to the first that answers, which is also the default.
_ROUND_ROBIN = ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)


class NotLiveError(Exception):
    """The service does not deliver at present."""


class _Results(Protocol):
    """The response of a batch call."""

    @property
    def results(self) -> Sequence[Any]: ...


class MessagingBackend:
    """The messaging service as the edge uses it. Nothing here raises for a failed call but
    `watch` and `replay`: a failure is an Error, ready to be shown.
    """

    def __init__(self, settings: Settings, credential: str, metrics: Metrics) -> None:
        self._timeout = settings.call_timeout_seconds
        self._metadata = (("authorization", f"Bearer {credential}"),)
        self._metrics = metrics
        self._channel = grpc.aio.insecure_channel(
            settings.messaging_target, options=[*_CHANNEL_OPTIONS, _ROUND_ROBIN]
        )
        self._watch_channel = grpc.aio.insecure_channel(
            settings.messaging_target, options=[*_CHANNEL_OPTIONS, _OWN_CONNECTION]
        )
        self._stub = messaging_pb2_grpc.MessagingServiceStub(self._channel)
        self._watch_stub = messaging_pb2_grpc.MessagingServiceStub(self._watch_channel)

        def batcher(
            name: str,
            call: Callable[[list[Any], dict[str, Any]], Awaitable[_Results]],
            result_of: Callable[[Any], Any],
            linger_seconds: float = 0,
        ) -> Batcher[Any, Any]:
            instruments = metrics.batch_items.labels(call=name)

            async def call_batch(items: list[Any], seconds: float) -> list[Any] | Error:
                instruments.observe(len(items))
                options = {"timeout": seconds, "metadata": self._metadata}
                response = await self._measured(name, call(items, options))
                if isinstance(response, Error):
                    return response
                return [result_of(result) for result in response.results]

            made: Batcher[Any, Any] = Batcher(
                call_batch,
                # Asked of the message itself: the base class has no size.
                lambda item: item.ByteSize(),
                batch_items=settings.batch_items,
                batch_bytes=settings.batch_bytes,
                waiting_items=settings.waiting_items,
                budget_seconds=settings.call_timeout_seconds,
                linger_seconds=linger_seconds,
            )
            metrics.waiting_items.labels(call=name).set_function(made.__len__)
            return made

        self.create_message: Batcher[pb.CreateMessageRequest, pb.StoredMessage] = batcher(
            "BatchCreateMessages",
            lambda items, options: self._stub.BatchCreateMessages(
                pb.BatchCreateMessagesRequest(requests=items), **options
            ),
            lambda result: (
                result.stored if result.HasField("stored") else from_status(result.status)
            ),
        )
        self.mark_read: Batcher[pb.Mark, pb.Watermark] = batcher(
            "MarkRead",
            lambda items, options: self._stub.MarkRead(pb.MarkReadRequest(marks=items), **options),
            _watermark_of,
        )
        self.mark_delivered: Batcher[pb.Mark, pb.Watermark] = batcher(
            "MarkDelivered",
            lambda items, options: self._stub.MarkDelivered(
                pb.MarkDeliveredRequest(marks=items), **options
            ),
            _watermark_of,
            linger_seconds=settings.delivered_delay_seconds,
        )
        self.send_typing: Batcher[pb.TypingSignal, None] = batcher(
            "SendTyping",
            lambda items, options: self._stub.SendTyping(
                pb.SendTypingRequest(signals=items), **options
            ),
            lambda result: from_status(result.status) if result.HasField("status") else None,
        )

    def _options(self) -> dict[str, Any]:
        return {"timeout": self._timeout, "metadata": self._metadata}

    async def _measured(self, name: str, call: Awaitable[Response]) -> Response | Error:
        """Await a call; a failure of it is an Error."""
        start = time.perf_counter()
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            status = error.code()
            self._metrics.call_failures.labels(call=name, status=status.name).inc()
            if status is grpc.StatusCode.UNAUTHENTICATED:
                # The trace would say nothing; the operator has to mend a file.
                _logger.error(  # noqa: TRY400
                    "the messaging service refuses this edge's credential"
                )
            return from_call(error)
        finally:
            self._metrics.call_seconds.labels(call=name).observe(time.perf_counter() - start)

    async def list_conversations(
        self, request: pb.ListConversationsRequest
    ) -> pb.ListConversationsResponse | Error:
        return await self._measured(
            "ListConversations", self._stub.ListConversations(request, **self._options())
        )

    async def list_messages(
        self, request: pb.ListMessagesRequest
    ) -> pb.ListMessagesResponse | Error:
        return await self._measured(
            "ListMessages", self._stub.ListMessages(request, **self._options())
        )

    async def list_changes(self, request: pb.ListChangesRequest) -> pb.ListChangesResponse | Error:
        return await self._measured(
            "ListChanges", self._stub.ListChanges(request, **self._options())
        )

    async def replay(
        self,
        user: str,
        after: Position,
        until: Position,
        deliver: Callable[[int, Sequence[pb.Event]], Awaitable[None]],
        limit: int | None = None,
    ) -> bool:
        """Read what `user` missed, a revision at a time, in order.

        Returns whether that was all: false when the service cannot tell, or after `limit` events.
        Raises NotLiveError when the service does not answer.
        """
        page_token = ""
        count = 0
        while True:
            page = await self.list_changes(
                pb.ListChangesRequest(
                    user=user,
                    after=pb.Position(epoch=after.epoch, revision=after.revision),
                    until=pb.Position(epoch=until.epoch, revision=until.revision),
                    page_size=_CHANGES_PAGE,
                    page_token=page_token,
                )
            )
            if isinstance(page, Error):
                raise NotLiveError(page.message)
            if not page.complete:
                return False
            for change in page.changes:
                count += len(change.events)
                if limit is not None and count > limit:
                    return False
                await deliver(change.revision, change.events)
            page_token = page.next_page_token
            if not page_token:
                return True

    async def update_watch(self, request: pb.UpdateWatchRequest) -> pb.UpdateWatchResponse | Error:
        return await self._measured(
            "UpdateWatch", self._watch_stub.UpdateWatch(request, **self._options())
        )

    def watch(
        self, watcher_name: str
    ) -> grpc.aio.UnaryStreamCall[pb.WatchRequest, pb.WatchResponse]:
        """Open the stream. It ends with grpc.aio.AioRpcError, and is cancelled by the caller."""
        return self._watch_stub.Watch(
            pb.WatchRequest(watcher_name=watcher_name), metadata=self._metadata
        )

    async def ready(self) -> None:
        """Return when commands have a connection to the service."""
        await self._channel.channel_ready()

    async def flush(self) -> None:
        """Return when every batch that was submitted has been answered."""
        await asyncio.gather(
            self.create_message.flush(),
            self.mark_read.flush(),
            self.mark_delivered.flush(),
            self.send_typing.flush(),
        )

    async def close(self) -> None:
        await self._channel.close()
        await self._watch_channel.close()


def _watermark_of(result: pb.MarkResult) -> pb.Watermark | Error:
    return result.watermark if result.HasField("watermark") else from_status(result.status)

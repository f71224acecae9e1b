"""The client of the moderation service: documents in and out, and refusals as problems."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

import grpc
import structlog
from google.protobuf.message import Message
from msgspec import convert
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1.moderation_pb2_grpc import ModerationServiceStub

from desk.metrics import Metrics
from desk.problems import RefusedError, invalid_argument, rate_limited, unavailable
from desk.settings import Settings
from desk.structures.audit import AuditEntry
from desk.structures.problems import Current
from service_kit.authentication.credentials import Present
from service_kit.channels.connections import Connections
from service_kit.channels.retries import Retries, is_repeatable
from service_kit.rpc import documents
from service_kit.rpc.documents import Document, build
from service_kit.rpc.refusals import ReadRefusal, read_refusal
from service_kit.tracing.calls import calling

_logger = structlog.get_logger(__name__)

DOMAIN = "moderation.parley"
_NAME = "moderation"
_CURRENT: Mapping[str, type[Message]] = {"case": pb.Case, "dispute": pb.Dispute}
_OPTIONS = (
    # A refusal bears the present case, and an answer all evidence of one.
    ("grpc.max_metadata_size", 256 * 1024),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)
# The status of each code of a refusal; one that is not here is a defect of the desk or its set-up.
_STATUSES: Mapping[grpc.StatusCode, HTTPStatus] = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
}
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
_AUDIT_PAGE = 500


def document(message: Message) -> dict[str, Any]:
    """The document of a message, in which words that are newer than the desk are unspecified."""
    return documents.document(message, known_only=True)


class Moderation:
    """Calls the moderation service as the desk, for moderators whose token goes with each call."""

    contract: ClassVar[Any] = pb

    def __init__(
        self,
        target: str,
        connections: Connections,
        channel: grpc.aio.Channel,
        present: Present,
        timeout_seconds: float,
        metrics: Metrics,
    ) -> None:
        self.failed = partial(connections.failed, _NAME, target)
        self._connections = connections
        self._stub = ModerationServiceStub(channel)
        self._target = target
        self._retries = Retries(
            lambda: channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE
        )
        self._present = present
        self._timeout_seconds = timeout_seconds
        self._metrics = metrics

    async def call(
        self, rpc: str, fields: Document, token: str | None = None, key: str = ""
    ) -> dict[str, Any]:
        """Call an RPC with these fields; its answer. Raises RefusedError.

        `key` is that of a command: with the same one it is carried out once.
        """
        try:
            request = build(getattr(pb, f"{rpc}Request"), fields)
        except (ValueError, OverflowError) as error:
            raise invalid_argument(f"The request cannot be written: {error}") from None
        if "idempotency_key" in request.DESCRIPTOR.fields_by_name:
            request.idempotency_key = key
        try:
            return document(await self._call(rpc, request, token))
        except grpc.aio.AioRpcError as error:
            refused = self._refusal_of(error)
            current = refused.more.get("current")
            if isinstance(current, Current) and "version" in fields:
                refused.more["since"] = await self._since(current, fields["version"], token)
            raise refused from None

    @asynccontextmanager
    async def watch(self, watcher_name: str) -> AsyncIterator["grpc.aio.UnaryStreamCall[Any, Any]"]:
        """Keep a stream of all that happens. It ends with grpc.aio.AioRpcError."""
        request = pb.WatchRequest(watcher_name=watcher_name, everything=True)
        # Each has a connection of its own: the replica before may be frozen.
        async with self._connections.open(_NAME, self._target, _OPTIONS, keeps=True) as channel:
            stream = ModerationServiceStub(channel).Watch(request, metadata=self._present())
            try:
                yield stream
            finally:
                stream.cancel()

    async def standings(self, users: list[str]) -> list[pb.Standing]:
        """How users stand, and which of their tokens are refused. Raises RefusedError."""
        try:
            answer = await self._call(
                "BatchGetStandings", pb.BatchGetStandingsRequest(users=users), None
            )
        except grpc.aio.AioRpcError as error:
            raise self._refusal_of(error) from None
        return list(answer.standings)

    async def _call(self, rpc: str, request: Message, token: str | None) -> Any:
        metadata = self._present()
        if token is not None:
            metadata = (*metadata, ("x-parley-token", token))
        timer = self._metrics.calls
        code = grpc.StatusCode.OK
        started = time.monotonic()
        try:
            call = getattr(self._stub, rpc)
            with calling(rpc) as span:
                traced = (*metadata, *span.metadata)
                return await self._retries.run(
                    lambda seconds: call(request, metadata=traced, timeout=seconds),
                    self._timeout_seconds,
                    lambda: is_repeatable(rpc, request),
                )
        except grpc.aio.AioRpcError as error:
            code = error.code()
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._metrics.limits.reached("call_timeout_seconds")
            self.failed(error)
            raise
        finally:
            timer.labels(method=rpc, code=code.name).observe(time.monotonic() - started)

    async def _since(self, current: Current, version: int, token: str | None) -> list[AuditEntry]:
        """The entries of the audit log about the present case or dispute after a version of it."""
        (target,) = (one.id for one in (current.case, current.dispute) if one is not None)
        after, found = 0, list[AuditEntry]()
        while True:
            request = pb.ListAuditRequest(after=after, target_id=target, page_size=_AUDIT_PAGE)
            try:
                page = document(await self._call("ListAudit", request, token))
            except grpc.aio.AioRpcError:
                # The refusal says enough without it.
                return found
            found += [
                convert(one, AuditEntry) for one in page["entries"] if one["version"] > version
            ]
            if not page["more"] or not page["entries"]:
                return found
            after = page["entries"][-1]["number"]

    def _refusal_of(self, error: grpc.aio.AioRpcError) -> RefusedError:
        """The problem that a failed call is."""
        code, read = error.code(), read_refusal(error, _CURRENT)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and read.retry_after_milliseconds:
            return rate_limited(read.message, read.retry_after_milliseconds)
        if code in _PASSING or code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return unavailable(
                read.reason.lower() or "moderation_unavailable",
                "The moderation service cannot be reached; try again.",
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return RefusedError(
                HTTPStatus.GATEWAY_TIMEOUT,
                "too_late",
                "The moderation service did not answer in time. What it was asked for may have"
                " happened; the same request with the same key does nothing twice.",
            )
        if read.domain != DOMAIN or code not in _STATUSES or _is_about_desk(read):
            _logger.error("moderation refuses the desk", code=code.name, reason=read.reason)
            return RefusedError(
                HTTPStatus.BAD_GATEWAY,
                "moderation_refuses",
                "The moderation service refuses the desk itself; its log says why.",
            )
        return _problem(_STATUSES[code], read)


def _is_about_desk(read: ReadRefusal) -> bool:
    """Whether the credential of the desk is at fault, and no moderator's token."""
    return read.reason in {"UNAUTHENTICATED", "CALLER_NOT_PERMITTED"}


def _problem(status: HTTPStatus, read: ReadRefusal) -> RefusedError:
    more: dict[str, object] = {}
    if read.field:
        more["field"] = read.field
    if read.current is not None:
        more["current"] = convert({read.kind: document(read.current)}, Current)
    return RefusedError(status, read.reason.lower(), read.message, **more)


@asynccontextmanager
async def dial(
    settings: Settings, present: Present, metrics: Metrics, connections: Connections
) -> AsyncIterator[Moderation]:
    """Keep a connection while the context lasts; it is made with the first call."""
    target = settings.moderation_target
    async with connections.open(_NAME, target, _OPTIONS) as channel:
        yield Moderation(
            target, connections, channel, present, settings.call_timeout_seconds, metrics
        )

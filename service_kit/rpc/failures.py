"""A service's refusals, and what the kit itself refuses, as google.rpc.Status.

A service gives its domain and one table, reason to gRPC code. All else of a status is built here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2

from service_kit.rpc.instruments import ShuttingDown
from service_kit.rpc.interceptors import StreamAged, build_internal
from service_kit.rpc.rpc_errors import build_status
from service_kit.rules import INVALID_ARGUMENT, Refusal
from service_kit.storage.writer import StorageUnavailable, UnexpectedFailure, WriterOverloaded
from service_kit.watch.hub import WatcherNotFound
from service_kit.watch.watcher import REVISION_GAP, SHUTTING_DOWN, WATCHER_TOO_SLOW, WatcherCutOff

BATCH_TOO_LARGE = "BATCH_TOO_LARGE"
WATCHER_NOT_FOUND = "WATCHER_NOT_FOUND"
STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
WRITER_OVERLOADED = "WRITER_OVERLOADED"
STREAM_AGED = "STREAM_AGED"

_CODES: dict[str, grpc.StatusCode] = {
    INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    BATCH_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    WATCHER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    WATCHER_TOO_SLOW: grpc.StatusCode.RESOURCE_EXHAUSTED,
    REVISION_GAP: grpc.StatusCode.ABORTED,
    SHUTTING_DOWN: grpc.StatusCode.UNAVAILABLE,
    STREAM_AGED: grpc.StatusCode.UNAVAILABLE,
    STORAGE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    WRITER_OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
_MESSAGES = {
    WATCHER_TOO_SLOW: "the watcher fell behind: watch again and read what was missed",
    REVISION_GAP: "a revision was not seen here: watch again and read what was missed",
    SHUTTING_DOWN: "this replica is shutting down: go to another",
    STREAM_AGED: "the stream was open long enough: watch again, perhaps on another replica",
    WATCHER_NOT_FOUND: "no stream of this watcher is open on this replica: watch anew",
    STORAGE_UNAVAILABLE: "the database is unavailable; nothing is known to be stored",
    WRITER_OVERLOADED: "too many commands wait; nothing was stored",
}
# A full queue names no time: with one it would read as a rate limit of the caller's own.
_RETRY_AFTER_MILLISECONDS = {STORAGE_UNAVAILABLE: 1_000}


# A client takes 256 KiB of metadata, in which bytes are written as text.
MOST_CURRENT_BYTES = 128 * 1024
Current = TypeVar("Current", bound=Message)


def cut_to_fit(current: Current, *unbounded: str) -> Current:
    """Leave out fields that people fill without bounds, in this order, until a present state can be
    sent with a refusal: one that does not reach its caller explains nothing.

    What was cut says so by its field `truncated`.
    """
    for field_name in unbounded:
        if current.ByteSize() <= MOST_CURRENT_BYTES:
            break
        current.ClearField(field_name)
        # Each message that a refusal may bear has it.
        setattr(current, "truncated", True)  # noqa: B010
    return current


class Refused(Exception):  # noqa: N818, the name says what is the case
    """Ends a call with the status of a refusal, from any depth of a servicer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True)
class Failures:
    """Statuses of the refusals of a service.

    `codes` are by reason. `current` encodes the present state that a refusal bears, by its type.
    `reached` is called with the name of the limit that a refusal is due to.
    """

    domain: str
    codes: Mapping[str, grpc.StatusCode]
    current: Mapping[type, Callable[[Any], Message]] = field(default_factory=dict)
    reached: Callable[[str], None] = lambda _limit: None

    def status(self, outcome: object) -> status_pb2.Status:
        """Build the status of what is no success: a refusal, or an exception of the kit."""
        if isinstance(outcome, Refusal):
            return self._refusal(outcome)
        status = self.translate(outcome) if isinstance(outcome, Exception) else None
        if status is None:
            raise TypeError(f"neither a success nor a refusal: {type(outcome).__name__}")
        return status

    def translate(self, error: Exception) -> status_pb2.Status | None:
        """Build the status of an exception of the kit; None for one that nobody foresaw."""
        match error:
            case Refused():
                return self._refusal(error.refusal)
            case StorageUnavailable():
                return self._named(STORAGE_UNAVAILABLE)
            case WriterOverloaded():
                return self._named(WRITER_OVERLOADED)
            case WatcherNotFound():
                return self._named(WATCHER_NOT_FOUND)
            case WatcherCutOff():
                return self._named(error.reason)
            case ShuttingDown():
                return self._named(SHUTTING_DOWN)
            case StreamAged():
                return self._named(STREAM_AGED)
            case UnexpectedFailure():
                return build_internal(self.domain, error.incident)
        return None

    def _refusal(self, refusal: Refusal) -> status_pb2.Status:
        if refusal.limit:
            self.reached(refusal.limit)
        details: tuple[Message, ...] = ()
        if refusal.current is not None:
            details = (self.current[type(refusal.current)](refusal.current),)
        return build_status(
            self._code(refusal.reason),
            refusal.reason,
            self.domain,
            refusal.message,
            field=refusal.field,
            retry_after_milliseconds=refusal.retry_after,
            details=details,
        )

    def _named(self, reason: str) -> status_pb2.Status:
        return build_status(
            self._code(reason),
            reason,
            self.domain,
            _MESSAGES[reason],
            retry_after_milliseconds=_RETRY_AFTER_MILLISECONDS.get(reason, 0),
        )

    def _code(self, reason: str) -> grpc.StatusCode:
        return self.codes[reason] if reason in self.codes else _CODES[reason]

"""The one table of refusals: reason to gRPC code. All else about a status is built from it."""

import grpc
from google.rpc import status_pb2

from messaging_service.domain import Reason, Refusal
from service_kit.interceptors import build_internal
from service_kit.rpc_errors import build_status
from service_kit.watch import (
    REVISION_GAP,
    SHUTTING_DOWN,
    WATCHER_TOO_SLOW,
    WatcherCutOff,
    WatcherNotFound,
)
from service_kit.writer import StorageUnavailable, UnexpectedFailure, WriterOverloaded

DOMAIN = "messaging.parley"

BATCH_TOO_LARGE = "BATCH_TOO_LARGE"
WATCHER_NOT_FOUND = "WATCHER_NOT_FOUND"
STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
WRITER_OVERLOADED = "WRITER_OVERLOADED"

CODES: dict[str, grpc.StatusCode] = {
    Reason.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.CONVERSATION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.IDEMPOTENCY_KEY_CONFLICT: grpc.StatusCode.ALREADY_EXISTS,
    Reason.OPENING_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.OPENINGS_LIMIT_REACHED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    BATCH_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    WATCHER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    WATCHER_TOO_SLOW: grpc.StatusCode.RESOURCE_EXHAUSTED,
    REVISION_GAP: grpc.StatusCode.ABORTED,
    SHUTTING_DOWN: grpc.StatusCode.UNAVAILABLE,
    STORAGE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    WRITER_OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
}

_MESSAGES = {
    WATCHER_TOO_SLOW: "the watcher fell behind: watch again and read what was missed",
    REVISION_GAP: "a revision was not seen here: watch again and read what was missed",
    SHUTTING_DOWN: "this replica is shutting down: watch another",
    WATCHER_NOT_FOUND: "no stream of this watcher is open on this replica: watch anew",
    STORAGE_UNAVAILABLE: "the database is unavailable; nothing is known to be stored",
    WRITER_OVERLOADED: "too many commands wait; nothing was stored",
}
# A full queue names no time: with one it would read as a rate limit of the caller's own.
_RETRY_AFTER_MILLISECONDS = {STORAGE_UNAVAILABLE: 1_000}


def refusal_status(refusal: Refusal) -> status_pb2.Status:
    """Build the status of a refusal by the rules."""
    return build_status(
        CODES[refusal.reason],
        refusal.reason,
        DOMAIN,
        refusal.message,
        field=refusal.field,
        retry_after_milliseconds=refusal.retry_after,
    )


def batch_too_large(field: str, given: int, most: int) -> status_pb2.Status:
    """Build the status of a list that is longer than a call may bring."""
    return build_status(
        CODES[BATCH_TOO_LARGE],
        BATCH_TOO_LARGE,
        DOMAIN,
        f"{given} in one call, at most {most} are taken",
        field=field,
    )


def _named(reason: str) -> status_pb2.Status:
    return build_status(
        CODES[reason],
        reason,
        DOMAIN,
        _MESSAGES[reason],
        retry_after_milliseconds=_RETRY_AFTER_MILLISECONDS.get(reason, 0),
    )


def translate(error: Exception) -> status_pb2.Status | None:
    """Build the status of an exception of the kit; None for one that nobody foresaw."""
    match error:
        case StorageUnavailable():
            return _named(STORAGE_UNAVAILABLE)
        case WriterOverloaded():
            return _named(WRITER_OVERLOADED)
        case WatcherNotFound():
            return _named(WATCHER_NOT_FOUND)
        case WatcherCutOff():
            return _named(error.reason)
        case UnexpectedFailure():
            return build_internal(DOMAIN, error.incident)
    return None

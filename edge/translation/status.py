"""Translates refusals of the services, google.rpc.Status, into error packets.

Services refuse with google.rpc.Status and an ErrorInfo; a client reads `code`, `retryable` and,
for an argument, `fields`.
"""

import re
from typing import TypeVar

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from parley.moderation.v1 import moderation_pb2
from parley.negotiation.v1 import negotiation_pb2

from edge.translation.common import payload_field
from edge.translation.moderation import dispute_payload, standing_payload
from edge.translation.negotiation import service_payload
from parley_protocol.errors import Error, ErrorCode, FieldProblem, refusal
from parley_protocol.payloads.moderation import Dispute, Standing
from parley_protocol.payloads.negotiation import Service
from service_kit.authentication.callers import CALLER_NOT_PERMITTED
from service_kit.channels.statuses import bare_status_of, status_of

Detail = TypeVar("Detail", bound=Message)

# What is not here is INTERNAL, for a client can do nothing about it.
_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: ErrorCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND: ErrorCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED: ErrorCode.PERMISSION_DENIED,
    grpc.StatusCode.ALREADY_EXISTS: ErrorCode.CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: ErrorCode.INVALID_STATE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE: ErrorCode.UNAVAILABLE,
    # The service has gone while it was at it.
    grpc.StatusCode.CANCELLED: ErrorCode.UNAVAILABLE,
    # The operator's mistake, not the client's: its token was good. So is a caller that may
    # not call what an edge calls (CALLER_REFUSED).
    grpc.StatusCode.UNAUTHENTICATED: ErrorCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ErrorCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL: ErrorCode.INTERNAL,
}
# Shown in the place of the status's own words, which are gRPC's.
_MESSAGES = {
    ErrorCode.UNAVAILABLE: "The service is not available now.",
    ErrorCode.DEADLINE_EXCEEDED: "The service did not answer in time; the outcome is not known.",
}
# When a service that does not answer may be asked again, unless it says so itself.
_RETRY_AFTER_MS = 1_000
# The words of a status that no service of ours gives may be a trace, so they are not shown.
_UNEXPECTED = "The service failed."
# Their codes do not tell what is wrong.
_OF_SEVERAL_REASONS = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.PERMISSION_DENIED}
_STATUS_BY_NUMBER = {status.value[0]: status for status in grpc.StatusCode}

# How services name a field beside the one at fault.
_QUOTED = re.compile(r"`([a-z_.]+)`")

TIMED_OUT = refusal(ErrorCode.DEADLINE_EXCEEDED, _MESSAGES[ErrorCode.DEADLINE_EXCEEDED])
"""There was no answer within the budget."""
UNAVAILABLE = Error(
    ErrorCode.UNAVAILABLE,
    _MESSAGES[ErrorCode.UNAVAILABLE],
    retryable=True,
    retry_after_ms=_RETRY_AFTER_MS,
)
"""The service is away."""
CALLER_REFUSED = replace(UNAVAILABLE)
"""The service does not let an edge call this."""


def _unpacked(detail: Any, kind: type[Detail]) -> Detail | None:
    message = kind()
    return message if detail.Unpack(message) else None


def _current(detail: Any) -> Service | Dispute | Standing | UnsetType:
    """Find the present state in a refusal. A case is for moderators, and never shown."""
    if service := _unpacked(detail, negotiation_pb2.Service):
        return service_payload(service)
    if dispute := _unpacked(detail, moderation_pb2.Dispute):
        return dispute_payload(dispute)
    if standing := _unpacked(detail, moderation_pb2.Standing):
        return standing_payload(standing)
    return UNSET


def _problem(violation: error_details_pb2.BadRequest.FieldViolation) -> FieldProblem:
    """Tell what is wrong with a field, of which the service speaks by the contract's names."""
    words = violation.description.removeprefix(f"{violation.field} ")
    shown = _QUOTED.sub(lambda name: f"`{payload_field(name[1])}`", words)
    return FieldProblem(payload_field(violation.field), shown)


def from_status(status: status_pb2.Status) -> Error:
    """The error packet of a service's refusal."""
    grpc_code = _STATUS_BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    code = _CODES.get(grpc_code, ErrorCode.INTERNAL)
    message = _MESSAGES.get(code, status.message) if grpc_code in _CODES else _UNEXPECTED
    fields: list[FieldProblem] = []
    retry_after_ms: int | None = None
    reason = ""
    current: Service | Dispute | Standing | UnsetType = UNSET
    for detail in status.details:
        if bad_request := _unpacked(detail, error_details_pb2.BadRequest):
            fields += map(_problem, bad_request.field_violations)
        elif retry := _unpacked(detail, error_details_pb2.RetryInfo):
            retry_after_ms = retry.retry_delay.ToMilliseconds()
        elif info := _unpacked(detail, error_details_pb2.ErrorInfo):
            reason = info.reason
        else:
            current = _current(detail) or current
    if grpc_code is grpc.StatusCode.PERMISSION_DENIED and reason == CALLER_NOT_PERMITTED:
        return CALLER_REFUSED
    if code is ErrorCode.UNAVAILABLE and retry_after_ms is None:
        retry_after_ms = _RETRY_AFTER_MS
    elif code is ErrorCode.RESOURCE_EXHAUSTED and retry_after_ms is not None:
        # A limit that time alone lifts is told apart from a full queue.
        code = ErrorCode.RATE_LIMITED
    elif code is ErrorCode.INVALID_STATE and reason == ErrorCode.STALE_OFFER:
        code = ErrorCode.STALE_OFFER
    elif code is ErrorCode.PERMISSION_DENIED and reason == ErrorCode.SANCTIONED:
        code = ErrorCode.SANCTIONED
    if fields:
        message = "; ".join(f"{one.field}: {one.problem}" for one in fields)
    tells_more = grpc_code in _OF_SEVERAL_REASONS and reason not in {"", code}
    return Error(
        code=code,
        message=message,
        retryable=code.retryable,
        retry_after_ms=UNSET if retry_after_ms is None else retry_after_ms,
        fields=fields or UNSET,
        reason=reason if tells_more else UNSET,
        current=current,
    )


def from_call(error: grpc.aio.AioRpcError) -> Error:
    """The error packet of a call that failed as a whole."""
    return from_status(status_of(error) or bare_status_of(error))

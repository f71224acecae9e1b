"""What goes wrong, as error packets and as close codes: one table for each.

Services refuse with google.rpc.Status and an ErrorInfo; a client reads `code`, `retryable` and,
for an argument, `fields`.
"""

import enum
from typing import NamedTuple

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from msgspec import UNSET, UnsetType
from parley.moderation.v1 import moderation_pb2
from parley.negotiation.v1 import negotiation_pb2

from edge.protocol.moderation_payloads import Dispute, Standing
from edge.protocol.payloads import Error, FieldProblem, Service
from edge.translation.moderation import dispute_payload, standing_payload
from edge.translation.negotiation import service_payload


class CloseCode(enum.IntEnum):
    """The hundreds say what to do: 41 come back now and resume, 42 come back later, 43 get a new
    token first, 44 do not come back as you are.
    """

    DRAINING = 4100
    SLOW_READER = 4101
    NO_PONG = 4102
    OVERLOADED = 4200
    TOO_MANY_SOCKETS = 4201
    TOKEN_EXPIRED = 4300
    TOKEN_REVOKED = 4301
    BAD_PACKETS = 4400
    BANNED = 4403
    PACKET_TOO_LARGE = 4413


class _Code(NamedTuple):
    code: str
    retryable: bool
    # None: the service's own words are shown.
    message: str | None = None


_UNAVAILABLE = _Code("UNAVAILABLE", retryable=True, message="The service is not available now.")
_INTERNAL = _Code("INTERNAL", retryable=True)
# The words of a status that no service of ours gives may be a trace, so they are not shown.
_UNEXPECTED = _Code("INTERNAL", retryable=True, message="The service failed.")

# By status; what is not here is INTERNAL, for a client can do nothing about it.
_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: _Code("INVALID_ARGUMENT", retryable=False),
    grpc.StatusCode.NOT_FOUND: _Code("NOT_FOUND", retryable=False),
    grpc.StatusCode.PERMISSION_DENIED: _Code("PERMISSION_DENIED", retryable=False),
    grpc.StatusCode.ALREADY_EXISTS: _Code("CONFLICT", retryable=False),
    grpc.StatusCode.RESOURCE_EXHAUSTED: _Code("RESOURCE_EXHAUSTED", retryable=True),
    grpc.StatusCode.UNAVAILABLE: _UNAVAILABLE,
    # The service has gone while it was at it.
    grpc.StatusCode.CANCELLED: _UNAVAILABLE,
    # The operator's mistake, not the client's: its token was good.
    grpc.StatusCode.UNAUTHENTICATED: _UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: _Code(
        "DEADLINE_EXCEEDED",
        retryable=True,
        message="The service did not answer in time; the outcome is not known.",
    ),
    grpc.StatusCode.INTERNAL: _INTERNAL,
}
# What a command supposes and what is true differ; the answer shows what is.
_STALE_OFFER = _Code("STALE_OFFER", retryable=False)
_INVALID_STATE = _Code("INVALID_STATE", retryable=False)
# Whatever service refuses it, and whatever it was.
_SANCTIONED = _Code("SANCTIONED", retryable=False)
# Their codes do not tell what is wrong.
_OF_SEVERAL_REASONS = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.PERMISSION_DENIED}
_STATUS_BY_NUMBER = {status.value[0]: status for status in grpc.StatusCode}
# A limit that time alone lifts is told apart from a full queue.
_RATE_LIMITED = _Code("RATE_LIMITED", retryable=True)


_TIMED_OUT = _CODES[grpc.StatusCode.DEADLINE_EXCEEDED]
TIMED_OUT = Error(_TIMED_OUT.code, _TIMED_OUT.message or "", _TIMED_OUT.retryable)
"""There was no answer within the budget."""


def refusal(code: str, message: str, *, retryable: bool = False) -> Error:
    """An error that the edge itself gives."""
    return Error(code=code, message=message, retryable=retryable)


def invalid_argument(field: str, problem: str) -> Error:
    """One field of a payload is wrong."""
    return Error(
        code="INVALID_ARGUMENT",
        message=f"{field or 'd'}: {problem}",
        retryable=False,
        fields=[FieldProblem(field, problem)],
    )


# The fields of the contracts under the names that they bear in packets.
_FIELD_NAMES = {
    "conversation_id": "conversation",
    "message_id": "message",
    "service_id": "service",
    "dispute_id": "dispute",
    "decision_id": "decision",
    "offer_ttl_seconds": "offer_ttl_s",
    "page_token": "page",
    "page_size": "limit",
    "before_seq": "before",
    "after_seq": "after",
}


# The first steps of paths that packets call otherwise.
_FIELD_PREFIXES = {"propose.": "settlement.", "refund.": "claim.refund."}


def _field_name(path: str) -> str:
    """A path such as requests[3].conversation_id or price.currency, as packets call it."""
    name = path.rpartition("].")[2]
    for prefix, ours in _FIELD_PREFIXES.items():
        if name.startswith(prefix):
            return ours + name.removeprefix(prefix)
    return _FIELD_NAMES.get(name, name)


def _current(detail: Any) -> Service | Dispute | Standing | UnsetType:
    """How things stand, as a refusal may tell. A case is for moderators, and never shown."""
    if detail.Is(negotiation_pb2.Service.DESCRIPTOR):
        service = negotiation_pb2.Service()
        detail.Unpack(service)
        return service_payload(service)
    if detail.Is(moderation_pb2.Dispute.DESCRIPTOR):
        dispute = moderation_pb2.Dispute()
        detail.Unpack(dispute)
        return dispute_payload(dispute)
    if detail.Is(moderation_pb2.Standing.DESCRIPTOR):
        standing = moderation_pb2.Standing()
        detail.Unpack(standing)
        return standing_payload(standing)
    return UNSET


def from_status(status: status_pb2.Status) -> Error:
    """The error packet of a service's refusal."""
    grpc_code = _STATUS_BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    code = _CODES.get(grpc_code, _UNEXPECTED)
    fields: list[FieldProblem] = []
    retry_after_ms: int | None = None
    reason = ""
    current: Service | Dispute | Standing | UnsetType = UNSET
    for detail in status.details:
        if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad_request = error_details_pb2.BadRequest()
            detail.Unpack(bad_request)
            fields += [
                FieldProblem(_field_name(violation.field), violation.description)
                for violation in bad_request.field_violations
            ]
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            retry_after_ms = retry.retry_delay.ToMilliseconds()
        elif detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            reason = info.reason
        else:
            current = _current(detail) or current
    if retry_after_ms is not None and grpc_code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        code = _RATE_LIMITED
    if grpc_code is grpc.StatusCode.FAILED_PRECONDITION:
        code = _STALE_OFFER if reason == "STALE_OFFER" else _INVALID_STATE
    if grpc_code is grpc.StatusCode.PERMISSION_DENIED and reason == _SANCTIONED.code:
        code = _SANCTIONED
    tells_more = grpc_code in _OF_SEVERAL_REASONS and reason not in {"", code.code}
    return Error(
        code=code.code,
        message=code.message or status.message,
        retryable=code.retryable,
        retry_after_ms=UNSET if retry_after_ms is None else retry_after_ms,
        fields=fields or UNSET,
        reason=reason if tells_more else UNSET,
        current=current,
    )


def from_call(error: grpc.aio.AioRpcError) -> Error:
    """The error packet of a call that failed as a whole."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                return from_status(status_pb2.Status.FromString(value))
            except DecodeError:
                break
    return from_status(status_pb2.Status(code=error.code().value[0], message=error.details() or ""))

"""The one table of refusals: reason to gRPC code. All else about a status is built from it."""

import grpc
from google.protobuf.message import Message

from moderation_service.api import translation
from moderation_service.domain.case.views import CaseView
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.refusals import Reason
from moderation_service.operations.answers import PlacedStanding
from service_kit.rpc.failures import Failures

_NOT_FOUND = grpc.StatusCode.NOT_FOUND
_FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
_PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED
_UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


# A client takes 256 KiB of metadata, in which bytes are written as text.
_MOST_BYTES = 128 * 1024


def _pack_current(current: object) -> Message:
    """Translate how things stand. What people fill without bounds of this size is left out where it
    is too much: a refusal that does not reach its caller explains nothing.
    """
    match current:
        case CaseView():
            case = translation.case(current)
            if case.ByteSize() > _MOST_BYTES:
                case.ClearField("reports")
                case.ClearField("decisions")
                case.ClearField("appeals")
            return case
        case DisputeView():
            dispute = translation.dispute(current)
            if dispute.ByteSize() > _MOST_BYTES:
                dispute.ClearField("statements")
            return dispute
        case PlacedStanding():
            standing = translation.standing(current)
            if standing.ByteSize() > _MOST_BYTES:
                for sanction in standing.sanctions:
                    sanction.statement.ClearField("facts")
            if standing.ByteSize() > _MOST_BYTES:
                standing.ClearField("sanctions")
            return standing
    raise TypeError(f"not what a refusal of this service carries: {type(current).__name__}")


FAILURES = Failures(
    "moderation.parley",
    {
        Reason.ROLE_REQUIRED: _PERMISSION_DENIED,
        Reason.SANCTIONED: _PERMISSION_DENIED,
        Reason.RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Reason.IDEMPOTENCY_KEY_CONFLICT: grpc.StatusCode.ALREADY_EXISTS,
        Reason.MESSAGING_UNAVAILABLE: _UNAVAILABLE,
        Reason.NEGOTIATION_UNAVAILABLE: _UNAVAILABLE,
        Reason.MESSAGE_NOT_FOUND: _NOT_FOUND,
        Reason.CONVERSATION_NOT_FOUND: _NOT_FOUND,
        Reason.SERVICE_NOT_FOUND: _NOT_FOUND,
        Reason.CASE_NOT_FOUND: _NOT_FOUND,
        Reason.DECISION_NOT_FOUND: _NOT_FOUND,
        Reason.APPEAL_NOT_FOUND: _NOT_FOUND,
        Reason.SANCTION_NOT_FOUND: _NOT_FOUND,
        Reason.DISPUTE_NOT_FOUND: _NOT_FOUND,
        Reason.STALE_CASE: _FAILED_PRECONDITION,
        Reason.STALE_DISPUTE: _FAILED_PRECONDITION,
        Reason.STALE_SETTLEMENT: _FAILED_PRECONDITION,
        Reason.INVALID_STATE: _FAILED_PRECONDITION,
        Reason.OPEN_DISPUTE_EXISTS: _FAILED_PRECONDITION,
        Reason.TOO_MANY_OPEN_REPORTS: _FAILED_PRECONDITION,
        Reason.TOO_MANY_STATEMENTS: _FAILED_PRECONDITION,
        Reason.TOO_LATE_TO_APPEAL: _FAILED_PRECONDITION,
        Reason.NOTHING_TO_APPEAL: _FAILED_PRECONDITION,
        Reason.ALREADY_REPORTED: _FAILED_PRECONDITION,
        Reason.ALREADY_APPEALED: _FAILED_PRECONDITION,
        Reason.CLAIMED_BY_OTHER: _FAILED_PRECONDITION,
        Reason.NOT_CLAIMED: _FAILED_PRECONDITION,
        Reason.OWN_MESSAGE: _PERMISSION_DENIED,
        Reason.INVOLVED: _PERMISSION_DENIED,
        Reason.SAME_MODERATOR: _PERMISSION_DENIED,
        Reason.OPENER_ONLY: _PERMISSION_DENIED,
        Reason.OWN_SETTLEMENT: _PERMISSION_DENIED,
        # Of EraseUser, whose answer says it: no call ends with it.
        Reason.KEPT: _FAILED_PRECONDITION,
    },
    _pack_current,
)

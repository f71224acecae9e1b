"""The gRPC code of each reason of a refusal, and the present state that a refusal carries."""

import grpc
from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import case_translation, dispute_translation
from moderation_service.domain.case.views import CaseView
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.shared.refusals import Reason
from moderation_service.operations.restrictions import PlacedStanding
from service_kit.rpc.failures import MOST_CURRENT_BYTES, Failures, cut_to_fit

_NOT_FOUND = grpc.StatusCode.NOT_FOUND
_FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
_PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED
_UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def _case(given: CaseView) -> pb.Case:
    return cut_to_fit(case_translation.case(given), "reports", "decisions", "appeals")


def _dispute(given: DisputeView) -> pb.Dispute:
    return cut_to_fit(dispute_translation.dispute(given), "statements", "resolution", "offers")


def _standing(given: PlacedStanding) -> pb.Standing:
    """Leave out whole sanctions, warnings first: none is shown without its reasons."""
    standing = case_translation.standing(given)
    while standing.sanctions and standing.ByteSize() > MOST_CURRENT_BYTES:
        kinds = [one.kind for one in standing.sanctions]
        warnings = [place for place, kind in enumerate(kinds) if kind == pb.SANCTION_KIND_WARNING]
        del standing.sanctions[warnings[-1] if warnings else -1]
        standing.truncated = True
    return standing


FAILURES = Failures(
    "moderation.parley",
    {
        Reason.TOKEN_REFUSED: grpc.StatusCode.UNAUTHENTICATED,
        Reason.KEYS_UNAVAILABLE: _UNAVAILABLE,
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
        Reason.TOO_MANY_REVOKED_TOKENS: _FAILED_PRECONDITION,
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
    {CaseView: _case, DisputeView: _dispute, PlacedStanding: _standing},
)

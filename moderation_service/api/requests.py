"""Requests of the contract into commands. What has no meaning at all is refused here."""

from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from uuid_utils import uuid7

from moderation_service.api import enumerations
from moderation_service.domain.case.commands import (
    ClaimCase,
    CreateAppeal,
    CreateReport,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
)
from moderation_service.domain.case.entities import AppealStatus, Subject, SubjectKind
from moderation_service.domain.dispute.commands import (
    Acceptance,
    CreateDispute,
    DecideDispute,
    Money,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import DisputeState, Settlement
from moderation_service.domain.sanctions.entities import Ground, Measure
from moderation_service.storage.lists import CaseFilter, CaseOrder
from service_kit.rpc.failures import Refused
from service_kit.rules import invalid

# Times beyond this are none that a statement could name.
_LATEST_SECONDS = 253_402_300_799

# --- People -------------------------------------------------------------------------------------


def report_message(request: pb.ReportMessageRequest) -> CreateReport:
    """Where the message stands, who takes part and who wrote it is not known yet."""
    subject = Subject(SubjectKind.MESSAGE, request.message_id, "")
    return _report(request, subject)


def report_conversation(request: pb.ReportConversationRequest) -> CreateReport:
    """Who takes part is not known yet."""
    conversation = request.conversation_id
    return _report(request, Subject(SubjectKind.CONVERSATION, conversation, conversation))


def _report(
    request: pb.ReportMessageRequest | pb.ReportConversationRequest, subject: Subject
) -> CreateReport:
    return CreateReport(
        actor=request.actor,
        report=_new_id(),
        case=_new_id(),
        subject=subject,
        participants=(),
        reason=enumerations.REPORT_REASONS.decode("reason", request.reason),
        comment=request.comment,
        idempotency_key=request.idempotency_key,
    )


def create_appeal(request: pb.CreateAppealRequest) -> CreateAppeal:
    """Translate the request of that name."""
    return CreateAppeal(
        request.actor,
        _new_id(),
        request.decision_id,
        request.text,
        idempotency_key=request.idempotency_key,
    )


def create_dispute(request: pb.CreateDisputeRequest) -> CreateDispute:
    """Whose service it is, and what was agreed, is not known yet."""
    refund = request.refund
    return CreateDispute(
        actor=request.actor,
        dispute=_new_id(),
        service=request.service_id,
        conversation="",
        provider="",
        client="",
        currency="",
        price=None,
        reason=enumerations.DISPUTE_REASONS.decode("reason", request.reason),
        statement=request.statement,
        refund=Money(refund.amount_minor, refund.currency) if request.HasField("refund") else None,
        idempotency_key=request.idempotency_key,
    )


def submit_dispute_statement(request: pb.SubmitDisputeStatementRequest) -> SubmitDisputeStatement:
    """Translate the request of that name."""
    action = request.WhichOneof("action")
    accept = request.accept
    if action == "accept" and not accept.HasField("settlement"):
        raise Refused(invalid("accept.settlement", "is missing"))
    return SubmitDisputeStatement(
        actor=request.actor,
        dispute=request.dispute_id,
        text=request.text,
        propose=_settlement(request.propose) if action == "propose" else None,
        accept=(
            Acceptance(accept.offer, _settlement(accept.settlement)) if action == "accept" else None
        ),
        withdraw=request.withdraw,
        idempotency_key=request.idempotency_key,
    )


# --- Moderators ---------------------------------------------------------------------------------


def claim_case(request: pb.ClaimCaseRequest) -> ClaimCase:
    """Translate the request of that name."""
    roles, key = tuple(request.roles), request.idempotency_key
    return ClaimCase(request.actor, roles, request.case_id, key)


def release_case(request: pb.ReleaseCaseRequest) -> ReleaseCase:
    """Translate the request of that name."""
    roles, key = tuple(request.roles), request.idempotency_key
    return ReleaseCase(request.actor, roles, request.case_id, key)


def decide_case(request: pb.DecideCaseRequest) -> DecideCase:
    """Whose message it is that a measure removes is not known yet."""
    return DecideCase(
        actor=request.actor,
        roles=tuple(request.roles),
        case=request.case_id,
        version=request.version,
        verdict=enumerations.VERDICTS.decode("verdict", request.verdict),
        measures=tuple(
            _measure(f"measures[{index}]", one) for index, one in enumerate(request.measures)
        ),
        note=request.note,
        decision=_new_id(),
        sanctions=tuple(_new_id() for _ in request.measures),
        idempotency_key=request.idempotency_key,
    )


def decide_appeal(request: pb.DecideAppealRequest) -> DecideAppeal:
    """Translate the request of that name."""
    return DecideAppeal(
        request.actor,
        tuple(request.roles),
        request.appeal_id,
        request.version,
        enumerations.APPEAL_STATUSES.decode("outcome", request.outcome),
        request.answer,
        request.idempotency_key,
    )


def lift_sanction(request: pb.LiftSanctionRequest) -> LiftSanction:
    """Translate the request of that name."""
    return LiftSanction(
        request.actor,
        tuple(request.roles),
        request.sanction_id,
        request.reason,
        request.idempotency_key,
    )


def decide_dispute(request: pb.DecideDisputeRequest) -> DecideDispute:
    """Translate the request of that name."""
    return DecideDispute(
        actor=request.actor,
        roles=tuple(request.roles),
        dispute=request.dispute_id,
        version=request.version,
        outcome=enumerations.DISPUTE_OUTCOMES.decode("outcome", request.outcome),
        facts=request.facts,
        rule=request.rule,
        split=_settlement(request.split) if request.HasField("split") else None,
        idempotency_key=request.idempotency_key,
    )


# --- Lists --------------------------------------------------------------------------------------


def case_filter(request: pb.ListCasesRequest) -> CaseFilter:
    """Say which cases are asked for, and in which order."""
    return CaseFilter(
        state=enumerations.CASE_STATES.decode_optional("state", request.state),
        min_severity=enumerations.SEVERITIES.decode_optional("min_severity", request.min_severity),
        reason=enumerations.REPORT_REASONS.decode_optional("reason", request.reason),
        accused=request.accused,
        claimed_by=request.claimed_by,
        order=enumerations.CASE_ORDERS.decode_optional("order", request.order) or CaseOrder.DUE,
    )


def appeal_status(request: pb.ListAppealsRequest) -> AppealStatus | None:
    """Say which appeals are asked for; None leaves it to the service."""
    return enumerations.APPEAL_STATUSES.decode_optional("status", request.status)


def dispute_state(request: pb.ListDisputesRequest) -> DisputeState | None:
    """Say which disputes are asked for; None leaves it to the service."""
    return enumerations.DISPUTE_STATES.decode_optional("state", request.state)


# --- Parts of requests --------------------------------------------------------------------------


def _measure(field: str, given: pb.Measure) -> Measure:
    return Measure(
        kind=enumerations.SANCTION_KINDS.decode(f"{field}.kind", given.kind),
        user=given.user,
        facts=given.facts,
        rule=given.rule,
        ground=enumerations.GROUNDS.decode_optional(f"{field}.ground", given.ground)
        or Ground.TERMS,
        until=(
            _milliseconds(f"{field}.until_time", given.until_time)
            if given.HasField("until_time")
            else None
        ),
        message=given.message_id,
    )


def _settlement(given: pb.Settlement) -> Settlement:
    return Settlement(given.provider_minor, given.client_minor)


def _milliseconds(field: str, given: Timestamp) -> int:
    if not 0 <= given.seconds <= _LATEST_SECONDS or not 0 <= given.nanos < 10**9:
        raise Refused(invalid(field, "is no time"))
    return given.seconds * 1_000 + given.nanos // 1_000_000


def _new_id() -> str:
    return str(uuid7())

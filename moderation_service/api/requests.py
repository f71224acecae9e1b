"""Translates requests into commands, each by a function of its name.

A value that has no meaning at all is refused here.
"""

from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import enumerations
from moderation_service.domain import sessions
from moderation_service.domain.case import commands
from moderation_service.domain.case.entities import AppealStatus, SubjectKind
from moderation_service.domain.dispute.commands import (
    Acceptance,
    CreateDispute,
    DecideDispute,
    Money,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import (
    DisputeState,
    Settlement,
    statement_id,
)
from moderation_service.domain.sanctions.entities import Ground, Measure, MessageMeasure
from moderation_service.storage.lists import CaseFilter, CaseOrder
from service_kit.authentication.claims import Principal
from service_kit.rpc.failures import Refused
from service_kit.rules import invalid

# Times beyond this are none that a statement could name.
_LATEST_SECONDS = 253_402_300_799


# --- People -------------------------------------------------------------------------------------


def report_message(request: pb.ReportMessageRequest) -> commands.ReportMessage:
    return commands.ReportMessage(
        actor=request.actor,
        subject=commands.SubjectName(SubjectKind.MESSAGE, request.message_id),
        reason=enumerations.REPORT_REASONS.decode("reason", request.reason),
        comment=request.comment,
        idempotency_key=request.idempotency_key,
    )


def report_conversation(request: pb.ReportConversationRequest) -> commands.ReportConversation:
    return commands.ReportConversation(
        actor=request.actor,
        subject=commands.SubjectName(SubjectKind.CONVERSATION, request.conversation_id),
        reason=enumerations.REPORT_REASONS.decode("reason", request.reason),
        comment=request.comment,
        idempotency_key=request.idempotency_key,
    )


def report_dispute_statement(
    request: pb.ReportDisputeStatementRequest,
) -> commands.ReportDisputeStatement:
    name = statement_id(request.dispute_id, request.number)
    return commands.ReportDisputeStatement(
        actor=request.actor,
        subject=commands.SubjectName(SubjectKind.STATEMENT, name),
        reason=enumerations.REPORT_REASONS.decode("reason", request.reason),
        comment=request.comment,
        idempotency_key=request.idempotency_key,
    )


def create_appeal(request: pb.CreateAppealRequest) -> commands.CreateAppeal:
    return commands.CreateAppeal(
        actor=request.actor,
        decision=request.decision_id,
        text=request.text,
        idempotency_key=request.idempotency_key,
    )


def create_dispute(request: pb.CreateDisputeRequest) -> CreateDispute:
    refund = request.refund
    return CreateDispute(
        actor=request.actor,
        service=request.service_id,
        reason=enumerations.DISPUTE_REASONS.decode("reason", request.reason),
        statement=request.statement,
        refund=Money(refund.amount_minor, refund.currency) if request.HasField("refund") else None,
        idempotency_key=request.idempotency_key,
    )


def submit_dispute_statement(request: pb.SubmitDisputeStatementRequest) -> SubmitDisputeStatement:
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


def claim_case(request: pb.ClaimCaseRequest, moderator: Principal) -> commands.ClaimCase:
    return commands.ClaimCase(
        actor=moderator.user,
        roles=tuple(moderator.roles),
        case=request.case_id,
        idempotency_key=request.idempotency_key,
    )


def release_case(request: pb.ReleaseCaseRequest, moderator: Principal) -> commands.ReleaseCase:
    return commands.ReleaseCase(
        actor=moderator.user,
        roles=tuple(moderator.roles),
        case=request.case_id,
        idempotency_key=request.idempotency_key,
    )


def decide_case(request: pb.DecideCaseRequest, moderator: Principal) -> commands.DecideCase:
    return commands.DecideCase(
        actor=moderator.user,
        roles=tuple(moderator.roles),
        case=request.case_id,
        version=request.version,
        verdict=enumerations.VERDICTS.decode("verdict", request.verdict),
        measures=tuple(
            _measure(f"measures[{index}]", one) for index, one in enumerate(request.measures)
        ),
        note=request.note,
        idempotency_key=request.idempotency_key,
    )


def decide_appeal(request: pb.DecideAppealRequest, moderator: Principal) -> commands.DecideAppeal:
    return commands.DecideAppeal(
        actor=moderator.user,
        roles=tuple(moderator.roles),
        appeal=request.appeal_id,
        version=request.version,
        outcome=enumerations.APPEAL_STATUSES.decode("outcome", request.outcome),
        answer=request.answer,
        idempotency_key=request.idempotency_key,
    )


def lift_sanction(request: pb.LiftSanctionRequest, moderator: Principal) -> commands.LiftSanction:
    return commands.LiftSanction(
        actor=moderator.user,
        roles=tuple(moderator.roles),
        sanction=request.sanction_id,
        reason=request.reason,
        idempotency_key=request.idempotency_key,
    )


def decide_dispute(request: pb.DecideDisputeRequest, moderator: Principal) -> DecideDispute:
    return DecideDispute(
        actor=moderator.user,
        roles=tuple(moderator.roles),
        dispute=request.dispute_id,
        version=request.version,
        outcome=enumerations.DISPUTE_OUTCOMES.decode("outcome", request.outcome),
        facts=request.facts,
        rule=request.rule,
        split=_settlement(request.split) if request.HasField("split") else None,
        idempotency_key=request.idempotency_key,
    )


# --- Sessions -----------------------------------------------------------------------------------


def end_sessions(request: pb.EndSessionsRequest) -> sessions.EndSessions:
    before = None
    if request.HasField("before_time"):
        before = _milliseconds("before_time", request.before_time)
    return sessions.EndSessions(request.user, before)


def revoke_token(request: pb.RevokeTokenRequest) -> sessions.RevokeToken:
    expires_at = None
    if request.HasField("expire_time"):
        expires_at = _milliseconds("expire_time", request.expire_time)
    return sessions.RevokeToken(request.user, request.token_id, expires_at)


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


def _measure(field: str, given: pb.Measure) -> Measure | MessageMeasure:
    kind = enumerations.SANCTION_KINDS.decode(f"{field}.kind", given.kind)
    ground = enumerations.GROUNDS.decode_optional(f"{field}.ground", given.ground) or Ground.TERMS
    until = None
    if given.HasField("until_time"):
        until = _milliseconds(f"{field}.until_time", given.until_time)
    if given.message_id:
        return MessageMeasure(kind, given.message_id, given.facts, given.rule, ground, until)
    return Measure(kind, given.user, given.facts, given.rule, ground, until)


def _settlement(given: pb.Settlement) -> Settlement:
    return Settlement(given.provider_minor, given.client_minor)


def _milliseconds(field: str, given: Timestamp) -> int:
    if not 0 <= given.seconds <= _LATEST_SECONDS or not 0 <= given.nanos < 10**9:
        raise Refused(invalid(field, "is no time"))
    return given.seconds * 1_000 + given.nanos // 1_000_000

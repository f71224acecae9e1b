"""Packets about reports, appeals and disputes: each is one RPC, and answered with what it made."""

import asyncio
from typing import Any

from msgspec import UNSET, UnsetType
from parley.moderation.v1 import moderation_pb2 as pb

from edge.handlers.texts import text_of
from edge.protocol.errors import Error, ErrorCode, refusal
from edge.protocol.packets import InvalidPayloadError, Op
from edge.protocol.payloads.fields import Money, Settlement
from edge.protocol.payloads.moderation import (
    LitigeCreated,
    LitigeStatement,
    ReportConversations,
    ReportMsg,
    ReportStatus,
    SendAppeal,
)
from edge.protocol.payloads.negotiation import Service, UpdateConversationDatas
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.translation.moderation import (
    DISPUTE_REASONS,
    REPORT_REASONS,
    appeal_payload,
    dispute_payload,
    report_payload,
)
from edge.translation.negotiation import service_payload

NOT_DEPLOYED = refusal(ErrorCode.UNAVAILABLE, "There is no moderation here.", retryable=False)


async def _command(session: Session, re: Request, rpc: str, request: Any) -> Any:
    """Call an RPC; its response, or None when the packet was answered with the error."""
    moderation = session.edge.moderation
    answer = NOT_DEPLOYED if moderation is None else await moderation.call(rpc, request)
    if isinstance(answer, Error):
        session.fail(re, answer)
        return None
    return answer


async def report_msg(session: Session, re: Request, payload: ReportMsg) -> None:
    """Answered by REPORT STATUS."""
    request = pb.ReportMessageRequest(
        actor=session.user,
        message_id=text_of("message", payload.message),
        reason=REPORT_REASONS[payload.reason],
        comment=text_of("comment", payload.comment),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    await _report(session, re, "ReportMessage", request)


async def report_conversations(session: Session, re: Request, payload: ReportConversations) -> None:
    """Answered by REPORT STATUS."""
    request = pb.ReportConversationRequest(
        actor=session.user,
        conversation_id=text_of("conversation", payload.conversation),
        reason=REPORT_REASONS[payload.reason],
        comment=text_of("comment", payload.comment),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    await _report(session, re, "ReportConversation", request)


async def _report(session: Session, re: Request, rpc: str, request: Any) -> None:
    answer = await _command(session, re, rpc, request)
    if answer is not None:
        status = report_payload(answer.report, duplicate=answer.duplicate)
        session.answer(re, Op.REPORT_STATUS, status)


def appeal_request(user: str, payload: SendAppeal) -> pb.CreateAppealRequest:
    """What an appeal asks for, on whichever way it came."""
    return pb.CreateAppealRequest(
        actor=user,
        decision_id=text_of("decision", payload.decision),
        text=text_of("text", payload.text),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )


async def appeal(session: Session, re: Request, payload: SendAppeal) -> None:
    """Answered by REPORT STATUS."""
    request = appeal_request(session.user, payload)
    answer = await _command(session, re, "CreateAppeal", request)
    if answer is not None:
        made = appeal_payload(answer.appeal)
        session.answer(re, Op.REPORT_STATUS, ReportStatus(appeal=made, duplicate=answer.duplicate))


async def litige_created(session: Session, re: Request, payload: LitigeCreated) -> None:
    """Answered by UPDATE CONVERSATION DATAS."""
    request = pb.CreateDisputeRequest(
        actor=session.user,
        service_id=text_of("service", payload.service),
        reason=DISPUTE_REASONS[payload.reason],
        statement=text_of("statement", payload.statement),
        refund=None if payload.claim is UNSET else _money("claim.refund", payload.claim.refund),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    await _dispute(session, re, "CreateDispute", request, "created")


async def litige_statement(session: Session, re: Request, payload: LitigeStatement) -> None:
    """Answered by UPDATE CONVERSATION DATAS."""
    proposes, accepts = payload.settlement is not UNSET, payload.accept is not UNSET
    if proposes + accepts + payload.withdraw > 1:
        raise InvalidPayloadError(
            "settlement", "at most one of settlement, accept and withdraw is allowed"
        )
    request = pb.SubmitDisputeStatementRequest(
        actor=session.user,
        dispute_id=text_of("dispute", payload.dispute),
        text=text_of("text", payload.text),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    cause = "stated"
    if payload.settlement is not UNSET:
        request.propose.CopyFrom(_settlement(payload.settlement))
        cause = "settlement_proposed"
    elif payload.accept is not UNSET:
        request.accept.offer = payload.accept.offer
        request.accept.settlement.CopyFrom(_settlement(payload.accept.settlement))
        cause = "settled"
    elif payload.withdraw:
        request.withdraw = True
        cause = "withdrawn"
    await _dispute(session, re, "SubmitDisputeStatement", request, cause)


async def _dispute(session: Session, re: Request, rpc: str, request: Any, cause: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + session.edge.settings.call_timeout_seconds
    answer = await _command(session, re, rpc, request)
    if answer is not None:
        dispute = dispute_payload(answer.dispute)
        service = await _service(session, answer.dispute, deadline - loop.time())
        update = UpdateConversationDatas(dispute.conversation, cause, service, dispute)
        session.answer(re, Op.UPDATE_CONVERSATION_DATAS, update)


async def _service(session: Session, dispute: pb.Dispute, seconds: float) -> Service | UnsetType:
    """The service of a dispute as it stands now, if negotiation answers in time."""
    negotiation = session.edge.negotiation
    if negotiation is None:
        return UNSET
    conversations = [dispute.conversation_id]
    deals = await negotiation.services(session.user, conversations, seconds)
    if isinstance(deals, Error):
        return UNSET
    found = [one for one in deals if one.id == dispute.service_id]
    return service_payload(found[0]) if found else UNSET


def _money(field: str, money: Money) -> pb.Money:
    currency = text_of(f"{field}.currency", money.currency)
    return pb.Money(amount_minor=money.amount_minor, currency=currency)


def _settlement(settlement: Settlement) -> pb.Settlement:
    return pb.Settlement(
        provider_minor=settlement.provider_minor, client_minor=settlement.client_minor
    )

"""Handlers of the packets about reports, appeals and disputes: each becomes an RPC."""

import asyncio
from typing import Any

from google.protobuf.message import Message
from msgspec import UNSET, UnsetType
from parley.moderation.v1 import moderation_pb2 as pb

from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.translation.common import request_of
from edge.translation.moderation import (
    appeal_payload,
    dispute_payload,
    report_payload,
    standing_payload,
)
from edge.translation.negotiation import service_payload
from parley_protocol.errors import Error, ErrorCode, refusal
from parley_protocol.packets import InvalidPayloadError, Op
from parley_protocol.payloads import moderation as payloads
from parley_protocol.payloads.negotiation import Service, UpdateConversationDatas

NOT_DEPLOYED = refusal(ErrorCode.UNAVAILABLE, "There is no moderation here.", retryable=False)


async def report_msg(session: Session, re: Request, payload: payloads.ReportMsg) -> None:
    """Report a message; answered by REPORT STATUS."""
    request = request_of(pb.ReportMessageRequest, payload, session.user)
    await _report(session, re, Op.REPORT_MSG, request)


async def report_conversations(
    session: Session, re: Request, payload: payloads.ReportConversations
) -> None:
    """Report a conversation; answered by REPORT STATUS."""
    request = request_of(pb.ReportConversationRequest, payload, session.user)
    await _report(session, re, Op.REPORT_CONVERSATIONS, request)


async def report_statement(
    session: Session, re: Request, payload: payloads.ReportStatement
) -> None:
    """Report a statement of a dispute; answered by REPORT STATUS."""
    request = request_of(pb.ReportDisputeStatementRequest, payload, session.user)
    await _report(session, re, Op.REPORT_STATEMENT, request)


async def _report(session: Session, re: Request, op: Op, request: Message) -> None:
    answer = await _call(session, re, op, request)
    if answer is not None:
        status = report_payload(answer.report, duplicate=answer.duplicate)
        session.answer(re, status)


async def appeal(session: Session, re: Request, payload: payloads.SendAppeal) -> None:
    """Appeal against a decision; answered by REPORT STATUS."""
    request = request_of(pb.CreateAppealRequest, payload, session.user)
    answer = await _call(session, re, Op.APPEAL, request)
    if answer is not None:
        made = appeal_payload(answer.appeal)
        session.answer(re, payloads.ReportStatus(appeal=made, duplicate=answer.duplicate))


async def litige_created(session: Session, re: Request, payload: payloads.LitigeCreated) -> None:
    """Open a dispute; answered by UPDATE CONVERSATION DATAS."""
    request = request_of(pb.CreateDisputeRequest, payload, session.user)
    await _dispute(session, re, Op.LITIGE_CREATED, request, "created")


async def litige_statement(
    session: Session, re: Request, payload: payloads.LitigeStatement
) -> None:
    """Say something in a dispute, or end it; answered by UPDATE CONVERSATION DATAS."""
    causes = {
        "settlement_proposed": payload.settlement is not UNSET,
        "settled": payload.accept is not UNSET,
        "withdrawn": payload.withdraw,
    }
    chosen = [cause for cause, is_asked in causes.items() if is_asked]
    if len(chosen) > 1:
        raise InvalidPayloadError(
            "settlement", "at most one of settlement, accept and withdraw is allowed"
        )
    request = request_of(pb.SubmitDisputeStatementRequest, payload, session.user)
    await _dispute(session, re, Op.LITIGE_STATEMENT, request, chosen[0] if chosen else "stated")


async def ask_reports(session: Session, re: Request, payload: payloads.AskReports) -> None:
    """List one's own reports; answered by RETURN REPORTS."""
    request = request_of(pb.ListReportsRequest, payload, session.user)
    answer = await _page(session, re, Op.ASK_REPORTS, request)
    if answer is not None:
        reports = [report_payload(one) for one in answer.reports]
        returned = payloads.ReturnReports(reports, answer.next_page_token or UNSET)
        await session.answer_page(re, returned)


async def ask_appeals(session: Session, re: Request, payload: payloads.AskAppeals) -> None:
    """List one's own appeals; answered by RETURN APPEALS."""
    request = request_of(pb.ListOwnAppealsRequest, payload, session.user)
    answer = await _page(session, re, Op.ASK_APPEALS, request)
    if answer is not None:
        appeals = [appeal_payload(one) for one in answer.appeals]
        returned = payloads.ReturnAppeals(appeals, answer.next_page_token or UNSET)
        await session.answer_page(re, returned)


async def ask_disputes(session: Session, re: Request, payload: payloads.AskDisputes) -> None:
    """List one's own disputes; answered by RETURN DISPUTES."""
    request = request_of(pb.ListOwnDisputesRequest, payload, session.user)
    answer = await _page(session, re, Op.ASK_DISPUTES, request)
    if answer is not None:
        disputes = [dispute_payload(one) for one in answer.disputes]
        returned = payloads.ReturnDisputes(disputes, answer.next_page_token or UNSET)
        await session.answer_page(re, returned)


async def ask_dispute(session: Session, re: Request, payload: payloads.AskDispute) -> None:
    """Look up a dispute; answered by UPDATE CONVERSATION DATAS."""
    request = request_of(pb.GetDisputeRequest, payload, session.user)
    answer = await _page(session, re, Op.ASK_DISPUTE, request)
    if answer is not None:
        dispute = dispute_payload(answer.dispute)
        update = UpdateConversationDatas(dispute.conversation, "asked", dispute=dispute)
        await session.answer_page(re, update)


async def ask_standing(session: Session, re: Request, payload: payloads.AskStanding) -> None:
    """Look up what restricts the user; answered by RETURN STANDING."""
    request = request_of(pb.GetStandingRequest, payload, session.user)
    answer = await _page(session, re, Op.ASK_STANDING, request)
    if answer is not None:
        returned = payloads.ReturnStanding(standing_payload(answer.standing))
        await session.answer_page(re, returned)


async def _page(session: Session, re: Request, op: Op, request: Message) -> Any:
    """Call the RPC of a packet that reads, one of its kind at a time."""
    async with session.page(op):
        return await _call(session, re, op, request)


async def _dispute(session: Session, re: Request, op: Op, request: Message, cause: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + session.edge.settings.call_timeout_seconds
    answer = await _call(session, re, op, request)
    if answer is not None:
        dispute = dispute_payload(answer.dispute)
        service = await _service(session, answer.dispute, deadline - loop.time())
        update = UpdateConversationDatas(dispute.conversation, cause, service, dispute)
        session.answer(re, update)


async def _service(session: Session, dispute: pb.Dispute, seconds: float) -> Service | UnsetType:
    """Look up the service of a dispute; UNSET unless negotiation answers in time."""
    negotiation = session.edge.negotiation
    if negotiation is None:
        return UNSET
    deals = await negotiation.services(session.user, [dispute.conversation_id], seconds)
    if isinstance(deals, Error):
        return UNSET
    found = [one for one in deals if one.id == dispute.service_id]
    return service_payload(found[0]) if found else UNSET


async def _call(session: Session, re: Request, op: Op, request: Message) -> Any:
    """Call the RPC of a packet; its response, or None after the packet was refused."""
    moderation = session.edge.moderation
    answer = NOT_DEPLOYED if moderation is None else await moderation.call(op.rpc, request)
    if isinstance(answer, Error):
        session.fail(re, answer)
        return None
    return answer

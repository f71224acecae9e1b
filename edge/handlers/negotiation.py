"""Packets about a deal: each is one RPC, and answered by UPDATE CONVERSATION DATAS."""

import asyncio
from typing import Any

from msgspec import UNSET, UnsetType
from parley.negotiation.v1 import negotiation_pb2 as pb

from edge.handlers import conversation_lookup
from edge.handlers.texts import text_of
from edge.protocol.errors import Error, ErrorCode, refusal
from edge.protocol.packets import InvalidPayloadError, Op
from edge.protocol.payloads.fields import Money
from edge.protocol.payloads.negotiation import (
    NegotiationEnd,
    NoteSubmitted,
    PriceEdited,
    ServiceCreated,
    ServiceTerminated,
    UpdateConversationDatas,
)
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.translation.negotiation import service_payload

_ROLES = {"provider": pb.ROLE_PROVIDER, "client": pb.ROLE_CLIENT}
_NEGOTIATION_OUTCOMES = {
    "agreed": pb.NEGOTIATION_OUTCOME_AGREED,
    "declined": pb.NEGOTIATION_OUTCOME_DECLINED,
    "withdrawn": pb.NEGOTIATION_OUTCOME_WITHDRAWN,
}
_TERMINATION_OUTCOMES = {
    "delivered": pb.TERMINATION_OUTCOME_DELIVERED,
    "completed": pb.TERMINATION_OUTCOME_COMPLETED,
    "reopened": pb.TERMINATION_OUTCOME_REOPENED,
    "cancelled": pb.TERMINATION_OUTCOME_CANCELLED,
}
_NOT_DEPLOYED = refusal(ErrorCode.UNAVAILABLE, "There is no negotiation here.", retryable=False)


def _money(field: str, price: Money | UnsetType) -> pb.Money | None:
    if price is UNSET:
        return None
    currency = text_of(f"{field}.currency", price.currency)
    return pb.Money(amount_minor=price.amount_minor, currency=currency)


async def _command(session: Session, re: Request, rpc: str, request: Any, about: str = "") -> None:
    """Call an RPC; one `about` a service, if its conversation is not locked."""
    edge, loop = session.edge, asyncio.get_running_loop()
    deadline = loop.time() + edge.settings.call_timeout_seconds
    negotiation = edge.negotiation
    if negotiation is None:
        session.fail(re, _NOT_DEPLOYED)
        return
    find = conversation_lookup.of_service(session, about)
    if error := await conversation_lookup.refused(session, re, find, deadline - loop.time()):
        session.fail(re, error)
        return
    answer = await negotiation.call(rpc, request, deadline - loop.time())
    if isinstance(answer, Error):
        session.fail(re, answer)
        return
    service = service_payload(answer.service)
    update = UpdateConversationDatas(service.conversation, answer.cause, service)
    session.answer(re, Op.UPDATE_CONVERSATION_DATAS, update)


async def service_created(session: Session, re: Request, payload: ServiceCreated) -> None:
    """Propose a service at a price."""
    if payload.offer_ttl_s is not UNSET and payload.offer_ttl_s <= 0:
        # The contract's zero leaves it to the service.
        raise InvalidPayloadError("offer_ttl_s", "is not positive")
    request = pb.CreateServiceRequest(
        actor=session.user,
        conversation_id=text_of("conversation", payload.conversation),
        role=_ROLES[payload.role],
        title=text_of("title", payload.title),
        description=text_of("description", payload.description),
        price=_money("price", payload.price),
        offer_ttl_seconds=0 if payload.offer_ttl_s is UNSET else payload.offer_ttl_s,
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    await _command(session, re, "CreateService", request)


async def price_edited(session: Session, re: Request, payload: PriceEdited) -> None:
    """Counter or revise; after the agreement propose another price."""
    request = pb.EditPriceRequest(
        actor=session.user,
        service_id=text_of("service", payload.service),
        price=_money("price", payload.price),
        base_offer=payload.base_offer,
        note=text_of("note", payload.note),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    await _command(session, re, "EditPrice", request, request.service_id)


async def negotiation_end(session: Session, re: Request, payload: NegotiationEnd) -> None:
    """Accept, decline or withdraw the live offer."""
    request = pb.EndNegotiationRequest(
        actor=session.user,
        service_id=text_of("service", payload.service),
        outcome=_NEGOTIATION_OUTCOMES[payload.outcome],
        offer=payload.offer,
        price=_money("price", payload.price),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    await _command(session, re, "EndNegotiation", request, request.service_id)


async def service_terminated(session: Session, re: Request, payload: ServiceTerminated) -> None:
    """Deliver, complete, reopen or cancel."""
    request = pb.TerminateServiceRequest(
        actor=session.user,
        service_id=text_of("service", payload.service),
        outcome=_TERMINATION_OUTCOMES[payload.outcome],
        reason=text_of("reason", payload.reason),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    await _command(session, re, "TerminateService", request, request.service_id)


async def note_submitted(session: Session, re: Request, payload: NoteSubmitted) -> None:
    """Rate the other party."""
    request = pb.SubmitNoteRequest(
        actor=session.user,
        service_id=text_of("service", payload.service),
        score=payload.score,
        comment=text_of("comment", payload.comment),
        idempotency_key=text_of("idempotency_key", payload.idempotency_key),
    )
    await _command(session, re, "SubmitNote", request, request.service_id)

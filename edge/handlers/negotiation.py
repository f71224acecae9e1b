"""Handlers of the packets about a deal; each becomes an RPC, whose answer has the deal."""

import asyncio
from typing import Any

from google.protobuf.message import Message
from msgspec import UNSET
from parley.negotiation.v1 import negotiation_pb2 as pb

from edge.handlers import conversation_lookup
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.translation.common import request_of
from edge.translation.negotiation import event_payload, service_payload
from parley_protocol.errors import Error, ErrorCode, refusal
from parley_protocol.packets import InvalidPayloadError, Op
from parley_protocol.payloads import negotiation as payloads

NOT_DEPLOYED = refusal(ErrorCode.UNAVAILABLE, "There is no negotiation here.", retryable=False)


async def service_created(session: Session, re: Request, payload: payloads.ServiceCreated) -> None:
    """Propose a service at a price."""
    if payload.offer_ttl_s is not UNSET and payload.offer_ttl_s <= 0:
        # The contract's zero leaves it to the service.
        raise InvalidPayloadError("offer_ttl_s", "is not positive")
    request = request_of(pb.CreateServiceRequest, payload, session.user)
    await _answer(session, re, Op.SERVICE_CREATED, request)


async def price_edited(session: Session, re: Request, payload: payloads.PriceEdited) -> None:
    """Counter or revise; after the agreement propose another price."""
    request = request_of(pb.EditPriceRequest, payload, session.user)
    await _answer(session, re, Op.PRICE_EDITED, request, request.service_id)


async def negotiation_end(session: Session, re: Request, payload: payloads.NegotiationEnd) -> None:
    """Accept, decline or withdraw the live offer."""
    request = request_of(pb.EndNegotiationRequest, payload, session.user)
    await _answer(session, re, Op.NEGOTIATION_END, request, request.service_id)


async def service_terminated(
    session: Session, re: Request, payload: payloads.ServiceTerminated
) -> None:
    """Deliver, complete, reopen or cancel."""
    request = request_of(pb.TerminateServiceRequest, payload, session.user)
    await _answer(session, re, Op.SERVICE_TERMINATED, request, request.service_id)


async def note_submitted(session: Session, re: Request, payload: payloads.NoteSubmitted) -> None:
    """Rate the other party."""
    request = request_of(pb.SubmitNoteRequest, payload, session.user)
    await _answer(session, re, Op.NOTE_SUBMITTED, request, request.service_id)


async def ask_services(session: Session, re: Request, payload: payloads.AskServices) -> None:
    """List one's services; answered by RETURN SERVICES."""
    request = request_of(pb.ListServicesRequest, payload, session.user)
    answer = await _page(session, re, Op.ASK_SERVICES, request)
    if answer is not None:
        services = [service_payload(one) for one in answer.services]
        returned = payloads.ReturnServices(services, answer.next_page_token or UNSET)
        await session.answer_page(re, returned)


async def ask_service(session: Session, re: Request, payload: payloads.AskService) -> None:
    """Look up a service; answered by UPDATE CONVERSATION DATAS."""
    request = request_of(pb.GetServiceRequest, payload, session.user)
    answer = await _page(session, re, Op.ASK_SERVICE, request)
    if answer is not None:
        deal = service_payload(answer.service)
        update = payloads.UpdateConversationDatas(deal.conversation, "asked", deal)
        await session.answer_page(re, update)


async def ask_service_events(
    session: Session, re: Request, payload: payloads.AskServiceEvents
) -> None:
    """List what happened to a service; answered by RETURN SERVICE EVENTS."""
    request = request_of(pb.ListServiceEventsRequest, payload, session.user)
    answer = await _page(session, re, Op.ASK_SERVICE_EVENTS, request)
    if answer is not None:
        events = [event_payload(one) for one in answer.events]
        returned = payloads.ReturnServiceEvents(
            payload.service, events, answer.next_page_token or UNSET
        )
        await session.answer_page(re, returned)


async def _page(session: Session, re: Request, op: Op, request: Message) -> Any:
    """Call the RPC of a packet that reads; its response, or None after the packet was refused."""
    negotiation = session.edge.negotiation
    if negotiation is None:
        session.fail(re, NOT_DEPLOYED)
        return None
    async with session.page(op):
        answer = await negotiation.call(op.rpc, request)
    if isinstance(answer, Error):
        session.fail(re, answer)
        return None
    return answer


async def _answer(
    session: Session, re: Request, op: Op, request: Message, service: str = ""
) -> None:
    """Call the RPC of a packet, about a `service` if its conversation is not locked."""
    edge, loop = session.edge, asyncio.get_running_loop()
    deadline = loop.time() + edge.settings.call_timeout_seconds
    negotiation = edge.negotiation
    if negotiation is None:
        session.fail(re, NOT_DEPLOYED)
        return
    find = conversation_lookup.of_service(session, service)
    if error := await conversation_lookup.refused(session, re, find, deadline - loop.time()):
        session.fail(re, error)
        return
    answer = await negotiation.call(op.rpc, request, deadline - loop.time())
    if isinstance(answer, Error):
        session.fail(re, answer)
        return
    deal = service_payload(answer.service)
    update = payloads.UpdateConversationDatas(deal.conversation, answer.cause, deal)
    session.answer(re, update)

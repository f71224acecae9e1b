"""Handlers of the packets about a deal; each becomes an RPC, whose answer has the deal."""

from functools import partial
from typing import Any

from google.protobuf.message import Message
from msgspec import UNSET
from parley.negotiation.v1 import negotiation_pb2 as pb

from edge.backends.negotiation import Command, NegotiationBackend
from edge.handlers import conversation_lookup
from edge.sessions.requests import Request, Waiting
from edge.sessions.session import Session
from edge.translation.common import request_of
from edge.translation.negotiation import event_payload, service_payload
from parley_protocol.errors import Error, ErrorCode, refusal
from parley_protocol.packets import InvalidPayloadError, Op
from parley_protocol.payloads import negotiation as payloads

NOT_DEPLOYED = refusal(ErrorCode.UNAVAILABLE, "There is no negotiation here.", retryable=False)


def service_created(
    session: Session, re: Request, payload: payloads.ServiceCreated
) -> Waiting | None:
    """Propose a service at a price."""
    if payload.offer_ttl_s is not UNSET and payload.offer_ttl_s <= 0:
        # The contract's zero leaves it to the service.
        raise InvalidPayloadError("offer_ttl_s", "is not positive")
    request = request_of(pb.CreateServiceRequest, payload, session.user)
    return _answer(session, re, request)


def price_edited(session: Session, re: Request, payload: payloads.PriceEdited) -> Waiting | None:
    """Counter or revise; after the agreement propose another price."""
    request = request_of(pb.EditPriceRequest, payload, session.user)
    return _answer(session, re, request, request.service_id)


def negotiation_end(
    session: Session, re: Request, payload: payloads.NegotiationEnd
) -> Waiting | None:
    """Accept, decline or withdraw the live offer."""
    request = request_of(pb.EndNegotiationRequest, payload, session.user)
    return _answer(session, re, request, request.service_id)


def service_terminated(
    session: Session, re: Request, payload: payloads.ServiceTerminated
) -> Waiting | None:
    """Deliver, complete, reopen or cancel."""
    request = request_of(pb.TerminateServiceRequest, payload, session.user)
    return _answer(session, re, request, request.service_id)


def note_submitted(
    session: Session, re: Request, payload: payloads.NoteSubmitted
) -> Waiting | None:
    """Rate the other party."""
    request = request_of(pb.SubmitNoteRequest, payload, session.user)
    return _answer(session, re, request, request.service_id)


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


def _answer(session: Session, re: Request, request: Command, service: str = "") -> Waiting | None:
    """Send a command with the next batch; answered after the commit by UPDATE CONVERSATION DATAS.

    For who is kept from writing somewhere, the conversation of the `service` is looked up before.
    """
    negotiation = session.edge.negotiation
    if negotiation is None:
        session.fail(re, NOT_DEPLOYED)
        return None
    if session.edge.sanctions.locked(session.user):
        return _answer_unlocked(session, negotiation, re, request, service)
    _carry_out(session, negotiation, re, request)
    return None


async def _answer_unlocked(
    session: Session, negotiation: NegotiationBackend, re: Request, request: Command, service: str
) -> None:
    find = conversation_lookup.of_service(session, service)
    seconds = session.edge.settings.call_timeout_seconds
    if error := await conversation_lookup.refused(session, re, find, seconds):
        session.fail(re, error)
    else:
        _carry_out(session, negotiation, re, request)


def _carry_out(
    session: Session, negotiation: NegotiationBackend, re: Request, request: Command
) -> None:
    def done(answer: pb.CommandAnswer | Error) -> None:
        if isinstance(answer, Error):
            session.fail(re, answer)
        else:
            deal = service_payload(answer.service)
            update = payloads.UpdateConversationDatas(deal.conversation, answer.cause, deal)
            session.answer(re, update)

    negotiation.carry_out(request, partial(session.forbidden, re), done)

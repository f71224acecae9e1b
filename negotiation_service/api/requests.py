"""Requests of the contract into commands. A value without any meaning is refused here."""

from collections.abc import Callable, Mapping
from typing import Any

from parley.negotiation.v1 import negotiation_pb2 as pb

from negotiation_service.domain import commands
from negotiation_service.domain.entities import Money, Outcome, Role, Settlement
from service_kit.rpc.enumerations import Enumeration
from service_kit.rpc.failures import Refused
from service_kit.rules import invalid

_ROLES = Enumeration(pb.Role, Role)
_NEGOTIATION_OUTCOMES = Enumeration(pb.NegotiationOutcome, commands.NegotiationOutcome)
_TERMINATION_OUTCOMES = Enumeration(pb.TerminationOutcome, commands.TerminationOutcome)
_HOLD_OUTCOMES = Enumeration(pb.HoldOutcome, Outcome)


def create_service(request: pb.CreateServiceRequest) -> commands.CreateService:
    return commands.CreateService(
        actor=request.actor,
        conversation=request.conversation_id,
        role=_ROLES.decode("role", request.role),
        title=request.title,
        price=_price(request),
        description=request.description,
        offer_ttl_seconds=request.offer_ttl_seconds or None,
        idempotency_key=request.idempotency_key,
    )


def edit_price(request: pb.EditPriceRequest) -> commands.EditPrice:
    return commands.EditPrice(
        request.actor,
        request.service_id,
        _price(request),
        request.base_offer,
        request.note,
        idempotency_key=request.idempotency_key,
    )


def end_negotiation(request: pb.EndNegotiationRequest) -> commands.EndNegotiation:
    return commands.EndNegotiation(
        request.actor,
        request.service_id,
        _NEGOTIATION_OUTCOMES.decode("outcome", request.outcome),
        request.offer,
        _price(request) if request.HasField("price") else None,
        idempotency_key=request.idempotency_key,
    )


def terminate_service(request: pb.TerminateServiceRequest) -> commands.TerminateService:
    return commands.TerminateService(
        request.actor,
        request.service_id,
        _TERMINATION_OUTCOMES.decode("outcome", request.outcome),
        request.reason,
        idempotency_key=request.idempotency_key,
    )


def submit_note(request: pb.SubmitNoteRequest) -> commands.SubmitNote:
    return commands.SubmitNote(
        request.actor,
        request.service_id,
        request.score,
        request.comment,
        idempotency_key=request.idempotency_key,
    )


_PARTY_COMMANDS: Mapping[str, Callable[[Any], commands.PartyCommand]] = {
    "create_service": create_service,
    "edit_price": edit_price,
    "end_negotiation": end_negotiation,
    "terminate_service": terminate_service,
    "submit_note": submit_note,
}


def party_command(given: pb.Command) -> commands.PartyCommand:
    """Read a command of any kind."""
    kind = given.WhichOneof("command")
    if kind is None:
        raise Refused(invalid("command", "is missing, or of a kind that is not known here"))
    return _PARTY_COMMANDS[kind](getattr(given, kind))


def place_hold(request: pb.PlaceHoldRequest) -> commands.PlaceHold:
    return commands.PlaceHold(request.service_id, request.dispute, request.opened_by)


def resolve_hold(request: pb.ResolveHoldRequest) -> commands.ResolveHold:
    split = request.split
    return commands.ResolveHold(
        request.service_id,
        request.dispute,
        _HOLD_OUTCOMES.decode("outcome", request.outcome),
        Settlement(split.provider_minor, split.client_minor) if request.HasField("split") else None,
    )


def _price(
    request: pb.CreateServiceRequest | pb.EditPriceRequest | pb.EndNegotiationRequest,
) -> Money:
    if not request.HasField("price"):
        raise Refused(invalid("price", "is missing"))
    return Money(request.price.amount_minor, request.price.currency)

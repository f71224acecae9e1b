"""Translates messages of the negotiation contract into payloads."""

from msgspec import UNSET
from parley.negotiation.v1 import negotiation_pb2 as pb

from edge.translation.common import money, optional, settlement, timestamp, words
from parley_protocol.payloads import negotiation as payloads

_STATES = words(pb.State.DESCRIPTOR)


def service_payload(service: pb.Service) -> payloads.Service:
    """A deal as packets show it."""
    truncated = service.truncated
    return payloads.Service(
        service=service.id,
        conversation=service.conversation_id,
        provider=service.provider,
        client=service.client,
        title=service.title,
        state=_STATES[service.state],
        currency=service.currency,
        exponent=service.exponent,
        notes=UNSET if truncated and not service.HasField("notes") else _notes(service.notes),
        deadlines={one.timer: timestamp(one.due_time) for one in service.deadlines},
        allowed_actions=list(service.allowed_actions),
        created_at=timestamp(service.create_time),
        version=service.version,
        description=service.description or UNSET,
        offer=optional(service, "offer", _offer),
        agreed=optional(service, "agreed", _agreed),
        amendment=optional(service, "amendment", _offer),
        reopenings=service.reopenings or UNSET,
        cancellation=optional(service, "cancellation", _cancellation),
        hold=optional(service, "hold", _hold),
        ending=optional(service, "ending", _ending),
        settlement=optional(service, "settlement", settlement),
        truncated=truncated or UNSET,
    )


def event_payload(event: pb.ServiceEvent) -> payloads.ServiceEvent:
    """An event of a deal's own history as packets show it."""
    about_offer = event.HasField("offer")
    return payloads.ServiceEvent(
        service=event.service_id,
        number=event.number,
        cause=event.cause,
        state=_STATES[event.state],
        title=event.title,
        at=timestamp(event.create_time),
        by=event.by or UNSET,
        offer=event.offer.number if about_offer else UNSET,
        price=money(event.offer.price) if about_offer else UNSET,
        reason=event.reason or UNSET,
    )


def _offer(offer: pb.Offer) -> payloads.Offer:
    return payloads.Offer(
        number=offer.number,
        price=money(offer.price),
        by=offer.by,
        created_at=timestamp(offer.create_time),
        note=offer.note or UNSET,
        expires_at=optional(offer, "expire_time", timestamp),
    )


def _agreed(agreed: pb.Agreement) -> payloads.Agreed:
    return payloads.Agreed(
        money(agreed.price), agreed.version, agreed.offer, timestamp(agreed.agree_time)
    )


def _cancellation(request: pb.CancellationRequest) -> payloads.Cancellation:
    return payloads.Cancellation(
        request.by, timestamp(request.create_time), request.reason or UNSET
    )


def _hold(hold: pb.Hold) -> payloads.Hold:
    return payloads.Hold(hold.dispute, hold.opened_by, timestamp(hold.create_time))


def _ending(ending: pb.Ending) -> payloads.Ending:
    return payloads.Ending(ending.cause, timestamp(ending.end_time), ending.by or UNSET)


def _notes(notes: pb.Notes) -> payloads.Notes:
    return payloads.Notes(
        mine=optional(notes, "mine", _note),
        theirs=optional(notes, "theirs", _note),
        revealed_at=optional(notes, "reveal_time", timestamp),
    )


def _note(note: pb.Note) -> payloads.Note:
    return payloads.Note(note.score, timestamp(note.submit_time), note.comment or UNSET)

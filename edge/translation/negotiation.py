"""From the messages of the negotiation contract to the payloads of packets."""

from msgspec import UNSET
from parley.negotiation.v1 import negotiation_pb2 as pb

from edge.protocol.payloads import negotiation as payloads
from edge.protocol.payloads.fields import Money, Settlement
from edge.translation.times import timestamp
from edge.translation.words import words

_STATES = words(pb.State, "STATE_")


def service_payload(service: pb.Service) -> payloads.Service:
    """A deal as packets show it."""
    return payloads.Service(
        service=service.id,
        conversation=service.conversation_id,
        provider=service.provider,
        client=service.client,
        title=service.title,
        state=_STATES[service.state],
        currency=service.currency,
        exponent=service.exponent,
        notes=_notes(service.notes),
        deadlines={one.timer: timestamp(one.due_time) for one in service.deadlines},
        allowed_actions=list(service.allowed_actions),
        created_at=timestamp(service.create_time),
        version=service.version,
        description=service.description or UNSET,
        offer=_offer(service.offer) if service.HasField("offer") else UNSET,
        agreed=_agreed(service.agreed) if service.HasField("agreed") else UNSET,
        amendment=_offer(service.amendment) if service.HasField("amendment") else UNSET,
        reopenings=service.reopenings or UNSET,
        cancellation=(
            _cancellation(service.cancellation) if service.HasField("cancellation") else UNSET
        ),
        hold=_hold(service.hold) if service.HasField("hold") else UNSET,
        ending=_ending(service.ending) if service.HasField("ending") else UNSET,
        settlement=_settlement(service.settlement) if service.HasField("settlement") else UNSET,
    )


def _money(money: pb.Money) -> Money:
    return Money(money.amount_minor, money.currency)


def _offer(offer: pb.Offer) -> payloads.Offer:
    return payloads.Offer(
        number=offer.number,
        price=_money(offer.price),
        by=offer.by,
        created_at=timestamp(offer.create_time),
        note=offer.note or UNSET,
        expires_at=timestamp(offer.expire_time) if offer.HasField("expire_time") else UNSET,
    )


def _agreed(agreed: pb.Agreement) -> payloads.Agreed:
    return payloads.Agreed(
        _money(agreed.price), agreed.version, agreed.offer, timestamp(agreed.agree_time)
    )


def _cancellation(request: pb.CancellationRequest) -> payloads.Cancellation:
    return payloads.Cancellation(
        request.by, timestamp(request.create_time), request.reason or UNSET
    )


def _hold(hold: pb.Hold) -> payloads.Hold:
    return payloads.Hold(hold.dispute, hold.opened_by, timestamp(hold.create_time))


def _ending(ending: pb.Ending) -> payloads.Ending:
    return payloads.Ending(ending.cause, timestamp(ending.end_time), ending.by or UNSET)


def _settlement(settlement: pb.Settlement) -> Settlement:
    return Settlement(settlement.provider_minor, settlement.client_minor)


def _notes(notes: pb.Notes) -> payloads.Notes:
    revealed = notes.HasField("reveal_time")
    return payloads.Notes(
        mine=_note(notes.mine) if notes.HasField("mine") else UNSET,
        theirs=_note(notes.theirs) if notes.HasField("theirs") else UNSET,
        revealed_at=timestamp(notes.reveal_time) if revealed else UNSET,
    )


def _note(note: pb.Note) -> payloads.Note:
    return payloads.Note(note.score, timestamp(note.submit_time), note.comment or UNSET)

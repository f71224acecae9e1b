"""Events: the facts of a deal's history, and the deal that they make.

The events are the deal: `evolve` over all of them, from nothing, gives it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from negotiation_service.domain import entities, texts


class Cause(StrEnum):
    """The cause of an event; packets use the same names."""

    CREATED = "created"
    COUNTERED = "countered"
    REVISED = "revised"
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    AMENDMENT_PROPOSED = "amendment_proposed"
    AMENDED = "amended"
    AMENDMENT_DECLINED = "amendment_declined"
    AMENDMENT_WITHDRAWN = "amendment_withdrawn"
    AMENDMENT_EXPIRED = "amendment_expired"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    AUTO_COMPLETED = "auto_completed"
    REOPENED = "reopened"
    CANCELLATION_REQUESTED = "cancellation_requested"
    CANCELLATION_LAPSED = "cancellation_lapsed"
    CANCELLED = "cancelled"
    UNDELIVERED = "undelivered"
    HELD = "held"
    RESUMED = "resumed"
    DECIDED = "decided"
    DISPUTE_WINDOW_CLOSED = "dispute_window_closed"
    NOTE_SUBMITTED = "note_submitted"
    NOTES_REVEALED = "notes_revealed"
    TEXT_REMOVED = "text_removed"
    TEXT_RESTORED = "text_restored"
    REMINDER = "reminder"


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms that the creation fixes, and the price of the first offer."""

    conversation: str
    provider: str
    client: str
    title: str
    description: str
    currency: str
    exponent: int
    offer_ttl: int
    price: int


@dataclass(frozen=True, slots=True)
class Removal:
    """The texts that moderation removes, or restores, by their names."""

    texts: tuple[str, ...]


Details = (
    Terms
    | entities.Offer
    | entities.CancellationRequest
    | entities.Hold
    | entities.Ruling
    | entities.Note
    | Removal
    | None
)


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one deal, the `seq`th.

    `state` is where the deal then stands, `deadlines` are those that it starts. `by` is empty for
    what time or moderation did. `timer` is what fired. `details` is what the cause is about: the
    terms, the offer made, accepted or ended, the request, the hold, the ruling, the note. The texts
    that come with what is `withheld` are shown to nobody but `by`.
    """

    service: str
    seq: int
    cause: Cause
    at: int
    by: str
    state: entities.State
    deadlines: tuple[entities.Deadline, ...] = ()
    timer: entities.Timer | None = None
    details: Details = None
    reason: str = ""
    withheld: bool = False


_MAKING = (Cause.CREATED, Cause.COUNTERED, Cause.REVISED, Cause.AMENDMENT_PROPOSED)


def offer_of(event: Event) -> entities.Offer | None:
    """Give the offer that was made, accepted or ended; None for an event about none."""
    if isinstance(event.details, Terms):
        return entities.Offer(1, event.details.price, event.by, "", event.at)
    return event.details if isinstance(event.details, entities.Offer) else None


def offer_made(event: Event) -> entities.Offer | None:
    """Give the offer that came to be with an event."""
    return offer_of(event) if event.cause in _MAKING else None


def texts_of(event: Event) -> tuple[str, ...]:
    """Name the texts that came with an event."""
    match event.details:
        case Terms():
            return (texts.TERMS,)
        case entities.CancellationRequest() as request:
            return (texts.name_request(request),)
        case entities.Note():
            return (texts.name_note(event.by),)
    if made := offer_made(event):
        return (texts.name_offer(made.number),)
    return (texts.name_reason(event.seq),) if event.reason else ()


def recipients(deal: entities.Deal, event: Event) -> tuple[str, ...]:
    """Give the users to be told of an event: both parties, but of a note only its author."""
    return (event.by,) if event.cause is Cause.NOTE_SUBMITTED else deal.parties


def replay(events: Iterable[Event]) -> entities.Deal | None:
    """Give the deal that its events make; None for no events."""
    deal: entities.Deal | None = None
    for event in events:
        deal = evolve(deal, event)
    return deal


def evolve(deal: entities.Deal | None, event: Event) -> entities.Deal:
    """Apply an event, which is a fact: nothing is checked here."""
    if deal is None:
        return _create(event)
    changes = _changes(deal, event)
    if event.state in entities.FINAL:
        changes |= {"offer": None, "cancellation": None}
    changed = replace(
        deal, seq=event.seq, state=event.state, withheld=_withheld(deal, event), **changes
    )
    return replace(changed, deadlines=_deadlines(deal, changed, event))


def _create(event: Event) -> entities.Deal:
    terms = event.details
    if not isinstance(terms, Terms):
        raise TypeError(f"the first event of a deal is its creation, and not {event.cause}")
    return entities.Deal(
        id=event.service,
        conversation=terms.conversation,
        provider=terms.provider,
        client=terms.client,
        title=terms.title,
        description=terms.description,
        currency=terms.currency,
        exponent=terms.exponent,
        offer_ttl=terms.offer_ttl,
        created_at=event.at,
        seq=event.seq,
        state=event.state,
        offer=entities.Offer(1, terms.price, event.by, "", event.at),
        deadlines=event.deadlines,
    )


def _changes(deal: entities.Deal, event: Event) -> dict[str, Any]:
    """Give the fields that an event changes, besides those that follow from the state."""
    ending = entities.Ending(event.cause, event.by, event.at)
    match event.cause, event.details:
        case ((Cause.COUNTERED | Cause.REVISED), entities.Offer() as offer):
            return {"offer": offer, "rounds": deal.rounds + 1}
        case Cause.AMENDMENT_PROPOSED, entities.Offer() as offer:
            return {"offer": offer, "amendments": deal.amendments + 1}
        case ((Cause.AGREED | Cause.AMENDED), entities.Offer() as offer):
            version = deal.agreed.version + 1 if deal.agreed else 1
            agreed = entities.Agreement(offer.price, version, offer.number, event.at)
            return {"offer": None, "agreed": agreed}
        case ((Cause.DECLINED | Cause.WITHDRAWN | Cause.EXPIRED), _):
            return {"ending": ending}
        case ((Cause.AMENDMENT_DECLINED | Cause.AMENDMENT_WITHDRAWN | Cause.AMENDMENT_EXPIRED), _):
            return {"offer": None}
        case Cause.DELIVERED, _:
            return {"offer": None}
        case Cause.REOPENED, _:
            return {"reopenings": deal.reopenings + 1}
        case Cause.CANCELLATION_REQUESTED, entities.CancellationRequest() as request:
            return {"cancellation": request}
        case Cause.CANCELLATION_LAPSED, _:
            return {"cancellation": None}
        case ((Cause.COMPLETED | Cause.AUTO_COMPLETED), _):
            return {"ending": ending, "settlement": entities.Settlement(_price(deal), 0)}
        case ((Cause.CANCELLED | Cause.UNDELIVERED), _):
            return {"ending": ending, "settlement": entities.Settlement(0, _price(deal))}
        case Cause.HELD, entities.Hold() as hold:
            return {"hold": hold}
        case Cause.RESUMED, entities.Ruling() as ruling:
            return {"hold": None, "rulings": (*deal.rulings, ruling)}
        case Cause.DECIDED, entities.Ruling() as ruling:
            rulings = (*deal.rulings, ruling)
            settled = {"settlement": ruling.settlement, "ending": ending}
            return {"hold": None, "rulings": rulings, **settled}
        case Cause.NOTE_SUBMITTED, entities.Note() as note:
            return {"provider_note" if event.by == deal.provider else "client_note": note}
        case Cause.NOTES_REVEALED, _:
            return {"revealed_at": event.at}
        case Cause.TEXT_REMOVED, Removal(texts=removed):
            return {"removed": (*_without(deal.removed, removed), *removed)}
        case Cause.TEXT_RESTORED, Removal(texts=restored):
            return {"removed": _without(deal.removed, restored)}
        case ((Cause.REMINDER | Cause.DISPUTE_WINDOW_CLOSED), _):
            return {}
    # Its words are left unsaid, for this ends in a log.
    raise TypeError(f"{event.cause} is not about a {type(event.details).__name__}")


def _withheld(deal: entities.Deal, event: Event) -> tuple[str, ...]:
    """Withhold the texts of an event, or not; a note that is given again replaces its text."""
    came = texts_of(event)
    kept = _without(deal.withheld, came)
    return (*kept, *came) if event.withheld else kept


def _without(names: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in names if one not in others)


def _price(deal: entities.Deal) -> int:
    return deal.agreed.price if deal.agreed else 0


def _deadlines(
    before: entities.Deal, after: entities.Deal, event: Event
) -> tuple[entities.Deadline, ...]:
    """Keep the deadlines that still apply, later by the time they were frozen, and add new ones."""
    started = {deadline.timer for deadline in event.deadlines}
    frozen = 0
    if before.hold and not after.hold:
        # A clock that was set back meanwhile takes no time away from anybody.
        frozen = max(0, event.at - before.hold.since)
    kept = [
        entities.Deadline(timer, deadline.due_at + frozen)
        for deadline in before.deadlines
        if (timer := deadline.timer) is not event.timer
        and not {timer, timer.reminds_of} & started
        and _has_subject(after, timer)
    ]
    return (*kept, *event.deadlines)


def _has_subject(deal: entities.Deal, timer: entities.Timer) -> bool:
    match timer.reminds_of or timer:
        case entities.Timer.OFFER:
            return deal.offer is not None
        case entities.Timer.DELIVERY:
            return deal.state is entities.State.AGREED
        case entities.Timer.COMPLETION:
            return deal.state is entities.State.DELIVERED
        case entities.Timer.CANCELLATION:
            return deal.cancellation is not None
        case entities.Timer.DISPUTE:
            return deal.state is entities.State.COMPLETED and not is_decided(deal)
        case entities.Timer.NOTES:
            return deal.ending is not None and deal.revealed_at is None
    raise ValueError(f"nobody knows when {timer} runs")


def is_decided(deal: entities.Deal) -> bool:
    """Tell whether a dispute has settled the deal, which is for ever."""
    return any(ruling.settlement for ruling in deal.rulings)

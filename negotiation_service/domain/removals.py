"""Removal of texts by moderation, and their restoration: events of the deal like any other."""

from negotiation_service.domain import texts
from negotiation_service.domain.decision import Decision, settle
from negotiation_service.domain.entities import Deal
from negotiation_service.domain.events import Cause, Event, Removal, evolve, texts_of
from negotiation_service.domain.limits import Limits


def texts_by(event: Event, author: str) -> tuple[str, ...]:
    """Name the texts that came with an event; of the notes that it revealed that of the author."""
    return (texts.name_note(author),) if event.cause is Cause.NOTES_REVEALED else texts_of(event)


def remove_texts(
    deal: Deal, names: tuple[str, ...], now: int, limits: Limits, *, removed: bool
) -> Decision:
    """Hide texts from everybody, or show them again; nothing happens to those that are so already.

    It moves nothing of the deal, and so happens during a hold as well.
    """
    changed = tuple(one for one in names if (one in deal.removed) is not removed)
    if not changed:
        return Decision(deal)
    due = settle(deal, now, limits)
    event = Event(
        service=deal.id,
        seq=due.deal.seq + 1,
        cause=Cause.TEXT_REMOVED if removed else Cause.TEXT_RESTORED,
        at=now,
        by="",
        state=due.deal.state,
        details=Removal(changed),
    )
    return Decision(evolve(due.deal, event), (*due.events, event))

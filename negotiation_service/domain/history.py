"""The history of a deal: its events, numbered, as readers see them and as people are notified."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from negotiation_service.domain.entities import Deal, Note, Offer
from negotiation_service.domain.events import Cause, Event, Terms
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.views import Snapshot, show


class Numbered(NamedTuple):
    """An event and its number, the same for all: submissions of notes are not counted and have 0.

    Were they counted, a gap would tell the other party of a note that is sealed.
    """

    event: Event
    number: int


class Entry(NamedTuple):
    """An event in the eyes of a reader."""

    deal: Deal
    event: Event
    number: int
    note: Note | None


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """An event with its number; `deal` is how the deal stands after the revision, at `now`.

    `restricted` are the parties whom a sanction restricts when it is told.
    """

    event: Event
    number: int
    deal: Deal
    now: int
    limits: Limits
    restricted: Collection[str] = ()

    @property
    def entry(self) -> Entry:
        """The event as all are told of it, without a note."""
        return Entry(self.deal, self.event, self.number, None)

    def view(self, reader: str) -> Snapshot:
        """Show the deal to a party."""
        return show(self.deal, reader, self.now, self.limits, self.restricted)


Notification = tuple[tuple[str, ...], ServiceChanged]
"""The recipients of an event, and the event."""


def number_events(before: Deal | None, events: Sequence[Event]) -> list[Numbered]:
    """Number the events that follow upon a deal; None: all from the first on."""
    number = 0
    if before is not None:
        number = before.seq - sum(note.submissions for note in before.notes if note)
    numbered: list[Numbered] = []
    for event in events:
        is_counted = event.cause is not Cause.NOTE_SUBMITTED
        number += is_counted
        numbered.append(Numbered(event, number if is_counted else 0))
    return numbered


def cause_by_command(events: Sequence[Event]) -> str:
    """Give the cause of the last event that a command and no timer has brought; empty for none."""
    return next((event.cause for event in reversed(events) if event.timer is None), "")


def entries(deal: Deal, events: Sequence[Event], reader: str) -> list[Entry]:
    """Give all of a deal's events that a reader may know of."""
    return [
        Entry(deal, event, number, _note_for(event, reader))
        for event, number in number_events(None, events)
        if _may_know(deal, event, reader)
    ]


def offer_of(event: Event) -> Offer | None:
    """Give the offer that was made, accepted or ended; None for an event about none."""
    if isinstance(event.details, Terms):
        return Offer(1, event.details.price, event.by, "", event.at)
    return event.details if isinstance(event.details, Offer) else None


def offer_made(event: Event) -> Offer | None:
    """Give the offer that came to be with an event."""
    made = (Cause.CREATED, Cause.COUNTERED, Cause.REVISED, Cause.AMENDMENT_PROPOSED)
    return offer_of(event) if event.cause in made else None


def _may_know(deal: Deal, event: Event, reader: str) -> bool:
    is_sealed = event.cause is Cause.NOTE_SUBMITTED and deal.revealed_at is None
    return not is_sealed or reader == event.by


def _note_for(event: Event, reader: str) -> Note | None:
    return event.details if isinstance(event.details, Note) and event.by == reader else None

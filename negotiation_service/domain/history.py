"""The history of a deal: its events, numbered, as readers see them and as people are notified."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from negotiation_service.domain import texts
from negotiation_service.domain.entities import CancellationRequest, Deal, Note, Offer
from negotiation_service.domain.events import Cause, Event, offer_of
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.texts import INTERNAL, is_hidden
from negotiation_service.domain.views import Snapshot, show, show_offer, show_request, show_title


class Numbered(NamedTuple):
    """An event and its number, the same for all: submissions of notes are not counted and have 0.

    Were they counted, a gap would tell the other party of a note that is sealed.
    """

    event: Event
    number: int


class Entry(NamedTuple):
    """An event in the eyes of a reader: what is hidden from that one is empty.

    A service is told which events have `withheld` texts, and nobody else is.
    """

    deal: Deal
    event: Event
    number: int
    title: str
    offer: Offer | None
    reason: str
    note: Note | None
    withheld: bool


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """An event with its number; `deal` is how the deal stands after the revision, at `now`.

    `restricted` are the parties whom a sanction restricts when it is told. `views` are those of the
    deal as it stands that were made already, by reader: each is made once for all that show it.
    """

    event: Event
    number: int
    deal: Deal
    now: int
    limits: Limits
    restricted: Collection[str] = ()
    views: dict[str, Snapshot] = field(default_factory=dict, compare=False, repr=False)

    def entry(self, reader: str | None) -> Entry:
        """Show the event to a service (INTERNAL), or, by None, as either party may see it: without
        a note.
        """
        return _entry(self.deal, self.event, self.number, reader)

    def view(self, reader: str) -> Snapshot:
        """Show the deal to a party."""
        view = self.views.get(reader)
        if view is None:
            view = show(self.deal, reader, self.now, self.limits, self.restricted)
            self.views[reader] = view
        return view


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
        _entry(deal, event, number, reader)
        for event, number in number_events(None, events)
        if _may_know(deal, event, reader)
    ]


def _entry(deal: Deal, event: Event, number: int, reader: str | None) -> Entry:
    reason = event.reason
    if isinstance(event.details, CancellationRequest):
        shown = show_request(deal, event.details, reader)
        reason = shown.reason if shown else ""
    elif is_hidden(deal, reader, texts.name_reason(event.seq), event.by):
        reason = ""
    return Entry(
        deal,
        event,
        number,
        title=show_title(deal),
        offer=show_offer(deal, offer_of(event), reader),
        reason=reason,
        note=_note_for(deal, event, reader),
        withheld=event.withheld and reader == INTERNAL,
    )


def _may_know(deal: Deal, event: Event, reader: str) -> bool:
    is_sealed = event.cause is Cause.NOTE_SUBMITTED and deal.revealed_at is None
    return not is_sealed or reader == event.by


def _note_for(deal: Deal, event: Event, reader: str | None) -> Note | None:
    if not isinstance(event.details, Note) or event.by != reader:
        return None
    is_removed = texts.name_note(event.by) in deal.removed
    return replace(event.details, comment="") if is_removed else event.details

"""Notifications: what people, and services that follow everything, are told of a deal's events."""

from dataclasses import dataclass

from negotiation_service.domain.entities import Deal
from negotiation_service.domain.events import Event
from negotiation_service.domain.history import Entry
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.views import Snapshot, show


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """An event with its number; `deal` is how the deal stands after the revision, at `now`."""

    event: Event
    number: int
    deal: Deal
    now: int
    limits: Limits

    @property
    def entry(self) -> Entry:
        """The event as all are told of it, without a note."""
        return Entry(self.deal, self.event, self.number, None)

    def view(self, reader: str) -> Snapshot:
        """Show the deal to a party."""
        return show(self.deal, reader, self.now, self.limits)


Notification = tuple[tuple[str, ...], ServiceChanged]
"""Who is to learn of an event, and the event."""

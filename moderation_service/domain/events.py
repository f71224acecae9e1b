"""The events of cases and disputes."""

from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.events import DisputeEvent

Event = CaseEvent | DisputeEvent


def target_of(event: Event) -> str:
    """Give the id of the case or dispute that an event belongs to."""
    return event.case if isinstance(event, CaseEvent) else event.dispute

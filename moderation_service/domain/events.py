"""The events of cases and disputes."""

from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.events import DisputeEvent

Event = CaseEvent | DisputeEvent

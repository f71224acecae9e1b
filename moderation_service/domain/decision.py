"""What a command comes to."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeEvent

State = TypeVar("State", Case, Dispute)
Event = CaseEvent | DisputeEvent


@dataclass(frozen=True, slots=True)
class Change(Generic[State]):
    """What happened, in order, and the case or dispute after it; without events nothing did."""

    state: State
    events: tuple[Event, ...]

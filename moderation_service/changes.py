"""What a command comes to."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from moderation_service.dispute_entities import Dispute
from moderation_service.dispute_events import DisputeEvent
from moderation_service.entities import Case
from moderation_service.events import CaseEvent

State = TypeVar("State", Case, Dispute)
Event = CaseEvent | DisputeEvent


@dataclass(frozen=True, slots=True)
class Change(Generic[State]):
    """What happened, in order, and the case or dispute after it; without events nothing did."""

    state: State
    events: tuple[Event, ...]

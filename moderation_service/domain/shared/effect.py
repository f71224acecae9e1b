"""The effect of a command."""

from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State")
Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Effect(Generic[State, Event]):
    """The events of a command, in order, and the case or dispute after them; often no events."""

    state: State
    events: tuple[Event, ...]

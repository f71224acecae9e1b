"""The base of working sets: what a batch of commands is decided upon.

It is as the database has it, then as each command has left it.
"""

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from moderation_service.domain.events import Event
from moderation_service.domain.sanctions.standing import Standing
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.tasks import AnyTask
from service_kit.rules import Refusal

State = TypeVar("State")
EventType = TypeVar("EventType", bound=Event)
CommandType = TypeVar("CommandType")


class WorkingSet(ABC, Generic[State, EventType, CommandType]):
    """The cases, or the disputes: `before` is how they stood, `states` how they stand; by id."""

    def __init__(self, now: int, limits: Limits) -> None:
        self.now = now
        self.limits = limits
        self.before: dict[str, State] = {}
        self.states: dict[str, State] = {}

    @abstractmethod
    def find(self, task: AnyTask, command: CommandType) -> State | None:
        """Find what a command is about: for one that begins something, what stands in its place."""

    @abstractmethod
    def decide(
        self, state: State | None, task: AnyTask, command: CommandType, standing: Standing | None
    ) -> Effect[State, EventType] | Refusal:
        """Decide a command, given how its actor stands."""

    @abstractmethod
    def keep(self, state: State) -> str:
        """Keep how a case or dispute stands now; gives its id."""

    @abstractmethod
    def view(self, state: State, command: CommandType, about: str, at: int) -> Any:
        """Show what a command has come to, as its type says: the whole, or the part `about`."""

    @abstractmethod
    def past(self, events: list[Any], seq: int) -> tuple[State, int]:
        """Give how one stood after its event `seq`, of all its events, and when that was."""

    @abstractmethod
    def expires_at(self, target: str) -> int | None:
        """Tell when evidence expires unless something happens."""

    @abstractmethod
    def erase_before(self, target: str, user: str, alias: str) -> None:
        """Leave a person out of how a case or dispute stood before."""

"""Tasks of the one operation, and their answers."""

from dataclasses import dataclass
from typing import Any, Generic, cast
from uuid import uuid4

from uuid_utils import uuid7

from moderation_service.domain.case import commands
from moderation_service.domain.dispute.commands import DisputeCommand, SeenService
from moderation_service.domain.events import Event
from moderation_service.domain.shared.commands import (
    Command,
    EraseUser,
    ExpireEvidence,
    Ids,
    State,
    View,
)

AnyCommand = commands.CaseCommand | DisputeCommand | EraseUser | ExpireEvidence


class Task(Generic[State, View]):
    """A command, with what is known of it before the transaction.

    `target` is the case or dispute of EraseUser and ExpireEvidence. `seen` is what was looked at
    for a report or a new dispute, whose arguments were checked before. `ids` are new ones. With
    `validate_only` it is answered as if it were done, and nothing is.
    """

    __slots__ = ("command", "ids", "seen", "target", "validate_only")

    def __init__(
        self,
        command: Command[State, View],
        target: str = "",
        seen: commands.SeenSubject | SeenService | None = None,
        ids: Ids | None = None,
        *,
        validate_only: bool = False,
    ) -> None:
        self.command = command
        self.target = target
        self.seen = seen
        self.ids = ids or new_ids(command)
        self.validate_only = validate_only


@dataclass(frozen=True, slots=True)
class Answer(Generic[State, View]):
    """The answer to a command: the case or dispute then, and the view of it for the actor.

    A duplicate is answered as the first time, and nothing happens. `next_due` tells when time ends
    the state of the dispute.
    """

    target: State
    view: View
    events: tuple[Event, ...]
    duplicate: bool
    next_due: int | None


AnyTask = Task[Any, Any]
AnyAnswer = Answer[Any, Any]


def command_of(task: AnyTask) -> AnyCommand:
    """Give the command of a task as one of all that there are."""
    return cast("AnyCommand", task.command)


def about(task: AnyTask) -> str:
    """Name the part of a case that a command is answered with; empty for the whole."""
    match task.command:
        case (
            commands.ReportMessage()
            | commands.ReportConversation()
            | commands.ReportDisputeStatement()
            | commands.CreateAppeal()
        ):
            return task.ids.made
        case commands.DecideAppeal(appeal=one) | commands.LiftSanction(sanction=one):
            return one
    return ""


def new_ids(command: Command[State, View]) -> Ids:
    """Make the ids of what a command may make; aliases are such that none leads to another."""
    measures = command.measures if isinstance(command, commands.DecideCase) else ()
    return Ids(
        made=str(uuid7()),
        case=str(uuid7()),
        sanctions=tuple(str(uuid7()) for _ in measures),
        alias=f"erased-{uuid4().hex}",
    )

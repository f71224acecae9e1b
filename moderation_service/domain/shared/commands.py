"""The bases of commands, and the commands about cases and disputes alike."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from service_kit.idempotency import IdempotentCommand

State = TypeVar("State")
View = TypeVar("View")


class Command(Generic[State, View]):
    """The base of what is asked about a `State` and answered with a `View` of it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PersonCommand(IdempotentCommand, Command[State, View]):
    """The base of what people ask for themselves: a sanction may forbid it."""


@dataclass(frozen=True, slots=True)
class ModeratorCommand(IdempotentCommand, Command[State, View]):
    """The base of what needs a role; `roles` are those of the token."""

    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EraseUser(ModeratorCommand[object, None]):
    """Erase what one person wrote in one case or dispute, of each in which they have a part."""

    user: str


@dataclass(frozen=True, slots=True)
class ExpireEvidence(Command[object, None]):
    """Time: nothing says any more that the evidence must be kept."""


class Ids(NamedTuple):
    """The ids of what a command makes.

    `made` is that of a report, an appeal, a decision or a dispute, `case` that of a new case;
    `sanctions` has one for each measure. `alias` takes the place of the name of an erased person.
    """

    made: str = ""
    case: str = ""
    sanctions: tuple[str, ...] = ()
    alias: str = ""


NO_IDS = Ids()

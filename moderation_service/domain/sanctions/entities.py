"""Sanctions: the restrictions that a decision imposes, each with its statement of reasons."""

from dataclasses import dataclass
from enum import StrEnum


class SanctionKind(StrEnum):
    """The restrictions that there are, as packets say them."""

    WARNING = "warning"
    MESSAGE_REMOVED = "message_removed"
    STATEMENT_REMOVED = "statement_removed"
    CONVERSATION_LOCKED = "conversation_locked"
    MUTED = "muted"
    SUSPENDED = "suspended"
    BANNED = "banned"


class Scope(StrEnum):
    """The reach of a restriction."""

    ACCOUNT = "account"
    MESSAGE = "message"
    STATEMENT = "statement"
    CONVERSATION = "conversation"


class Ground(StrEnum):
    """The sources of rules."""

    TERMS = "terms"
    LAW = "law"


@dataclass(frozen=True, slots=True)
class Measure:
    """A restriction as a moderator asks for it.

    `user` is whom it concerns; of a locked conversation nobody. Of the removal of the message that
    a case is about, that message and its author go without saying.
    """

    kind: SanctionKind
    user: str
    facts: str
    rule: str
    ground: Ground = Ground.TERMS
    until: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class MessageMeasure:
    """A restriction of a message that a moderator names; the evidence says whose it is."""

    kind: SanctionKind
    message: str
    facts: str
    rule: str
    ground: Ground = Ground.TERMS
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement of reasons (Regulation (EU) 2022/2065, article 17, 3): what restricts, what
    it reaches, how long, because of which facts and rule, whether a machine found or decided it,
    and until when one can appeal by naming the decision. `until` None: until it is lifted.
    """

    kind: SanctionKind
    scope: Scope
    scope_id: str
    since: int
    until: int | None
    facts: str
    ground: Ground
    rule: str
    automated_detection: bool
    automated_decision: bool
    appeal_until: int


class LiftCause(StrEnum):
    """The causes that end a sanction before its time."""

    LIFTED = "lifted"
    OVERTURNED = "overturned"


@dataclass(frozen=True, slots=True)
class Lift:
    """The end of a sanction before its time."""

    cause: LiftCause
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Sanction:
    """A restriction that was imposed. `users` are those whom it concerns, whom it is told.

    `message` is what is removed: a message, which may be about the event `number` of a `service`,
    or a statement.
    """

    id: str
    case: str
    decision: str
    kind: SanctionKind
    users: tuple[str, ...]
    conversation: str
    message: str
    since: int
    until: int | None
    statement: Statement
    imposed_by: str
    lift: Lift | None = None
    service: str = ""
    number: int = 0

    def is_in_force(self, now: int) -> bool:
        """Tell whether it restricts now: what has expired needs no job to end it."""
        return self.lift is None and (self.until is None or now < self.until)

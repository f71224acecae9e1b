"""The table of measures: their scope, how long they last, what they forbid and what undoes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from moderation_service.domain.sanctions.entities import SanctionKind, Scope


class Activity(StrEnum):
    """The activities that a sanction can forbid."""

    CONNECT = "connect"
    # Messages, and what is said about a service or promised anew.
    WRITE = "write"
    # What ends or carries out a service, without a word.
    PERFORM = "perform"
    REPORT = "report"
    DISPUTE = "dispute"
    # The reasons and the appeal are left to everybody, whatever they are accused of.
    READ_REASONS = "read_reasons"
    APPEAL = "appeal"


class Lasting(StrEnum):
    """The ends of a measure."""

    ONCE = "once"
    UNTIL_TIME = "until a time"
    UNTIL_LIFTED = "until lifted"


class Inverse(StrEnum):
    """The inverses of measures. Each undoes its own measure and nothing else."""

    WITHDRAW_WARNING = "withdraw_warning"
    RESTORE_MESSAGE = "restore_message"
    RESTORE_STATEMENT = "restore_statement"
    UNLOCK_CONVERSATION = "unlock_conversation"
    UNMUTE = "unmute"
    END_SUSPENSION = "end_suspension"
    UNBAN = "unban"


@dataclass(frozen=True, slots=True)
class MeasureRule:
    """One row: what a kind of measure reaches, how long it lasts, what it forbids, its inverse."""

    scope: Scope
    lasting: Lasting
    forbids: frozenset[Activity]
    inverse: Inverse


_NOTHING: frozenset[Activity] = frozenset()
_WRITING = frozenset({Activity.WRITE})
# Neither the reasons and the appeal, nor that for which the time of a deal or a dispute runs.
_ALL_BUT_RIGHTS = frozenset(Activity) - {
    Activity.READ_REASONS,
    Activity.APPEAL,
    Activity.PERFORM,
    Activity.DISPUTE,
}

MEASURES: Mapping[SanctionKind, MeasureRule] = {
    SanctionKind.WARNING: MeasureRule(
        Scope.ACCOUNT, Lasting.ONCE, _NOTHING, Inverse.WITHDRAW_WARNING
    ),
    # These three are about a thing: messaging and negotiation refuse what would be done to it.
    SanctionKind.MESSAGE_REMOVED: MeasureRule(
        Scope.MESSAGE, Lasting.UNTIL_LIFTED, _NOTHING, Inverse.RESTORE_MESSAGE
    ),
    SanctionKind.STATEMENT_REMOVED: MeasureRule(
        Scope.STATEMENT, Lasting.UNTIL_LIFTED, _NOTHING, Inverse.RESTORE_STATEMENT
    ),
    SanctionKind.CONVERSATION_LOCKED: MeasureRule(
        Scope.CONVERSATION, Lasting.UNTIL_LIFTED, _NOTHING, Inverse.UNLOCK_CONVERSATION
    ),
    SanctionKind.MUTED: MeasureRule(Scope.ACCOUNT, Lasting.UNTIL_TIME, _WRITING, Inverse.UNMUTE),
    SanctionKind.SUSPENDED: MeasureRule(
        Scope.ACCOUNT, Lasting.UNTIL_TIME, _ALL_BUT_RIGHTS, Inverse.END_SUSPENSION
    ),
    SanctionKind.BANNED: MeasureRule(
        Scope.ACCOUNT, Lasting.UNTIL_LIFTED, _ALL_BUT_RIGHTS, Inverse.UNBAN
    ),
}

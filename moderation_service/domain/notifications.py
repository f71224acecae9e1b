"""Notifications: who learns what of an event. Not all may know the same."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from moderation_service.domain.case.entities import Appeal, Case
from moderation_service.domain.case.events import CaseEvent, Cause, Review, Ruling, Undoing
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeCause, DisputeEvent
from moderation_service.domain.sanctions.entities import Sanction, Scope
from moderation_service.domain.sanctions.measures import MEASURES
from moderation_service.domain.shared.capacities import NAMED


class NotificationKind(StrEnum):
    """The kinds of notifications, as the contract's events are called."""

    REPORT_STATUS_CHANGED = "report_status_changed"
    SANCTIONED = "sanctioned"
    SANCTION_LIFTED = "sanction_lifted"
    APPEAL_STATUS_CHANGED = "appeal_status_changed"
    DISPUTE_CHANGED = "dispute_changed"
    # How things stand, for those who refuse what is not allowed.
    STANDING_CHANGED = "standing_changed"
    CONVERSATION_LOCK_CHANGED = "conversation_lock_changed"
    MESSAGE_REMOVAL_CHANGED = "message_removal_changed"
    # For the desk of moderators.
    CASE_CHANGED = "case_changed"


# What these say is always how things stand now.
PRESENT = frozenset(
    {
        NotificationKind.STANDING_CHANGED,
        NotificationKind.CONVERSATION_LOCK_CHANGED,
        NotificationKind.MESSAGE_REMOVAL_CHANGED,
    }
)


class Notification(NamedTuple):
    """A notification of `recipients` about the event `seq` of a case or dispute, the `target`.

    `about` names what it is about within the target: a report, a sanction, an appeal; of a dispute
    the cause of the event; of a case as a whole its cause and, if it was a moderator, by whom.
    Without recipients it is for services alone.
    """

    recipients: tuple[str, ...]
    kind: NotificationKind
    target: str
    seq: int
    about: str


def of_case(case: Case, event: CaseEvent) -> list[Notification]:
    """Give those of an event of a case as it stood then or later."""
    return [
        Notification(recipients, kind, event.case, event.seq, about)
        for kind, about, recipients in _of_case(case, event)
    ]


def _of_case(
    case: Case, event: CaseEvent
) -> Iterator[tuple[NotificationKind, str, tuple[str, ...]]]:
    for one in event.reports:
        if report := case.report(one):
            yield NotificationKind.REPORT_STATUS_CHANGED, one, (report.reporter,)
    match event.details:
        case Ruling(sanctions=sanctions):
            for sanction in sanctions:
                yield NotificationKind.SANCTIONED, sanction.id, sanction.users
        case Undoing(sanction=lifted, users=users):
            yield NotificationKind.SANCTION_LIFTED, lifted, users
        case Appeal(id=made, by=by):
            yield NotificationKind.APPEAL_STATUS_CHANGED, made, (by,)
        case Review(appeal=reviewed, appellant=by):
            yield NotificationKind.APPEAL_STATUS_CHANGED, reviewed, (by,)
    if event.cause not in {Cause.ERASED, Cause.EVIDENCE_EXPIRED}:
        by = event.by if event.who in NAMED else ""
        yield NotificationKind.CASE_CHANGED, f"{event.cause} {by}".rstrip(), ()


def of_dispute(dispute: Dispute, event: DisputeEvent) -> list[Notification]:
    """Give that of an event of a dispute: both parties learn of it, but nobody of a deletion."""
    if event.cause in {DisputeCause.ERASED, DisputeCause.EVIDENCE_EXPIRED}:
        return []
    kind = NotificationKind.DISPUTE_CHANGED
    return [Notification(dispute.parties, kind, event.dispute, event.seq, event.cause)]


class Touched(NamedTuple):
    """The users, conversations and (conversation, message) whose restrictions may have changed.

    Each has the case and the number of its last event that touched it. What restricts them now
    follows from all sanctions in force, of this case and of others.
    """

    users: dict[str, tuple[str, int]]
    conversations: dict[str, tuple[str, int]]
    messages: dict[tuple[str, str], tuple[str, int]]
    # Of disputes, which stand here and tell of themselves.
    statements: dict[str, tuple[str, int]]


def touched(happened: Iterable[tuple[Case, CaseEvent]]) -> Touched:
    """Tell whose restrictions events may have changed, each given with its case after it."""
    found = Touched({}, {}, {}, {})
    for case, event in happened:
        place = (event.case, event.seq)
        for one in _sanctions_of(case, event):
            match MEASURES[one.kind].scope:
                case Scope.ACCOUNT:
                    found.users.update(dict.fromkeys(one.users, place))
                case Scope.CONVERSATION:
                    found.conversations[one.conversation] = place
                case Scope.MESSAGE:
                    found.messages[one.conversation, one.message] = place
                case Scope.STATEMENT:
                    found.statements[one.message] = place
    return found


def _sanctions_of(case: Case, event: CaseEvent) -> tuple[Sanction, ...]:
    match event.details:
        case Ruling(sanctions=sanctions):
            return sanctions
        case Undoing(sanction=lifted):
            found = case.sanction(lifted)
            return (found,) if found else ()
    return ()

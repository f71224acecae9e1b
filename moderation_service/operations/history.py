"""What is told of events, when they happen and whenever they are asked for again.

A piece of news names what it is about. What it says follows from the case or dispute as it was
after the revision; how somebody stands, and whether something is locked or removed, is told as it
is now, whatever was missed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent, evolve
from moderation_service.domain.case.views import (
    AppealView,
    ReportView,
    SanctionView,
    show_appeal,
    show_report,
    show_sanction,
)
from moderation_service.domain.decision import Event
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeEvent, evolve_dispute
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.limits import Limits
from moderation_service.domain.notifications import (
    News,
    NewsKind,
    Touched,
    dispute_news,
    news,
    touched,
)
from moderation_service.operations.answers import PlacedStanding, shown_dispute


class ChangedKind(StrEnum):
    """What else is told, beside `NewsKind`: how things stand for those who refuse."""

    STANDING = "standing_changed"
    CONVERSATION_LOCK = "conversation_lock_changed"
    MESSAGE_REMOVAL = "message_removal_changed"


class Note(NamedTuple):
    """What is told at a revision, and to whom; `about` is what it is about within the target."""

    recipients: tuple[str, ...]
    kind: NewsKind | ChangedKind
    target: str
    seq: int
    about: str


class StoredNote(NamedTuple):
    """A note that was told at a revision."""

    revision: int
    note: Note


# --- What is told, ready to be translated -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportStatusChanged:
    """To the reporter."""

    report: ReportView


@dataclass(frozen=True, slots=True)
class Sanctioned:
    """To one whom it concerns."""

    sanction: SanctionView


@dataclass(frozen=True, slots=True)
class SanctionLifted:
    """To one whom it concerned."""

    sanction: SanctionView


@dataclass(frozen=True, slots=True)
class AppealStatusChanged:
    """To who appealed."""

    appeal: AppealView


@dataclass(frozen=True, slots=True)
class DisputeChanged:
    """To both parties."""

    cause: str
    dispute: Dispute
    now: int
    limits: Limits

    def view(self, reader: str) -> DisputeView:
        """Show the dispute to a party, or to an internal reader."""
        return shown_dispute(self.dispute, reader, self.now, self.limits)


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """To the edges of a user, and to services that refuse."""

    standing: PlacedStanding


@dataclass(frozen=True, slots=True)
class ConversationLockChanged:
    """To services that refuse."""

    conversation: str
    locked: bool


@dataclass(frozen=True, slots=True)
class MessageRemovalChanged:
    """To services that show messages."""

    conversation: str
    message: str
    removed: bool


Told = (
    ReportStatusChanged
    | Sanctioned
    | SanctionLifted
    | AppealStatusChanged
    | DisputeChanged
    | StandingChanged
    | ConversationLockChanged
    | MessageRemovalChanged
)


def notes(target: Case | Dispute, event: Event) -> list[Note]:
    """Tell who learns what of an event; a view is one reader's, but for disputes."""
    if isinstance(target, Dispute) and isinstance(event, DisputeEvent):
        return [_note(one, one.recipients, event) for one in dispute_news(target, event)]
    if isinstance(target, Case) and isinstance(event, CaseEvent):
        return [
            _note(one, (recipient,), event)
            for one in news(target, event)
            for recipient in one.recipients
        ]
    raise TypeError(f"not an event of a {type(target).__name__}: {type(event).__name__}")


def _note(one: News, recipients: tuple[str, ...], event: Event) -> Note:
    if isinstance(event, CaseEvent):
        return Note(recipients, one.kind, event.case, event.seq, one.id)
    # What happened to a dispute is said by its event.
    return Note(recipients, one.kind, event.dispute, event.seq, event.cause)


def tell(note: Note, target: Case | Dispute, now: int, limits: Limits) -> Told | None:
    """Say what a note is about, given the target as it was then; None for how things stand now."""
    if isinstance(target, Dispute):
        return DisputeChanged(note.about, target, now, limits)
    match note.kind:
        case NewsKind.REPORT_STATUS_CHANGED:
            report = target.report(note.about)
            return ReportStatusChanged(show_report(target, report, now, limits)) if report else None
        case NewsKind.SANCTIONED | NewsKind.SANCTION_LIFTED:
            sanction = target.sanction(note.about)
            if sanction is None:
                return None
            view = show_sanction(target, sanction, note.recipients[0], now, limits)
            return Sanctioned(view) if note.kind is NewsKind.SANCTIONED else SanctionLifted(view)
        case NewsKind.APPEAL_STATUS_CHANGED:
            appeal = target.appeal(note.about)
            return AppealStatusChanged(show_appeal(appeal)) if appeal else None
    return None


class Changed(NamedTuple):
    """Whose standing, which lock and which removal may have changed, each with why."""

    users: dict[str, tuple[str, int]]
    conversations: dict[str, tuple[str, int]]
    messages: dict[tuple[str, str], tuple[str, int]]


def all_touched(happened: Iterable[tuple[Case | Dispute, Event]]) -> Changed:
    """Tell what events may have changed for those who refuse; each with the last event of those."""
    changed = Changed({}, {}, {})
    for target, event in happened:
        if isinstance(target, Case) and isinstance(event, CaseEvent):
            found: Touched = touched(target, event)
            place = (event.case, event.seq)
            changed.users.update(dict.fromkeys(found.users, place))
            changed.conversations.update(dict.fromkeys(found.conversations, place))
            changed.messages.update(dict.fromkeys(found.messages, place))
    return changed


class Past:
    """How a case or dispute stood after each revision that changed it, and when that was."""

    def __init__(self, events: Sequence[tuple[int, Event]]) -> None:
        self._stages: dict[int, tuple[Case | Dispute, int]] = {}
        case: Case | None = None
        dispute: Dispute | None = None
        for revision, event in events:
            if isinstance(event, CaseEvent):
                case = evolve(case, event)
                self._stages[revision] = (case, event.at)
            else:
                dispute = evolve_dispute(dispute, event)
                self._stages[revision] = (dispute, event.at)

    def at(self, revision: int) -> tuple[Case | Dispute, int]:
        """Give how it stood after a revision that changed it, and the time."""
        return self._stages[revision]


def replay_until(events: Iterable[Event], seq: int) -> tuple[Case | Dispute, int]:
    """Give how a case or dispute stood after its event `seq`, and when that was."""
    past = Past([(one.seq, one) for one in events if one.seq <= seq])
    return past.at(seq)

"""The contents of notifications, when something happens and whenever it is asked for again.

A notification names what it is about. What it says follows from the case or dispute as it was after
the revision; how somebody stands, and whether something is locked or removed, is told as it is now,
whatever was missed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.show import show_appeal, show_report, show_sanction
from moderation_service.domain.case.views import AppealView, ReportView, SanctionView
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.show import show_part_of_dispute
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.notifications import Notification, NotificationKind
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.restrictions import PlacedStanding

State = TypeVar("State")


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
        return show_part_of_dispute(self.dispute, reader, self.now, self.limits)


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
    """To services that show messages, and services of which they tell."""

    conversation: str
    message: str
    removed: bool
    service: str = ""
    number: int = 0
    removed_authors: tuple[str, ...] = ()
    restored_authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseChanged:
    """To the desk of moderators."""

    case: Case
    version: int
    cause: str
    by: str


def removal_changed(
    case: Case | None, message: str, removed: frozenset[str]
) -> MessageRemovalChanged:
    """Tell whose words in a message are removed that a case has removed, or did."""
    if case is None:
        return MessageRemovalChanged("", message, bool(removed))
    sanctions = [one for one in case.sanctions if one.message == message]
    conversation, about = case.subject.conversation, sanctions[0]
    if not about.service:
        return MessageRemovalChanged(conversation, message, bool(removed))
    restored = {user for one in sanctions for user in one.users} - removed
    return MessageRemovalChanged(
        conversation,
        message,
        bool(removed),
        about.service,
        about.number,
        tuple(sorted(removed)),
        tuple(sorted(restored)),
    )


Content = (
    ReportStatusChanged
    | Sanctioned
    | SanctionLifted
    | AppealStatusChanged
    | DisputeChanged
    | StandingChanged
    | ConversationLockChanged
    | MessageRemovalChanged
    | CaseChanged
)
"""The content of a notification, ready to be translated."""


def describe_case(
    notification: Notification, case: Case, now: int, limits: Limits
) -> Content | None:
    """Say what happened to a case, given how it was then; None for what is no more in it."""
    about = notification.about
    match notification.kind:
        case NotificationKind.REPORT_STATUS_CHANGED:
            report = case.report(about)
            return ReportStatusChanged(show_report(case, report, now, limits)) if report else None
        case (NotificationKind.SANCTIONED | NotificationKind.SANCTION_LIFTED) as kind:
            sanction = case.sanction(about)
            if sanction is None:
                return None
            view = show_sanction(case, sanction, notification.recipients[0], now, limits)
            return Sanctioned(view) if kind is NotificationKind.SANCTIONED else SanctionLifted(view)
        case NotificationKind.APPEAL_STATUS_CHANGED:
            appeal = case.appeal(about)
            return AppealStatusChanged(show_appeal(appeal)) if appeal else None
        case NotificationKind.CASE_CHANGED:
            cause, _, by = about.partition(" ")
            return CaseChanged(case, notification.seq, cause, by)
    return None


def describe_dispute(
    notification: Notification, dispute: Dispute, now: int, limits: Limits
) -> DisputeChanged:
    """Say what happened to a dispute, given how it was then."""
    return DisputeChanged(notification.about, dispute, now, limits)


class Past(Generic[State]):
    """The past of a case or dispute: how it stood after each revision that changed it, and when."""

    def __init__(
        self,
        evolve: Callable[[State | None, Any], State],
        events: Iterable[tuple[int, Any]],
    ) -> None:
        self._stages: dict[int, tuple[State, int]] = {}
        self.latest: State
        state: State | None = None
        for revision, event in events:
            state = evolve(state, event)
            self._stages[revision] = (state, event.at)
            self.latest = state

    def at(self, revision: int) -> tuple[State, int]:
        """Give how it stood after a revision that changed it, and the time."""
        return self._stages[revision]

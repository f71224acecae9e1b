"""The contents of notifications, when something happens and whenever it is asked for again.

A notification names what it is about. What it says follows from the case or dispute as it was after
the revision; how somebody stands, and whether something is locked or removed, is told as it is now,
whatever was missed.
"""

from dataclasses import dataclass

from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.views import (
    AppealView,
    ReportView,
    SanctionView,
    show_appeal,
    show_report,
    show_sanction,
)
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.notifications import Notification, NotificationKind
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.answers import PlacedStanding, shown_dispute


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


Content = (
    ReportStatusChanged
    | Sanctioned
    | SanctionLifted
    | AppealStatusChanged
    | DisputeChanged
    | StandingChanged
    | ConversationLockChanged
    | MessageRemovalChanged
)
"""What a notification says, ready to be translated."""


def describe(
    notification: Notification, target: Case | Dispute, now: int, limits: Limits
) -> Content | None:
    """Say what happened, given the case or dispute as it was then; None for how things stand."""
    about = notification.about
    if isinstance(target, Dispute):
        return DisputeChanged(about, target, now, limits)
    match notification.kind:
        case NotificationKind.REPORT_STATUS_CHANGED:
            report = target.report(about)
            return ReportStatusChanged(show_report(target, report, now, limits)) if report else None
        case (NotificationKind.SANCTIONED | NotificationKind.SANCTION_LIFTED) as kind:
            sanction = target.sanction(about)
            if sanction is None:
                return None
            view = show_sanction(target, sanction, notification.recipients[0], now, limits)
            return Sanctioned(view) if kind is NotificationKind.SANCTIONED else SanctionLifted(view)
        case NotificationKind.APPEAL_STATUS_CHANGED:
            appeal = target.appeal(about)
            return AppealStatusChanged(show_appeal(appeal)) if appeal else None
    return None

"""What a command is answered with, now or, when it is repeated, as it was then."""

from dataclasses import dataclass, replace

from moderation_service.domain.case.commands import (
    ClaimCase,
    CreateAppeal,
    CreateReport,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
)
from moderation_service.domain.case.entities import Appeal, Case
from moderation_service.domain.case.views import (
    AppealView,
    CaseView,
    ReportView,
    StandingView,
    show_appeal,
    show_case,
    show_report,
)
from moderation_service.domain.commands import Command
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.views import INTERNAL, DisputeView, show_dispute
from moderation_service.domain.sanctions.entities import Sanction
from moderation_service.domain.shared.commands import EraseUser
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.roles import Role
from service_kit.rules import Position, Refusal


@dataclass(frozen=True, slots=True)
class ReviewedAppeal:
    """An appeal as moderators see it, with its case."""

    case: Case
    appeal: Appeal


@dataclass(frozen=True, slots=True)
class ImposedSanction:
    """A sanction as moderators see it."""

    sanction: Sanction


@dataclass(frozen=True, slots=True)
class PlacedStanding:
    """How a user stands, and the position at which that was read."""

    view: StandingView
    position: Position


Shown = ReportView | AppealView | CaseView | DisputeView | ReviewedAppeal | ImposedSanction


def about(command: Command) -> str:
    """Name the report, appeal or sanction of a case that a command is about; empty for others."""
    match command:
        case CreateReport(report=one) | CreateAppeal(appeal=one) | DecideAppeal(appeal=one):
            return one
        case LiftSanction(sanction=one):
            return one
    return ""


def show(
    command: Command, target: Case | Dispute, named: str, now: int, limits: Limits
) -> Shown | None:
    """Show what a command has come to; None for what nobody is shown. `named` is `about` it."""
    if isinstance(command, EraseUser):
        # Whoever erases sees nothing of what is erased.
        return None
    if isinstance(target, Dispute):
        reader = getattr(command, "actor", INTERNAL)
        return shown_dispute(target, reader, now, limits, moderates=is_moderator(command))
    match command:
        case CreateReport():
            report = target.report(named)
            return show_report(target, report, now, limits) if report else None
        case CreateAppeal():
            appeal = target.appeal(named)
            return show_appeal(appeal) if appeal else None
        case DecideAppeal():
            appeal = target.appeal(named)
            return ReviewedAppeal(target, appeal) if appeal else None
        case LiftSanction():
            sanction = target.sanction(named)
            return ImposedSanction(sanction) if sanction else None
        case ClaimCase() | ReleaseCase() | DecideCase():
            return shown_case(target, command.actor, now, limits)
    return None


def show_current(refusal: Refusal, command: Command, now: int, limits: Limits) -> Refusal:
    """Let a refusal bear how things stand as the actor sees them."""
    match refusal.current:
        case Case():
            actor = getattr(command, "actor", INTERNAL)
            return replace(refusal, current=shown_case(refusal.current, actor, now, limits))
        case Dispute():
            actor, moderates = getattr(command, "actor", INTERNAL), is_moderator(command)
            seen = shown_dispute(refusal.current, actor, now, limits, moderates=moderates)
            return replace(refusal, current=seen)
    return refusal


def is_moderator(command: Command) -> bool:
    """Tell whether the actor has the role of a moderator."""
    return Role.MODERATOR in getattr(command, "roles", ())


def shown_case(case: Case, reader: str, now: int, limits: Limits) -> CaseView:
    """Show a case to one who was found to be allowed to see it."""
    shown = show_case(case, reader, now, limits)
    if isinstance(shown, Refusal):
        raise TypeError(f"whoever may not see a case is refused earlier: {shown.reason}")
    return shown


def shown_dispute(
    dispute: Dispute, reader: str, now: int, limits: Limits, *, moderates: bool = False
) -> DisputeView:
    """Show a dispute to one who was found to be allowed to see it."""
    shown = show_dispute(dispute, reader, now, limits, moderates=moderates)
    if isinstance(shown, Refusal):
        raise TypeError(f"whoever may not see a dispute is refused earlier: {shown.reason}")
    return shown

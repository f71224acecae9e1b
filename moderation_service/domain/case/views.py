"""What each reader is shown of a case: its reporter, whom it restricts, who appeals, a moderator.

The first two never meet: nothing that a reporter sees tells of sanctions, and nothing that a
sanctioned person sees, not even a number that counts, depends on who reported or on how many did.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from moderation_service.domain.case.commands import CreateAppeal
from moderation_service.domain.case.decide import allowed_actions
from moderation_service.domain.case.entities import (
    Appeal,
    AppealStatus,
    Case,
    Report,
    ReportStatus,
    Subject,
)
from moderation_service.domain.case.steps import settle_case
from moderation_service.domain.case.transitions import APPEAL_TRANSITIONS, Step, rows_of
from moderation_service.domain.sanctions.entities import Sanction, SanctionKind, Statement
from moderation_service.domain.sanctions.standing import standing
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal


@dataclass(frozen=True, slots=True)
class AppealView:
    """An appeal in the eyes of who made it; who answered stays unsaid."""

    id: str
    decision: str
    text: str
    status: AppealStatus
    at: int
    answer: str
    decided_at: int | None


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report in the eyes of its reporter.

    `decision` is what an appeal names; empty while nothing is decided. `appeal_until` is when the
    time for one is over.
    """

    id: str
    subject: Subject
    reason: ReportReason
    comment: str
    at: int
    status: ReportStatus
    status_at: int
    decision: str
    appealable: bool
    appeal_until: int | None
    appeal: AppealView | None


@dataclass(frozen=True, slots=True)
class SanctionView:
    """A sanction in the eyes of one whom it concerns."""

    id: str
    kind: SanctionKind
    until: int | None
    conversation: str
    message: str
    statement: Statement
    decision: str
    lifted_at: int | None
    appealable: bool
    appeal: AppealView | None


@dataclass(frozen=True, slots=True)
class StandingView:
    """What a user may do now, and why; see `Standing`."""

    user: str
    muted_until: int | None
    suspended_until: int | None
    banned: bool
    sanctions: tuple[SanctionView, ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as it stands now, in the eyes of a moderator who may see all of it."""

    case: Case
    allowed_actions: tuple[str, ...]


def show_case(case: Case, reader: str, now: int, limits: Limits) -> CaseView | Refusal:
    """Show a case to a moderator; one who has a part in it does not learn that there is one."""
    if reader in case.involved:
        return not_found(Reason.CASE_NOT_FOUND)
    settled = settle_case(case, now).state
    return CaseView(settled, allowed_actions(settled, reader, now, limits))


def show_report(case: Case, report: Report, now: int, limits: Limits) -> ReportView:
    """Show a report to its reporter."""
    decision = case.decision(report.decision)
    appeal = case.appeal_of(report.reporter, report.decision)
    return ReportView(
        id=report.id,
        subject=case.subject,
        reason=report.reason,
        comment=report.comment,
        at=report.at,
        status=report.status,
        status_at=report.status_at,
        decision=report.decision,
        appealable=_can_appeal(case, report.decision, report.reporter, now, limits),
        appeal_until=decision.at + limits.appeal_window if decision else None,
        appeal=show_appeal(appeal) if appeal else None,
    )


def show_sanction(
    case: Case, sanction: Sanction, reader: str, now: int, limits: Limits
) -> SanctionView:
    """Show a sanction to one whom it concerns."""
    appeal = case.appeal_of(reader, sanction.decision)
    return SanctionView(
        id=sanction.id,
        kind=sanction.kind,
        until=sanction.until,
        conversation=sanction.conversation,
        message=sanction.message,
        statement=sanction.statement,
        decision=sanction.decision,
        lifted_at=sanction.lift.at if sanction.lift else None,
        appealable=_can_appeal(case, sanction.decision, reader, now, limits),
        appeal=show_appeal(appeal) if appeal else None,
    )


def show_appeal(appeal: Appeal) -> AppealView:
    """Show an appeal to who made it."""
    return AppealView(
        id=appeal.id,
        decision=appeal.decision,
        text=appeal.text,
        status=appeal.status,
        at=appeal.at,
        answer=appeal.answer,
        decided_at=appeal.decided_at,
    )


def show_standing(user: str, cases: Iterable[Case], now: int, limits: Limits) -> StandingView:
    """Show a user how they stand, given the cases of all sanctions that concern them."""
    known = {case.id: case for case in cases}
    found = standing(user, [one for case in known.values() for one in case.sanctions], now)
    return StandingView(
        user=user,
        muted_until=found.muted_until,
        suspended_until=found.suspended_until,
        banned=found.banned,
        sanctions=tuple(
            show_sanction(known[one.case], one, user, now, limits) for one in found.sanctions
        ),
    )


def _can_appeal(case: Case, decision: str, reader: str, now: int, limits: Limits) -> bool:
    command = CreateAppeal(reader, "", decision, "words")
    (row,) = rows_of(APPEAL_TRANSITIONS, Step.APPEAL, None)
    return not any(guard(case, command, now, limits) for guard in row.guards)

"""Makes the views of a case."""

from collections.abc import Iterable

from moderation_service.domain.case import views
from moderation_service.domain.case.appeals import can_appeal
from moderation_service.domain.case.decide import allowed_actions
from moderation_service.domain.case.entities import Appeal, Case, Report
from moderation_service.domain.case.transitions import settle_case
from moderation_service.domain.sanctions.entities import Sanction
from moderation_service.domain.sanctions.standing import standing
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal


def show_case(case: Case, reader: str, now: int, limits: Limits) -> views.CaseView | Refusal:
    """Show a case to a moderator; one who has a part in it does not learn that there is one."""
    if reader in case.involved:
        return not_found(Reason.CASE_NOT_FOUND)
    return show_whole_case(case, reader, now, limits)


def show_whole_case(case: Case, reader: str, now: int, limits: Limits) -> views.CaseView:
    """Show a case to a moderator who was found to have no part in it."""
    settled = settle_case(case, now).state
    return views.CaseView(settled, allowed_actions(settled, reader, now, limits))


def show_report(case: Case, report: Report, now: int, limits: Limits) -> views.ReportView:
    """Show a report to its reporter."""
    decision = case.decision(report.decision)
    appeal = case.appeal_of(report.reporter, report.decision)
    return views.ReportView(
        id=report.id,
        subject=case.subject,
        reason=report.reason,
        comment=report.comment,
        at=report.at,
        status=report.status,
        status_at=report.status_at,
        decision=report.decision,
        appealable=can_appeal(case, report.decision, report.reporter, now, limits),
        appeal_until=decision.at + limits.appeal_window if decision else None,
        appeal=show_appeal(appeal) if appeal else None,
    )


def show_sanction(
    case: Case, sanction: Sanction, reader: str, now: int, limits: Limits
) -> views.SanctionView:
    """Show a sanction to one whom it concerns."""
    appeal = case.appeal_of(reader, sanction.decision)
    return views.SanctionView(
        id=sanction.id,
        kind=sanction.kind,
        until=sanction.until,
        conversation=sanction.conversation,
        message=sanction.message,
        statement=sanction.statement,
        decision=sanction.decision,
        lifted_at=sanction.lift.at if sanction.lift else None,
        appealable=can_appeal(case, sanction.decision, reader, now, limits),
        appeal=show_appeal(appeal) if appeal else None,
    )


def show_appeal(appeal: Appeal) -> views.AppealView:
    """Show an appeal to its author."""
    return views.AppealView(
        id=appeal.id,
        decision=appeal.decision,
        text=appeal.text,
        status=appeal.status,
        at=appeal.at,
        answer=appeal.answer,
        decided_at=appeal.decided_at,
    )


def show_standing(user: str, cases: Iterable[Case], now: int, limits: Limits) -> views.StandingView:
    """Show a user how they stand, given the cases of all sanctions that concern them."""
    by_id = {case.id: case for case in cases}
    found = standing(user, [one for case in by_id.values() for one in case.sanctions], now)
    return views.StandingView(
        user=user,
        muted_until=found.muted_until,
        suspended_until=found.suspended_until,
        banned=found.banned,
        sanctions=tuple(
            show_sanction(by_id[one.case], one, user, now, limits) for one in found.sanctions
        ),
    )

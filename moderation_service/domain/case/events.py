"""The events of a case, and how the case stands after each.

The events are the case: `evolve` over all of them, from nothing, gives it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from moderation_service.domain.case.entities import (
    Appeal,
    AppealStatus,
    Case,
    CaseState,
    Decision,
    Lease,
    Report,
    ReportStatus,
    Subject,
)
from moderation_service.domain.sanctions.entities import Lift, Sanction
from moderation_service.domain.sanctions.measures import Inverse
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.evidence import Evidence
from moderation_service.domain.shared.reasons import Severity


class Cause(StrEnum):
    """The names of what happens to a case, as the audit log says them too."""

    OPENED = "opened"
    REPORT_JOINED = "report_joined"
    CLAIMED = "claimed"
    CLAIM_RENEWED = "claim_renewed"
    RELEASED = "released"
    CLAIM_LAPSED = "claim_lapsed"
    VIOLATION_FOUND = "violation_found"
    NO_VIOLATION_FOUND = "no_violation_found"
    APPEALED = "appealed"
    APPEAL_UPHELD = "appeal_upheld"
    APPEAL_OVERTURNED = "appeal_overturned"
    SANCTION_LIFTED = "sanction_lifted"
    ANNULLED = "annulled"
    REOPENED = "reopened"
    EVIDENCE_EXPIRED = "evidence_expired"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Reported:
    """A report, and what it means for the case, of which it may be the first."""

    subject: Subject
    participants: tuple[str, ...]
    report: Report
    accused: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    severity: Severity
    due_at: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision with the sanctions that it imposes."""

    decision: Decision
    sanctions: tuple[Sanction, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """The answer to an appeal of `appellant`."""

    appeal: str
    appellant: str
    answer: str


@dataclass(frozen=True, slots=True)
class Undoing:
    """A measure that concerns `users` is undone by its inverse, and nothing else is."""

    sanction: str
    users: tuple[str, ...]
    inverse: Inverse
    lift: Lift


@dataclass(frozen=True, slots=True)
class Annulment:
    """Nothing is left of a decision."""

    decision: str


@dataclass(frozen=True, slots=True)
class Reopening:
    """A decision is to be made anew."""

    decision: str
    due_at: int


Details = Reported | Lease | Ruling | Appeal | Review | Undoing | Annulment | Reopening | None


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One change of one case, the `seq`th; `state` is where it then stands.

    `by` is empty for what time did. `reports` are those whose status it changes, or begins. Of an
    erasure nothing tells whose it was.
    """

    case: str
    seq: int
    cause: Cause
    at: int
    by: str
    who: Capacity
    state: CaseState
    details: Details = None
    reports: tuple[str, ...] = ()


# What a report becomes when something happens to its case. Where nothing stands, it stays.
REPORT_TRANSITIONS: dict[tuple[ReportStatus, Cause], ReportStatus] = {
    (ReportStatus.RECEIVED, Cause.CLAIMED): ReportStatus.IN_REVIEW,
    (ReportStatus.RECEIVED, Cause.CLAIM_RENEWED): ReportStatus.IN_REVIEW,
    (ReportStatus.RECEIVED, Cause.VIOLATION_FOUND): ReportStatus.ACTIONED,
    (ReportStatus.IN_REVIEW, Cause.VIOLATION_FOUND): ReportStatus.ACTIONED,
    (ReportStatus.RECEIVED, Cause.NO_VIOLATION_FOUND): ReportStatus.NO_VIOLATION,
    (ReportStatus.IN_REVIEW, Cause.NO_VIOLATION_FOUND): ReportStatus.NO_VIOLATION,
    (ReportStatus.ACTIONED, Cause.ANNULLED): ReportStatus.NO_VIOLATION,
    (ReportStatus.ACTIONED, Cause.REOPENED): ReportStatus.IN_REVIEW,
    (ReportStatus.NO_VIOLATION, Cause.REOPENED): ReportStatus.IN_REVIEW,
}


def replay(events: Iterable[CaseEvent]) -> Case | None:
    """Give the case that its events make; None for no events."""
    case: Case | None = None
    for event in events:
        case = evolve(case, event)
    return case


def evolve(case: Case | None, event: CaseEvent) -> Case:
    """Apply one event: a fact, so nothing is checked here."""
    if case is None:
        return _open(event)
    changed = replace(case, seq=event.seq, state=event.state, **_changes(case, event))
    if event.state is not CaseState.CLAIMED:
        changed = replace(changed, lease=None)
    return replace(changed, reports=tuple(_move(one, event) for one in changed.reports))


def _open(event: CaseEvent) -> Case:
    first = event.details
    if not isinstance(first, Reported):
        raise TypeError(f"the first event of a case is a report, and not {event.cause}")
    return Case(
        id=event.case,
        seq=event.seq,
        subject=first.subject,
        participants=first.participants,
        accused=first.accused,
        state=event.state,
        severity=first.severity,
        created_at=event.at,
        due_at=first.due_at,
        reports=(first.report,),
        evidence=first.evidence,
    )


def _changes(case: Case, event: CaseEvent) -> dict[str, Any]:
    """Tell which fields an event changes, besides those that follow from the state."""
    match event.cause, event.details:
        case Cause.REPORT_JOINED, Reported() as joining:
            new = tuple(one for one in joining.accused if one not in case.accused)
            return {
                "reports": (*case.reports, joining.report),
                "evidence": (*case.evidence, *joining.evidence),
                "accused": (*case.accused, *new),
                "severity": joining.severity,
                "due_at": joining.due_at,
            }
        case ((Cause.CLAIMED | Cause.CLAIM_RENEWED), Lease() as lease):
            return {"lease": lease}
        case ((Cause.VIOLATION_FOUND | Cause.NO_VIOLATION_FOUND), Ruling() as ruling):
            return {
                "decisions": (*case.decisions, ruling.decision),
                "sanctions": (*case.sanctions, *ruling.sanctions),
            }
        case Cause.APPEALED, Appeal() as appeal:
            return {"appeals": (*case.appeals, appeal)}
        case Cause.APPEAL_UPHELD, Review() as review:
            return {"appeals": _reviewed(case, event, review, AppealStatus.UPHELD)}
        case Cause.APPEAL_OVERTURNED, Review() as review:
            return {"appeals": _reviewed(case, event, review, AppealStatus.OVERTURNED)}
        case Cause.SANCTION_LIFTED, Undoing() as undoing:
            return {
                "sanctions": tuple(
                    replace(one, lift=undoing.lift) if one.id == undoing.sanction else one
                    for one in case.sanctions
                )
            }
        case Cause.REOPENED, Reopening() as reopening:
            return {"reopenings": case.reopenings + 1, "due_at": reopening.due_at}
        case ((Cause.EVIDENCE_EXPIRED | Cause.ERASED), _):
            return {"evidence": tuple(replace(one, erased_at=event.at) for one in case.evidence)}
        case ((Cause.RELEASED | Cause.CLAIM_LAPSED | Cause.ANNULLED), _):
            return {}
    # Its words are left unsaid, for this ends in a log.
    raise TypeError(f"{event.cause} is not about a {type(event.details).__name__}")


def _reviewed(
    case: Case, event: CaseEvent, review: Review, status: AppealStatus
) -> tuple[Appeal, ...]:
    return tuple(
        replace(one, status=status, answer=review.answer, reviewer=event.by, decided_at=event.at)
        if one.id == review.appeal
        else one
        for one in case.appeals
    )


def moves(case: Case, cause: Cause, details: Details) -> tuple[str, ...]:
    """Tell which reports follow their case when this happens to it.

    What becomes of a decision is of no matter to reports that another one has decided.
    """
    about = ""
    if isinstance(details, Annulment | Reopening):
        about = details.decision
    return tuple(
        one.id
        for one in case.reports
        if (one.status, cause) in REPORT_TRANSITIONS and (not about or one.decision == about)
    )


def _move(report: Report, event: CaseEvent) -> Report:
    target = REPORT_TRANSITIONS.get((report.status, event.cause))
    if target is None or report.id not in event.reports:
        return report
    decision = report.decision
    if isinstance(event.details, Ruling):
        decision = event.details.decision.id
    elif isinstance(event.details, Reopening):
        decision = ""
    return replace(report, status=target, status_at=event.at, decision=decision)

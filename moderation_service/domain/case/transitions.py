"""The tables of transitions of cases, appeals and sanctions, and how a row happens to a case.

That of reports, which follow their case, stands with the events (`REPORT_TRANSITIONS`);
docs/moderation.md shows them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from moderation_service.domain.case.commands import CaseCommand, CaseFacts
from moderation_service.domain.case.entities import AppealStatus, Case, CaseState
from moderation_service.domain.case.events import CaseEvent, Cause, Details, Reported, evolve, moves
from moderation_service.domain.case.guards import (
    Guard,
    answers_without_reporter,
    concerns_participants,
    ends_in_time,
    explains_itself,
    is_concerned,
    is_participant,
    names_no_reporter,
    names_version,
    not_appealed,
    not_decided_before,
    not_own,
    not_reported,
    other_moderator,
    reports_left,
    something_stands,
    within_window,
)
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from service_kit.rules import Refusal


class Step(StrEnum):
    """The steps of a case: a command asks for one, or it follows from another."""

    REPORT = "report"
    CLAIM = "claim"
    RELEASE = "release"
    FIND_VIOLATION = "find_violation"
    FIND_NO_VIOLATION = "find_no_violation"
    LAPSE = "lapse"
    ANNUL = "annul"
    REOPEN = "reopen"
    APPEAL = "appeal"
    UPHOLD = "uphold"
    OVERTURN = "overturn"
    LIFT = "lift"


class SanctionState(StrEnum):
    """The states of a sanction; EXPIRED by comparing with the clock alone."""

    IN_FORCE = "in_force"
    EXPIRED = "expired"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: from where to where, by whom, by which step, if what holds, told as what.

    Without sources there is nothing yet; without a target the state stays. `action` is the name in
    `allowed_actions`.
    """

    sources: tuple[StrEnum, ...]
    target: StrEnum | None
    who: Capacity
    step: Step
    guards: tuple[Guard, ...]
    cause: Cause
    action: str = ""


REPORTER, CONCERNED, TIME = Capacity.REPORTER, Capacity.CONCERNED, Capacity.TIME
MODERATOR, HOLDER, REVIEWER = Capacity.MODERATOR, Capacity.HOLDER, Capacity.REVIEWER
NOWHERE: tuple[CaseState, ...] = ()
STAYS = None
OPEN, CLAIMED, DECIDED = CaseState
UNDECIDED = (OPEN, CLAIMED)

_REPORT = (is_participant, not_own, not_reported, reports_left)
_CLAIM = (not_decided_before,)
_DISMISS = (names_version,)
_DECIDE = (
    *_DISMISS,
    concerns_participants,
    ends_in_time,
    explains_itself,
    names_no_reporter,
)
_APPEAL = (is_concerned, not_appealed, something_stands, within_window)
_REVIEW = (names_version, other_moderator, answers_without_reporter)

# Of the rows of one state and step, the first that is for the actor counts.
# fmt: off
CASE_TRANSITIONS: tuple[Transition, ...] = (
    Transition(NOWHERE, OPEN, REPORTER, Step.REPORT, _REPORT, Cause.OPENED),
    Transition(UNDECIDED, STAYS, REPORTER, Step.REPORT, _REPORT, Cause.REPORT_JOINED),
    Transition((OPEN,), CLAIMED, MODERATOR, Step.CLAIM, _CLAIM, Cause.CLAIMED, "claim"),
    Transition((CLAIMED,), STAYS, HOLDER, Step.CLAIM, _CLAIM, Cause.CLAIM_RENEWED, "renew"),
    Transition((CLAIMED,), OPEN, HOLDER, Step.RELEASE, (), Cause.RELEASED, "release"),
    Transition((CLAIMED,), OPEN, TIME, Step.LAPSE, (), Cause.CLAIM_LAPSED),
    Transition((CLAIMED,), DECIDED, HOLDER, Step.FIND_VIOLATION, _DECIDE,
               Cause.VIOLATION_FOUND, "decide"),
    Transition((CLAIMED,), DECIDED, HOLDER, Step.FIND_NO_VIOLATION, _DISMISS,
               Cause.NO_VIOLATION_FOUND, "decide"),
    # What follows from an appeal that was overturned: of the sanctioned, and of a reporter.
    Transition((OPEN, CLAIMED, DECIDED), STAYS, REVIEWER, Step.ANNUL, (), Cause.ANNULLED),
    Transition((DECIDED,), OPEN, REVIEWER, Step.REOPEN, (), Cause.REOPENED),
)
APPEAL_TRANSITIONS: tuple[Transition, ...] = (
    Transition(NOWHERE, AppealStatus.OPEN, CONCERNED, Step.APPEAL, _APPEAL, Cause.APPEALED),
    Transition((AppealStatus.OPEN,), AppealStatus.UPHELD, REVIEWER, Step.UPHOLD, _REVIEW,
               Cause.APPEAL_UPHELD),
    Transition((AppealStatus.OPEN,), AppealStatus.OVERTURNED, REVIEWER, Step.OVERTURN, _REVIEW,
               Cause.APPEAL_OVERTURNED),
)
# A sanction comes with a decision. When its time is over, or when it was lifted, it is for ever.
SANCTION_TRANSITIONS: tuple[Transition, ...] = (
    Transition((SanctionState.IN_FORCE,), SanctionState.LIFTED, MODERATOR, Step.LIFT,
               (), Cause.SANCTION_LIFTED),
    Transition((SanctionState.IN_FORCE, SanctionState.EXPIRED), SanctionState.LIFTED,
               REVIEWER, Step.OVERTURN, (), Cause.SANCTION_LIFTED),
)
# fmt: on


def rows_of(table: Sequence[Transition], step: Step, state: StrEnum | None) -> list[Transition]:
    """Give the rows of a step in a state, in the order of the table; None: there is nothing yet."""
    return [
        row
        for row in table
        if row.step is step and (state in row.sources if state else not row.sources)
    ]


def settle_case(case: Case, now: int) -> Effect[Case, CaseEvent]:
    """Let a lease lapse that is over by now."""
    start: Effect[Case, CaseEvent] = Effect(case, ())
    if case.lease is None or now < case.lease.until:
        return start
    (row,) = rows_of(CASE_TRANSITIONS, Step.LAPSE, case.state)
    return append(start, row, "", None, case.lease.until)


def first_refusal(
    row: Transition,
    case: Case | None,
    command: CaseCommand,
    facts: CaseFacts,
    now: int,
    limits: Limits,
) -> Refusal | None:
    """Give what the first guard of a row says that does not let a command pass."""
    for guard in row.guards:
        if refusal := guard(case, command, facts, now, limits):
            return refusal
    return None


def append(
    before: Effect[Case, CaseEvent], row: Transition, by: str, details: Details, at: int
) -> Effect[Case, CaseEvent]:
    """Let a row happen to a case."""
    case = before.state
    # The tables of appeals and sanctions leave the case where it is.
    target = row.target if isinstance(row.target, CaseState) else case.state
    begun = (details.report.id,) if isinstance(details, Reported) else ()
    event = CaseEvent(
        case=case.id,
        seq=case.seq + 1,
        cause=row.cause,
        at=at,
        by=by,
        who=row.who,
        state=target,
        details=details,
        reports=begun or moves(case, row.cause, details),
    )
    return Effect(evolve(case, event), (*before.events, event))

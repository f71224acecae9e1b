"""The rules of appeals, and of ending a sanction before its time."""

from dataclasses import replace

from moderation_service.domain.case.commands import (
    CaseFacts,
    CreateAppeal,
    DecideAppeal,
    LiftSanction,
)
from moderation_service.domain.case.entities import Appeal, AppealStatus, Case, Decision, Side
from moderation_service.domain.case.events import Annulment, CaseEvent, Reopening, Review, Undoing
from moderation_service.domain.case.guards import may_reopen, side_of
from moderation_service.domain.case.transitions import (
    APPEAL_TRANSITIONS,
    CASE_TRANSITIONS,
    SANCTION_TRANSITIONS,
    SanctionState,
    Step,
    append,
    first_refusal,
    rows_of,
)
from moderation_service.domain.sanctions.entities import Lift, LiftCause, Sanction
from moderation_service.domain.sanctions.measures import MEASURES
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal


def create_appeal(
    due: Effect[Case, CaseEvent], command: CreateAppeal, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Take an appeal against a decision that concerns the actor."""
    case = due.state
    decision = case.decision(command.decision)
    side = side_of(case, decision, command.actor) if decision else None
    if side is None:
        return not_found(Reason.DECISION_NOT_FOUND)
    (row,) = rows_of(APPEAL_TRANSITIONS, Step.APPEAL, None)
    if refusal := first_refusal(row, case, command, facts, now, limits):
        return refusal
    appeal = Appeal(
        id=facts.ids.made,
        decision=command.decision,
        by=command.actor,
        side=side,
        text=command.text,
        at=now,
        due_at=now + limits.appeal_review,
    )
    return append(due, row, command.actor, appeal, now)


def decide_appeal(
    due: Effect[Case, CaseEvent], command: DecideAppeal, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Uphold or overturn, and do what follows from it."""
    case = due.state
    appeal = case.appeal(command.appeal)
    decision = case.decision(appeal.decision) if appeal else None
    if appeal is None or decision is None:
        return not_found(Reason.APPEAL_NOT_FOUND)
    overturns = command.outcome is AppealStatus.OVERTURNED
    step = Step.OVERTURN if overturns else Step.UPHOLD
    rows = rows_of(APPEAL_TRANSITIONS, step, appeal.status)
    if not rows:
        message = f"an appeal that is {appeal.status} is not decided again"
        return Refusal(Reason.INVALID_STATE, message, current=case)
    if refusal := first_refusal(rows[0], case, command, facts, now, limits):
        return replace(refusal, current=case)
    review = Review(appeal.id, appeal.by, command.answer)
    change = append(due, rows[0], command.actor, review, now)
    if not overturns:
        return change
    if appeal.side is Side.REPORTER:
        return _reopen(change, decision, command.actor, now, limits)
    return _undo(change, decision, appeal, command, now)


def _reopen(
    change: Effect[Case, CaseEvent], decision: Decision, actor: str, now: int, limits: Limits
) -> Effect[Case, CaseEvent]:
    """Have a case decided anew, unless that has happened meanwhile because of another appeal."""
    case = change.state
    rows = rows_of(CASE_TRANSITIONS, Step.REOPEN, case.state)
    if not rows or not may_reopen(case, decision, limits):
        return change
    reopening = Reopening(decision.id, now + limits.due(case.severity))
    return append(change, rows[0], actor, reopening, now)


def _undo(
    change: Effect[Case, CaseEvent],
    decision: Decision,
    appeal: Appeal,
    command: DecideAppeal,
    now: int,
) -> Effect[Case, CaseEvent]:
    """Undo each measure of a decision that concerns who appealed, by its inverse."""
    lift = Lift(LiftCause.OVERTURNED, command.actor, command.answer, now)
    for sanction in change.state.standing_sanctions(decision.id, appeal.by):
        (row,) = rows_of(SANCTION_TRANSITIONS, Step.OVERTURN, sanction_state(sanction, now))
        undoing = Undoing(sanction.id, sanction.users, MEASURES[sanction.kind].inverse, lift)
        change = append(change, row, command.actor, undoing, now)
    if change.state.standing_sanctions(decision.id):
        return change
    (row,) = rows_of(CASE_TRANSITIONS, Step.ANNUL, change.state.state)
    return append(change, row, command.actor, Annulment(decision.id), now)


def lift_sanction(
    due: Effect[Case, CaseEvent], command: LiftSanction, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """End a sanction before its time, without an appeal."""
    case = due.state
    sanction = case.sanction(command.sanction)
    if sanction is None:
        return not_found(Reason.SANCTION_NOT_FOUND)
    state = sanction_state(sanction, now)
    rows = rows_of(SANCTION_TRANSITIONS, Step.LIFT, state)
    if not rows:
        message = f"a sanction that is {state} is not lifted"
        return Refusal(Reason.INVALID_STATE, message, current=case)
    if refusal := first_refusal(rows[0], case, command, facts, now, limits):
        return replace(refusal, current=case)
    lift = Lift(LiftCause.LIFTED, command.actor, command.reason, now)
    undoing = Undoing(sanction.id, sanction.users, MEASURES[sanction.kind].inverse, lift)
    return append(due, rows[0], command.actor, undoing, now)


def sanction_state(sanction: Sanction, now: int) -> SanctionState:
    """Tell where a sanction stands."""
    if sanction.lift is not None:
        return SanctionState.LIFTED
    return SanctionState.IN_FORCE if sanction.is_in_force(now) else SanctionState.EXPIRED


def can_appeal(case: Case, decision: str, reader: str, now: int, limits: Limits) -> bool:
    """Tell whether somebody could appeal now against a decision."""
    command = CreateAppeal(reader, decision, "words")
    (row,) = rows_of(APPEAL_TRANSITIONS, Step.APPEAL, None)
    return first_refusal(row, case, command, CaseFacts(), now, limits) is None

"""The rules of a case: `decide_case` follows the tables in `transitions.py`.

What is due has happened: before anything is decided, a lease that is over by now lapses, at the
time when it was over. Nothing has to fire it.
"""

from dataclasses import replace

from moderation_service.domain.case.appeals import create_appeal, decide_appeal, lift_sanction
from moderation_service.domain.case.commands import (
    CaseCommand,
    ClaimCase,
    CreateAppeal,
    CreateReport,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
)
from moderation_service.domain.case.entities import (
    Case,
    CaseState,
    Decision,
    Lease,
    Report,
    ReporterStanding,
    SubjectKind,
    Verdict,
)
from moderation_service.domain.case.events import CaseEvent, Details, Reported, Ruling, evolve
from moderation_service.domain.case.steps import append, first_refusal, settle_case
from moderation_service.domain.case.transitions import CASE_TRANSITIONS, Step, Transition, rows_of
from moderation_service.domain.sanctions.entities import Measure, Sanction, SanctionKind
from moderation_service.domain.sanctions.statement_of_reasons import state_reasons
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.reasons import SEVERITIES
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal


def decide_case(
    case: Case | None, command: CaseCommand, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Decide a command about a case whose arguments and roles are sound; None: there is none.

    For CreateReport `case` is the undecided one about the subject, if there is one; the oldest, if
    an appeal has reopened another. For CreateAppeal, DecideAppeal and LiftSanction it is the one
    that has the decision, the appeal or the sanction.
    """
    if isinstance(command, CreateReport):
        return _report(case, command, now, limits)
    if case is None:
        return not_found(_UNKNOWN[type(command)])
    if not isinstance(command, CreateAppeal) and command.actor in case.involved:
        # Not even that there is a case is for a moderator who has a part in it.
        return not_found(_UNKNOWN[type(command)])
    due = settle_case(case, now)
    match command:
        case ClaimCase():
            return _claim(due, command, now, limits)
        case ReleaseCase():
            return _change(due, Step.RELEASE, command, None, now, limits)
        case DecideCase():
            return _decide(due, command, now, limits)
        case CreateAppeal():
            return create_appeal(due, command, now, limits)
        case DecideAppeal():
            return decide_appeal(due, command, now, limits)
        case LiftSanction():
            return lift_sanction(due, command, now, limits)


_UNKNOWN: dict[type[CaseCommand], Reason] = {
    ClaimCase: Reason.CASE_NOT_FOUND,
    ReleaseCase: Reason.CASE_NOT_FOUND,
    DecideCase: Reason.CASE_NOT_FOUND,
    CreateAppeal: Reason.DECISION_NOT_FOUND,
    DecideAppeal: Reason.APPEAL_NOT_FOUND,
    LiftSanction: Reason.SANCTION_NOT_FOUND,
}


def allowed_actions(case: Case, actor: str, now: int, limits: Limits) -> tuple[str, ...]:
    """Name what would succeed if a moderator did it now, given sound arguments."""
    case = settle_case(case, now).state
    commands: tuple[tuple[Step, CaseCommand], ...] = (
        (Step.CLAIM, ClaimCase(actor, (), case.id)),
        (Step.RELEASE, ReleaseCase(actor, (), case.id)),
        (
            Step.FIND_NO_VIOLATION,
            DecideCase(actor, (), case.id, case.seq, Verdict.NO_VIOLATION),
        ),
    )
    chosen = [_choose(case, step, command, now, limits) for step, command in commands]
    return tuple(one.action for one in chosen if isinstance(one, Transition))


# --- Which row ----------------------------------------------------------------------------------


def _choose(
    case: Case, step: Step, command: CaseCommand, now: int, limits: Limits
) -> Transition | Refusal:
    """Find the row of the table of cases that a moderator's command takes."""
    rows = rows_of(CASE_TRANSITIONS, step, case.state)
    if not rows:
        return _no_row(case)
    holder = case.lease.by if case.lease else ""
    if refusal := first_refusal(rows[0], case, command, now, limits):
        return refusal
    if rows[0].who is Capacity.HOLDER and holder != command.actor:
        return Refusal(Reason.CLAIMED_BY_OTHER, "another moderator has claimed this case")
    return rows[0]


def _no_row(case: Case) -> Refusal:
    if case.state is CaseState.OPEN:
        return Refusal(Reason.NOT_CLAIMED, "a case is claimed before it is decided")
    return Refusal(Reason.INVALID_STATE, f"a case that is {case.state} does not allow this")


# --- What comes of it ---------------------------------------------------------------------------


def _report(
    case: Case | None, command: CreateReport, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    due = settle_case(case, now) if case else None
    rows = rows_of(CASE_TRANSITIONS, Step.REPORT, due.state.state if due else None)
    if not rows:
        raise ValueError("a report joins a case that is undecided, or begins one")
    if refusal := first_refusal(rows[0], due.state if due else None, command, now, limits):
        return refusal
    severity = SEVERITIES[command.reason]
    due_at = now + limits.due(severity)
    report = Report(
        id=command.report,
        reporter=command.actor,
        standing=command.reporter.standing if command.reporter else ReporterStanding.NEW,
        reason=command.reason,
        comment=command.comment,
        at=now,
        evidence=tuple(one.id for one in command.evidence),
        status_at=now,
    )
    is_message = command.subject.kind is SubjectKind.MESSAGE
    others = tuple(one for one in command.participants if one != command.actor)
    reported = Reported(
        subject=command.subject,
        participants=command.participants,
        report=report,
        accused=(command.author,) if is_message else others,
        evidence=command.evidence,
        severity=max(severity, due.state.severity) if due else severity,
        due_at=min(due_at, due.state.due_at) if due else due_at,
    )
    if due:
        return append(due, rows[0], command.actor, reported, now)
    event = CaseEvent(
        case=command.case,
        seq=1,
        cause=rows[0].cause,
        at=now,
        by=command.actor,
        who=rows[0].who,
        state=CaseState.OPEN,
        details=reported,
        reports=(report.id,),
    )
    return Effect(evolve(None, event), (event,))


def _claim(
    due: Effect[Case, CaseEvent], command: ClaimCase, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    lease = Lease(command.actor, now + limits.lease)
    return _change(due, Step.CLAIM, command, lease, now, limits)


def _decide(
    due: Effect[Case, CaseEvent], command: DecideCase, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    case = due.state
    command = replace(command, measures=tuple(_complete(one, case) for one in command.measures))
    decision = Decision(
        id=command.decision,
        number=len(case.decisions) + 1,
        verdict=command.verdict,
        by=command.actor,
        at=now,
        note=command.note,
    )
    violation = command.verdict is Verdict.VIOLATION
    step = Step.FIND_VIOLATION if violation else Step.FIND_NO_VIOLATION
    ruling = Ruling(decision, _sanctions(case, command, now, limits))
    return _change(due, step, command, ruling, now, limits)


def _complete(measure: Measure, case: Case) -> Measure:
    """In a case about a message, what is removed and whose it is goes without saying."""
    is_message = case.subject.kind is SubjectKind.MESSAGE
    if measure.kind is not SanctionKind.MESSAGE_REMOVED or not is_message:
        return measure
    return replace(measure, message=measure.message or case.subject.id, user=case.accused[0])


def _sanctions(case: Case, command: DecideCase, now: int, limits: Limits) -> tuple[Sanction, ...]:
    return tuple(
        Sanction(
            id=sanction,
            case=case.id,
            decision=command.decision,
            kind=one.kind,
            users=(
                case.participants if one.kind is SanctionKind.CONVERSATION_LOCKED else (one.user,)
            ),
            conversation=case.subject.conversation if not _is_personal(one.kind) else "",
            message=one.message,
            since=now,
            until=one.until,
            statement=state_reasons(one, case.subject.conversation, now, limits),
            imposed_by=command.actor,
        )
        for sanction, one in zip(command.sanctions, command.measures, strict=True)
    )


def _is_personal(kind: SanctionKind) -> bool:
    return kind not in {SanctionKind.CONVERSATION_LOCKED, SanctionKind.MESSAGE_REMOVED}


def _change(
    due: Effect[Case, CaseEvent],
    step: Step,
    command: ClaimCase | ReleaseCase | DecideCase,
    details: Details,
    now: int,
    limits: Limits,
) -> Effect[Case, CaseEvent] | Refusal:
    """Let a moderator do what the command asks for; a refusal bears the case as it stands."""
    chosen = _choose(due.state, step, command, now, limits)
    if isinstance(chosen, Refusal):
        return replace(chosen, current=due.state)
    return append(due, chosen, command.actor, details, now)

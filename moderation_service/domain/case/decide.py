"""The rules of a case, which follow the tables in `transitions.py`.

They know no database, no network and no clock: pure functions of a case, a command, the facts and
now, in milliseconds UTC. `decide` gives what happened and the case after it, which is as it was
with these events applied (`evolve`), or a `Refusal`.

What is due has happened: before anything is decided, a lease that is over by now lapses, at the
time when it was over. Nothing has to fire it.
"""

from collections.abc import Mapping
from dataclasses import replace

from moderation_service.domain.case import entities
from moderation_service.domain.case.appeals import create_appeal, decide_appeal, lift_sanction
from moderation_service.domain.case.commands import (
    AnyCaseCommand,
    CaseCommand,
    CaseFacts,
    ClaimCase,
    CreateAppeal,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
    Report,
    ReportConversation,
    ReportDisputeStatement,
    ReportMessage,
)
from moderation_service.domain.case.entities import (
    Case,
    CaseState,
    Decision,
    Lease,
    ReporterStanding,
    Subject,
    Verdict,
)
from moderation_service.domain.case.erasure import erase_user, expire_evidence
from moderation_service.domain.case.events import CaseEvent, Details, Reported, Ruling, evolve
from moderation_service.domain.case.guards import resolve
from moderation_service.domain.case.transitions import (
    CASE_TRANSITIONS,
    Step,
    Transition,
    append,
    first_refusal,
    rows_of,
    settle_case,
)
from moderation_service.domain.sanctions.entities import Sanction, SanctionKind, Scope
from moderation_service.domain.sanctions.measures import MEASURES, Activity
from moderation_service.domain.sanctions.standing import Standing, check_activity
from moderation_service.domain.sanctions.statement_of_reasons import state_reasons
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.evidence import Written
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.reasons import SEVERITIES
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal

_UNKNOWN: Mapping[type[AnyCaseCommand], Reason] = {
    CreateAppeal: Reason.DECISION_NOT_FOUND,
    DecideAppeal: Reason.APPEAL_NOT_FOUND,
    LiftSanction: Reason.SANCTION_NOT_FOUND,
}


def decide(
    case: Case | None, command: AnyCaseCommand, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Decide a command whose arguments are sound about what it names; None: there is none.

    For a report `case` is the undecided one about the subject, if there is one; the oldest, if an
    appeal has reopened another. For CreateAppeal, DecideAppeal and LiftSanction it is the one that
    has the decision, the appeal or the sanction.

    A refusal changes nothing. One that is due to how things stand bears that as `current`, if the
    actor may see it: the whole Case to a moderator, the Standing to whom a sanction refuses.
    """
    if refusal := check_standing(command, facts.standing):
        return refusal
    match command:
        case ReportMessage():
            return report_message(case, command, facts, now, limits)
        case ReportConversation():
            return report_conversation(case, command, facts, now, limits)
        case ReportDisputeStatement():
            return report_dispute_statement(case, command, facts, now, limits)
    unknown = _UNKNOWN.get(type(command), Reason.CASE_NOT_FOUND)
    if case is None:
        return not_found(unknown)
    match command:
        case EraseUser():
            return erase_user(case, command, facts.ids.alias, now, limits)
        case ExpireEvidence():
            return expire_evidence(case, now, limits)
    due = settle_case(case, now)
    if isinstance(command, CreateAppeal):
        return create_appeal(due, command, facts, now, limits)
    if command.actor in case.involved:
        # Not even that there is a case is for a moderator who has a part in it.
        return not_found(unknown)
    match command:
        case ClaimCase():
            return claim_case(due, command, facts, now, limits)
        case ReleaseCase():
            return release_case(due, command, facts, now, limits)
        case DecideCase():
            return decide_case(due, command, facts, now, limits)
        case DecideAppeal():
            return decide_appeal(due, command, facts, now, limits)
        case LiftSanction():
            return lift_sanction(due, command, facts, now, limits)


def check_standing(command: AnyCaseCommand, standing: Standing | None) -> Refusal | None:
    """Refuse what a sanction forbids."""
    match command:
        case ReportMessage() | ReportConversation() | ReportDisputeStatement():
            return check_activity(standing, Activity.REPORT)
        case CreateAppeal():
            return check_activity(standing, Activity.APPEAL)
    return None


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
    facts = CaseFacts()
    chosen = [_choose(case, step, command, facts, now, limits) for step, command in commands]
    return tuple(one.action for one in chosen if isinstance(one, Transition))


# --- Which row ----------------------------------------------------------------------------------


def _choose(
    case: Case, step: Step, command: CaseCommand, facts: CaseFacts, now: int, limits: Limits
) -> Transition | Refusal:
    """Find the row of the table of cases that a moderator's command takes."""
    rows = rows_of(CASE_TRANSITIONS, step, case.state)
    if not rows:
        return _no_row(case)
    holder = case.lease.by if case.lease else ""
    if refusal := first_refusal(rows[0], case, command, facts, now, limits):
        return refusal
    if rows[0].who is Capacity.HOLDER and holder != command.actor:
        return Refusal(Reason.CLAIMED_BY_OTHER, "another moderator has claimed this case")
    return rows[0]


def _no_row(case: Case) -> Refusal:
    if case.state is CaseState.OPEN:
        return Refusal(Reason.NOT_CLAIMED, "a case is claimed before it is decided")
    return Refusal(Reason.INVALID_STATE, f"a case that is {case.state} does not allow this")


# --- What comes of it ---------------------------------------------------------------------------


def report_message(
    case: Case | None, command: ReportMessage, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Report a message: its author is accused."""
    return _report(case, command, facts, (facts.seen.author,), now, limits)


def report_conversation(
    case: Case | None, command: ReportConversation, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Report a conversation: the other participants are accused."""
    others = tuple(one for one in facts.seen.participants if one != command.actor)
    return _report(case, command, facts, others, now, limits)


def report_dispute_statement(
    case: Case | None, command: ReportDisputeStatement, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Report a statement of a dispute: whoever made it is accused."""
    return _report(case, command, facts, (facts.seen.author,), now, limits)


def _report(
    case: Case | None,
    command: Report,
    facts: CaseFacts,
    accused: tuple[str, ...],
    now: int,
    limits: Limits,
) -> Effect[Case, CaseEvent] | Refusal:
    due = settle_case(case, now) if case else None
    rows = rows_of(CASE_TRANSITIONS, Step.REPORT, due.state.state if due else None)
    if not rows:
        raise ValueError("a report joins a case that is undecided, or begins one")
    (row,) = rows
    if refusal := first_refusal(row, due.state if due else None, command, facts, now, limits):
        return refusal
    seen, reporter = facts.seen, facts.reporter
    severity = SEVERITIES[command.reason]
    due_at = now + limits.due(severity)
    evidence = tuple(one.evidence for one in seen.snapshots)
    report = entities.Report(
        id=facts.ids.made,
        reporter=command.actor,
        standing=reporter.standing if reporter else ReporterStanding.NEW,
        reason=command.reason,
        comment=command.comment,
        at=now,
        evidence=tuple(one.id for one in evidence),
        status_at=now,
    )
    reported = Reported(
        subject=Subject(command.subject.kind, command.subject.id, seen.conversation),
        participants=seen.participants,
        report=report,
        accused=accused,
        evidence=evidence,
        severity=max(severity, due.state.severity) if due else severity,
        due_at=min(due_at, due.state.due_at) if due else due_at,
    )
    if due:
        return append(due, row, command.actor, reported, now)
    event = CaseEvent(
        case=facts.ids.case,
        seq=1,
        cause=row.cause,
        at=now,
        by=command.actor,
        who=row.who,
        state=CaseState.OPEN,
        details=reported,
        reports=(report.id,),
    )
    return Effect(evolve(None, event), (event,))


def claim_case(
    due: Effect[Case, CaseEvent], command: ClaimCase, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Give the case to a moderator for the time of a lease."""
    lease = Lease(command.actor, now + limits.lease)
    return _change(due, Step.CLAIM, command, facts, lease, now, limits)


def release_case(
    due: Effect[Case, CaseEvent], command: ReleaseCase, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Take the case back."""
    return _change(due, Step.RELEASE, command, facts, None, now, limits)


def decide_case(
    due: Effect[Case, CaseEvent], command: DecideCase, facts: CaseFacts, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal:
    """Find a violation and impose what follows, or find none."""
    case = due.state
    decision = Decision(
        id=facts.ids.made,
        number=len(case.decisions) + 1,
        verdict=command.verdict,
        by=command.actor,
        at=now,
        note=command.note,
    )
    violation = command.verdict is Verdict.VIOLATION
    step = Step.FIND_VIOLATION if violation else Step.FIND_NO_VIOLATION
    ruling = Ruling(decision, _sanctions(case, command, facts, now, limits))
    return _change(due, step, command, facts, ruling, now, limits)


def _sanctions(
    case: Case, command: DecideCase, facts: CaseFacts, now: int, limits: Limits
) -> tuple[Sanction, ...]:
    conversation = case.subject.conversation
    nothing = Written("")
    return tuple(
        Sanction(
            id=sanction,
            case=case.id,
            decision=facts.ids.made,
            kind=one.kind,
            users=(
                case.participants if one.kind is SanctionKind.CONVERSATION_LOCKED else (one.user,)
            ),
            conversation=conversation if not _is_personal(one.kind) else "",
            message=one.message,
            service=facts.written.get(one.message, nothing).service,
            number=facts.written.get(one.message, nothing).number,
            since=now,
            until=one.until,
            statement=state_reasons(one, conversation, now, limits),
            imposed_by=command.actor,
        )
        for sanction, one in zip(facts.ids.sanctions, resolve(command, case, facts), strict=True)
    )


def _is_personal(kind: SanctionKind) -> bool:
    return MEASURES[kind].scope is Scope.ACCOUNT


def _change(
    due: Effect[Case, CaseEvent],
    step: Step,
    command: ClaimCase | ReleaseCase | DecideCase,
    facts: CaseFacts,
    details: Details,
    now: int,
    limits: Limits,
) -> Effect[Case, CaseEvent] | Refusal:
    """Let a moderator do what the command asks for; a refusal bears the case as it stands."""
    chosen = _choose(due.state, step, command, facts, now, limits)
    if isinstance(chosen, Refusal):
        return replace(chosen, current=due.state)
    return append(due, chosen, command.actor, details, now)

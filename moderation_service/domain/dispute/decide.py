"""The rules of a dispute: `decide_dispute` follows the table in `dispute_transitions.py`.

What is due has happened: before anything is decided, what time does to the dispute by now is done,
at the time when it was due. A dispute always ends: each state has a deadline and an outcome for it,
or waits for negotiation to answer a call that is made until it does.
"""

from dataclasses import replace

from moderation_service.domain.dispute.commands import (
    Acceptance,
    CreateDispute,
    DecideDispute,
    DisputeCommand,
    FireTimers,
    HoldPlaced,
    HoldRefused,
    HoldResolved,
    HoldUnresolvable,
    NegotiationAnswer,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import (
    Dispute,
    DisputeState,
    DisputeStatement,
    Outcome,
    Resolution,
    ResolutionCause,
    Settlement,
    SettlementOffer,
)
from moderation_service.domain.dispute.events import (
    Declined,
    DisputeDetails,
    DisputeEvent,
    Held,
    Opening,
    evolve_dispute,
)
from moderation_service.domain.dispute.guards import respondent_is_silent
from moderation_service.domain.dispute.transitions import DisputeStep, DisputeTransition, row_of
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Default, Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal


def decide_dispute(
    dispute: Dispute | None, command: DisputeCommand, now: int, limits: Limits
) -> Effect[Dispute, DisputeEvent] | Refusal:
    """Decide a command about a dispute whose arguments and roles are sound; None: there is none.

    For CreateDispute `dispute` is the open one about the service, if there is one.
    """
    if isinstance(command, CreateDispute):
        return _create(dispute, command, now, limits)
    if dispute is None or not _may_see(dispute, command):
        return not_found(Reason.DISPUTE_NOT_FOUND)
    due = settle_dispute(dispute, now, limits)
    match command:
        case FireTimers():
            return due
        case SubmitDisputeStatement() | DecideDispute():
            return _act(due, command, now, limits)
        case _:
            return _hear(due, command, now, limits)


def settle_dispute(dispute: Dispute, now: int, limits: Limits) -> Effect[Dispute, DisputeEvent]:
    """Let everything happen that was due by now, in its order."""
    change: Effect[Dispute, DisputeEvent] = Effect(dispute, ())
    while (due_at := change.state.due_at) is not None and due_at <= now:
        step = _step_of_time(change.state, limits)
        row = row_of(step, change.state.state)
        if row is None:
            raise TypeError(f"time has nothing to do with a dispute that is {change.state.state}")
        resolution = _by_default(change.state, step, due_at, limits)
        change = _append(change, row, "", resolution, due_at, limits)
    return change


def dispute_actions(
    dispute: Dispute, actor: str, now: int, limits: Limits, *, moderates: bool = False
) -> tuple[str, ...]:
    """Name what would succeed if `actor` did it now, given sound arguments."""
    dispute = settle_dispute(dispute, now, limits).state
    whole, offer = Settlement(dispute.price, 0), dispute.offer
    accept = Acceptance(offer.number, offer.settlement) if offer else Acceptance(1, whole)
    commands: list[SubmitDisputeStatement | DecideDispute] = []
    if actor in dispute.parties:
        commands = [
            SubmitDisputeStatement(actor, dispute.id, "words"),
            SubmitDisputeStatement(actor, dispute.id, propose=whole),
            SubmitDisputeStatement(actor, dispute.id, accept=accept),
            SubmitDisputeStatement(actor, dispute.id, withdraw=True),
        ]
    if moderates:
        ruling = DecideDispute(actor, (), dispute.id, dispute.seq, Outcome.RESUME, "facts", "rule")
        commands.append(ruling)
    chosen = [_choose(dispute, one, now, limits) for one in commands]
    return tuple(one.action for one in chosen if isinstance(one, DisputeTransition))


def _may_see(dispute: Dispute, command: DisputeCommand) -> bool:
    """Tell whether the dispute exists for the one who asks."""
    return not isinstance(command, SubmitDisputeStatement) or command.actor in dispute.parties


# --- People -------------------------------------------------------------------------------------


def _create(
    open_dispute: Dispute | None, command: CreateDispute, now: int, limits: Limits
) -> Effect[Dispute, DisputeEvent] | Refusal:
    row = row_of(DisputeStep.CREATE, None)
    if row is None or row.target is None:
        raise TypeError("the table says how a dispute begins")
    current = settle_dispute(open_dispute, now, limits).state if open_dispute else None
    for guard in row.guards:
        if refusal := guard(current, command, now, limits):
            seen = current if current and command.actor in current.parties else None
            return replace(refusal, current=seen)
    opening = Opening(
        service=command.service,
        conversation=command.conversation,
        provider=command.provider,
        client=command.client,
        reason=command.reason,
        currency=command.currency,
        price=command.price or 0,
        refund=command.refund.amount_minor if command.refund else None,
        evidence=command.evidence,
    )
    event = DisputeEvent(
        dispute=command.dispute,
        seq=1,
        cause=row.cause,
        at=now,
        by=command.actor,
        who=row.who,
        state=row.target,
        details=opening,
        statement=DisputeStatement(command.actor, command.statement, now),
    )
    return Effect(evolve_dispute(None, event), (event,))


def _act(
    due: Effect[Dispute, DisputeEvent],
    command: SubmitDisputeStatement | DecideDispute,
    now: int,
    limits: Limits,
) -> Effect[Dispute, DisputeEvent] | Refusal:
    chosen = _choose(due.state, command, now, limits)
    if isinstance(chosen, Refusal):
        return replace(chosen, current=due.state)
    details = _details(due.state, command, now)
    text = command.text if isinstance(command, SubmitDisputeStatement) else ""
    said = DisputeStatement(command.actor, text, now) if text else None
    return _append(due, chosen, command.actor, details, now, limits, said)


def _choose(
    dispute: Dispute, command: SubmitDisputeStatement | DecideDispute, now: int, limits: Limits
) -> DisputeTransition | Refusal:
    """Find the row of the table that a command takes: the state, the guards, then who may."""
    row = row_of(_step_of(command), dispute.state)
    if row is None:
        message = f"a dispute that is {dispute.state} does not allow this"
        return Refusal(Reason.INVALID_STATE, message)
    for guard in row.guards:
        if refusal := guard(dispute, command, now, limits):
            return refusal
    if row.who is Capacity.OTHER and dispute.offer and dispute.offer.by == command.actor:
        return Refusal(Reason.OWN_SETTLEMENT, "the newest offer is the actor's own")
    if row.who is Capacity.OPENER and dispute.opened_by != command.actor:
        return Refusal(Reason.OPENER_ONLY, "only who opened the dispute withdraws it")
    return row


def _step_of(command: SubmitDisputeStatement | DecideDispute) -> DisputeStep:
    if isinstance(command, DecideDispute):
        return DisputeStep.DECIDE
    if command.propose is not None:
        return DisputeStep.PROPOSE
    if command.accept is not None:
        return DisputeStep.ACCEPT
    return DisputeStep.WITHDRAW if command.withdraw else DisputeStep.STATE


def _details(
    dispute: Dispute, command: SubmitDisputeStatement | DecideDispute, now: int
) -> DisputeDetails:
    actor = command.actor
    if isinstance(command, DecideDispute):
        cause, facts, rule = ResolutionCause.DECIDED, command.facts, command.rule
        return Resolution(command.outcome, command.split, cause, actor, facts, rule, now)
    if command.propose is not None:
        return SettlementOffer(len(dispute.offers) + 1, actor, command.propose, now)
    if command.accept is not None:
        parts, cause = command.accept.settlement, ResolutionCause.SETTLED
        return Resolution(Outcome.SPLIT, parts, cause, actor, "", "", now)
    if command.withdraw:
        return Resolution(Outcome.RESUME, None, ResolutionCause.WITHDRAWN, actor, "", "", now)
    return None


# --- Negotiation --------------------------------------------------------------------------------


def _hear(
    due: Effect[Dispute, DisputeEvent], answer: NegotiationAnswer, now: int, limits: Limits
) -> Effect[Dispute, DisputeEvent]:
    """Take an answer of negotiation; one that was heard before, or is too late, changes nothing."""
    row = row_of(_STEPS_OF_ANSWERS[type(answer)], due.state.state)
    if row is None:
        return due
    details: DisputeDetails = None
    match answer:
        case HoldPlaced() if row.target is DisputeState.OPEN:
            details = Held(answer.price)
        case HoldPlaced():
            cause = ResolutionCause.REFUSED
            details = Resolution(Outcome.RESUME, None, cause, "", "", "", now)
        case HoldRefused() | HoldUnresolvable():
            details = Declined(answer.reason)
    return _append(due, row, "", details, now, limits)


_STEPS_OF_ANSWERS: dict[type[NegotiationAnswer], DisputeStep] = {
    HoldPlaced: DisputeStep.PLACE_HOLD,
    HoldRefused: DisputeStep.REFUSE_HOLD,
    HoldResolved: DisputeStep.RESOLVE_HOLD,
    HoldUnresolvable: DisputeStep.GIVE_UP_HOLD,
}


# --- Time ---------------------------------------------------------------------------------------


def _step_of_time(dispute: Dispute, limits: Limits) -> DisputeStep:
    if dispute.state is DisputeState.UNDER_REVIEW:
        return DisputeStep.MODERATORS_SILENT
    if respondent_is_silent(dispute, limits):
        return DisputeStep.RESPONDENT_SILENT
    return DisputeStep.START_REVIEW


def _by_default(dispute: Dispute, step: DisputeStep, at: int, limits: Limits) -> Resolution | None:
    """Give the outcome that silence has; None where it leads to a review."""
    if step is DisputeStep.START_REVIEW:
        return None
    moderators = step is DisputeStep.MODERATORS_SILENT
    default = limits.moderator_silence if moderators else limits.respondent_silence
    cause = ResolutionCause.MODERATORS_SILENT if moderators else ResolutionCause.RESPONDENT_SILENT
    outcome, split = _outcome(default, dispute)
    return Resolution(outcome, split, cause, "", "", "", at)


def _outcome(default: Default, dispute: Dispute) -> tuple[Outcome, Settlement | None]:
    match default:
        case Default.COMPLETED:
            return Outcome.COMPLETED, None
        case Default.CANCELLED:
            return Outcome.CANCELLED, None
        case Default.CLAIM if dispute.refund is not None:
            # The price may have been amended before the hold.
            refund = min(dispute.refund, dispute.price)
            return Outcome.SPLIT, Settlement(dispute.price - refund, refund)
    return Outcome.RESUME, None


def _append(
    before: Effect[Dispute, DisputeEvent],
    row: DisputeTransition,
    by: str,
    details: DisputeDetails,
    at: int,
    limits: Limits,
    statement: DisputeStatement | None = None,
) -> Effect[Dispute, DisputeEvent]:
    dispute = before.state
    event = DisputeEvent(
        dispute=dispute.id,
        seq=dispute.seq + 1,
        cause=row.cause,
        at=at,
        by=by,
        who=row.who,
        state=row.target or dispute.state,
        due_at=_due_at(row, dispute, at, limits),
        details=details,
        statement=statement,
    )
    return Effect(evolve_dispute(dispute, event), (*before.events, event))


def _due_at(row: DisputeTransition, dispute: Dispute, at: int, limits: Limits) -> int | None:
    """Tell when time ends the state. People were promised this: it stays while the state does."""
    match row.target:
        case None:
            return dispute.due_at
        case DisputeState.OPEN:
            return at + limits.statements
        case DisputeState.UNDER_REVIEW:
            return at + limits.review
    return None

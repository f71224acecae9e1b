"""The rules of a dispute, which follow the table in `transitions.py`.

Pure functions like those of a case. What is due has happened: before anything is decided, what
time does to the dispute by now is done, at the time when it was due (`timers.py`).
"""

from dataclasses import replace

from moderation_service.domain.dispute import entities, events, transitions
from moderation_service.domain.dispute.commands import (
    Acceptance,
    AnyDisputeCommand,
    CreateDispute,
    DecideDispute,
    DisputeFacts,
    FireTimers,
    HoldPlaced,
    HoldRefused,
    HoldResolved,
    HoldUnresolvable,
    NegotiationAnswer,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.erasure import erase_user, expire_evidence
from moderation_service.domain.dispute.timers import settle_dispute
from moderation_service.domain.sanctions.measures import Activity
from moderation_service.domain.sanctions.standing import Standing, check_activity
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rules import Refusal


def decide(
    dispute: entities.Dispute | None,
    command: AnyDisputeCommand,
    facts: DisputeFacts,
    now: int,
    limits: Limits,
) -> Effect[entities.Dispute, events.DisputeEvent] | Refusal:
    """Decide a command whose arguments are sound about what it names; None: there is none.

    For CreateDispute `dispute` is the open one about the service, if there is one. A refusal
    changes nothing. One that is due to how things stand bears that as `current`, if the actor may
    see it: the Dispute to a party, the Standing to whom a sanction refuses.
    """
    if refusal := check_standing(command, facts.standing):
        return refusal
    if isinstance(command, CreateDispute):
        return create_dispute(dispute, command, facts, now, limits)
    if dispute is None:
        return not_found(Reason.DISPUTE_NOT_FOUND)
    match command:
        case EraseUser():
            return erase_user(dispute, command, facts.ids.alias, now, limits)
        case ExpireEvidence():
            return expire_evidence(dispute, now, limits)
    due = settle_dispute(dispute, now, limits)
    match command:
        case FireTimers():
            return due
        case SubmitDisputeStatement():
            return submit_dispute_statement(due, command, facts, now, limits)
        case DecideDispute():
            return decide_dispute(due, command, facts, now, limits)
        case _:
            return _hear(due, command, now, limits)


def check_standing(command: AnyDisputeCommand, standing: Standing | None) -> Refusal | None:
    """Refuse what a sanction forbids."""
    if isinstance(command, CreateDispute | SubmitDisputeStatement):
        return check_activity(standing, Activity.DISPUTE)
    return None


def allowed_actions(
    dispute: entities.Dispute, actor: str, now: int, limits: Limits, *, moderates: bool = False
) -> tuple[str, ...]:
    """Name what would succeed if `actor` did it now, given sound arguments."""
    dispute = settle_dispute(dispute, now, limits).state
    whole, offer = entities.Settlement(dispute.price, 0), dispute.offer
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
        ruling = DecideDispute(
            actor, (), dispute.id, dispute.seq, entities.Outcome.RESUME, "facts", "rule"
        )
        commands.append(ruling)
    chosen = [_choose(dispute, one, DisputeFacts(), now, limits) for one in commands]
    return tuple(one.action for one in chosen if isinstance(one, transitions.DisputeTransition))


# --- People -------------------------------------------------------------------------------------


def create_dispute(
    open_dispute: entities.Dispute | None,
    command: CreateDispute,
    facts: DisputeFacts,
    now: int,
    limits: Limits,
) -> Effect[entities.Dispute, events.DisputeEvent] | Refusal:
    """Open a dispute about a service, unless there is one."""
    row = transitions.ROWS[transitions.DisputeStep.CREATE, None]
    current = settle_dispute(open_dispute, now, limits).state if open_dispute else None
    for guard in row.guards:
        if refusal := guard(current, command, facts, now, limits):
            shown = current if current and command.actor in current.parties else None
            return replace(refusal, current=shown)
    seen = facts.seen
    opening = events.Opening(
        service=command.service,
        conversation=seen.conversation,
        provider=seen.provider,
        client=seen.client,
        reason=command.reason,
        currency=seen.currency,
        price=seen.price or 0,
        refund=command.refund.amount_minor if command.refund else None,
        evidence=tuple(one.evidence for one in seen.snapshots),
    )
    event = events.DisputeEvent(
        dispute=facts.ids.made,
        seq=1,
        cause=row.cause,
        at=now,
        by=command.actor,
        who=row.who,
        state=entities.DisputeState.PENDING_HOLD,
        details=opening,
        statement=entities.DisputeStatement(command.actor, command.statement, now),
    )
    return Effect(events.evolve_dispute(None, event), (event,))


def submit_dispute_statement(
    due: Effect[entities.Dispute, events.DisputeEvent],
    command: SubmitDisputeStatement,
    facts: DisputeFacts,
    now: int,
    limits: Limits,
) -> Effect[entities.Dispute, events.DisputeEvent] | Refusal:
    """Take a statement of a party, with what it does about the dispute."""
    if command.actor not in due.state.parties:
        return not_found(Reason.DISPUTE_NOT_FOUND)
    return _act(due, command, facts, now, limits)


def decide_dispute(
    due: Effect[entities.Dispute, events.DisputeEvent],
    command: DecideDispute,
    facts: DisputeFacts,
    now: int,
    limits: Limits,
) -> Effect[entities.Dispute, events.DisputeEvent] | Refusal:
    """Resolve a dispute by the decision of a moderator."""
    return _act(due, command, facts, now, limits)


def _act(
    due: Effect[entities.Dispute, events.DisputeEvent],
    command: SubmitDisputeStatement | DecideDispute,
    facts: DisputeFacts,
    now: int,
    limits: Limits,
) -> Effect[entities.Dispute, events.DisputeEvent] | Refusal:
    chosen = _choose(due.state, command, facts, now, limits)
    if isinstance(chosen, Refusal):
        return replace(chosen, current=due.state)
    details = _details(due.state, command, now)
    text = command.text if isinstance(command, SubmitDisputeStatement) else ""
    said = entities.DisputeStatement(command.actor, text, now) if text else None
    return transitions.append(due, chosen, command.actor, details, now, limits, said)


def _choose(
    dispute: entities.Dispute,
    command: SubmitDisputeStatement | DecideDispute,
    facts: DisputeFacts,
    now: int,
    limits: Limits,
) -> transitions.DisputeTransition | Refusal:
    """Find the row of the table that a command takes: the state, the guards, then who may."""
    row = transitions.row_of(_step_of(command), dispute.state)
    if row is None:
        message = f"a dispute that is {dispute.state} does not allow this"
        return Refusal(Reason.INVALID_STATE, message)
    for guard in row.guards:
        if refusal := guard(dispute, command, facts, now, limits):
            return refusal
    if row.who is Capacity.OTHER and dispute.offer and dispute.offer.by == command.actor:
        return Refusal(Reason.OWN_SETTLEMENT, "the newest offer is the user's own")
    if row.who is Capacity.OPENER and dispute.opened_by != command.actor:
        return Refusal(Reason.OPENER_ONLY, "only who opened the dispute withdraws it")
    return row


def _step_of(command: SubmitDisputeStatement | DecideDispute) -> transitions.DisputeStep:
    if isinstance(command, DecideDispute):
        return transitions.DisputeStep.DECIDE
    if command.propose is not None:
        return transitions.DisputeStep.PROPOSE
    if command.accept is not None:
        return transitions.DisputeStep.ACCEPT
    return transitions.DisputeStep.WITHDRAW if command.withdraw else transitions.DisputeStep.STATE


def _details(
    dispute: entities.Dispute, command: SubmitDisputeStatement | DecideDispute, now: int
) -> events.DisputeDetails:
    actor = command.actor
    if isinstance(command, DecideDispute):
        cause, facts, rule = entities.ResolutionCause.DECIDED, command.facts, command.rule
        return entities.Resolution(command.outcome, command.split, cause, actor, facts, rule, now)
    if command.propose is not None:
        return entities.SettlementOffer(len(dispute.offers) + 1, actor, command.propose, now)
    if command.accept is not None:
        parts, cause = command.accept.settlement, entities.ResolutionCause.SETTLED
        return entities.Resolution(entities.Outcome.SPLIT, parts, cause, actor, "", "", now)
    if command.withdraw:
        return entities.Resolution(
            entities.Outcome.RESUME, None, entities.ResolutionCause.WITHDRAWN, actor, "", "", now
        )
    return None


# --- Negotiation --------------------------------------------------------------------------------


def _hear(
    due: Effect[entities.Dispute, events.DisputeEvent],
    answer: NegotiationAnswer,
    now: int,
    limits: Limits,
) -> Effect[entities.Dispute, events.DisputeEvent]:
    """Take an answer of negotiation; one that was heard before, or is too late, changes nothing."""
    row = transitions.row_of(_STEPS_OF_ANSWERS[type(answer)], due.state.state)
    if row is None:
        return due
    details: events.DisputeDetails = None
    match answer:
        case HoldPlaced() if row.target is entities.DisputeState.OPEN:
            details = events.Held(answer.price)
        case HoldPlaced():
            cause = entities.ResolutionCause.REFUSED
            details = entities.Resolution(entities.Outcome.RESUME, None, cause, "", "", "", now)
        case HoldRefused() | HoldUnresolvable():
            details = events.Declined(answer.reason)
    return transitions.append(due, row, "", details, now, limits)


_STEPS_OF_ANSWERS: dict[type[NegotiationAnswer], transitions.DisputeStep] = {
    HoldPlaced: transitions.DisputeStep.PLACE_HOLD,
    HoldRefused: transitions.DisputeStep.REFUSE_HOLD,
    HoldResolved: transitions.DisputeStep.RESOLVE_HOLD,
    HoldUnresolvable: transitions.DisputeStep.GIVE_UP_HOLD,
}

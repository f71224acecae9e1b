"""The rules of a deal: pure functions of its state, a command, the facts and now.

They know no database, no network and no clock. `decide` has a rule for each command, of the same
name; these follow the table in `transitions.py` and give the events and the new state, which is the
old one with these events applied (`evolve`), or a `Refusal`. Times are milliseconds UTC.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from negotiation_service.domain import commands, entities, permissions
from negotiation_service.domain.decision import (
    Decision,
    append,
    fire,
    fire_timers,
    settle,
    start_deadlines,
)
from negotiation_service.domain.events import Details, Event, Terms, evolve
from negotiation_service.domain.facts import Facts
from negotiation_service.domain.guards import Attempt, CommandType
from negotiation_service.domain.limits import SECOND, Limits
from negotiation_service.domain.refusals import Reason, service_not_found
from negotiation_service.domain.transitions import Step, rows_of
from service_kit.rules import Refusal

_RULING_STEPS = {
    entities.Outcome.RESUME: Step.RESUME,
    entities.Outcome.COMPLETED: Step.DECIDE_COMPLETED,
    entities.Outcome.CANCELLED: Step.DECIDE_CANCELLED,
    entities.Outcome.SPLIT: Step.DECIDE_SPLIT,
}


def decide(
    deal: entities.Deal | None, command: commands.Command, facts: Facts, now: int, limits: Limits
) -> Decision | Refusal:
    """Decide a command about a deal, or about none; its arguments have been checked.

    For CreateService `deal` is the open one of the conversation, if any, whose due timers are
    fired before. A refusal changes nothing, and bears the deal as it stands if the sender of the
    command may see it.
    """
    if isinstance(command, commands.CreateService):
        current = settle(deal, now, limits).deal if deal else None
        return create_service(Attempt(current, (), command, facts, now, limits))
    if deal is None or not permissions.may_see(deal, command):
        return service_not_found()
    if isinstance(command, commands.FireTimers):
        return fire_timers(deal, now, limits)
    due = settle(deal, now, limits)
    outcome = _RULES[type(command)](Attempt(due.deal, due.events, command, facts, now, limits))
    if isinstance(outcome, Refusal):
        return replace(outcome, current=due.deal)
    return outcome or Decision(deal)


def create_service(
    attempt: Attempt[entities.Deal | None, commands.CreateService],
) -> Decision | Refusal:
    """Propose a deal, if its conversation has no open one."""
    current, _, command, facts, now, limits = attempt
    (row,) = rows_of(Step.CREATE, None)
    for guard in row.guards:
        if refusal := guard(attempt):
            seen = current if current and command.actor in current.parties else None
            return replace(refusal, current=seen)
    peer = next(one for one in facts.participants if one != command.actor)
    is_provider = command.role is entities.Role.PROVIDER
    ttl = command.offer_ttl_seconds
    terms = Terms(
        conversation=command.conversation,
        provider=command.actor if is_provider else peer,
        client=peer if is_provider else command.actor,
        title=command.title,
        description=command.description,
        currency=command.price.currency,
        exponent=limits.currencies[command.price.currency],
        offer_ttl=limits.offer_ttl if ttl is None else ttl * SECOND,
        price=command.price.amount_minor,
    )
    event = Event(
        service=facts.service,
        seq=1,
        cause=row.cause,
        at=now,
        by=command.actor,
        state=row.target or entities.State.OFFERED,
        deadlines=start_deadlines(row, terms.offer_ttl, now, limits),
        details=terms,
    )
    return Decision(evolve(None, event), (event,))


def edit_price(attempt: Attempt[entities.Deal, commands.EditPrice]) -> Decision | Refusal:
    """Make another offer, of the bargaining or to amend what is agreed."""
    command, number = attempt.command, attempt.deal.offers + 1
    price = command.price.amount_minor
    offer = entities.Offer(number, price, command.actor, command.note, attempt.now)
    return _take(Step.EDIT_PRICE, attempt, command.actor, offer)


def end_negotiation(attempt: Attempt[entities.Deal, commands.EndNegotiation]) -> Decision | Refusal:
    """Accept, decline or withdraw the live offer."""
    command = attempt.command
    return _take(
        permissions.NEGOTIATION_STEPS[command.outcome], attempt, command.actor, attempt.deal.offer
    )


def terminate_service(
    attempt: Attempt[entities.Deal, commands.TerminateService],
) -> Decision | Refusal:
    """Deliver, complete or reopen the work; ask for a cancellation or confirm it."""
    command, step = attempt.command, permissions.TERMINATION_STEPS[attempt.command.outcome]
    request = None
    if step is Step.CANCEL and attempt.deal.cancellation is None:
        request = entities.CancellationRequest(command.actor, command.reason, attempt.now)
    return _take(step, attempt, command.actor, request, command.reason)


def submit_note(attempt: Attempt[entities.Deal, commands.SubmitNote]) -> Decision | Refusal:
    """Seal a note; with that of the other party both are revealed."""
    command, now = attempt.command, attempt.now
    previous = attempt.deal.note_of(command.actor)
    submissions = previous.submissions + 1 if previous else 1
    note = entities.Note(command.score, command.comment, now, submissions)
    outcome = _take(Step.SUBMIT_NOTE, attempt, command.actor, note)
    if isinstance(outcome, Decision) and all(outcome.deal.notes):
        # Nobody is left to wait for, so their timer fires at once.
        return fire(outcome, entities.Timer.NOTES, now, attempt.limits)
    return outcome


def place_hold(attempt: Attempt[entities.Deal, commands.PlaceHold]) -> Decision | Refusal | None:
    """Freeze the deal for a dispute; None if that was done before."""
    deal, command = attempt.deal, attempt.command
    stands = deal.hold is not None and deal.hold.dispute == command.dispute
    if stands or deal.ruling(command.dispute):
        return None
    hold = entities.Hold(command.dispute, command.opened_by, attempt.now)
    return _take(Step.PLACE_HOLD, attempt, command.opened_by, hold)


def resolve_hold(
    attempt: Attempt[entities.Deal, commands.ResolveHold],
) -> Decision | Refusal | None:
    """End a dispute: let the deal go on, or settle it; None if that was done before."""
    deal, command = attempt.deal, attempt.command
    if ruling := deal.ruling(command.dispute):
        if ruling.outcome is command.outcome and command.split in (None, ruling.settlement):
            return None
        return Refusal(Reason.DECIDED_OTHERWISE, "this dispute was decided otherwise")
    price = deal.agreed.price if deal.agreed else 0
    settlements = {
        entities.Outcome.COMPLETED: entities.Settlement(price, 0),
        entities.Outcome.CANCELLED: entities.Settlement(0, price),
    }
    settlement = settlements.get(command.outcome, command.split)
    ruling = entities.Ruling(command.dispute, command.outcome, settlement, attempt.now)
    return _take(_RULING_STEPS[command.outcome], attempt, "", ruling)


def _take(
    step: Step,
    attempt: Attempt[entities.Deal, CommandType],
    by: str,
    details: Details,
    reason: str = "",
) -> Decision | Refusal:
    """Let a step happen if the table allows it."""
    row = permissions.find_transition(step, attempt)
    if isinstance(row, Refusal):
        return row
    before = Decision(attempt.deal, attempt.events)
    return append(
        before,
        row,
        attempt.now,
        attempt.limits,
        by=by,
        details=details,
        reason=reason,
        withheld=attempt.facts.blocked,
    )


# A rule takes its own kind of command, which no type can say of a table.
_RULES: dict[type[commands.Command], Callable[[Any], Decision | Refusal | None]] = {
    commands.EditPrice: edit_price,
    commands.EndNegotiation: end_negotiation,
    commands.TerminateService: terminate_service,
    commands.SubmitNote: submit_note,
    commands.PlaceHold: place_hold,
    commands.ResolveHold: resolve_hold,
}

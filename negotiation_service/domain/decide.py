"""The rules of a deal: pure functions of its state, a command and now.

They know no database, no network and no clock. `decide` follows the table in `transitions.py` and
gives the events and the new state, which is the old one with these events applied (`evolve`), or
a `Refusal`. Times are milliseconds UTC.

What is due has happened: before anything is decided, all timers that are due by now fire, at the
time when they were due. So it makes no difference whether the loop that fires them is late.
"""

from dataclasses import dataclass, replace

from negotiation_service.domain.arguments import check_arguments
from negotiation_service.domain.commands import (
    Command,
    CreateService,
    EditPrice,
    EndNegotiation,
    FireTimers,
    NegotiationOutcome,
    PlaceHold,
    ResolveHold,
    SubmitNote,
    TerminateService,
    TerminationOutcome,
)
from negotiation_service.domain.entities import (
    REMINDER_OF,
    CancellationRequest,
    Deadline,
    Deal,
    Hold,
    Note,
    Offer,
    Outcome,
    Role,
    Ruling,
    Settlement,
    State,
    Timer,
)
from negotiation_service.domain.events import Details, Event, Terms, evolve
from negotiation_service.domain.limits import SECOND, Limits
from negotiation_service.domain.money import Money
from negotiation_service.domain.refusals import Reason, service_not_found
from negotiation_service.domain.steps import (
    actor_of,
    capacities_of,
    may_see,
    not_for_actor,
    step_of,
)
from negotiation_service.domain.transitions import Step, Transition, rows_of
from service_kit.rules import Refusal


@dataclass(frozen=True, slots=True)
class Decision:
    """What happened, and the deal after it; without events nothing did."""

    deal: Deal
    events: tuple[Event, ...]


def decide(deal: Deal | None, command: Command, now: int, limits: Limits) -> Decision | Refusal:
    """Decide a command about a deal; None: there is none.

    For CreateService `deal` is the open one of the conversation, if any, whose due timers are
    fired with a command of their own before. A refusal changes nothing, and bears the deal as it
    stands if the actor may see it.
    """
    if refusal := check_arguments(command, limits):
        return refusal
    if isinstance(command, CreateService):
        return _create(deal, command, now, limits)
    if deal is None or not may_see(deal, command):
        return service_not_found()
    due = settle(deal, now, limits)
    if isinstance(command, FireTimers):
        return _remind(due, now, limits)
    if isinstance(command, PlaceHold | ResolveHold) and _is_known(due.deal, command):
        return Decision(deal, ())
    transition = _choose(due.deal, command, limits)
    if isinstance(transition, Refusal):
        return replace(transition, current=due.deal)
    decision = _take(due, transition, command, now, limits)
    if isinstance(command, SubmitNote) and all(decision.deal.notes):
        # Nobody is left to wait for, so their timer fires at once.
        return _fire(decision, Timer.NOTES, now, limits)
    return decision


def settle(deal: Deal, now: int, limits: Limits) -> Decision:
    """Let everything happen that was due by now, in its order; reminders are for FireTimers."""
    decision = Decision(deal, ())
    while due := [
        (one.due_at, one.timer)
        for one in timers(decision.deal)
        if one.due_at <= now and not one.timer.reminds_of
    ]:
        due_at, timer = min(due)
        decision = _fire(decision, timer, due_at, limits)
    return decision


def timers(deal: Deal) -> tuple[Deadline, ...]:
    """Give the timers that run; none while a hold stands."""
    return () if deal.hold else deal.deadlines


def next_due(deal: Deal) -> int | None:
    """Tell when FireTimers has something to do next; None while nothing runs."""
    return min((deadline.due_at for deadline in timers(deal)), default=None)


def allowed_actions(deal: Deal, actor: str, now: int, limits: Limits) -> tuple[str, ...]:
    """Name what would succeed if `actor` did it now, given sound arguments."""
    if actor not in deal.parties:
        return ()
    deal = settle(deal, now, limits).deal
    chosen = [_choose(deal, command, limits) for command in _possible_commands(deal, actor)]
    return tuple(one.action for one in chosen if isinstance(one, Transition))


def _possible_commands(deal: Deal, actor: str) -> list[Command]:
    """Everything that a party can ask of a deal, with what is on the table named rightly."""
    number = deal.offer.number if deal.offer else 0
    price = Money(deal.offer.price if deal.offer else 1, deal.currency)
    return [
        EditPrice(actor, deal.id, price, number),
        *(EndNegotiation(actor, deal.id, one, number, price) for one in NegotiationOutcome),
        *(TerminateService(actor, deal.id, one) for one in TerminationOutcome),
        SubmitNote(actor, deal.id, 5),
        PlaceHold(deal.id, "dispute", actor),
    ]


def _is_known(deal: Deal, command: PlaceHold | ResolveHold) -> bool:
    """Tell whether this has been done before, with the same outcome."""
    ruling = deal.ruling(command.dispute)
    if isinstance(command, PlaceHold):
        stands = deal.hold is not None and deal.hold.dispute == command.dispute
        return stands or ruling is not None
    return (
        ruling is not None
        and ruling.outcome is command.outcome
        and (command.split is None or command.split == ruling.settlement)
    )


def _choose(deal: Deal, command: Command, limits: Limits) -> Transition | Refusal:
    """Find the row of the table that a command takes.

    First what is true is told (the state, then the guards), then who may act on it: whoever acts
    on an old view of the deal learns that it is old.
    """
    if isinstance(command, ResolveHold) and deal.ruling(command.dispute):
        return Refusal(Reason.DECIDED_OTHERWISE, "this dispute was decided otherwise")
    rows = rows_of(step_of(command), deal.state)
    if not rows:
        return Refusal(Reason.INVALID_STATE, f"a service that is {deal.state} does not allow this")
    capacities = capacities_of(deal, command)
    fitting = next((row for row in rows if row.who in capacities), None)
    for guard in (fitting or rows[0]).guards:
        if refusal := guard(deal, command, limits):
            return refusal
    return fitting or not_for_actor(rows[0])


# --- What comes of it ---------------------------------------------------------------------------


def _create(
    open_deal: Deal | None, command: CreateService, now: int, limits: Limits
) -> Decision | Refusal:
    (row,) = rows_of(Step.CREATE, None)
    current = settle(open_deal, now, limits).deal if open_deal else None
    for guard in row.guards:
        if refusal := guard(current, command, limits):
            seen = current if current and command.actor in current.parties else None
            return replace(refusal, current=seen)
    peer = next(one for one in command.participants if one != command.actor)
    is_provider = command.role is Role.PROVIDER
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
        service=command.service,
        seq=1,
        cause=row.cause,
        at=now,
        by=command.actor,
        state=row.target or State.OFFERED,
        deadlines=_starting(row, terms.offer_ttl, now, limits),
        details=terms,
    )
    return Decision(evolve(None, event), (event,))


def _take(
    before: Decision, transition: Transition, command: Command, now: int, limits: Limits
) -> Decision:
    """Let an actor do what the command asks for."""
    return _append(
        before,
        transition,
        now,
        limits,
        by=actor_of(command),
        details=_details(before.deal, command, now),
        reason=command.reason if isinstance(command, TerminateService) else "",
    )


def _fire(before: Decision, timer: Timer, at: int, limits: Limits) -> Decision:
    """Let time do what a timer means in this state."""
    (transition,) = rows_of(timer, before.deal.state)
    offer = before.deal.offer if timer is Timer.OFFER else None
    return _append(before, transition, at, limits, timer=timer, details=offer)


def _remind(before: Decision, now: int, limits: Limits) -> Decision:
    """Fire the reminders that are due; those whose time is up as well are gone."""
    due = [(one.due_at, one.timer) for one in timers(before.deal) if one.due_at <= now]
    decision = before
    for due_at, timer in sorted(due):
        decision = _fire(decision, timer, due_at, limits)
    return decision


def _append(
    before: Decision,
    transition: Transition,
    at: int,
    limits: Limits,
    *,
    by: str = "",
    timer: Timer | None = None,
    details: Details = None,
    reason: str = "",
) -> Decision:
    deal = before.deal
    event = Event(
        service=deal.id,
        seq=deal.seq + 1,
        cause=transition.cause,
        at=at,
        by=by,
        state=transition.target or deal.state,
        deadlines=_starting(transition, deal.offer_ttl, at, limits),
        timer=timer,
        details=details,
        reason=reason,
    )
    return Decision(evolve(deal, event), (*before.events, event))


def _starting(
    transition: Transition, offer_ttl: int, at: int, limits: Limits
) -> tuple[Deadline, ...]:
    """Give the timers that a transition starts, each with its reminder if there is time for one."""
    deadlines = []
    for timer in transition.starts:
        duration = limits.duration(timer, offer_ttl)
        deadlines.append(Deadline(timer, at + duration))
        reminder = REMINDER_OF.get(timer)
        if reminder and limits.lead(reminder) < duration:
            deadlines.append(Deadline(reminder, at + duration - limits.lead(reminder)))
    return tuple(deadlines)


def _details(deal: Deal, command: Command, now: int) -> Details:
    match command:
        case EditPrice():
            number, price = deal.offers + 1, command.price.amount_minor
            return Offer(number, price, command.actor, command.note, now)
        case EndNegotiation():
            return deal.offer
        case TerminateService(outcome=TerminationOutcome.CANCELLED) if deal.cancellation is None:
            return CancellationRequest(command.actor, command.reason, now)
        case SubmitNote():
            previous = deal.note_of(command.actor)
            submissions = previous.submissions + 1 if previous else 1
            return Note(command.score, command.comment, now, submissions)
        case PlaceHold():
            return Hold(command.dispute, command.opened_by, now)
        case ResolveHold():
            return Ruling(command.dispute, command.outcome, _settlement(deal, command), now)
    return None


def _settlement(deal: Deal, command: ResolveHold) -> Settlement | None:
    price = deal.agreed.price if deal.agreed else 0
    match command.outcome:
        case Outcome.COMPLETED:
            return Settlement(price, 0)
        case Outcome.CANCELLED:
            return Settlement(0, price)
    return command.split

"""Permissions: which transition a command may take, and what a party is allowed to do now."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set

from negotiation_service.domain import commands
from negotiation_service.domain.decision import settle
from negotiation_service.domain.entities import Deal, Money, State
from negotiation_service.domain.facts import NO_FACTS, Facts
from negotiation_service.domain.guards import Attempt, CommandType
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.transitions import Step, Transition, Who, rows_of
from service_kit.rules import Refusal

NEGOTIATION_STEPS = {
    commands.NegotiationOutcome.AGREED: Step.ACCEPT,
    commands.NegotiationOutcome.DECLINED: Step.DECLINE,
    commands.NegotiationOutcome.WITHDRAWN: Step.WITHDRAW,
}
TERMINATION_STEPS = {
    commands.TerminationOutcome.DELIVERED: Step.DELIVER,
    commands.TerminationOutcome.COMPLETED: Step.COMPLETE,
    commands.TerminationOutcome.REOPENED: Step.REOPEN,
    commands.TerminationOutcome.CANCELLED: Step.CANCEL,
}
_OF_NO_PARTY = (commands.PlaceHold, commands.ResolveHold, commands.FireTimers)
_NOT_FOR_ACTOR = {
    Who.OTHER: Refusal(Reason.OWN_OFFER, "only the other party can accept or decline an offer"),
    Who.PROPOSER: Refusal(
        Reason.OFFER_OF_THE_OTHER, "only the party that made an offer can withdraw it"
    ),
    Who.PROVIDER: Refusal(Reason.PROVIDER_ONLY, "only the provider can do this"),
    Who.CLIENT: Refusal(Reason.CLIENT_ONLY, "only the client can do this"),
}


def may_see(deal: Deal, command: commands.Command) -> bool:
    """Tell whether the deal exists for the sender of a command."""
    match command:
        case commands.ResolveHold() | commands.FireTimers():
            return True
        case commands.PlaceHold():
            return command.opened_by in deal.parties
    return command.actor in deal.parties


def find_transition(step: Step, attempt: Attempt[Deal, CommandType]) -> Transition | Refusal:
    """Find the transition that a command takes, or why it takes none.

    First what is true is told (the state, then the guards), then who may act on it: whoever acts
    on an old view of the deal learns that it is old.
    """
    rows = rows_of(step, attempt.deal.state)
    if not rows:
        message = f"a service that is {attempt.deal.state} does not allow this"
        return Refusal(Reason.INVALID_STATE, message)
    fitting = _first_for(rows, _capacities(attempt.deal, attempt.command))
    return _first_refusal(fitting or rows[0], attempt) or fitting or _NOT_FOR_ACTOR[rows[0].who]


def _first_for(rows: Sequence[Transition], capacities: Set[Who]) -> Transition | None:
    """Find the first row that is for somebody of these capacities."""
    for row in rows:
        if row.who in capacities:
            return row
    return None


def _first_refusal(row: Transition, attempt: Attempt[Deal, CommandType]) -> Refusal | None:
    for guard in row.guards:
        if refusal := guard(attempt):
            return refusal
    return None


def _capacities(deal: Deal, command: commands.Command) -> set[Who]:
    """Give the capacities of a command's sender in the deal as it stands."""
    if isinstance(command, _OF_NO_PARTY):
        return {Who.MODERATION}
    return _capacities_of_party(deal, command.actor)


def _capacities_of_party(deal: Deal, actor: str) -> set[Who]:
    capacities = {Who.EITHER, Who.PROVIDER if actor == deal.provider else Who.CLIENT}
    if deal.offer:
        capacities.add(Who.PROPOSER if deal.offer.by == actor else Who.OTHER)
    if deal.cancellation and deal.cancellation.by != actor:
        capacities.add(Who.ASKED)
    return capacities


_RESTRICTED = Facts("a sanction does not allow this")
_Make = Callable[[Deal, str], commands.Command]


def allowed_actions(
    deal: Deal, actor: str, now: int, limits: Limits, restricted: Collection[str] = ()
) -> tuple[str, ...]:
    """Name the actions that would succeed if `actor` took them now, given sound arguments.

    Whoever is `restricted` by a sanction takes those that are left without a word.
    """
    if actor not in deal.parties:
        return ()
    deal = settle(deal, now, limits).deal
    facts = _RESTRICTED if actor in restricted else NO_FACTS
    capacities = _capacities_of_party(deal, actor)
    if limits.moderation:
        # A hold is placed for a dispute, which moderation takes.
        capacities.add(Who.MODERATION)
    actions: list[str] = []
    # Both parties are shown this with each event. To make every command, whatever the state and
    # the capacity, was a quarter of what this service spent on a deal.
    for rows, make in _POSSIBLE[deal.state]:
        row = _first_for(rows, capacities)
        if row is None:
            continue
        attempt = Attempt(deal, (), make(deal, actor), facts, now, limits)
        if not _first_refusal(row, attempt):
            actions.append(row.action)
    return tuple(actions)


def _live_price(deal: Deal) -> Money:
    return Money(deal.offer.price if deal.offer else 1, deal.currency)


def _live_number(deal: Deal) -> int:
    return deal.offer.number if deal.offer else 0


def _end_negotiation(outcome: commands.NegotiationOutcome) -> _Make:
    return lambda deal, actor: commands.EndNegotiation(
        actor, deal.id, outcome, _live_number(deal), _live_price(deal)
    )


def _terminate_service(outcome: commands.TerminationOutcome) -> _Make:
    return lambda deal, actor: commands.TerminateService(actor, deal.id, outcome)


_COMMANDS: Mapping[Step, _Make] = {
    Step.EDIT_PRICE: lambda deal, actor: commands.EditPrice(
        actor, deal.id, _live_price(deal), _live_number(deal)
    ),
    **{step: _end_negotiation(outcome) for outcome, step in NEGOTIATION_STEPS.items()},
    **{step: _terminate_service(outcome) for outcome, step in TERMINATION_STEPS.items()},
    Step.SUBMIT_NOTE: lambda deal, actor: commands.SubmitNote(actor, deal.id, 5),
    Step.PLACE_HOLD: lambda deal, actor: commands.PlaceHold(deal.id, "dispute", actor),
}
"""Every command that a party can send, with the live offer named rightly."""

_POSSIBLE = {
    state: tuple((rows, make) for step, make in _COMMANDS.items() if (rows := rows_of(step, state)))
    for state in State
}
"""Steps that the table has for each state: the rows of each, and its command."""

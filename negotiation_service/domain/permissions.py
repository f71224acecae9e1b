"""Permissions: which transition a command may take, and what a party is allowed to do now."""

from collections.abc import Collection

from negotiation_service.domain import commands
from negotiation_service.domain.decision import settle
from negotiation_service.domain.entities import Deal, Money
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
    capacities = _capacities(attempt.deal, attempt.command)
    fitting = next((row for row in rows if row.who in capacities), None)
    for guard in (fitting or rows[0]).guards:
        if refusal := guard(attempt):
            return refusal
    return fitting or _NOT_FOR_ACTOR[rows[0].who]


def _capacities(deal: Deal, command: commands.Command) -> set[Who]:
    """Give the capacities of a command's sender in the deal as it stands."""
    if isinstance(command, commands.PlaceHold | commands.ResolveHold | commands.FireTimers):
        return {Who.MODERATION}
    actor = command.actor
    capacities = {Who.EITHER, Who.PROVIDER if actor == deal.provider else Who.CLIENT}
    if deal.offer:
        capacities.add(Who.PROPOSER if deal.offer.by == actor else Who.OTHER)
    if deal.cancellation and deal.cancellation.by != actor:
        capacities.add(Who.ASKED)
    return capacities


_RESTRICTED = Facts("a sanction does not allow this")


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
    found = [
        find_transition(step, Attempt(deal, (), command, facts, now, limits))
        for step, command in _possible_commands(deal, actor)
        # A hold is placed for a dispute, which moderation takes.
        if limits.moderation or step is not Step.PLACE_HOLD
    ]
    return tuple(one.action for one in found if isinstance(one, Transition))


def _possible_commands(deal: Deal, actor: str) -> list[tuple[Step, commands.Command]]:
    """Make every command that a party can send, with the live offer named rightly."""
    number = deal.offer.number if deal.offer else 0
    price = Money(deal.offer.price if deal.offer else 1, deal.currency)
    return [
        (Step.EDIT_PRICE, commands.EditPrice(actor, deal.id, price, number)),
        *(
            (step, commands.EndNegotiation(actor, deal.id, outcome, number, price))
            for outcome, step in NEGOTIATION_STEPS.items()
        ),
        *(
            (step, commands.TerminateService(actor, deal.id, outcome))
            for outcome, step in TERMINATION_STEPS.items()
        ),
        (Step.SUBMIT_NOTE, commands.SubmitNote(actor, deal.id, 5)),
        (Step.PLACE_HOLD, commands.PlaceHold(deal.id, "dispute", actor)),
    ]

"""Who asks, and for what: from commands to the steps and persons of the table."""

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
from negotiation_service.domain.entities import Deal, Outcome
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.transitions import Step, Transition, Who
from service_kit.rules import Refusal

_NEGOTIATION_STEPS = {
    NegotiationOutcome.AGREED: Step.ACCEPT,
    NegotiationOutcome.DECLINED: Step.DECLINE,
    NegotiationOutcome.WITHDRAWN: Step.WITHDRAW,
}
_TERMINATION_STEPS = {
    TerminationOutcome.DELIVERED: Step.DELIVER,
    TerminationOutcome.COMPLETED: Step.COMPLETE,
    TerminationOutcome.REOPENED: Step.REOPEN,
    TerminationOutcome.CANCELLED: Step.CANCEL,
}
_RULING_STEPS = {
    Outcome.RESUME: Step.RESUME,
    Outcome.COMPLETED: Step.DECIDE_COMPLETED,
    Outcome.CANCELLED: Step.DECIDE_CANCELLED,
    Outcome.SPLIT: Step.DECIDE_SPLIT,
}
_NOT_FOR_ACTOR = {
    Who.OTHER: Refusal(Reason.OWN_OFFER, "nobody accepts or declines an offer of their own"),
    Who.PROPOSER: Refusal(Reason.OFFER_OF_THE_OTHER, "only who made an offer withdraws it"),
    Who.PROVIDER: Refusal(Reason.PROVIDER_ONLY, "only the provider may do this"),
    Who.CLIENT: Refusal(Reason.CLIENT_ONLY, "only the client may do this"),
}


def step_of(command: Command) -> Step:
    """Tell what a command asks for."""
    match command:
        case CreateService():
            return Step.CREATE
        case EditPrice():
            return Step.EDIT_PRICE
        case EndNegotiation():
            return _NEGOTIATION_STEPS[command.outcome]
        case TerminateService():
            return _TERMINATION_STEPS[command.outcome]
        case SubmitNote():
            return Step.SUBMIT_NOTE
        case PlaceHold():
            return Step.PLACE_HOLD
        case ResolveHold():
            return _RULING_STEPS[command.outcome]
    raise TypeError(f"{type(command).__name__} asks for no step")


def actor_of(command: Command) -> str:
    """Tell who asks; nobody for what comes of moderation or time alone."""
    match command:
        case PlaceHold():
            return command.opened_by
        case ResolveHold() | FireTimers():
            return ""
    return command.actor


def may_see(deal: Deal, command: Command) -> bool:
    """Tell whether the deal exists for the one who asks."""
    return isinstance(command, ResolveHold | FireTimers) or actor_of(command) in deal.parties


def capacities_of(deal: Deal, command: Command) -> set[Who]:
    """Tell what an actor is in the deal as it stands."""
    if isinstance(command, PlaceHold | ResolveHold):
        return {Who.MODERATION}
    actor = actor_of(command)
    capacities = {Who.EITHER, Who.PROVIDER if actor == deal.provider else Who.CLIENT}
    if deal.offer:
        capacities.add(Who.PROPOSER if deal.offer.by == actor else Who.OTHER)
    if deal.cancellation and deal.cancellation.by != actor:
        capacities.add(Who.ASKED)
    return capacities


def not_for_actor(row: Transition) -> Refusal:
    """Refuse a step that is the other party's."""
    return _NOT_FOR_ACTOR[row.who]

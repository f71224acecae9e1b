"""The saga of a dispute: the calls of negotiation that are due, and what the answers mean.

A dispute says by its state which call is due, and nothing else remembers it. So whoever finds a
dispute in such a state can make the call, as often as they like: negotiation does each once, and a
crash before, between or after is finished by the next one who looks.
"""

from dataclasses import dataclass

from moderation_service.domain.dispute import commands
from moderation_service.domain.dispute.entities import Dispute, DisputeState, Outcome, Settlement


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Ask negotiation to hold a service."""

    service: str
    dispute: str
    opened_by: str


@dataclass(frozen=True, slots=True)
class ResolveHold:
    """Ask negotiation to end the hold with an outcome."""

    service: str
    dispute: str
    outcome: Outcome
    split: Settlement | None


# Reasons of negotiation after which the same call will never succeed. After everything else, such
# as UNAVAILABLE, it is made again.
FINAL_REFUSALS = frozenset(
    {
        "INVALID_ARGUMENT",
        "SERVICE_NOT_FOUND",
        "INVALID_STATE",
        "ON_HOLD",
        "TOO_MANY_DISPUTES",
        "HOLD_NOT_FOUND",
        "DECIDED_OTHERWISE",
    }
)


# Why a hold is refused that negotiation says was resolved already.
DECIDED_BEFORE = "DECIDED_OTHERWISE"


def due_call(dispute: Dispute) -> PlaceHold | ResolveHold | None:
    """Tell what negotiation has yet to be asked; None while nothing is."""
    if dispute.state is DisputeState.PENDING_HOLD:
        return PlaceHold(dispute.service, dispute.id, dispute.opened_by)
    if dispute.state is DisputeState.RESOLVED_PENDING and dispute.resolution:
        outcome, split = dispute.resolution.outcome, dispute.resolution.split
        return ResolveHold(dispute.service, dispute.id, outcome, split)
    return None


def accepted(call: PlaceHold | ResolveHold, price: int, held_by: str) -> commands.NegotiationAnswer:
    """Give the command for a call that succeeded: the service has this agreed price then, and is
    held by this dispute, or none.
    """
    if isinstance(call, ResolveHold):
        return commands.HoldResolved(call.dispute)
    if held_by != call.dispute:
        # It was placed and resolved before, of which here nothing is known any more.
        return commands.HoldRefused(call.dispute, DECIDED_BEFORE)
    return commands.HoldPlaced(call.dispute, price)


def refused(call: PlaceHold | ResolveHold, reason: str) -> commands.NegotiationAnswer | None:
    """Give the command for a call that was refused; None for one that has to be made again."""
    if reason not in FINAL_REFUSALS:
        return None
    if isinstance(call, PlaceHold):
        return commands.HoldRefused(call.dispute, reason)
    return commands.HoldUnresolvable(call.dispute, reason)


def release(dispute: Dispute | None, service: str, held_by: str) -> ResolveHold | None:
    """Give the call that ends a hold behind which no dispute stands; None if one does.

    `dispute` is the one that the hold names, if it is known. One that has ended otherwise than by a
    refusal had resolved its hold, and one that nobody knows can decide nothing: databases were
    restored from different moments.
    """
    if dispute is None:
        return ResolveHold(service, held_by, Outcome.RESUME, None)
    if dispute.state is DisputeState.RESOLVED and dispute.resolution:
        outcome, split = dispute.resolution.outcome, dispute.resolution.split
        return ResolveHold(service, held_by, outcome, split)
    return None

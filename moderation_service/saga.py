"""What negotiation is asked for a dispute, and what its answers mean.

A dispute says by its state which call is due, and nothing else remembers it. So whoever finds a
dispute in such a state can make the call, as often as they like: negotiation does each once, and a
crash before, between or after is finished by the next one who looks.
"""

from dataclasses import dataclass

from moderation_service.commands import (
    HoldPlaced,
    HoldRefused,
    HoldResolved,
    HoldUnresolvable,
    NegotiationAnswer,
)
from moderation_service.dispute_entities import Dispute, DisputeState, Outcome, Settlement


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


def due_call(dispute: Dispute) -> PlaceHold | ResolveHold | None:
    """Tell what negotiation has yet to be asked; None while nothing is."""
    if dispute.state is DisputeState.PENDING_HOLD:
        return PlaceHold(dispute.service, dispute.id, dispute.opened_by)
    if dispute.state is DisputeState.RESOLVED_PENDING and dispute.resolution:
        outcome, split = dispute.resolution.outcome, dispute.resolution.split
        return ResolveHold(dispute.service, dispute.id, outcome, split)
    return None


def accepted(call: PlaceHold | ResolveHold, price: int) -> NegotiationAnswer:
    """Give the command for a call that succeeded; `price` is the agreed one of the service then."""
    if isinstance(call, PlaceHold):
        return HoldPlaced(call.dispute, price)
    return HoldResolved(call.dispute)


def refused(call: PlaceHold | ResolveHold, reason: str) -> NegotiationAnswer | None:
    """Give the command for a call that was refused; None for one that has to be made again."""
    if reason not in FINAL_REFUSALS:
        return None
    if isinstance(call, PlaceHold):
        return HoldRefused(call.dispute, reason)
    return HoldUnresolvable(call.dispute, reason)

"""Decisions: what happens to a deal, event by event, and the deal after it."""

from dataclasses import dataclass

from negotiation_service.domain.entities import REMINDER_OF, Deadline, Deal, Timer
from negotiation_service.domain.events import Details, Event, evolve
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.transitions import Transition


@dataclass(frozen=True, slots=True)
class Decision:
    """What happened, and the deal after it; without events nothing did."""

    deal: Deal
    events: tuple[Event, ...] = ()


def append(
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
    """Let a transition happen as one more event."""
    deal = before.deal
    event = Event(
        service=deal.id,
        seq=deal.seq + 1,
        cause=transition.cause,
        at=at,
        by=by,
        state=transition.target or deal.state,
        deadlines=start_deadlines(transition, deal.offer_ttl, at, limits),
        timer=timer,
        details=details,
        reason=reason,
    )
    return Decision(evolve(deal, event), (*before.events, event))


def start_deadlines(
    transition: Transition, offer_ttl: int, at: int, limits: Limits
) -> tuple[Deadline, ...]:
    """Start the timers of a transition, each with its reminder if there is time for one."""
    deadlines = []
    for timer in transition.starts:
        duration = limits.duration(timer, offer_ttl)
        deadlines.append(Deadline(timer, at + duration))
        reminder = REMINDER_OF.get(timer)
        if reminder and limits.lead(reminder) < duration:
            deadlines.append(Deadline(reminder, at + duration - limits.lead(reminder)))
    return tuple(deadlines)

"""Decisions: what happens to a deal, by commands and by time, and the deal after it.

What is due has happened: before anything is decided or shown, all timers that are due by now fire,
at the time when they were due. So it makes no difference whether the loop that fires them is late.
"""

from dataclasses import dataclass

from negotiation_service.domain.entities import REMINDER_OF, Deadline, Deal, Timer
from negotiation_service.domain.events import Details, Event, evolve
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.transitions import Transition, rows_of


@dataclass(frozen=True, slots=True)
class Decision:
    """The events that happened, and the deal after them; no events: nothing changed."""

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
    withheld: bool = False,
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
        withheld=withheld,
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


# --- Time ---------------------------------------------------------------------------------------


def running_timers(deal: Deal) -> tuple[Deadline, ...]:
    """Give the timers that run; none while a hold stands."""
    return () if deal.hold else deal.deadlines


def next_due(deal: Deal) -> int | None:
    """Tell when `fire_timers` has something to do next; None while nothing runs."""
    return min((deadline.due_at for deadline in running_timers(deal)), default=None)


def settle(deal: Deal, now: int, limits: Limits) -> Decision:
    """Let everything happen that was due by now, in its order, but for reminders."""
    decision = Decision(deal)
    while due := [
        (one.due_at, one.timer)
        for one in running_timers(decision.deal)
        if one.due_at <= now and not one.timer.reminds_of
    ]:
        due_at, timer = min(due)
        decision = fire(decision, timer, due_at, limits)
    return decision


def fire_timers(deal: Deal, now: int, limits: Limits) -> Decision:
    """Settle a deal, and remind of what is due soon: not of what is over by now."""
    decision = settle(deal, now, limits)
    due = [(one.due_at, one.timer) for one in running_timers(decision.deal) if one.due_at <= now]
    for due_at, timer in sorted(due):
        decision = fire(decision, timer, due_at, limits)
    return decision


def fire(before: Decision, timer: Timer, at: int, limits: Limits) -> Decision:
    """Let time do what a timer means in this state."""
    (transition,) = rows_of(timer, before.deal.state)
    offer = before.deal.offer if timer is Timer.OFFER else None
    return append(before, transition, at, limits, timer=timer, details=offer)

"""Timers: what time does to a deal.

What is due has happened: before anything is decided or shown, all timers that are due by now fire,
at the time when they were due. So it makes no difference whether the loop that fires them is late.
"""

from negotiation_service.domain.decision import Decision, append
from negotiation_service.domain.entities import Deadline, Deal, Timer
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.transitions import rows_of


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

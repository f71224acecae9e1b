"""The table of transitions, which `decide` follows and docs/negotiation.md shows."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from negotiation_service.domain.entities import State, Timer
from negotiation_service.domain.events import Cause
from negotiation_service.domain.guards import (
    amendments_left,
    dispute_window_open,
    disputes_left,
    holds_dispute,
    in_currency,
    is_participant,
    names_live_offer,
    no_open_service,
    no_words_sanctioned,
    no_words_to_blocked,
    not_on_hold,
    not_requested,
    not_sanctioned,
    notes_sealed,
    on_live_offer,
    reopenings_left,
    rounds_left,
    services_left,
    splits_price,
    submissions_left,
)
from service_kit.rules import Refusal


class Step(StrEnum):
    """A step that a command asks for, whatever the state."""

    CREATE = "create"
    EDIT_PRICE = "edit_price"
    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    DELIVER = "deliver"
    COMPLETE = "complete"
    REOPEN = "reopen"
    CANCEL = "cancel"
    SUBMIT_NOTE = "submit_note"
    PLACE_HOLD = "place_hold"
    RESUME = "resume"
    DECIDE_COMPLETED = "decide_completed"
    DECIDE_CANCELLED = "decide_cancelled"
    DECIDE_SPLIT = "decide_split"


class Who(StrEnum):
    """The capacity in which somebody takes a step, in the words of the document."""

    EITHER = "either"
    PROPOSER = "who made the live offer"
    OTHER = "who did not make the live offer"
    PROVIDER = "provider"
    CLIENT = "client"
    ASKED = "who was asked"
    MODERATION = "moderation"
    TIME = "time"


# A guard takes the kind of command that its step comes from, which no type can say of a table.
Guard = Callable[[Any], Refusal | None]


@dataclass(frozen=True, slots=True)
class Transition:
    """A row of the table: from where to where, by whom and which step, under which conditions.

    Without sources there is no deal yet; without a target the state stays. `action` is the name
    in `allowed_actions`, of what a party may do; `starts` are the timers that begin to run.
    """

    sources: tuple[State, ...]
    target: State | None
    who: Who
    step: Step | Timer
    guards: tuple[Guard, ...]
    cause: Cause
    action: str
    starts: tuple[Timer, ...]


def _row(
    sources: State | tuple[State, ...],
    target: State | None,
    who: Who,
    step: Step | Timer,
    guards: tuple[Guard, ...],
    cause: Cause,
    action: str = "",
    *starts: Timer,
) -> Transition:
    sources = sources if isinstance(sources, tuple) else (sources,)
    return Transition(sources, target, who, step, guards, cause, action, starts)


OFFERED, AGREED, DELIVERED, COMPLETED, CANCELLED, CLOSED = State
EITHER, PROPOSER, OTHER, PROVIDER, CLIENT, ASKED, MODERATION, TIME = Who
NOWHERE: tuple[State, ...] = ()
UNDER_WAY = (AGREED, DELIVERED)
ENDED = (COMPLETED, CANCELLED)
DISPUTABLE = (AGREED, DELIVERED, COMPLETED)
STAYS = None

# A sanction takes away words and what binds anew. What ends or carries out a deal is left to all,
# for time does not wait for those who may not act.
WORDS = (no_words_sanctioned, no_words_to_blocked)
CREATE = (is_participant, not_sanctioned, no_open_service, services_left)
BARGAIN = (not_sanctioned, no_words_to_blocked, on_live_offer, in_currency, rounds_left)
ACCEPT = (not_sanctioned, names_live_offer)
END = (names_live_offer,)
AMEND = (
    not_sanctioned,
    no_words_to_blocked,
    not_on_hold,
    on_live_offer,
    in_currency,
    amendments_left,
)
ACCEPT_AMENDMENT = (not_sanctioned, not_on_hold, names_live_offer)
END_AMENDMENT = (not_on_hold, names_live_offer)
GO_ON = (*WORDS, not_on_hold)
REOPEN = (*WORDS, not_on_hold, reopenings_left)
REQUEST = (*WORDS, not_on_hold, not_requested)
HOLD = (not_on_hold, disputes_left)
HOLD_LATE = (not_on_hold, dispute_window_open, disputes_left)
DECIDE = (holds_dispute,)
SPLIT = (holds_dispute, splits_price)
NOTE = (*WORDS, not_on_hold, notes_sealed, submissions_left)

# Of the rows of one state and step, the first that is for the actor counts.
# fmt: off
TRANSITIONS: tuple[Transition, ...] = (
    # The bargaining
    _row(NOWHERE, OFFERED, EITHER, Step.CREATE, CREATE, Cause.CREATED, "", Timer.OFFER),
    _row(OFFERED, STAYS, OTHER, Step.EDIT_PRICE, BARGAIN, Cause.COUNTERED, "counter", Timer.OFFER),
    _row(OFFERED, STAYS, PROPOSER, Step.EDIT_PRICE, BARGAIN, Cause.REVISED, "revise", Timer.OFFER),
    _row(OFFERED, AGREED, OTHER, Step.ACCEPT, ACCEPT, Cause.AGREED, "accept", Timer.DELIVERY),
    _row(OFFERED, CLOSED, OTHER, Step.DECLINE, END, Cause.DECLINED, "decline"),
    _row(OFFERED, CLOSED, PROPOSER, Step.WITHDRAW, END, Cause.WITHDRAWN, "withdraw"),
    _row(OFFERED, CLOSED, TIME, Timer.OFFER, (), Cause.EXPIRED),

    # Another price after the agreement
    _row(AGREED, STAYS, OTHER, Step.EDIT_PRICE, AMEND, Cause.AMENDMENT_PROPOSED,
         "counter", Timer.OFFER),
    _row(AGREED, STAYS, PROPOSER, Step.EDIT_PRICE, AMEND, Cause.AMENDMENT_PROPOSED,
         "revise", Timer.OFFER),
    _row(AGREED, STAYS, EITHER, Step.EDIT_PRICE, AMEND, Cause.AMENDMENT_PROPOSED,
         "propose_amendment", Timer.OFFER),
    _row(AGREED, STAYS, OTHER, Step.ACCEPT, ACCEPT_AMENDMENT, Cause.AMENDED,
         "accept", Timer.DELIVERY),
    _row(AGREED, STAYS, OTHER, Step.DECLINE, END_AMENDMENT, Cause.AMENDMENT_DECLINED,
         "decline"),
    _row(AGREED, STAYS, PROPOSER, Step.WITHDRAW, END_AMENDMENT, Cause.AMENDMENT_WITHDRAWN,
         "withdraw"),
    _row(AGREED, STAYS, TIME, Timer.OFFER, (), Cause.AMENDMENT_EXPIRED),

    # The work
    _row(AGREED, DELIVERED, PROVIDER, Step.DELIVER, GO_ON, Cause.DELIVERED,
         "deliver", Timer.COMPLETION),
    _row(AGREED, CANCELLED, TIME, Timer.DELIVERY, (), Cause.UNDELIVERED, "", Timer.NOTES),
    _row(DELIVERED, COMPLETED, CLIENT, Step.COMPLETE, GO_ON, Cause.COMPLETED,
         "complete", Timer.DISPUTE, Timer.NOTES),
    _row(DELIVERED, COMPLETED, TIME, Timer.COMPLETION, (), Cause.AUTO_COMPLETED,
         "", Timer.DISPUTE, Timer.NOTES),
    _row(DELIVERED, AGREED, CLIENT, Step.REOPEN, REOPEN, Cause.REOPENED,
         "reopen", Timer.DELIVERY),
    _row(UNDER_WAY, CANCELLED, ASKED, Step.CANCEL, GO_ON, Cause.CANCELLED,
         "confirm_cancellation", Timer.NOTES),
    _row(UNDER_WAY, STAYS, EITHER, Step.CANCEL, REQUEST, Cause.CANCELLATION_REQUESTED,
         "request_cancellation", Timer.CANCELLATION),
    _row(UNDER_WAY, STAYS, TIME, Timer.CANCELLATION, (), Cause.CANCELLATION_LAPSED),

    # The hold
    _row(UNDER_WAY, STAYS, MODERATION, Step.PLACE_HOLD, HOLD, Cause.HELD, "open_dispute"),
    _row(COMPLETED, STAYS, MODERATION, Step.PLACE_HOLD, HOLD_LATE, Cause.HELD, "open_dispute"),
    _row(COMPLETED, STAYS, TIME, Timer.DISPUTE, (), Cause.DISPUTE_WINDOW_CLOSED),
    _row(DISPUTABLE, STAYS, MODERATION, Step.RESUME, DECIDE, Cause.RESUMED),
    _row(UNDER_WAY, COMPLETED, MODERATION, Step.DECIDE_COMPLETED, DECIDE, Cause.DECIDED,
         "", Timer.NOTES),
    _row(UNDER_WAY, CANCELLED, MODERATION, Step.DECIDE_CANCELLED, DECIDE, Cause.DECIDED,
         "", Timer.NOTES),
    _row(UNDER_WAY, COMPLETED, MODERATION, Step.DECIDE_SPLIT, SPLIT, Cause.DECIDED,
         "", Timer.NOTES),
    _row(COMPLETED, STAYS, MODERATION, Step.DECIDE_COMPLETED, DECIDE, Cause.DECIDED),
    _row(COMPLETED, CANCELLED, MODERATION, Step.DECIDE_CANCELLED, DECIDE, Cause.DECIDED),
    _row(COMPLETED, STAYS, MODERATION, Step.DECIDE_SPLIT, SPLIT, Cause.DECIDED),

    # The notes
    _row(ENDED, STAYS, EITHER, Step.SUBMIT_NOTE, NOTE, Cause.NOTE_SUBMITTED, "submit_note"),
    _row(ENDED, STAYS, TIME, Timer.NOTES, (), Cause.NOTES_REVEALED),

    # Before time acts
    _row((OFFERED, AGREED), STAYS, TIME, Timer.OFFER_REMINDER, (), Cause.REMINDER),
    _row(AGREED, STAYS, TIME, Timer.DELIVERY_REMINDER, (), Cause.REMINDER),
    _row(DELIVERED, STAYS, TIME, Timer.COMPLETION_REMINDER, (), Cause.REMINDER),
    _row(UNDER_WAY, STAYS, TIME, Timer.CANCELLATION_REMINDER, (), Cause.REMINDER),
)
# fmt: on

_BY_STEP: dict[tuple[Step | Timer, State | None], list[Transition]] = defaultdict(list)
for _transition in TRANSITIONS:
    for _source in _transition.sources or (None,):
        _BY_STEP[_transition.step, _source].append(_transition)


def rows_of(step: Step | Timer, state: State | None) -> list[Transition]:
    """Give the rows of a step in a state, in the order of the table; None: there is no deal."""
    return _BY_STEP.get((step, state), [])

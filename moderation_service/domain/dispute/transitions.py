"""The table of transitions of a dispute, and how a row happens to one; see docs/moderation.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from moderation_service.domain.dispute import events
from moderation_service.domain.dispute.entities import Dispute, DisputeState, DisputeStatement
from moderation_service.domain.dispute.guards import (
    Guard,
    claims_within_price,
    is_agreed,
    is_party,
    names_dispute_version,
    names_offer,
    no_open_dispute,
    not_party,
    offers_left,
    proposes_price,
    splits_price,
    statements_left,
)
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits


class DisputeStep(StrEnum):
    """The steps of a dispute: of commands, of negotiation's answers and of time."""

    CREATE = "create"
    PLACE_HOLD = "place_hold"
    REFUSE_HOLD = "refuse_hold"
    STATE = "state"
    PROPOSE = "propose"
    ACCEPT = "accept"
    WITHDRAW = "withdraw"
    DECIDE = "decide"
    START_REVIEW = "start_review"
    RESPONDENT_SILENT = "respondent_silent"
    MODERATORS_SILENT = "moderators_silent"
    RESOLVE_HOLD = "resolve_hold"
    GIVE_UP_HOLD = "give_up_hold"


@dataclass(frozen=True, slots=True)
class DisputeTransition:
    """One row: from where to where, by whom, by which step, if what holds, told as what.

    Without sources there is no dispute yet; without a target the state stays. `action` is the name
    in `allowed_actions`.
    """

    sources: tuple[DisputeState, ...]
    target: DisputeState | None
    who: Capacity
    step: DisputeStep
    guards: tuple[Guard, ...]
    cause: events.DisputeCause
    action: str = ""


_row = DisputeTransition
PENDING_HOLD, OPEN, UNDER_REVIEW, RESOLVED_PENDING, RESOLVED, REFUSED = DisputeState
PARTY, OTHER, OPENER, NEGOTIATION, TIME = (
    Capacity.PARTY,
    Capacity.OTHER,
    Capacity.OPENER,
    Capacity.NEGOTIATION,
    Capacity.TIME,
)
Cause, Step = events.DisputeCause, DisputeStep
NOWHERE: tuple[DisputeState, ...] = ()
HELD = (OPEN, UNDER_REVIEW)
STAYS = None

_CREATE = (is_party, is_agreed, no_open_dispute, claims_within_price)
_PROPOSE = (proposes_price, offers_left, statements_left)
_ACCEPT = (names_offer, statements_left)
_DECIDE = (names_dispute_version, not_party, splits_price)

# fmt: off
DISPUTE_TRANSITIONS: tuple[DisputeTransition, ...] = (
    _row(NOWHERE, PENDING_HOLD, PARTY, Step.CREATE, _CREATE, Cause.CREATED),
    _row((PENDING_HOLD,), OPEN, NEGOTIATION, Step.PLACE_HOLD, (), Cause.HOLD_PLACED),
    _row((PENDING_HOLD,), REFUSED, NEGOTIATION, Step.REFUSE_HOLD, (), Cause.HOLD_REFUSED),
    # An earlier call came through after a later one was refused: what is held must be let go.
    _row((REFUSED,), RESOLVED_PENDING, NEGOTIATION, Step.PLACE_HOLD, (), Cause.HELD_LATE),
    _row((OPEN,), STAYS, PARTY, Step.STATE, (statements_left,), Cause.STATED, "state"),
    _row(HELD, STAYS, PARTY, Step.PROPOSE, _PROPOSE, Cause.SETTLEMENT_PROPOSED, "propose"),
    _row(HELD, RESOLVED_PENDING, OTHER, Step.ACCEPT, _ACCEPT, Cause.SETTLED, "accept"),
    _row(HELD, RESOLVED_PENDING, OPENER, Step.WITHDRAW, (statements_left,), Cause.WITHDRAWN,
         "withdraw"),
    _row((OPEN,), UNDER_REVIEW, TIME, Step.START_REVIEW, (), Cause.REVIEW_STARTED),
    _row((OPEN,), RESOLVED_PENDING, TIME, Step.RESPONDENT_SILENT, (), Cause.RESPONDENT_SILENT),
    _row((UNDER_REVIEW,), RESOLVED_PENDING, Capacity.MODERATOR, Step.DECIDE, _DECIDE, Cause.DECIDED,
         "decide"),
    _row((UNDER_REVIEW,), RESOLVED_PENDING, TIME, Step.MODERATORS_SILENT, (),
         Cause.MODERATORS_SILENT),
    _row((RESOLVED_PENDING,), RESOLVED, NEGOTIATION, Step.RESOLVE_HOLD, (), Cause.HOLD_RESOLVED),
    _row((RESOLVED_PENDING,), RESOLVED, NEGOTIATION, Step.GIVE_UP_HOLD, (),
         Cause.HOLD_UNRESOLVABLE),
)
# fmt: on

ROWS: Mapping[tuple[DisputeStep, DisputeState | None], DisputeTransition] = {
    (row.step, source): row for row in DISPUTE_TRANSITIONS for source in row.sources or (None,)
}


def row_of(step: DisputeStep, state: DisputeState | None) -> DisputeTransition | None:
    """Give the row of a step in a state; None for a dispute: there is none yet."""
    return ROWS.get((step, state))


def append(
    before: Effect[Dispute, events.DisputeEvent],
    row: DisputeTransition,
    by: str,
    details: events.DisputeDetails,
    at: int,
    limits: Limits,
    statement: DisputeStatement | None = None,
) -> Effect[Dispute, events.DisputeEvent]:
    """Let a row happen to a dispute."""
    dispute = before.state
    event = events.DisputeEvent(
        dispute=dispute.id,
        seq=dispute.seq + 1,
        cause=row.cause,
        at=at,
        by=by,
        who=row.who,
        state=row.target or dispute.state,
        due_at=_due_at(row, dispute, at, limits),
        details=details,
        statement=statement,
    )
    return Effect(events.evolve_dispute(dispute, event), (*before.events, event))


def _due_at(row: DisputeTransition, dispute: Dispute, at: int, limits: Limits) -> int | None:
    """Tell when time ends the state. People were promised this: it stays while the state does."""
    match row.target:
        case None:
            return dispute.due_at
        case DisputeState.OPEN:
            return at + limits.statements
        case DisputeState.UNDER_REVIEW:
            return at + limits.review
    return None

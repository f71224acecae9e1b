"""The events of a dispute, and how the dispute stands after each: `evolve_dispute`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from moderation_service.domain.dispute import entities
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.evidence import Evidence
from moderation_service.domain.shared.reasons import DisputeReason


class DisputeCause(StrEnum):
    """The names of what happens to a dispute, as packets and the audit log say them too."""

    CREATED = "created"
    HOLD_PLACED = "hold_placed"
    HOLD_REFUSED = "hold_refused"
    HELD_LATE = "held_late"
    STATED = "stated"
    SETTLEMENT_PROPOSED = "settlement_proposed"
    SETTLED = "settled"
    WITHDRAWN = "withdrawn"
    REVIEW_STARTED = "review_started"
    DECIDED = "decided"
    RESPONDENT_SILENT = "respondent_silent"
    MODERATORS_SILENT = "moderators_silent"
    HOLD_RESOLVED = "hold_resolved"
    HOLD_UNRESOLVABLE = "hold_unresolvable"
    STATEMENT_REMOVED = "statement_removed"
    STATEMENT_RESTORED = "statement_restored"
    EVIDENCE_EXPIRED = "evidence_expired"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Opening:
    """The terms of a dispute, fixed with its creation; the price is final once the hold stands."""

    service: str
    conversation: str
    provider: str
    client: str
    reason: DisputeReason
    currency: str
    price: int
    refund: int | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Negotiation holds the service at this price."""

    price: int


@dataclass(frozen=True, slots=True)
class Declined:
    """Negotiation does not do what it was asked for, and says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class StatementRemoval:
    """A case removes the statement of this number, or no case does any more."""

    removed_statement: int
    removed: bool


DisputeDetails = (
    Opening
    | Held
    | Declined
    | StatementRemoval
    | entities.SettlementOffer
    | entities.Resolution
    | None
)


@dataclass(frozen=True, slots=True)
class DisputeEvent:
    """One change of one dispute, the `seq`th.

    `state` is where it then stands and `due_at` when time ends that. `by` is empty for what
    negotiation or time did. `statement` is what the actor said with it.
    """

    dispute: str
    seq: int
    cause: DisputeCause
    at: int
    by: str
    who: Capacity
    state: entities.DisputeState
    due_at: int | None = None
    details: DisputeDetails = None
    statement: entities.DisputeStatement | None = None


def replay_dispute(events: Iterable[DisputeEvent]) -> entities.Dispute | None:
    """Give the dispute that its events make; None for no events."""
    dispute: entities.Dispute | None = None
    for event in events:
        dispute = evolve_dispute(dispute, event)
    return dispute


def evolve_dispute(dispute: entities.Dispute | None, event: DisputeEvent) -> entities.Dispute:
    """Apply one event: a fact, so nothing is checked here."""
    if dispute is None:
        dispute = _open(event)
    ended_at = (dispute.ended_at or event.at) if event.state in entities.ENDED else None
    return replace(
        dispute,
        seq=event.seq,
        state=event.state,
        due_at=event.due_at,
        ended_at=ended_at,
        statements=_statements(dispute, event),
        **_changes(dispute, event),
    )


def _statements(
    dispute: entities.Dispute, event: DisputeEvent
) -> tuple[entities.DisputeStatement, ...]:
    match event.details:
        case StatementRemoval(removed_statement=number, removed=removed):
            return tuple(
                replace(one, removed=removed) if place == number else one
                for place, one in enumerate(dispute.statements, 1)
            )
    return (*dispute.statements, *((event.statement,) if event.statement else ()))


def _open(event: DisputeEvent) -> entities.Dispute:
    opening = event.details
    if not isinstance(opening, Opening):
        raise TypeError(f"the first event of a dispute is its creation, and not {event.cause}")
    return entities.Dispute(
        id=event.dispute,
        seq=event.seq,
        service=opening.service,
        conversation=opening.conversation,
        provider=opening.provider,
        client=opening.client,
        opened_by=event.by,
        reason=opening.reason,
        currency=opening.currency,
        price=opening.price,
        refund=opening.refund,
        state=event.state,
        created_at=event.at,
        evidence=opening.evidence,
    )


def _changes(dispute: entities.Dispute, event: DisputeEvent) -> dict[str, Any]:
    """Tell which fields an event changes, besides those that every event has."""
    match event.details:
        case Held(price=price):
            return {"price": price}
        case Declined(reason=reason):
            return {"refusal": reason}
        case entities.SettlementOffer() as offer:
            return {"offers": (*dispute.offers, offer)}
        case entities.Resolution() as resolution:
            return {"resolution": resolution}
    if event.cause in {DisputeCause.EVIDENCE_EXPIRED, DisputeCause.ERASED}:
        return {"evidence": tuple(replace(one, erased_at=event.at) for one in dispute.evidence)}
    return {}

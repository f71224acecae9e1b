"""Disputes with all that is in them."""

from desk.structures.cases import Evidence
from desk.structures.words import (
    DisputeOutcome,
    DisputeReason,
    DisputeState,
    Minor,
    Money,
    Time,
    Told,
)


class Settlement(Told, frozen=True):
    """The parts of the agreed price, in minor units; together they are all of it."""

    provider_minor: Minor
    client_minor: Minor


class SettlementOffer(Told, frozen=True):
    """An offer to settle; the newest can be accepted."""

    number: int
    by: str
    settlement: Settlement
    create_time: Time


class DisputeStatement(Told, frozen=True):
    """A statement of a party. Moderators are shown also what is removed."""

    by: str
    text: str
    create_time: Time
    number: int
    removed: bool


class Resolution(Told, frozen=True):
    """The end of a dispute, and its cause: `decided`, `settled`, `withdrawn`, `respondent_silent`,
    `moderators_silent`.
    """

    outcome: DisputeOutcome
    cause: str
    facts: str
    rule: str
    create_time: Time
    by: str
    split: Settlement | None = None


class Dispute(Told, frozen=True):
    """A dispute as moderators see it. `claim` is what the client is to have back."""

    id: str
    version: int
    service_id: str
    conversation_id: str
    provider: str
    client: str
    opened_by: str
    reason: DisputeReason
    state: DisputeState
    statements: list[DisputeStatement]
    offers: list[SettlementOffer]
    refusal: str
    create_time: Time
    allowed_actions: list[str]
    evidence: list[Evidence]
    truncated: bool
    price: Money | None = None
    claim: Money | None = None
    due_time: Time | None = None
    resolution: Resolution | None = None

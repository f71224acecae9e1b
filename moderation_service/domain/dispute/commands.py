"""Commands about disputes: of people, of moderators, and what negotiation and time say."""

from dataclasses import dataclass
from typing import NamedTuple

from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.sanctions.standing import Standing
from moderation_service.domain.shared.evidence import Evidence
from moderation_service.domain.shared.reasons import DisputeReason


class Money(NamedTuple):
    """12050 of EUR is 120.50 euros."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class CreateDispute:
    """Dispute a service.

    Added by the service: the dispute's id; of the service its conversation, parties, currency and
    agreed price, None if there is none; the evidence; the actor's standing.
    """

    actor: str
    dispute: str
    service: str
    conversation: str
    provider: str
    client: str
    currency: str
    price: int | None
    reason: DisputeReason
    statement: str
    refund: Money | None = None
    evidence: tuple[Evidence, ...] = ()
    standing: Standing | None = None
    idempotency_key: str = ""


class Acceptance(NamedTuple):
    """An offer by its number and what it says, so that nobody accepts what they have not seen."""

    offer: int
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class SubmitDisputeStatement:
    """State one's case; or, with or without words, do one of three things about the dispute."""

    actor: str
    dispute: str
    text: str = ""
    propose: Settlement | None = None
    accept: Acceptance | None = None
    withdraw: bool = False
    standing: Standing | None = None
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class DecideDispute:
    """Decide a dispute under review as it was seen at `version`."""

    actor: str
    roles: tuple[str, ...]
    dispute: str
    version: int
    outcome: Outcome
    facts: str
    rule: str
    split: Settlement | None = None
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class HoldPlaced:
    """Negotiation holds the service; `price` is the agreed one, which cannot change any more."""

    dispute: str
    price: int


@dataclass(frozen=True, slots=True)
class HoldRefused:
    """Negotiation does not hold the service, and says why: its ErrorInfo.reason."""

    dispute: str
    reason: str


@dataclass(frozen=True, slots=True)
class HoldResolved:
    """Negotiation has resolved the hold as it was told to."""

    dispute: str


@dataclass(frozen=True, slots=True)
class HoldUnresolvable:
    """Negotiation will never resolve the hold so, for it has none or resolved it otherwise."""

    dispute: str
    reason: str


@dataclass(frozen=True, slots=True)
class FireTimers:
    """Time: let what is due for a dispute happen. Late, early or repeated it does no harm."""

    dispute: str


NegotiationAnswer = HoldPlaced | HoldRefused | HoldResolved | HoldUnresolvable


DisputeCommand = (
    CreateDispute | SubmitDisputeStatement | DecideDispute | NegotiationAnswer | FireTimers
)

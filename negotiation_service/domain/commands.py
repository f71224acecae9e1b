"""What people, moderation and time ask of a deal. One command for each RPC of the same name.

`forbidden` of what a party asks says, in words, which sanction does not allow it; none, if empty.
"""

from dataclasses import dataclass
from enum import StrEnum

from negotiation_service.domain.entities import Outcome, Role, Settlement
from negotiation_service.domain.money import Money


class NegotiationOutcome(StrEnum):
    """What NEGOTIATION END (0xE6) says of an offer."""

    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class TerminationOutcome(StrEnum):
    """What SERVICE TERMINATED (0xE4) says of a service."""

    DELIVERED = "delivered"
    COMPLETED = "completed"
    REOPENED = "reopened"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class CreateService:
    """Propose a deal; `role` is that of the actor.

    `service` is the id that it will have, and `participants` are those of the conversation.
    """

    actor: str
    service: str
    conversation: str
    participants: tuple[str, ...]
    role: Role
    title: str
    price: Money
    description: str = ""
    offer_ttl_seconds: int | None = None
    idempotency_key: str = ""
    forbidden: str = ""


@dataclass(frozen=True, slots=True)
class EditPrice:
    """Name another price. `base_offer` is the live offer; 0 where there is none, to amend."""

    actor: str
    service: str
    price: Money
    base_offer: int
    note: str = ""
    idempotency_key: str = ""
    forbidden: str = ""


@dataclass(frozen=True, slots=True)
class EndNegotiation:
    """Accept, decline or withdraw the live offer. To accept one must name its price as well."""

    actor: str
    service: str
    outcome: NegotiationOutcome
    offer: int
    price: Money | None = None
    idempotency_key: str = ""
    forbidden: str = ""


@dataclass(frozen=True, slots=True)
class TerminateService:
    """Deliver, complete, reopen; cancel: the first asks, the other confirms by the same."""

    actor: str
    service: str
    outcome: TerminationOutcome
    reason: str = ""
    idempotency_key: str = ""
    forbidden: str = ""


@dataclass(frozen=True, slots=True)
class SubmitNote:
    """Rate the other party, or change what one has said."""

    actor: str
    service: str
    score: int
    comment: str = ""
    idempotency_key: str = ""
    forbidden: str = ""


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Moderation: a party has opened a dispute. Repeating it changes nothing."""

    service: str
    dispute: str
    opened_by: str


@dataclass(frozen=True, slots=True)
class ResolveHold:
    """Moderation: the dispute is decided. Repeating it changes nothing."""

    service: str
    dispute: str
    outcome: Outcome
    split: Settlement | None = None


@dataclass(frozen=True, slots=True)
class FireTimers:
    """Time: let everything that is due happen. Late, early or repeated it does no harm."""

    service: str


PartyCommand = CreateService | EditPrice | EndNegotiation | TerminateService | SubmitNote
Command = PartyCommand | PlaceHold | ResolveHold | FireTimers

"""Commands about deals: of parties and moderation, one for each RPC of the same name, and of time.

A command holds what its sender said and nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum

from negotiation_service.domain.entities import Money, Outcome, Role, Settlement
from service_kit.idempotency import IdempotentCommand


class NegotiationOutcome(StrEnum):
    """The end of an offer, as NEGOTIATION END (0xE6) names it."""

    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class TerminationOutcome(StrEnum):
    """A step of the work or its end, as SERVICE TERMINATED (0xE4) names it."""

    DELIVERED = "delivered"
    COMPLETED = "completed"
    REOPENED = "reopened"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class CreateService(IdempotentCommand):
    """Propose a deal; `role` is that of the actor."""

    conversation: str
    role: Role
    title: str
    price: Money
    description: str = ""
    offer_ttl_seconds: int | None = None

    @property
    def words(self) -> str:
        """The words of the actor in it."""
        return self.title + self.description


@dataclass(frozen=True, slots=True)
class EditPrice(IdempotentCommand):
    """Name another price. `base_offer` is the live offer; 0 where there is none, to amend."""

    service: str
    price: Money
    base_offer: int
    note: str = ""

    @property
    def words(self) -> str:
        """The words of the actor in it."""
        return self.note


@dataclass(frozen=True, slots=True)
class EndNegotiation(IdempotentCommand):
    """Accept, decline or withdraw the live offer. To accept one must name its price as well."""

    service: str
    outcome: NegotiationOutcome
    offer: int
    price: Money | None = None

    @property
    def words(self) -> str:
        """The words of the actor in it: none."""
        return ""


@dataclass(frozen=True, slots=True)
class TerminateService(IdempotentCommand):
    """Deliver, complete, reopen; cancel: the first asks, the other confirms by the same."""

    service: str
    outcome: TerminationOutcome
    reason: str = ""

    @property
    def words(self) -> str:
        """The words of the actor in it."""
        return self.reason


@dataclass(frozen=True, slots=True)
class SubmitNote(IdempotentCommand):
    """Rate the other party, or change what one has said."""

    service: str
    score: int
    comment: str = ""

    @property
    def words(self) -> str:
        """The words of the actor in it."""
        return self.comment


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

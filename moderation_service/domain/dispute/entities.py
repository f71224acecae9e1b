"""The entities of a dispute about a service. Amounts are minor units of its one currency."""

from dataclasses import dataclass
from enum import StrEnum

from moderation_service.domain.shared.evidence import Evidence
from moderation_service.domain.shared.reasons import DisputeReason


class DisputeState(StrEnum):
    """The steps of the saga: negotiation holds the service from OPEN to RESOLVED_PENDING.

    In PENDING_HOLD and RESOLVED_PENDING nobody here knows whether it does, and it must be asked.
    """

    PENDING_HOLD = "pending_hold"
    OPEN = "open"
    UNDER_REVIEW = "under_review"
    RESOLVED_PENDING = "resolved_pending"
    RESOLVED = "resolved"
    REFUSED = "refused"


ENDED = frozenset({DisputeState.RESOLVED, DisputeState.REFUSED})


class Outcome(StrEnum):
    """The outcomes of a dispute, in the words of negotiation's ResolveHold."""

    RESUME = "resume"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Settlement:
    """A division of the agreed price; the two parts are all of it."""

    provider_minor: int
    client_minor: int


@dataclass(frozen=True, slots=True)
class SettlementOffer:
    """A settlement that a party offers; immutable, and numbered 1, 2, 3 ... within the dispute."""

    number: int
    by: str
    settlement: Settlement
    at: int


@dataclass(frozen=True, slots=True)
class DisputeStatement:
    """A statement of a party; its number within the dispute is its place: 1, 2, 3 ..."""

    by: str
    text: str
    at: int
    removed: bool = False


def statement_id(dispute: str, number: int) -> str:
    """Name a statement among those of all disputes."""
    return f"{dispute}.{number}"


def parse_statement_id(name: str) -> tuple[str, int]:
    """Give the dispute and the number that a statement's name was made of."""
    dispute, _, number = name.rpartition(".")
    return dispute, int(number)


class ResolutionCause(StrEnum):
    """The causes of an outcome."""

    DECIDED = "decided"
    SETTLED = "settled"
    WITHDRAWN = "withdrawn"
    RESPONDENT_SILENT = "respondent_silent"
    MODERATORS_SILENT = "moderators_silent"
    # Negotiation refused the hold and has it nevertheless.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The outcome of a dispute; `split` goes with SPLIT. `by` is empty for what time did."""

    outcome: Outcome
    split: Settlement | None
    cause: ResolutionCause
    by: str
    facts: str
    rule: str
    at: int


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as it stands after its events; `seq` counts them and is its version.

    `price` is the agreed one, `refund` what the opener wants back for the client. `due_at` is when
    time ends the present state, if it does. `refusal` is why negotiation did not hold the service,
    or why it could not resolve a hold.
    """

    id: str
    seq: int
    service: str
    conversation: str
    provider: str
    client: str
    opened_by: str
    reason: DisputeReason
    currency: str
    price: int
    refund: int | None
    state: DisputeState
    created_at: int
    statements: tuple[DisputeStatement, ...] = ()
    offers: tuple[SettlementOffer, ...] = ()
    due_at: int | None = None
    resolution: Resolution | None = None
    refusal: str = ""
    ended_at: int | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def parties(self) -> tuple[str, str]:
        """The two whose service it is."""
        return (self.provider, self.client)

    @property
    def respondent(self) -> str:
        """The party that did not open it."""
        return self.client if self.opened_by == self.provider else self.provider

    @property
    def is_open(self) -> bool:
        """Whether it still goes on; a service has at most one such dispute."""
        return self.state not in ENDED

    @property
    def offer(self) -> SettlementOffer | None:
        """The offer that can be accepted: the newest."""
        return self.offers[-1] if self.offers else None

    def statement(self, number: int) -> DisputeStatement | None:
        """Give a statement by its number."""
        return self.statements[number - 1] if 0 < number <= len(self.statements) else None

    def statements_of(self, party: str) -> int:
        """Count what a party has said."""
        return sum(one.by == party for one in self.statements)

    def offers_of(self, party: str) -> int:
        """Count what a party has offered."""
        return sum(one.by == party for one in self.offers)

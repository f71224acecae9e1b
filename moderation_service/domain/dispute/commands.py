"""Commands about disputes, what negotiation and time say, and the facts beside them."""

from dataclasses import dataclass
from typing import NamedTuple

from moderation_service.domain.dispute.entities import Dispute, Outcome, Settlement
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.sanctions.standing import Standing
from moderation_service.domain.shared import commands
from moderation_service.domain.shared.evidence import Snapshot
from moderation_service.domain.shared.reasons import DisputeReason


class Money(NamedTuple):
    """12050 of EUR is 120.50 euros."""

    amount_minor: int
    currency: str


class Acceptance(NamedTuple):
    """An offer by its number and what it says, so that nobody accepts what they have not seen."""

    offer: int
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class CreateDispute(commands.PersonCommand[Dispute, DisputeView]):
    """Dispute a service."""

    service: str
    reason: DisputeReason
    statement: str
    refund: Money | None = None


@dataclass(frozen=True, slots=True)
class SubmitDisputeStatement(commands.PersonCommand[Dispute, DisputeView]):
    """State one's case; or, with or without words, do one of three things about the dispute."""

    dispute: str
    text: str = ""
    propose: Settlement | None = None
    accept: Acceptance | None = None
    withdraw: bool = False


@dataclass(frozen=True, slots=True)
class DecideDispute(commands.ModeratorCommand[Dispute, DisputeView]):
    """Decide a dispute under review as it was seen at `version`."""

    dispute: str
    version: int
    outcome: Outcome
    facts: str
    rule: str
    split: Settlement | None = None


@dataclass(frozen=True, slots=True)
class HoldPlaced(commands.Command[Dispute, DisputeView]):
    """Negotiation holds the service; `price` is the agreed one, which cannot change any more."""

    dispute: str
    price: int


@dataclass(frozen=True, slots=True)
class HoldRefused(commands.Command[Dispute, DisputeView]):
    """Negotiation does not hold the service, and says why: its ErrorInfo.reason."""

    dispute: str
    reason: str


@dataclass(frozen=True, slots=True)
class HoldResolved(commands.Command[Dispute, DisputeView]):
    """Negotiation has resolved the hold as it was told to."""

    dispute: str


@dataclass(frozen=True, slots=True)
class HoldUnresolvable(commands.Command[Dispute, DisputeView]):
    """Negotiation will never resolve the hold so, for it has none or resolved it otherwise."""

    dispute: str
    reason: str


@dataclass(frozen=True, slots=True)
class FireTimers(commands.Command[Dispute, DisputeView]):
    """Time: let what is due for a dispute happen. Late, early or repeated it does no harm."""

    dispute: str


NegotiationAnswer = HoldPlaced | HoldRefused | HoldResolved | HoldUnresolvable
DisputeCommand = (
    CreateDispute | SubmitDisputeStatement | DecideDispute | NegotiationAnswer | FireTimers
)
AnyDisputeCommand = DisputeCommand | commands.EraseUser | commands.ExpireEvidence


@dataclass(frozen=True, slots=True)
class SeenService:
    """A disputed service as negotiation shows it, with the snapshots that were taken.

    Without a price nothing was agreed. Nobody is a party of what nobody has looked at.
    """

    conversation: str = ""
    provider: str = ""
    client: str = ""
    currency: str = ""
    price: int | None = None
    snapshots: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """The facts beside a command about a dispute; `seen` goes with a new one."""

    ids: commands.Ids = commands.NO_IDS
    seen: SeenService = SeenService()
    standing: Standing | None = None

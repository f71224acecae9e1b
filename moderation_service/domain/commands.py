"""What people, moderators, negotiation and time ask. One for each RPC that writes.

What a command bears besides its request is said in its docstring: ids of what is to be made, and
what was found out before, as who takes part in a conversation. `roles` are those of the token.
"""

from dataclasses import dataclass
from typing import NamedTuple

from moderation_service.domain.case.entities import AppealStatus, Measure, Subject, Verdict
from moderation_service.domain.case.reporters import Reporter
from moderation_service.domain.case.standing import Standing
from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.evidence import Evidence
from moderation_service.domain.reasons import DisputeReason, ReportReason


class Money(NamedTuple):
    """12050 of EUR is 120.50 euros."""

    amount_minor: int
    currency: str


# --- People -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateReport:
    """Report a message or a conversation: ReportMessage and ReportConversation.

    Added by the service: the ids that the report has, and the case if it is a new one; the
    participants of the conversation and the author of the message; the evidence; the reporter's
    earlier reports and standing.
    """

    actor: str
    report: str
    case: str
    subject: Subject
    participants: tuple[str, ...]
    reason: ReportReason
    comment: str = ""
    author: str = ""
    evidence: tuple[Evidence, ...] = ()
    reporter: Reporter | None = None
    standing: Standing | None = None
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class CreateAppeal:
    """Appeal against a decision. Added by the service: the appeal's id and the actor's standing."""

    actor: str
    appeal: str
    decision: str
    text: str
    standing: Standing | None = None
    idempotency_key: str = ""


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


# --- Moderators ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimCase:
    """Take a case for a while, or for longer."""

    actor: str
    roles: tuple[str, ...]
    case: str
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseCase:
    """Give a claimed case back."""

    actor: str
    roles: tuple[str, ...]
    case: str
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class DecideCase:
    """Decide a case as it was seen at `version`.

    Added by the service: the ids of the decision and of the sanctions, one for each measure; of a
    measure that removes a message, its author as `user`.
    """

    actor: str
    roles: tuple[str, ...]
    case: str
    version: int
    verdict: Verdict
    measures: tuple[Measure, ...] = ()
    note: str = ""
    decision: str = ""
    sanctions: tuple[str, ...] = ()
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class DecideAppeal:
    """Uphold or overturn a decision, as it was seen at `version` of the case."""

    actor: str
    roles: tuple[str, ...]
    appeal: str
    version: int
    outcome: AppealStatus
    answer: str
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class LiftSanction:
    """End a sanction before its time."""

    actor: str
    roles: tuple[str, ...]
    sanction: str
    reason: str
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
class EraseUser:
    """Erase what one person wrote in one case or dispute. `alias` takes the place of the name.

    It is given for each case and dispute that the person has a part in.
    """

    actor: str
    roles: tuple[str, ...]
    user: str
    alias: str


# --- Negotiation and time -----------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class ExpireEvidence:
    """Time: nothing says any more that the evidence must be kept."""


CaseCommand = (
    CreateReport | CreateAppeal | ClaimCase | ReleaseCase | DecideCase | DecideAppeal | LiftSanction
)
NegotiationAnswer = HoldPlaced | HoldRefused | HoldResolved | HoldUnresolvable
DisputeCommand = (
    CreateDispute | SubmitDisputeStatement | DecideDispute | NegotiationAnswer | FireTimers
)
ModeratorCommand = (
    ClaimCase | ReleaseCase | DecideCase | DecideAppeal | LiftSanction | DecideDispute | EraseUser
)
PersonCommand = CreateReport | CreateAppeal | CreateDispute | SubmitDisputeStatement
Command = CaseCommand | DisputeCommand | EraseUser | ExpireEvidence

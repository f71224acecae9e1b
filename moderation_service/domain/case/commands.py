"""Commands about cases."""

from dataclasses import dataclass

from moderation_service.domain.case.entities import AppealStatus, Subject, Verdict
from moderation_service.domain.case.reporters import Reporter
from moderation_service.domain.sanctions.entities import Measure
from moderation_service.domain.sanctions.standing import Standing
from moderation_service.domain.shared.evidence import Evidence
from moderation_service.domain.shared.reasons import ReportReason


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


CaseCommand = (
    CreateReport | CreateAppeal | ClaimCase | ReleaseCase | DecideCase | DecideAppeal | LiftSanction
)

"""Commands about cases, one for each RPC that writes them, and the facts beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from moderation_service.domain.case.entities import AppealStatus, Case, SubjectKind, Verdict
from moderation_service.domain.case.reporters import Reporter
from moderation_service.domain.case.views import AppealView, CaseView, ReportView, ReviewedAppeal
from moderation_service.domain.sanctions.entities import Measure, MessageMeasure, Sanction
from moderation_service.domain.sanctions.standing import Standing
from moderation_service.domain.shared import commands
from moderation_service.domain.shared.evidence import Snapshot, Written
from moderation_service.domain.shared.reasons import ReportReason


@dataclass(frozen=True, slots=True)
class SubjectName:
    """A message, a conversation or a statement of a dispute, as a client names it."""

    kind: SubjectKind
    id: str


@dataclass(frozen=True, slots=True)
class ReportMessage(commands.PersonCommand[Case, ReportView]):
    """Report a message. Stored fingerprints know both kinds of report by one name."""

    NAME: ClassVar[str] = "CreateReport"
    subject: SubjectName
    reason: ReportReason
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ReportConversation(commands.PersonCommand[Case, ReportView]):
    """Report a conversation."""

    NAME: ClassVar[str] = "CreateReport"
    subject: SubjectName
    reason: ReportReason
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ReportDisputeStatement(commands.PersonCommand[Case, ReportView]):
    """Report a statement of a dispute."""

    subject: SubjectName
    reason: ReportReason
    comment: str = ""


@dataclass(frozen=True, slots=True)
class CreateAppeal(commands.PersonCommand[Case, AppealView]):
    """Appeal against a decision."""

    decision: str
    text: str


@dataclass(frozen=True, slots=True)
class ClaimCase(commands.ModeratorCommand[Case, CaseView]):
    """Take a case for a while, or for longer."""

    case: str


@dataclass(frozen=True, slots=True)
class ReleaseCase(commands.ModeratorCommand[Case, CaseView]):
    """Give a claimed case back."""

    case: str


@dataclass(frozen=True, slots=True)
class DecideCase(commands.ModeratorCommand[Case, CaseView]):
    """Decide a case as it was seen at `version`."""

    case: str
    version: int
    verdict: Verdict
    measures: tuple[Measure | MessageMeasure, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class DecideAppeal(commands.ModeratorCommand[Case, ReviewedAppeal]):
    """Uphold or overturn a decision, as it was seen at `version` of the case."""

    appeal: str
    version: int
    outcome: AppealStatus
    answer: str


@dataclass(frozen=True, slots=True)
class LiftSanction(commands.ModeratorCommand[Case, Sanction]):
    """End a sanction before its time."""

    sanction: str
    reason: str


Report = ReportMessage | ReportConversation | ReportDisputeStatement
CaseCommand = (
    Report | CreateAppeal | ClaimCase | ReleaseCase | DecideCase | DecideAppeal | LiftSanction
)
AnyCaseCommand = CaseCommand | commands.EraseUser | commands.ExpireEvidence


@dataclass(frozen=True, slots=True)
class SeenSubject:
    """A reported subject as its reporter is shown it, with the snapshots that were taken.

    A conversation has no author. Nobody takes part in what nobody has looked at.
    """

    conversation: str = ""
    participants: tuple[str, ...] = ()
    author: str = ""
    snapshots: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """The facts that the service knows beside a command about a case.

    `seen` and `reporter`, the actor's earlier reports, go with a report. `written` tells of the
    messages that a decision removes, by message, as far as the evidence shows them.
    """

    ids: commands.Ids = commands.NO_IDS
    seen: SeenSubject = SeenSubject()
    written: Mapping[str, Written] = field(default_factory=dict)
    reporter: Reporter | None = None
    standing: Standing | None = None

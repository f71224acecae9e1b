"""The entities of a case: reports about one subject, evidence, decisions and appeals.

All of it is one thing with one version, so that whatever hangs together changes together. It cannot
grow far: only the two people of a conversation can report it, each once for a reason.
Times are milliseconds UTC.
"""

from dataclasses import dataclass
from enum import StrEnum

from moderation_service.domain.sanctions.entities import Sanction
from moderation_service.domain.shared.evidence import Evidence
from moderation_service.domain.shared.reasons import ReportReason, Severity


class SubjectKind(StrEnum):
    """The kinds of things that can be reported."""

    MESSAGE = "message"
    CONVERSATION = "conversation"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Subject:
    """A reported thing; `id` is that of the message, of the conversation or of the statement."""

    kind: SubjectKind
    id: str
    conversation: str


class ReporterStanding(StrEnum):
    """The reputation of a reporter, from what became of their earlier reports."""

    NEW = "new"
    NEUTRAL = "neutral"
    TRUSTED = "trusted"
    UNRELIABLE = "unreliable"


class ReportStatus(StrEnum):
    """The states of a report, as its reporter is told."""

    RECEIVED = "received"
    IN_REVIEW = "in_review"
    ACTIONED = "actioned"
    NO_VIOLATION = "no_violation"


@dataclass(frozen=True, slots=True)
class Report:
    """A report of one person; `evidence` are the ids of what was seen then."""

    id: str
    reporter: str
    standing: ReporterStanding
    reason: ReportReason
    comment: str
    at: int
    evidence: tuple[str, ...] = ()
    status: ReportStatus = ReportStatus.RECEIVED
    status_at: int = 0
    # Of the decision that the status comes from.
    decision: str = ""

    @property
    def is_open(self) -> bool:
        """Whether its reporter waits for an answer."""
        return self.status in {ReportStatus.RECEIVED, ReportStatus.IN_REVIEW}


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim of a case by one moderator, and its end."""

    by: str
    until: int


class Verdict(StrEnum):
    """The findings of a decision."""

    NO_VIOLATION = "no_violation"
    VIOLATION = "violation"


@dataclass(frozen=True, slots=True)
class Decision:
    """A moderator's decision about a case; `number` counts 1, 2, 3 ... within it."""

    id: str
    number: int
    verdict: Verdict
    by: str
    at: int
    note: str


class Side(StrEnum):
    """For whom somebody appeals."""

    SANCTIONED = "sanctioned"
    REPORTER = "reporter"


class AppealStatus(StrEnum):
    """The states of an appeal."""

    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


@dataclass(frozen=True, slots=True)
class Appeal:
    """Somebody wants another moderator to look at a decision again."""

    id: str
    decision: str
    by: str
    side: Side
    text: str
    at: int
    due_at: int
    status: AppealStatus = AppealStatus.OPEN
    answer: str = ""
    reviewer: str = ""
    decided_at: int | None = None


class CaseState(StrEnum):
    """The states of a case."""

    OPEN = "open"
    CLAIMED = "claimed"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands after its events; `seq` counts them and is its version.

    `participants` are those of the conversation; `accused` are those whom reports are against.
    """

    id: str
    seq: int
    subject: Subject
    participants: tuple[str, ...]
    accused: tuple[str, ...]
    state: CaseState
    severity: Severity
    created_at: int
    due_at: int
    lease: Lease | None = None
    reports: tuple[Report, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    decisions: tuple[Decision, ...] = ()
    sanctions: tuple[Sanction, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    reopenings: int = 0

    @property
    def reporters(self) -> frozenset[str]:
        """Users who must not become known to anybody but moderators."""
        return frozenset(report.reporter for report in self.reports)

    @property
    def involved(self) -> frozenset[str]:
        """Users who have a part in the case, and therefore do not decide it."""
        return self.reporters.union(self.participants)

    @property
    def told_at(self) -> int:
        """The time of the last thing that people are told of, which the next must be later than."""
        return max(
            (
                *(one.status_at for one in self.reports),
                *(one.since for one in self.sanctions),
                *(one.lift.at for one in self.sanctions if one.lift),
                *(one.decided_at or one.at for one in self.appeals),
            ),
            default=0,
        )

    @property
    def priority(self) -> int:
        """Rank undecided cases: by severity first, then by how many report it and how trusted."""
        weights = {ReporterStanding.TRUSTED: 3, ReporterStanding.UNRELIABLE: 1}
        reports = sum(weights.get(report.standing, 2) for report in self.reports)
        return int(self.severity) * 100 + min(reports, 99)

    def decision(self, decision: str) -> Decision | None:
        """Give a decision of this case by its id."""
        return next((one for one in self.decisions if one.id == decision), None)

    def sanction(self, sanction: str) -> Sanction | None:
        """Give a sanction of this case by its id."""
        return next((one for one in self.sanctions if one.id == sanction), None)

    def appeal(self, appeal: str) -> Appeal | None:
        """Give an appeal of this case by its id."""
        return next((one for one in self.appeals if one.id == appeal), None)

    def report(self, report: str) -> Report | None:
        """Give a report of this case by its id."""
        return next((one for one in self.reports if one.id == report), None)

    def appeal_of(self, user: str, decision: str) -> Appeal | None:
        """Give the one appeal that a person may have against a decision."""
        found = (one for one in self.appeals if (one.by, one.decision) == (user, decision))
        return next(found, None)

    def standing_sanctions(self, decision: str, user: str = "") -> tuple[Sanction, ...]:
        """Give what a decision imposed, on a user if one is named, and nobody has lifted."""
        return tuple(
            one
            for one in self.sanctions
            if one.decision == decision and one.lift is None and (not user or user in one.users)
        )

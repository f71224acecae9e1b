"""The views of a case: of its reporter, of those whom it restricts, of an appellant, a moderator.

The first two never meet: nothing that a reporter sees tells of sanctions, and nothing that a
sanctioned person sees, not even a number that counts, depends on who reported or on how many did.
"""

from dataclasses import dataclass

from moderation_service.domain.case import entities
from moderation_service.domain.sanctions.entities import SanctionKind, Statement
from moderation_service.domain.shared.reasons import ReportReason


@dataclass(frozen=True, slots=True)
class AppealView:
    """An appeal in the eyes of its author; who answered stays unsaid."""

    id: str
    decision: str
    text: str
    status: entities.AppealStatus
    at: int
    answer: str
    decided_at: int | None

    @property
    def version(self) -> int:
        """The number that it is compared by: the time of its last change."""
        return self.at if self.decided_at is None else self.decided_at


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report in the eyes of its reporter.

    `decision` is what an appeal names; empty while nothing is decided. `appeal_until` is when the
    time for one is over.
    """

    id: str
    subject: entities.Subject
    reason: ReportReason
    comment: str
    at: int
    status: entities.ReportStatus
    status_at: int
    decision: str
    appealable: bool
    appeal_until: int | None
    appeal: AppealView | None

    @property
    def version(self) -> int:
        """The number that it is compared by: the time of the last change that its reporter sees."""
        return max(self.status_at, self.appeal.version if self.appeal else 0)


@dataclass(frozen=True, slots=True)
class SanctionView:
    """A sanction in the eyes of one whom it concerns."""

    id: str
    kind: SanctionKind
    until: int | None
    conversation: str
    message: str
    statement: Statement
    decision: str
    lifted_at: int | None
    appealable: bool
    appeal: AppealView | None

    @property
    def version(self) -> int:
        """The number that it is compared by: the time of the last change that its reader sees."""
        appealed = self.appeal.version if self.appeal else 0
        return max(self.statement.since, self.lifted_at or 0, appealed)


@dataclass(frozen=True, slots=True)
class StandingView:
    """A standing in the eyes of its user, with the reasons; see `Standing`."""

    user: str
    muted_until: int | None
    suspended_until: int | None
    banned: bool
    sanctions: tuple[SanctionView, ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as it stands now, in the eyes of a moderator who may see all of it."""

    case: entities.Case
    allowed_actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReviewedAppeal:
    """An appeal in the eyes of moderators, with its case."""

    case: entities.Case
    appeal: entities.Appeal

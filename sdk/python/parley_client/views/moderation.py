"""Reports, sanctions and appeals, as they were shown."""

from dataclasses import dataclass
from datetime import datetime

from parley_client.views.view import View
from parley_client.views.words import AppealState, Ground, ReportReason, ReportState, SanctionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal(View):
    """An appeal of this user. `answer` is what the reviewer says, once it is decided."""

    appeal: str
    decision: str
    status: AppealState
    text: str
    created_at: datetime
    version: int
    answer: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(View):
    """The reported message, or the statement `number` of a `dispute`; with neither the reported
    conversation.
    """

    conversation: str
    message: str | None = None
    dispute: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(View):
    """A report of this user. `decision` is what an appeal names, until `appeal_until` if it is
    `appealable`.
    """

    report: str
    status: ReportState
    version: int
    subject: Subject | None = None
    reason: ReportReason | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    decision: str | None = None
    appealable: bool = False
    appeal_until: datetime | None = None
    appeal: Appeal | None = None
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementOfReasons(View):
    """The reasons of a restriction: the facts, the rule, and whether a machine found or decided it.
    Without `until` it lasts until it is lifted.
    """

    kind: SanctionKind
    scope: str
    start: datetime
    facts: str
    ground: Ground
    rule: str
    automated_detection: bool
    automated_decision: bool
    scope_id: str | None = None
    until: datetime | None = None
    appeal_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanction(View):
    """A restriction of this user, or with `lifted` its end before the time. `decision` is what an
    appeal names. What is removed is a `message`, or the statement `number` of a `dispute`.
    """

    sanction: str
    kind: SanctionKind
    statement: StatementOfReasons
    decision: str
    appealable: bool
    version: int
    lifted: bool = False
    until: datetime | None = None
    conversation: str | None = None
    message: str | None = None
    appeal: Appeal | None = None
    dispute: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(View):
    """All that restricts this user now; not every sanction when it is `truncated`."""

    user: str
    banned: bool
    sanctions: tuple[Sanction, ...]
    muted_until: datetime | None = None
    suspended_until: datetime | None = None
    truncated: bool = False

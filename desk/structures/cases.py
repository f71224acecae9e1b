"""Cases with all that is in them: reports, evidence, decisions, sanctions, appeals."""

from desk.structures.words import (
    AppealStatus,
    CaseState,
    Ground,
    ReportReason,
    ReportStatus,
    SanctionKind,
    Severity,
    SubjectKind,
    Time,
    Told,
    Verdict,
)


class Subject(Told, frozen=True):
    """A message, a conversation, or the statement `number` of a dispute, that is reported."""

    kind: SubjectKind
    id: str
    conversation_id: str
    number: int


class CaseReport(Told, frozen=True):
    """A report within a case."""

    id: str
    reporter: str
    reason: ReportReason
    comment: str
    status: ReportStatus
    create_time: Time
    reporter_standing: str
    evidence_ids: list[str]


class Evidence(Told, frozen=True):
    """A snapshot that was taken at the time of a report or dispute. `content` is JSON as a text,
    for its hash is that of this text; empty in lists and once erased. `intact` says whether it
    still has that hash, where there is content.
    """

    id: str
    kind: str
    sha256: str
    size: int
    take_time: Time
    content: str
    intact: bool
    erase_time: Time | None = None


class Statement(Told, frozen=True):
    """A statement of reasons, as those are told it whom a sanction concerns."""

    kind: SanctionKind
    scope: str
    scope_id: str
    start_time: Time
    facts: str
    ground: Ground
    rule: str
    automated_detection: bool
    automated_decision: bool
    appeal_until_time: Time
    until_time: Time | None = None


class Sanction(Told, frozen=True):
    """A sanction as moderators see it. What has expired was not lifted."""

    id: str
    kind: SanctionKind
    conversation_id: str
    message_id: str
    decision_id: str
    users: list[str]
    case_id: str
    imposed_by: str
    lifted_by: str
    lift_reason: str
    dispute_id: str
    number: int
    statement: Statement | None = None
    until_time: Time | None = None
    lift_time: Time | None = None


class Decision(Told, frozen=True):
    """A decision of a case; `number` counts them, `note` is among moderators."""

    id: str
    number: int
    verdict: Verdict
    by: str
    create_time: Time
    sanctions: list[Sanction]
    note: str


class Appeal(Told, frozen=True):
    """An appeal as moderators see it. `version` is that of the case, to decide it by; `side` is
    `sanctioned` or `reporter`.
    """

    id: str
    decision_id: str
    text: str
    status: AppealStatus
    create_time: Time
    answer: str
    by: str
    side: str
    case_id: str
    decided_by: str
    reviewed_by: str
    version: int
    decide_time: Time | None = None
    due_time: Time | None = None


class Case(Told, frozen=True):
    """A case as the reader sees it. `allowed_actions` are those that the reader could do now:
    `claim`, `renew`, `release`, `decide`. `truncated` says that a refusal had no room for all.
    """

    id: str
    version: int
    subject: Subject
    participants: list[str]
    accused: list[str]
    state: CaseState
    severity: Severity
    priority: int
    create_time: Time
    claimed_by: str
    reports: list[CaseReport]
    evidence: list[Evidence]
    decisions: list[Decision]
    appeals: list[Appeal]
    reopenings: int
    allowed_actions: list[str]
    truncated: bool
    due_time: Time | None = None
    claim_until_time: Time | None = None

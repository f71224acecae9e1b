"""Every limit and duration of the rules; the settings give them their values."""

from dataclasses import dataclass
from enum import StrEnum

from moderation_service.domain.shared.reasons import Severity

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Default(StrEnum):
    """The outcome of silence. CLAIM grants what was claimed, and is RESUME if nothing was."""

    REVIEW = "review"
    RESUME = "resume"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True)
class Limits:
    """Lengths in characters, durations in milliseconds.

    A reporter has at most `reports` in a `report_window`, or `unreliable_reports` after many that
    came to nothing, and at most `open_reports` that are not decided. `critical` to `low` are
    how soon a case of that severity is due. `respondent_silence` and `moderator_silence` are what
    ends a dispute when nobody else does.
    """

    comment: int = 2_000
    statement: int = 4_000
    appeal: int = 4_000
    facts: int = 4_000
    rule: int = 200
    note: int = 4_000

    reports: int = 20
    unreliable_reports: int = 3
    report_window: int = DAY
    open_reports: int = 20
    critical: int = 4 * HOUR
    high: int = 24 * HOUR
    normal: int = 72 * HOUR
    low: int = 7 * DAY

    lease: int = 30 * MINUTE
    measures: int = 10
    reopenings: int = 1
    max_mute: int = 90 * DAY
    max_suspension: int = 365 * DAY
    appeal_window: int = 183 * DAY
    appeal_review: int = 7 * DAY

    dispute_statements: int = 20
    dispute_offers: int = 20
    statements: int = 72 * HOUR
    review: int = 7 * DAY
    respondent_silence: Default = Default.REVIEW
    moderator_silence: Default = Default.RESUME
    dispute_evidence: int = 183 * DAY

    token_lifetime: int = 366 * DAY
    revoked_tokens: int = 100

    def __post_init__(self) -> None:
        if self.moderator_silence is Default.REVIEW:
            raise ValueError("what ends a review cannot be another review")

    def due(self, severity: Severity) -> int:
        """Tell how soon a case of this severity is due."""
        return int(getattr(self, severity.name.lower()))

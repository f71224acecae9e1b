"""The settings of the moderation service, from `PARLEY_MODERATION_*` in the environment."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from moderation_service.domain.shared.limits import DAY, HOUR, MINUTE, Default, Limits
from service_kit.authentication.settings import TokenSettings
from service_kit.process import settings
from service_kit.process.targets import Target

Times = Annotated[int, Field(ge=0, le=100)]


class ModerationSettings(TokenSettings, settings.ServiceSettings):
    """Limits are counts, and characters of texts; each duration names its unit. Tokens are those of
    moderators.
    """

    model_config = SettingsConfigDict(env_prefix="PARLEY_MODERATION_")

    listen: settings.Address = "127.0.0.1:7103"

    messaging_target: Target = "127.0.0.1:7101"
    # Which messaging accepts; what this service accepts itself stands in `credentials_file`.
    messaging_credential_file: Path | None = None
    messaging_timeout_seconds: settings.Seconds = 1.0
    # Without negotiation there are no deals among the evidence, and no disputes.
    negotiation_target: Target | None = None
    negotiation_credential_file: Path | None = None
    negotiation_timeout_seconds: settings.Seconds = 1.0

    comment_limit: settings.Count = 2_000
    statement_limit: settings.Count = 4_000
    appeal_limit: settings.Count = 4_000
    facts_limit: settings.Count = 4_000
    rule_limit: settings.Count = 200
    note_limit: settings.Count = 4_000
    reports_limit: settings.Count = 20
    unreliable_reports_limit: settings.Count = 3
    open_reports_limit: settings.Count = 20
    measures_limit: settings.Count = 10
    reopenings_limit: Times = 1
    dispute_statements_limit: settings.Count = 20
    dispute_offers_limit: settings.Count = 20

    report_window_hours: settings.Hours = 24.0
    critical_due_hours: settings.Hours = 4.0
    high_due_hours: settings.Hours = 24.0
    normal_due_hours: settings.Hours = 72.0
    low_due_hours: settings.Hours = 168.0
    lease_minutes: settings.Minutes = 30.0
    max_mute_days: settings.Days = 90.0
    max_suspension_days: settings.Days = 365.0
    appeal_window_days: settings.Days = 183.0
    appeal_review_days: settings.Days = 7.0
    statements_hours: settings.Hours = 72.0
    review_days: settings.Days = 7.0
    dispute_evidence_days: settings.Days = 183.0
    # What comes of it when nobody says anything.
    respondent_silence: Default = Default.REVIEW
    moderator_silence: Default = Default.RESUME

    # After which a resume may be told that it is not complete.
    changes_days: settings.Days = 90
    # For which what is revoked is remembered: no token lives longer.
    token_lifetime_days: settings.Days = 366.0
    # Of one user, one by one.
    revoked_tokens_limit: settings.Count = 100

    evidence_context: Annotated[int, Field(ge=0, le=100)] = 20
    evidence_page: Annotated[int, Field(ge=1, le=500)] = 100
    evidence_bytes: settings.Count = 262_144
    evidence_takings: Annotated[int, Field(ge=1, le=1_000)] = 16

    reports_page: settings.Count = 100
    cases_page: settings.Count = 50
    appeals_page: settings.Count = 100
    sanctions_page: settings.Count = 100
    disputes_page: settings.Count = 50
    audit_page: settings.Count = 500

    timers_batch: settings.Count = 500
    timers_max_sleep_seconds: settings.Seconds = 10.0
    saga_batch: settings.Count = 500
    # Calls of negotiation at the same time, and the pause between two looks at what is due.
    saga_calls: Annotated[int, Field(ge=1, le=100)] = 8
    saga_seconds: settings.Seconds = 10.0
    expiry_batch: settings.Count = 100
    erasure_batch: settings.Count = 100
    gauges_seconds: settings.Seconds = 15.0
    # Between two looks through the whole audit log.
    audit_seconds: settings.Seconds = 900.0

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        self.check_shown("messaging", self.messaging_credential_file)
        if self.negotiation_target is not None:
            self.check_shown("negotiation", self.negotiation_credential_file)
        if self.negotiation_target is None and self.negotiation_credential_file is not None:
            raise ValueError("NEGOTIATION_TARGET and NEGOTIATION_CREDENTIAL_FILE go together")
        self.limits()
        return self

    def limits(self) -> Limits:
        """Give the limits that the rules know."""
        return Limits(
            comment=self.comment_limit,
            statement=self.statement_limit,
            appeal=self.appeal_limit,
            facts=self.facts_limit,
            rule=self.rule_limit,
            note=self.note_limit,
            reports=self.reports_limit,
            unreliable_reports=self.unreliable_reports_limit,
            report_window=int(self.report_window_hours * HOUR),
            open_reports=self.open_reports_limit,
            critical=int(self.critical_due_hours * HOUR),
            high=int(self.high_due_hours * HOUR),
            normal=int(self.normal_due_hours * HOUR),
            low=int(self.low_due_hours * HOUR),
            lease=int(self.lease_minutes * MINUTE),
            measures=self.measures_limit,
            reopenings=self.reopenings_limit,
            max_mute=int(self.max_mute_days * DAY),
            max_suspension=int(self.max_suspension_days * DAY),
            appeal_window=int(self.appeal_window_days * DAY),
            appeal_review=int(self.appeal_review_days * DAY),
            dispute_statements=self.dispute_statements_limit,
            dispute_offers=self.dispute_offers_limit,
            statements=int(self.statements_hours * HOUR),
            review=int(self.review_days * DAY),
            respondent_silence=self.respondent_silence,
            moderator_silence=self.moderator_silence,
            dispute_evidence=int(self.dispute_evidence_days * DAY),
            token_lifetime=int(self.token_lifetime_days * DAY),
            revoked_tokens=self.revoked_tokens_limit,
        )

"""The record of a reporter, which limits their reports and weighs them."""

from dataclasses import dataclass

from moderation_service.domain.case.entities import ReporterStanding
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal

# Fewer decided reports than this say nothing about a person.
_ENOUGH = 5


@dataclass(frozen=True, slots=True)
class Reporter:
    """A person's reports so far: how many are open, and what became of those that are decided.

    `recent` are the times of those within the window of the rate limit, in any order.
    """

    user: str
    open: int = 0
    actioned: int = 0
    no_violation: int = 0
    recent: tuple[int, ...] = ()

    @property
    def standing(self) -> ReporterStanding:
        """TRUSTED when four of five were right, UNRELIABLE when not even one of five was."""
        decided = self.actioned + self.no_violation
        if decided == 0:
            return ReporterStanding.NEW
        if decided >= _ENOUGH and self.actioned * 5 >= decided * 4:
            return ReporterStanding.TRUSTED
        if decided >= _ENOUGH and self.actioned * 5 < decided:
            return ReporterStanding.UNRELIABLE
        return ReporterStanding.NEUTRAL


def check_rate(reporter: Reporter, now: int, limits: Limits) -> Refusal | None:
    """Refuse who has reported too often of late, or has too many reports that are not decided."""
    if reporter.open >= limits.open_reports:
        message = f"{limits.open_reports} reports of this user wait to be decided"
        return Refusal(Reason.TOO_MANY_OPEN_REPORTS, message, limit="open_reports_limit")
    unreliable = reporter.standing is ReporterStanding.UNRELIABLE
    allowed = limits.unreliable_reports if unreliable else limits.reports
    recent = sorted(at for at in reporter.recent if at > now - limits.report_window)
    if len(recent) < allowed:
        return None
    # With the oldest of the last `allowed` ones out of the window, there is room for one more.
    wait = max(1, recent[-allowed] + limits.report_window - now)
    setting = "unreliable_reports_limit" if unreliable else "reports_limit"
    message = "this user has reported too often of late"
    return Refusal(Reason.RATE_LIMITED, message, retry_after=wait, limit=setting)

"""Reports: whom they join, how grave they are, and how many there may be."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from moderation_service.domain.case.entities import AppealStatus, ReporterStanding, ReportStatus
from moderation_service.domain.case.events import REPORT_TRANSITIONS, Cause
from moderation_service.domain.case.reporters import Reporter
from moderation_service.domain.shared.limits import HOUR, MINUTE, Limits
from moderation_service.domain.shared.reasons import SEVERITIES, ReportReason, Severity
from moderation_service.domain.shared.refusals import Reason
from tests.moderation_service.story import (
    CONVERSATION,
    LIMITS,
    START,
    CaseStory,
    banned,
    refused,
    snapshot,
)


def test_reports_of_one_subject_are_one_case() -> None:
    """A second report joins; the case is as grave and as urgent as its gravest report."""
    story = CaseStory()
    story.report("ann", reason=ReportReason.SPAM, evidence=(snapshot(START),))
    story.now += HOUR
    story.report("cid", reason=ReportReason.VIOLENCE, evidence=(snapshot(START),))
    assert len(story.case.reports) == len(story.case.evidence) == 2
    assert story.case.severity is Severity.CRITICAL
    assert story.case.due_at == story.now + LIMITS.critical
    story.now += HOUR
    story.report("cid", reason=ReportReason.OTHER, comment="And more.")
    assert story.case.due_at == START + HOUR + LIMITS.critical
    assert story.case.severity is Severity.CRITICAL


def test_every_reason_has_a_severity_and_every_severity_a_time() -> None:
    assert {*SEVERITIES} == {*ReportReason}
    times = [LIMITS.due(severity) for severity in Severity]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(("status", "cause"), REPORT_TRANSITIONS)
def test_each_row_of_the_table_of_reports_is_taken(status: ReportStatus, cause: Cause) -> None:
    """A report follows its case exactly as its table says."""
    story = CaseStory()
    story.report("ann")
    stories: dict[tuple[ReportStatus, Cause], Callable[[], object]] = {
        (ReportStatus.RECEIVED, Cause.CLAIMED): story.claim,
        (ReportStatus.RECEIVED, Cause.CLAIM_RENEWED): lambda: [
            story.claim(),
            story.report("cid"),
            story.claim(),
        ],
        (ReportStatus.RECEIVED, Cause.VIOLATION_FOUND): lambda: [
            story.claim(),
            story.report("cid"),
            story.decide(banned()),
        ],
        (ReportStatus.IN_REVIEW, Cause.VIOLATION_FOUND): lambda: story.rule(banned()),
        (ReportStatus.RECEIVED, Cause.NO_VIOLATION_FOUND): lambda: [
            story.claim(),
            story.report("cid"),
            story.decide(),
        ],
        (ReportStatus.IN_REVIEW, Cause.NO_VIOLATION_FOUND): story.rule,
        (ReportStatus.ACTIONED, Cause.ANNULLED): lambda: [
            story.rule(banned()),
            story.appeal("bob"),
            story.review(AppealStatus.OVERTURNED),
        ],
        (ReportStatus.ACTIONED, Cause.REOPENED): lambda: [
            story.rule(banned()),
            story.appeal("ann"),
            story.review(AppealStatus.OVERTURNED),
        ],
        (ReportStatus.NO_VIOLATION, Cause.REOPENED): lambda: [
            story.rule(),
            story.appeal("ann"),
            story.review(AppealStatus.OVERTURNED),
        ],
    }
    stories[status, cause]()
    event = next(one for one in reversed(story.events) if one.cause is cause)
    last = story.case.reports[-1]
    assert last.id in event.reports
    assert last.status is REPORT_TRANSITIONS[status, cause]
    assert last.status_at == event.at


def test_who_has_no_part_in_a_conversation_cannot_report_it() -> None:
    """And is told the same as of one that there is not."""
    refused(Reason.MESSAGE_NOT_FOUND, CaseStory().report, "eve")
    refused(Reason.CONVERSATION_NOT_FOUND, CaseStory().report, "eve", subject=CONVERSATION)


def test_nobody_reports_what_they_wrote() -> None:
    refused(Reason.OWN_MESSAGE, CaseStory().report, "bob")


def test_one_open_report_for_a_reporter_subject_and_reason() -> None:
    story = CaseStory()
    story.report("ann")
    refused(Reason.ALREADY_REPORTED, story.report, "ann")
    story.report("ann", reason=ReportReason.HATE)
    story.report("cid")


def test_a_conversation_is_reported_against_the_others() -> None:
    story = CaseStory()
    story.report("ann", subject=CONVERSATION)
    assert [*story.case.accused] == ["bob", "cid"]
    story.report("bob", subject=CONVERSATION)
    assert [*story.case.accused] == ["bob", "cid", "ann"]


@pytest.mark.parametrize(
    ("actioned", "dismissed", "expected"),
    [
        (0, 0, ReporterStanding.NEW),
        (4, 0, ReporterStanding.NEUTRAL),
        (4, 1, ReporterStanding.TRUSTED),
        (3, 2, ReporterStanding.NEUTRAL),
        (1, 4, ReporterStanding.NEUTRAL),
        (0, 5, ReporterStanding.UNRELIABLE),
        (1, 5, ReporterStanding.UNRELIABLE),
    ],
)
def test_standing_of_a_reporter(actioned: int, dismissed: int, expected: ReporterStanding) -> None:
    """The fate of earlier reports counts, once there are enough of them to say anything."""
    reporter = Reporter("ann", actioned=actioned, no_violation=dismissed)
    assert reporter.standing is expected
    story = CaseStory()
    story.report("ann", reporter=reporter)
    assert story.case.reports[0].standing is expected


def test_a_flood_of_reports_is_bounded_in_time() -> None:
    """There are as many in a window as allowed, and it is said when the next one may be."""
    limits = Limits(reports=3, report_window=HOUR)
    recent = (START - HOUR, START - 50 * MINUTE, START - 20 * MINUTE, START - MINUTE)
    reporter = Reporter("ann", recent=recent)
    story = CaseStory(limits=limits)
    refusal = refused(Reason.RATE_LIMITED, story.report, "ann", reporter=reporter)
    assert refusal.retry_after == 10 * MINUTE
    assert refusal.limit == "reports_limit"
    story.now += refusal.retry_after - 1
    refused(Reason.RATE_LIMITED, story.report, "ann", reporter=reporter)
    story.now += 1
    story.report("ann", reporter=reporter)


def test_who_reports_for_nothing_reports_less() -> None:
    limits = Limits(reports=3, unreliable_reports=1)
    recent = (START - 2 * HOUR, START - HOUR)
    reporter = Reporter("ann", no_violation=9, recent=recent)
    story = CaseStory(limits=limits)
    refusal = refused(Reason.RATE_LIMITED, story.report, "ann", reporter=reporter)
    assert refusal.limit == "unreliable_reports_limit"
    assert refusal.retry_after == limits.report_window - HOUR, "when the latest is a window ago"
    story.report("ann", reporter=replace(reporter, actioned=9))


def test_open_reports_of_a_reporter_are_bounded() -> None:
    reporter = Reporter("ann", open=LIMITS.open_reports)
    refusal = refused(Reason.TOO_MANY_OPEN_REPORTS, CaseStory().report, "ann", reporter=reporter)
    assert refusal.limit == "open_reports_limit"


def test_graver_cases_with_more_and_better_reports_come_first() -> None:
    """Severity outweighs any number of reports; a trusted reporter counts for more than another."""
    trusted = Reporter("ann", actioned=9)
    unreliable = Reporter("ann", no_violation=9)
    order = []
    for reason, reporter in [
        (ReportReason.SPAM, unreliable),
        (ReportReason.SPAM, Reporter("ann")),
        (ReportReason.SPAM, trusted),
        (ReportReason.SCAM, unreliable),
        (ReportReason.VIOLENCE, unreliable),
    ]:
        story = CaseStory()
        story.report("ann", reason=reason, reporter=reporter)
        order.append(story.case.priority)
    assert order == sorted(order)
    assert len({*order}) == len(order)

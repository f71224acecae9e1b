"""Views and notifications of a case; M4 above all: nobody learns who reported."""

from typing import Any
from unittest.mock import ANY

import pytest

from moderation_service.domain.case import entities, show
from moderation_service.domain.case.events import Cause
from moderation_service.domain.case.views import CaseView
from moderation_service.domain.notifications import NotificationKind, of_case, of_dispute, touched
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.limits import DAY
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal
from tests.moderation_service.story import (
    LIMITS,
    START,
    CaseStory,
    DisputeStory,
    appealed,
    banned,
    decided_case,
    decided_for,
    measure,
    muted,
    snapshot,
)


def seen_by(user: str, case: entities.Case, now: int) -> list[Any]:
    """All that somebody whom sanctions concern can see of a case."""
    mine = [one for one in case.sanctions if user in one.users]
    return [
        show.show_standing(user, [case], now, LIMITS),
        *(show.show_sanction(case, one, user, now, LIMITS) for one in mine),
        *(show.show_appeal(one) for one in case.appeals if one.by == user),
    ]


def told_to(user: str, story: CaseStory) -> list[tuple[NotificationKind, str]]:
    found = [one for event in story.events for one in of_case(story.case, event)]
    return [(one.kind, one.about) for one in found if user in one.recipients]


def sanctioned_story(reporters: list[tuple[str, ReportReason]]) -> CaseStory:
    """Bob is muted and appeals, whoever has reported him how often for what."""
    story = CaseStory()
    for number, (reporter, reason) in enumerate(reporters):
        story.report(
            reporter,
            reason=reason,
            comment=f"{reporter} says so",
            report=f"report-{number}",
            case="case-of-bob",
            evidence=(snapshot(story.now, f"what {reporter} saw".encode()),),
        )
    story.claim()
    story.decide(
        muted(story.now + DAY),
        measure(SanctionKind.CONVERSATION_LOCKED),
        decision="decision-of-bob",
        sanctions=("sanction-1", "sanction-2"),
    )
    story.send(appealed("bob", "decision-of-bob", "That was not me.", appeal="appeal-of-bob"))
    story.review(entities.AppealStatus.UPHELD)
    return story


@pytest.mark.parametrize(
    "reporters",
    [
        [("cid", ReportReason.SCAM)],
        [("ann", ReportReason.SPAM), ("ann", ReportReason.VIOLENCE)],
        [("ann", ReportReason.SCAM), ("cid", ReportReason.SCAM), ("cid", ReportReason.HATE)],
    ],
)
def test_the_sanctioned_see_the_same_whoever_reported(
    reporters: list[tuple[str, ReportReason]],
) -> None:
    """M4: who, how many, how often and for what makes no difference to anything that bob gets."""
    one = sanctioned_story([("ann", ReportReason.SCAM)])
    other = sanctioned_story(reporters)
    assert seen_by("bob", one.case, one.now) == seen_by("bob", other.case, other.now)
    assert told_to("bob", one) == told_to("bob", other)
    for name in ("ann", "cid", "report-0", "mia", "max", "case-of-bob"):
        assert repr(name) not in repr(seen_by("bob", one.case, one.now))


def test_an_appeal_of_a_reporter_is_shown_to_nobody_else() -> None:
    """M4: it would tell that there is a reporter, in their own words; bob sees his own alone."""
    story = decided_case(muted(START + DAY))
    before = seen_by("bob", story.case, story.now)
    told = told_to("bob", story)
    story.appeal("ann")
    assert seen_by("bob", story.case, story.now) == before
    assert told_to("bob", story) == told
    own = story.appeal("bob")
    (shown,) = show.show_standing("bob", [story.case], story.now, LIMITS).sanctions
    assert shown.appeal is not None
    assert shown.appeal.id == own


def test_a_reporter_sees_the_same_whatever_was_imposed() -> None:
    """Nothing of a sanction: not which, not how many, not until when, not what an appeal lifted."""
    views = []
    for measures in ([measure(SanctionKind.WARNING)], [banned(), muted(CaseStory().now + DAY)]):
        story = CaseStory()
        story.report(comment="ann says so", report="r", case="c")
        story.claim()
        sanctions = tuple(f"s{one}" for one in range(len(measures)))
        story.decide(*measures, decision="d", sanctions=sanctions)
        views.append(show.show_report(story.case, story.case.reports[0], story.now, LIMITS))
        story.appeal("bob")
        views.append(show.show_report(story.case, story.case.reports[0], story.now, LIMITS))
    assert views[0] == views[1] == views[2] == views[3]
    assert views[0].status is entities.ReportStatus.ACTIONED


def test_a_reporter_learns_of_each_step() -> None:
    story = CaseStory()
    statuses = []

    def look() -> None:
        shown = show.show_report(story.case, story.case.reports[0], story.now, LIMITS)
        statuses.append((shown.status, shown.appealable))

    story.report()
    look()
    story.claim()
    look()
    story.decide()
    look()
    story.appeal("ann")
    look()
    story.review(entities.AppealStatus.OVERTURNED)
    look()
    received, review, nothing = (
        entities.ReportStatus.RECEIVED,
        entities.ReportStatus.IN_REVIEW,
        entities.ReportStatus.NO_VIOLATION,
    )
    assert statuses == [
        (received, False),
        (review, False),
        (nothing, True),
        (nothing, False),
        (review, False),
    ]
    kinds = [kind for kind, _ in told_to("ann", story)]
    assert kinds.count(NotificationKind.REPORT_STATUS_CHANGED) == 4
    assert kinds.count(NotificationKind.APPEAL_STATUS_CHANGED) == 2
    assert told_to("bob", story) == told_to("mia", story) == []


def test_notifications_reach_those_whom_they_concern_alone() -> None:
    """Reports their reporter, sanctions those restricted, appeals who made them."""
    story = decided_case(banned(), measure(SanctionKind.CONVERSATION_LOCKED))
    story.appeal("bob")
    story.review(entities.AppealStatus.OVERTURNED)
    for event in story.events:
        for one in of_case(story.case, event):
            match one.kind:
                case NotificationKind.REPORT_STATUS_CHANGED:
                    report = story.case.report(one.about)
                    assert report is not None
                    assert one.recipients == (report.reporter,)
                case NotificationKind.APPEAL_STATUS_CHANGED:
                    assert one.recipients == ("bob",)
                case NotificationKind.CASE_CHANGED:
                    by = "" if event.by in story.case.involved else event.by
                    assert one.recipients == ()
                    assert one.about == f"{event.cause} {by}".strip()
                case _:
                    sanction = story.case.sanction(one.about)
                    assert sanction is not None
                    assert one.recipients == sanction.users
    lifted = [kind for kind, _ in told_to("bob", story) if kind is NotificationKind.SANCTION_LIFTED]
    assert len(lifted) == 2


def test_what_others_refuse_by_is_told_when_it_may_have_changed() -> None:
    """With the decision and with each undoing; with nothing else."""
    story = decided_case(banned(), measure(SanctionKind.CONVERSATION_LOCKED))
    story.lift(story.case.sanctions[0].id)
    found = [touched([(story.case, event)]) for event in story.events]
    assert [tuple([*part] for part in one) for one in found if any(one)] == [
        (["bob"], ["talk"], [], []),
        (["bob"], [], [], []),
    ]
    removed = decided_case(measure(SanctionKind.MESSAGE_REMOVED))
    assert [*touched([(removed.case, removed.events[-1])]).messages] == [("talk", "message-1")]
    said = decided_for(measure(SanctionKind.STATEMENT_REMOVED))
    assert [*touched([(said.case, said.events[-1])])] == [{}, {}, {}, {"dispute-1.2": ANY}]


def test_both_parties_learn_what_happens_to_a_dispute() -> None:
    story = DisputeStory()
    story.open()
    for event in story.events:
        (told,) = of_dispute(story.dispute, event)
        assert (told.kind, told.target, told.recipients) == (
            NotificationKind.DISPUTE_CHANGED,
            story.dispute.id,
            ("ann", "bob"),
        )


@pytest.mark.parametrize("reader", ["ann", "bob", "cid"])
def test_a_case_is_not_shown_to_who_has_a_part_in_it(reader: str) -> None:
    """Moderator or not."""
    shown = show.show_case(decided_case(banned()).case, reader, 0, LIMITS)
    assert isinstance(shown, Refusal)
    assert (shown.reason, shown.current) == (Reason.CASE_NOT_FOUND, None)


def test_a_moderator_sees_everything_and_what_to_do() -> None:
    story = CaseStory()
    story.report(evidence=(snapshot(story.now),))
    actions = []
    for tell in (lambda: None, story.claim, story.decide):
        tell()
        for reader in ("mia", "max"):
            shown = show.show_case(story.case, reader, story.now, LIMITS)
            assert isinstance(shown, CaseView)
            assert shown.case == story.case
            actions.append(shown.allowed_actions)
    assert actions == [("claim",), ("claim",), ("renew", "release", "decide"), (), (), ()]


def test_a_lapsed_claim_is_not_shown() -> None:
    story = CaseStory()
    story.report()
    story.claim()
    shown = show.show_case(story.case, "max", story.now + LIMITS.lease, LIMITS)
    assert isinstance(shown, CaseView)
    assert (shown.case.lease, shown.allowed_actions) == (None, ("claim",))


def test_who_is_banned_sees_why_and_how_to_appeal() -> None:
    """The statement of reasons with the decision to name, and later what became of the appeal."""
    story = decided_case(banned())
    (shown,) = show.show_standing("bob", [story.case], story.now, LIMITS).sanctions
    assert shown.statement.facts
    assert shown.appealable
    assert shown.decision == story.case.decisions[0].id
    story.appeal("bob")
    story.review(entities.AppealStatus.UPHELD)
    (shown,) = show.show_standing("bob", [story.case], story.now, LIMITS).sanctions
    assert not shown.appealable
    assert shown.appeal is not None
    assert (shown.appeal.status, shown.appeal.answer) == (
        entities.AppealStatus.UPHELD,
        "We looked again.",
    )


def test_a_reporters_standing_is_for_moderators() -> None:
    story = CaseStory()
    story.report()
    assert story.case.reports[0].standing is entities.ReporterStanding.NEW
    assert "standing" not in repr(show.show_report(story.case, story.case.reports[0], 0, LIMITS))
    assert story.events[0].cause is Cause.OPENED

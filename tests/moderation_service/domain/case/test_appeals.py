"""Appeals against decisions, and sanctions that are lifted."""

import pytest

from moderation_service.domain.case.commands import (
    ClaimCase,
    CreateAppeal,
    DecideAppeal,
    LiftSanction,
)
from moderation_service.domain.case.entities import AppealStatus, ReportStatus, Side
from moderation_service.domain.shared.capacities import Capacity
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import DAY
from moderation_service.domain.shared.refusals import Reason
from tests.moderation_service.story import (
    LIMITS,
    MODERATOR,
    START,
    CaseStory,
    banned,
    decide,
    decided_case,
    muted,
    refused,
    reported,
)


def test_an_appeal_is_of_those_whom_the_decision_concerns() -> None:
    """Sanctioned or reporter; to anybody else, and to all before it, there is no such decision."""
    story = decided_case(banned())
    refused(Reason.DECISION_NOT_FOUND, story.appeal, "cid")
    refused(Reason.DECISION_NOT_FOUND, story.appeal, "bob", "decision-of-another")
    story.appeal("ann")
    story.appeal("bob")
    assert [one.side for one in story.case.appeals] == [Side.REPORTER, Side.SANCTIONED]


def test_one_appeal_each() -> None:
    story = decided_case(banned())
    story.appeal()
    refused(Reason.ALREADY_APPEALED, story.appeal)
    story.review(AppealStatus.UPHELD)
    refused(Reason.ALREADY_APPEALED, story.appeal)


def test_the_time_to_appeal_ends() -> None:
    story = decided_case(banned())
    story.now += LIMITS.appeal_window - 1
    story.appeal("ann")
    story.now += 1
    refused(Reason.TOO_LATE_TO_APPEAL, story.appeal, "bob")


def test_what_is_gone_cannot_be_appealed_against() -> None:
    story = decided_case(banned())
    story.lift()
    refused(Reason.NOTHING_TO_APPEAL, story.appeal, "bob")


def test_an_expired_sanction_can_be_appealed_against() -> None:
    """It is over, and still stands against a name."""
    story = decided_case(muted(START + DAY))
    story.now += 2 * DAY
    story.appeal("bob")
    story.review(AppealStatus.OVERTURNED)
    assert story.case.sanctions[0].lift is not None


def can_review(story: CaseStory, actor: str) -> bool:
    appeal = story.case.appeals[0].id
    review = DecideAppeal(actor, MODERATOR, appeal, story.case.seq, AppealStatus.UPHELD, "No.")
    return isinstance(decide(story.case, review, story.now, LIMITS), Effect)


def test_four_eyes() -> None:
    story = decided_case(banned())
    story.appeal()
    refused(Reason.SAME_MODERATOR, story.review, AppealStatus.UPHELD, "mia")
    able = [one for one in ("mia", "max", "ann", "bob") if can_review(story, one)]
    assert able == ["max"]
    (event,) = story.review(AppealStatus.UPHELD, "max")
    assert event.who is Capacity.REVIEWER
    assert not can_review(story, "moe")


def test_an_appeal_is_decided_once_and_as_it_was_seen() -> None:
    story = decided_case(banned())
    story.appeal("bob")
    version = story.case.seq
    story.appeal("ann")
    appeal = story.case.appeals[0].id
    refused(Reason.STALE_CASE, story.review, AppealStatus.UPHELD, appeal=appeal, version=version)
    story.review(AppealStatus.UPHELD, appeal=appeal)
    refused(Reason.INVALID_STATE, story.review, AppealStatus.OVERTURNED, appeal=appeal)


def test_lifting_is_done_once() -> None:
    story = decided_case(banned())
    story.lift()
    refused(Reason.INVALID_STATE, story.lift)
    assert story.case.reports[0].status is ReportStatus.ACTIONED, "something was done about it"


def test_what_there_is_not() -> None:
    story = decided_case(banned())
    unknown: list[tuple[CreateAppeal | DecideAppeal | LiftSanction, Reason]] = [
        (CreateAppeal("bob", "nothing", "No."), Reason.DECISION_NOT_FOUND),
        (
            DecideAppeal("max", MODERATOR, "nothing", 1, AppealStatus.UPHELD, "No."),
            Reason.APPEAL_NOT_FOUND,
        ),
        (LiftSanction("max", MODERATOR, "nothing", "No."), Reason.SANCTION_NOT_FOUND),
    ]
    for command, reason in unknown:
        refused(reason, story.send, command)
        nothing = CaseStory()
        refused(reason, nothing.send, command)
    refused(Reason.CASE_NOT_FOUND, CaseStory().send, ClaimCase("max", MODERATOR, "nothing"))


def test_a_case_that_is_decided_takes_no_report() -> None:
    """The next report about the subject begins a case of its own: storage asks for an open one."""
    story = decided_case()
    with pytest.raises(ValueError, match="undecided"):
        story.send(reported("cid"))

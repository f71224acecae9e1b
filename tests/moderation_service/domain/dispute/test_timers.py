"""Time ends what nobody else ends: every state of a dispute has an outcome."""

import pytest

from moderation_service.domain.dispute import commands
from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.dispute.events import DisputeCause
from moderation_service.domain.dispute.show import show_dispute
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.shared.limits import DAY, Default, Limits
from moderation_service.domain.shared.refusals import Reason
from tests.moderation_service.domain.dispute import test_decide
from tests.moderation_service.story import LIMITS, START, DisputeStory, refused

CLAIMED = commands.Money(4_000, "EUR")


@pytest.mark.parametrize(
    ("default", "refund", "outcome", "split"),
    [
        (Default.RESUME, CLAIMED, Outcome.RESUME, None),
        (Default.COMPLETED, CLAIMED, Outcome.COMPLETED, None),
        (Default.CANCELLED, CLAIMED, Outcome.CANCELLED, None),
        (Default.CLAIM, CLAIMED, Outcome.SPLIT, Settlement(6_000, 4_000)),
        (Default.CLAIM, None, Outcome.RESUME, None),
    ],
)
def test_silence_has_an_outcome(
    default: Default, refund: commands.Money | None, outcome: Outcome, split: Settlement | None
) -> None:
    """Of who was disputed against when the time for statements is over, of moderators later."""
    story = DisputeStory(limits=Limits(respondent_silence=default))
    story.open(refund=refund)
    (event,) = story.wait(LIMITS.statements + DAY)
    assert (event.cause, event.at) == (DisputeCause.RESPONDENT_SILENT, START + LIMITS.statements)
    resolution = story.dispute.resolution
    assert resolution is not None
    assert (resolution.outcome, resolution.split, resolution.by) == (outcome, split, "")

    story = DisputeStory(limits=Limits(moderator_silence=default))
    story.open(refund=refund)
    started, ended = story.wait(LIMITS.statements + LIMITS.review)
    assert (started.cause, ended.cause) == (
        DisputeCause.REVIEW_STARTED,
        DisputeCause.MODERATORS_SILENT,
    )
    assert story.dispute.resolution is not None
    assert (story.dispute.resolution.outcome, story.dispute.resolution.split) == (outcome, split)


def test_a_claim_is_granted_up_to_the_price_of_the_hold() -> None:
    story = DisputeStory(limits=Limits(respondent_silence=Default.CLAIM))
    story.open(price=3_000, refund=CLAIMED)
    story.wait(LIMITS.statements)
    assert story.dispute.resolution is not None
    assert story.dispute.resolution.split == Settlement(0, 3_000)


@pytest.mark.parametrize("answer", ["state", "propose"])
def test_whoever_answers_is_not_silent(answer: str) -> None:
    story = DisputeStory(limits=test_decide.SILENT)
    story.open()
    test_decide.STEPS[answer](story)
    story.wait(LIMITS.statements)
    assert story.dispute.state is test_decide.UNDER_REVIEW


def test_a_review_does_not_end_in_a_review() -> None:
    """With such a setting a dispute would never end."""
    with pytest.raises(ValueError, match="another review"):
        Limits(moderator_silence=Default.REVIEW)


def test_what_is_due_has_happened_whoever_looks() -> None:
    """A late loop changes nothing that anybody can see, and no deadline moves with the settings."""
    story = DisputeStory()
    story.open()
    due_at = START + LIMITS.statements
    shown = show_dispute(story.dispute, "ann", due_at, LIMITS)
    assert isinstance(shown, DisputeView)
    assert (shown.dispute.state, shown.dispute.due_at) == (
        test_decide.UNDER_REVIEW,
        due_at + LIMITS.review,
    )
    story.limits = Limits(statements=1, review=1)
    story.now = due_at - 1
    assert story.send(commands.FireTimers(story.dispute.id)) == ()
    story.now = due_at + 5
    refused(Reason.INVALID_STATE, story.state_case, "ann")

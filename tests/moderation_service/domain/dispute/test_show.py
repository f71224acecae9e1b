"""The view of a dispute for each reader, and the actions that would succeed."""

import pytest

from moderation_service.domain.dispute import entities
from moderation_service.domain.dispute.decide import allowed_actions
from moderation_service.domain.dispute.show import show_dispute
from moderation_service.domain.dispute.views import INTERNAL, DisputeView
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal
from tests.moderation_service.domain.dispute import test_decide
from tests.moderation_service.story import LIMITS, START, DisputeStory, snapshot


def test_parties_see_the_same_but_not_who_decided() -> None:
    """And of a moderator's ruling the reasons."""
    story = DisputeStory()
    story.to_review()
    story.decide(entities.Outcome.CANCELLED)
    shown = [show_dispute(story.dispute, reader, story.now, LIMITS) for reader in ("ann", "bob")]
    assert shown[0] == shown[1]
    assert isinstance(shown[0], DisputeView)
    resolution = shown[0].dispute.resolution
    assert resolution is not None
    assert resolution.by == ""
    assert resolution.facts
    moderator = show_dispute(story.dispute, "mia", story.now, LIMITS, moderates=True)
    assert isinstance(moderator, DisputeView)
    assert moderator.dispute.resolution is not None
    assert moderator.dispute.resolution.by == "mia"


def test_others_see_nothing_and_services_no_words() -> None:
    story = DisputeStory()
    story.open()
    hidden = show_dispute(story.dispute, "eve", story.now, LIMITS)
    assert isinstance(hidden, Refusal)
    assert hidden.reason is Reason.DISPUTE_NOT_FOUND
    internal = show_dispute(story.dispute, INTERNAL, story.now, LIMITS)
    assert isinstance(internal, DisputeView)
    assert internal.dispute.statements == ()
    assert internal.allowed_actions == ()


def test_a_moderator_who_is_a_party_is_a_party() -> None:
    story = DisputeStory()
    story.to_review(evidence=(snapshot(START),))
    story.decide()
    party = show_dispute(story.dispute, "ann", story.now, LIMITS)
    assert show_dispute(story.dispute, "ann", story.now, LIMITS, moderates=True) == party


@pytest.mark.parametrize(
    ("at", "opener", "respondent", "moderator"),
    [
        (test_decide.PENDING_HOLD, (), (), ()),
        (test_decide.OPEN, ("state", "propose", "accept", "withdraw"), ("state", "propose"), ()),
        (test_decide.UNDER_REVIEW, ("propose", "accept", "withdraw"), ("propose",), ("decide",)),
        (test_decide.RESOLVED_PENDING, (), (), ()),
    ],
)
def test_allowed_actions(
    at: entities.DisputeState,
    opener: tuple[str, ...],
    respondent: tuple[str, ...],
    moderator: tuple[str, ...],
) -> None:
    """While ann's offer stands."""
    story = test_decide.after(test_decide.WAYS[at])
    now, limits = story.now, LIMITS
    assert allowed_actions(story.dispute, "bob", now, limits) == opener
    assert allowed_actions(story.dispute, "ann", now, limits) == respondent
    assert allowed_actions(story.dispute, "mia", now, limits, moderates=True) == moderator
    assert allowed_actions(story.dispute, "eve", now, limits) == ()

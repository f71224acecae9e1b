"""Events: what they say, who learns of them, and the deal that they make."""

from dataclasses import replace

import pytest

from negotiation_service.domain.entities import Deal, State
from negotiation_service.domain.events import Cause, evolve, recipients, replay
from tests.negotiation_service.story import Story


def test_only_its_author_is_told_of_a_sealed_note() -> None:
    """P10, for whoever passes events on; all others are for both."""
    story = Story("accept", "deliver", "complete", "note", "note back")
    told = {event.cause: recipients(story.deal, event) for event in story.events[:-2]}
    assert told.pop(Cause.NOTE_SUBMITTED) == ("ann",)
    assert {*told.values(), recipients(story.deal, story.events[-1])} == {("ann", "bob")}


@pytest.mark.parametrize("step", ["accept", "decline", "withdraw", "offer lapses"])
def test_events_say_which_offer_it_was(step: str) -> None:
    """The history of a conversation can name the price that was agreed on, or was not."""
    story = Story()
    offer = story.deal.offer
    assert story.take(step).events[0].details == offer


def test_what_is_no_event_of_its_cause_is_an_error() -> None:
    story = Story("accept")
    with pytest.raises(TypeError, match="creation"):
        evolve(None, story.events[1])
    with pytest.raises(TypeError, match="agreed is not about a NoneType"):
        evolve(story.deal, replace(story.events[1], details=None))
    assert replay(()) is None


def test_a_deal_can_not_be_changed() -> None:
    deal: Deal = Story().deal
    with pytest.raises(AttributeError):
        deal.state = State.AGREED  # type: ignore[misc]  # that is the point

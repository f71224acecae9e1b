"""Statements that cases remove: hidden from the parties, shown to moderators, said nevertheless."""

from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.dispute.commands import HoldResolved
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.domain.dispute.events import DisputeCause, replay_dispute
from moderation_service.domain.dispute.removals import remove_statement, with_removals_of
from moderation_service.domain.dispute.show import show_part_of_dispute
from moderation_service.domain.shared.erasure import ERASED
from tests.moderation_service.story import LIMITS, DisputeStory, erasure

Change = tuple[int, bool]
CHANGES = st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=8)


def stated() -> DisputeStory:
    """A dispute with three statements."""
    story = DisputeStory()
    story.open()
    story.state_case("ann", "You filthy liar.")
    story.state_case("bob", "It leaks.")
    return story


def change(story: DisputeStory, number: int, *, removed: bool) -> None:
    effect = remove_statement(story.dispute, number, story.now, LIMITS, removed=removed)
    story.state = effect.state
    story.events += effect.events


def texts(story: DisputeStory, reader: str, *, moderates: bool = False) -> list[str]:
    view = show_part_of_dispute(story.dispute, reader, story.now, LIMITS, moderates=moderates)
    return [one.text for one in view.dispute.statements]


@given(changes=CHANGES)
def test_what_is_removed_is_shown_to_no_party_until_it_is_restored(changes: list[Change]) -> None:
    """Each change is one event; what changes nothing is none; the events make the dispute."""
    story = stated()
    whole, before = texts(story, "ann"), story.dispute
    removed: set[int] = set()
    happened = 0
    for number, is_removed in changes:
        known = 0 < number <= len(whole)
        happened += known and is_removed != (number in removed)
        if known:
            removed = removed | {number} if is_removed else removed - {number}
        change(story, number, removed=is_removed)
        left = ["" if at in removed else one for at, one in enumerate(whole, 1)]
        assert texts(story, "ann") == texts(story, "bob") == left
        assert texts(story, "mia", moderates=True) == whole
    assert story.dispute.seq == before.seq + happened
    assert story.dispute == replay_dispute(story.events)
    assert (story.dispute.state, story.dispute.due_at) == (before.state, before.due_at)
    assert story.dispute.statements_of("ann") == before.statements_of("ann")


@given(changes=CHANGES)
def test_what_is_told_again_of_the_past_has_nothing_that_is_removed_by_now(
    changes: list[Change],
) -> None:
    """Nor what was removed then."""
    story = stated()
    for number, removed in changes:
        change(story, number, removed=removed)
    for count in range(1, len(story.events) + 1):
        then = replay_dispute(story.events[:count])
        assert then is not None
        shown = with_removals_of(then, story.dispute)
        assert (shown.seq, len(shown.statements)) == (then.seq, len(then.statements))
        for past, now, one in zip(
            then.statements, story.dispute.statements, shown.statements, strict=False
        ):
            assert one.removed is (past.removed or now.removed)


def test_what_is_due_happens_before_a_removal() -> None:
    """And its time is its own."""
    story = stated()
    due_at = story.dispute.due_at
    assert due_at is not None
    story.now = due_at + 1
    change(story, 2, removed=True)
    assert [(one.cause, one.at) for one in story.events[-2:]] == [
        (DisputeCause.REVIEW_STARTED, due_at),
        (DisputeCause.STATEMENT_REMOVED, due_at + 1),
    ]
    assert story.dispute.state is DisputeState.UNDER_REVIEW


def test_a_dispute_that_is_over_can_lose_a_statement() -> None:
    """It stays over, since when it was."""
    story = stated()
    story.withdraw()
    ended = story.dispute
    change(story, 2, removed=True)
    assert (story.dispute.state, story.dispute.ended_at) == (ended.state, ended.ended_at)
    assert story.dispute.resolution == ended.resolution


def test_erasure_reaches_a_statement_that_is_removed() -> None:
    """Restored afterwards, it has no words of theirs any more."""
    story = stated()
    change(story, 2, removed=True)
    story.withdraw()
    story.send(HoldResolved(story.dispute.id))
    story.now += LIMITS.dispute_evidence
    story.send(erasure("ann"))
    change(story, 2, removed=False)
    assert texts(story, "mia", moderates=True)[1] == ERASED

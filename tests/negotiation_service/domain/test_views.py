"""Snapshots: a deal as each reader is shown it."""

import pytest

from negotiation_service.domain.entities import State, Timer
from negotiation_service.domain.permissions import allowed_actions
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.texts import INTERNAL
from negotiation_service.domain.views import snapshot
from service_kit.rules import Refusal
from tests.negotiation_service.story import LIMITS, START, Story


def test_a_party_sees_the_terms_and_the_live_offer() -> None:
    shown = Story().show("bob")
    assert (shown.service, shown.conversation, shown.title) == ("service-1", "talk-1", "A logo")
    assert (shown.provider, shown.client) == ("ann", "bob")
    assert (shown.currency, shown.exponent) == ("EUR", 2)
    assert shown.offer is not None
    assert (shown.offer.number, shown.offer.price, shown.offer.by) == (1, 10_000, "ann")
    assert (shown.agreed, shown.amendment, shown.hold, shown.settlement) == (None,) * 4
    assert shown.deadlines == {Timer.OFFER: START + LIMITS.offer_ttl}
    assert shown.allowed_actions == ("counter", "accept", "decline")


@pytest.mark.parametrize(
    ("steps", "provider", "client"),
    [
        ("", "revise withdraw", "counter accept decline"),
        ("counter", "counter accept decline", "revise withdraw"),
        (
            "accept",
            "propose_amendment deliver request_cancellation open_dispute",
            "propose_amendment request_cancellation open_dispute",
        ),
        (
            "accept, revise",
            "revise withdraw deliver request_cancellation open_dispute",
            "counter accept decline request_cancellation open_dispute",
        ),
        (
            "accept, deliver",
            "request_cancellation open_dispute",
            "complete reopen request_cancellation open_dispute",
        ),
        (
            "accept, deliver, request",
            "open_dispute",
            "complete reopen confirm_cancellation open_dispute",
        ),
        ("accept, deliver, complete", "submit_note open_dispute", "submit_note open_dispute"),
        ("accept, deliver, complete, note", "submit_note open_dispute", "submit_note open_dispute"),
        ("accept, deliver, complete, note, note back", "open_dispute", "open_dispute"),
        ("accept, deliver, complete, dispute lapses", "", ""),
        ("accept, request, confirm", "submit_note", "submit_note"),
        ("accept, hold", "", ""),
        ("accept, hold, rule split", "submit_note", "submit_note"),
        ("decline", "", ""),
    ],
)
def test_each_party_is_offered_what_it_may_do(steps: str, provider: str, client: str) -> None:
    story = Story(*filter(None, steps.split(", ")))
    assert story.show("ann").allowed_actions == tuple(provider.split())
    assert story.show("bob").allowed_actions == tuple(client.split())


def test_an_amendment_is_shown_beside_what_is_agreed() -> None:
    shown = Story("accept", "revise").show("ann")
    assert shown.offer is None
    assert shown.agreed is not None
    assert (shown.agreed.price, shown.agreed.version) == (10_000, 1)
    assert shown.amendment is not None
    assert (shown.amendment.number, shown.amendment.price) == (2, 9_000)


def test_a_late_timer_is_never_seen() -> None:
    """A reader sees an expired offer as expired, whether or not the loop has come by."""
    story = Story()
    story.now += LIMITS.offer_ttl
    shown = story.show("bob")
    assert (shown.state, shown.offer, shown.allowed_actions) == (State.CLOSED, None, ())
    assert shown.ending is not None
    assert shown.ending.at == story.now


def test_while_a_hold_stands_no_deadline_is_shown() -> None:
    """Nobody can tell yet when it will be."""
    story = Story("accept", "hold")
    assert story.show("ann").deadlines == {}
    assert story.show("ann").hold == story.deal.hold


def test_a_sealed_note_is_shown_to_its_author_alone() -> None:
    """P10: the other sees neither the note nor, by a gap in the count, that there is one."""
    story = Story("accept", "deliver", "complete")
    before = story.show("bob")
    story.take("note")
    story.done(story.note("ann", 3))
    assert story.show("bob") == before
    mine = story.show("ann")
    assert mine.notes.mine is not None
    assert mine.notes.mine.score == 3
    assert mine.seq == before.seq + 2


def test_revealed_notes_are_shown_to_both() -> None:
    story = Story("accept", "deliver", "complete", "note", "note back")
    ann, bob = story.show("ann"), story.show("bob")
    assert ann.notes.mine == bob.notes.theirs == story.deal.provider_note
    assert ann.notes.theirs == bob.notes.mine == story.deal.client_note
    assert ann.seq == bob.seq == story.deal.seq


def test_a_note_that_was_never_answered_is_revealed_by_time() -> None:
    """After 14 days the one note is shown; the other can not be given any more."""
    story = Story("accept", "deliver", "complete", "note", "notes lapse")
    shown = story.show("bob")
    assert shown.notes.theirs == story.deal.provider_note
    assert "submit_note" not in shown.allowed_actions


def test_an_outsider_sees_nothing() -> None:
    """P15: as if there were no such deal."""
    story = Story()
    refusal = snapshot(story.deal, "eve", story.now, LIMITS)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.current) == (Reason.SERVICE_NOT_FOUND, None)
    assert allowed_actions(story.deal, "eve", story.now, LIMITS) == ()


def test_a_service_sees_no_note_and_can_do_nothing() -> None:
    story = Story("accept", "deliver", "complete", "note", "note back")
    shown = story.show(INTERNAL)
    assert shown.notes.mine is shown.notes.theirs is None
    assert shown.allowed_actions == ()
    assert (shown.state, shown.seq) == (State.COMPLETED, story.deal.seq)

"""Each row of the table by an example, each refusal by another."""

import pytest

from negotiation_service.domain.commands import PartyCommand
from negotiation_service.domain.decision import Decision
from negotiation_service.domain.entities import State
from negotiation_service.domain.events import Cause
from negotiation_service.domain.guards import (
    no_words_sanctioned,
    not_on_hold,
    not_sanctioned,
)
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.transitions import MODERATION, TIME, TRANSITIONS, Step, Transition
from service_kit.rules import Refusal
from tests.negotiation_service.client import without_words
from tests.negotiation_service.story import STEPS, Story, propose

OFFERED, AGREED, DELIVERED, COMPLETED, CANCELLED, CLOSED = State

AGREE = "accept"
DELIVER = f"{AGREE}, deliver"
COMPLETE = f"{DELIVER}, complete"
CANCEL = f"{AGREE}, request, confirm"
AMEND = f"{AGREE}, revise"

# What has been done before, then the step, from where to where, and as what.
EXAMPLES: list[tuple[str, str, State, State, Cause]] = [
    ("", "counter", OFFERED, OFFERED, Cause.COUNTERED),
    ("", "revise", OFFERED, OFFERED, Cause.REVISED),
    ("", "accept", OFFERED, AGREED, Cause.AGREED),
    ("", "decline", OFFERED, CLOSED, Cause.DECLINED),
    ("", "withdraw", OFFERED, CLOSED, Cause.WITHDRAWN),
    ("", "offer lapses", OFFERED, CLOSED, Cause.EXPIRED),
    (AGREE, "revise", AGREED, AGREED, Cause.AMENDMENT_PROPOSED),
    (AMEND, "revise", AGREED, AGREED, Cause.AMENDMENT_PROPOSED),
    (AMEND, "counter", AGREED, AGREED, Cause.AMENDMENT_PROPOSED),
    (AMEND, "accept", AGREED, AGREED, Cause.AMENDED),
    (AMEND, "decline", AGREED, AGREED, Cause.AMENDMENT_DECLINED),
    (AMEND, "withdraw", AGREED, AGREED, Cause.AMENDMENT_WITHDRAWN),
    (AMEND, "offer lapses", AGREED, AGREED, Cause.AMENDMENT_EXPIRED),
    (AGREE, "deliver", AGREED, DELIVERED, Cause.DELIVERED),
    (AGREE, "delivery lapses", AGREED, CANCELLED, Cause.UNDELIVERED),
    (DELIVER, "complete", DELIVERED, COMPLETED, Cause.COMPLETED),
    (DELIVER, "completion lapses", DELIVERED, COMPLETED, Cause.AUTO_COMPLETED),
    (DELIVER, "reopen", DELIVERED, AGREED, Cause.REOPENED),
    (AGREE, "request", AGREED, AGREED, Cause.CANCELLATION_REQUESTED),
    (DELIVER, "request", DELIVERED, DELIVERED, Cause.CANCELLATION_REQUESTED),
    (f"{AGREE}, request", "confirm", AGREED, CANCELLED, Cause.CANCELLED),
    (f"{DELIVER}, request", "confirm", DELIVERED, CANCELLED, Cause.CANCELLED),
    (f"{AGREE}, request", "cancellation lapses", AGREED, AGREED, Cause.CANCELLATION_LAPSED),
    (f"{DELIVER}, request", "cancellation lapses", DELIVERED, DELIVERED, Cause.CANCELLATION_LAPSED),
    (AGREE, "hold", AGREED, AGREED, Cause.HELD),
    (DELIVER, "hold", DELIVERED, DELIVERED, Cause.HELD),
    (COMPLETE, "hold", COMPLETED, COMPLETED, Cause.HELD),
    (COMPLETE, "dispute lapses", COMPLETED, COMPLETED, Cause.DISPUTE_WINDOW_CLOSED),
    (f"{AGREE}, hold", "resume", AGREED, AGREED, Cause.RESUMED),
    (f"{DELIVER}, hold", "resume", DELIVERED, DELIVERED, Cause.RESUMED),
    (f"{COMPLETE}, hold", "resume", COMPLETED, COMPLETED, Cause.RESUMED),
    (f"{AGREE}, hold", "rule completed", AGREED, COMPLETED, Cause.DECIDED),
    (f"{DELIVER}, hold", "rule completed", DELIVERED, COMPLETED, Cause.DECIDED),
    (f"{COMPLETE}, hold", "rule completed", COMPLETED, COMPLETED, Cause.DECIDED),
    (f"{AGREE}, hold", "rule cancelled", AGREED, CANCELLED, Cause.DECIDED),
    (f"{DELIVER}, hold", "rule cancelled", DELIVERED, CANCELLED, Cause.DECIDED),
    (f"{COMPLETE}, hold", "rule cancelled", COMPLETED, CANCELLED, Cause.DECIDED),
    (f"{AGREE}, hold", "rule split", AGREED, COMPLETED, Cause.DECIDED),
    (f"{DELIVER}, hold", "rule split", DELIVERED, COMPLETED, Cause.DECIDED),
    (f"{COMPLETE}, hold", "rule split", COMPLETED, COMPLETED, Cause.DECIDED),
    (COMPLETE, "note", COMPLETED, COMPLETED, Cause.NOTE_SUBMITTED),
    (CANCEL, "note", CANCELLED, CANCELLED, Cause.NOTE_SUBMITTED),
    (f"{COMPLETE}, note", "note", COMPLETED, COMPLETED, Cause.NOTE_SUBMITTED),
    (COMPLETE, "notes lapse", COMPLETED, COMPLETED, Cause.NOTES_REVEALED),
    (CANCEL, "notes lapse", CANCELLED, CANCELLED, Cause.NOTES_REVEALED),
    ("", "offer reminder", OFFERED, OFFERED, Cause.REMINDER),
    (AMEND, "offer reminder", AGREED, AGREED, Cause.REMINDER),
    (AGREE, "delivery reminder", AGREED, AGREED, Cause.REMINDER),
    (DELIVER, "completion reminder", DELIVERED, DELIVERED, Cause.REMINDER),
    (f"{AGREE}, request", "cancellation reminder", AGREED, AGREED, Cause.REMINDER),
    (f"{DELIVER}, request", "cancellation reminder", DELIVERED, DELIVERED, Cause.REMINDER),
]

HELD = f"{AGREE}, revise, hold"
HELD_LATER = f"{DELIVER}, hold"
HELD_LAST = f"{COMPLETE}, hold"
COUNTERED = "counter"

# What has been done before, then the step, and why it is refused.
REFUSALS: list[tuple[str, str, Reason]] = [
    ("", "accept own", Reason.OWN_OFFER),
    ("", "decline own", Reason.OWN_OFFER),
    ("", "withdraw other", Reason.OFFER_OF_THE_OTHER),
    (COUNTERED, "accept", Reason.OWN_OFFER),
    (AMEND, "accept own", Reason.OWN_OFFER),
    (AMEND, "decline own", Reason.OWN_OFFER),
    (AMEND, "withdraw other", Reason.OFFER_OF_THE_OTHER),
    # Whose offer it was is of no matter once it has been accepted.
    (AGREE, "accept", Reason.STALE_OFFER),
    (AGREE, "accept own", Reason.STALE_OFFER),
    (AGREE, "decline", Reason.STALE_OFFER),
    (AGREE, "withdraw", Reason.STALE_OFFER),
    (AGREE, "client delivers", Reason.PROVIDER_ONLY),
    (DELIVER, "provider completes", Reason.CLIENT_ONLY),
    (DELIVER, "provider reopens", Reason.CLIENT_ONLY),
    (f"{AGREE}, request", "request", Reason.CANCELLATION_REQUESTED),
    (f"{DELIVER}, request", "request", Reason.CANCELLATION_REQUESTED),
    ("", "deliver", Reason.INVALID_STATE),
    ("", "complete", Reason.INVALID_STATE),
    ("", "request", Reason.INVALID_STATE),
    ("", "note", Reason.INVALID_STATE),
    ("", "hold", Reason.INVALID_STATE),
    ("", "resume", Reason.INVALID_STATE),
    (AGREE, "complete", Reason.INVALID_STATE),
    (AGREE, "reopen", Reason.INVALID_STATE),
    (AGREE, "note", Reason.INVALID_STATE),
    (DELIVER, "deliver", Reason.INVALID_STATE),
    (DELIVER, "revise", Reason.INVALID_STATE),
    (DELIVER, "accept", Reason.INVALID_STATE),
    (DELIVER, "note", Reason.INVALID_STATE),
    (COMPLETE, "complete", Reason.INVALID_STATE),
    (COMPLETE, "reopen", Reason.INVALID_STATE),
    (COMPLETE, "request", Reason.INVALID_STATE),
    (f"{COMPLETE}, dispute lapses", "hold", Reason.INVALID_STATE),
    (f"{COMPLETE}, note, note back", "note", Reason.INVALID_STATE),
    (f"{COMPLETE}, notes lapse", "note", Reason.INVALID_STATE),
    (f"{COMPLETE}, hold, rule completed", "hold again", Reason.INVALID_STATE),
    (CANCEL, "hold", Reason.INVALID_STATE),
    (CANCEL, "confirm", Reason.INVALID_STATE),
    ("decline", "revise", Reason.INVALID_STATE),
    ("decline", "accept", Reason.INVALID_STATE),
    ("withdraw", "accept", Reason.INVALID_STATE),
    ("offer lapses", "accept", Reason.INVALID_STATE),
    ("decline", "note", Reason.INVALID_STATE),
    ("decline", "hold", Reason.INVALID_STATE),
    (HELD, "revise", Reason.ON_HOLD),
    (HELD, "counter", Reason.ON_HOLD),
    (HELD, "accept", Reason.ON_HOLD),
    (HELD, "decline", Reason.ON_HOLD),
    (HELD, "withdraw", Reason.ON_HOLD),
    (HELD, "deliver", Reason.ON_HOLD),
    (HELD, "request", Reason.ON_HOLD),
    (f"{AGREE}, request, hold", "confirm", Reason.ON_HOLD),
    (HELD, "hold again", Reason.ON_HOLD),
    (HELD_LATER, "complete", Reason.ON_HOLD),
    (HELD_LATER, "reopen", Reason.ON_HOLD),
    (HELD_LAST, "note", Reason.ON_HOLD),
    (HELD_LAST, "hold again", Reason.ON_HOLD),
    (AGREE, "resume", Reason.HOLD_NOT_FOUND),
    (f"{AGREE}, hold", "rule otherwise", Reason.HOLD_NOT_FOUND),
    (f"{AGREE}, hold, resume", "rule completed", Reason.DECIDED_OTHERWISE),
    (f"{AGREE}, hold, rule split", "rule completed", Reason.DECIDED_OTHERWISE),
]


def after(done: str) -> Story:
    return Story(*filter(None, done.split(", ")))


@pytest.mark.parametrize(("done", "step", "source", "target", "cause"), EXAMPLES)
def test_what_a_step_leads_to(
    done: str, step: str, source: State, target: State, cause: Cause
) -> None:
    """From the state on the left the step leads to the one on the right, and is told as that."""
    story = after(done)
    assert story.deal.state is source
    decision = story.take(step)
    assert decision.deal.state is target
    # The timer of the notes and that of the dispute may be due together.
    assert cause in [event.cause for event in decision.events]
    assert decision.events[-1].state is target


@pytest.mark.parametrize(("done", "step", "reason"), REFUSALS)
def test_why_a_step_is_refused(done: str, step: str, reason: Reason) -> None:
    story = after(done)
    before = story.deal
    refusal = story.refused(STEPS[step](story))
    assert refusal.reason is reason
    assert refusal.current == before
    assert refusal.message
    assert story.deal == before


def test_every_row_has_an_example() -> None:
    """A row that is added to the table needs an example above."""
    shown = {(source, cause, target) for _, _, source, target, cause in EXAMPLES}
    missing = [
        (source, row.cause, row.target or source)
        for row in TRANSITIONS
        for source in row.sources
        if (source, row.cause, row.target or source) not in shown
    ]
    assert missing == []


def test_a_hold_stops_every_party() -> None:
    held = {State.AGREED, State.DELIVERED, State.COMPLETED}

    def stopped(row: Transition) -> bool:
        return row.who in {MODERATION, TIME} or not_on_hold in row.guards

    assert [row for row in TRANSITIONS if held & {*row.sources} and not stopped(row)] == []


BINDING = {Step.CREATE, Step.EDIT_PRICE, Step.ACCEPT}
WITHOUT_WORDS = {Step.DECLINE, Step.WITHDRAW}


def test_a_sanction_stops_words_and_what_binds_anew() -> None:
    """Every step of a party but those that only end an offer; time and moderation go on."""
    for row in TRANSITIONS:
        asked = {one for one in row.guards if "sanction" in (one.__doc__ or "")}
        if row.who in {MODERATION, TIME} or row.step in WITHOUT_WORDS:
            assert not asked, row
        else:
            assert asked == {not_sanctioned if row.step in BINDING else no_words_sanctioned}, row


@pytest.mark.parametrize(("done", "step"), [(done, step) for done, step, *_ in EXAMPLES])
def test_what_a_sanction_leaves(done: str, step: str) -> None:
    """A party ends and carries out what stands, without a word; the rest is refused by that name,
    and what is not a party's goes on.
    """
    story, forbidden = after(done), "a sanction does not allow it"
    command, before = STEPS[step](story), story.deal
    if not isinstance(command, PartyCommand):
        story.done(command)
        return
    if command.words or step in {"counter", "revise", "accept"}:
        refusal = story.refused(command, forbidden)
        assert (refusal.reason, refusal.current) == (Reason.SANCTIONED, before)
        assert refusal.message == forbidden
        assert story.deal == before
    if step in {"counter", "revise", "accept"}:
        story.refused(without_words(command), forbidden)
    else:
        assert isinstance(story.send(without_words(command), forbidden), Decision)


def test_a_sanction_forbids_to_propose() -> None:
    """The one who may not take part is told only that there is no such conversation."""
    forbidden = "a sanction does not allow it"
    outcome = propose(forbidden=forbidden)
    assert isinstance(outcome, Refusal)
    assert outcome.reason is Reason.SANCTIONED
    outcome = propose(forbidden=forbidden, participants=("bob", "eve"))
    assert isinstance(outcome, Refusal)
    assert outcome.reason is Reason.CONVERSATION_NOT_FOUND


def test_final_states_are_left_by_moderation_alone() -> None:
    """P6: nothing but a hold's decision leads out of a state in which a deal has ended."""
    final = {State.COMPLETED, State.CANCELLED, State.CLOSED}
    leaving = [row for row in TRANSITIONS if final & {*row.sources} and row.target is not None]
    assert [(row.step, row.target) for row in leaving] == [(Step.DECIDE_CANCELLED, State.CANCELLED)]

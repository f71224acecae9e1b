"""What the table does not say by itself: staleness, time, holds, money and notes, by examples."""

from dataclasses import replace

import pytest

from negotiation_service.domain.commands import (
    EndNegotiation,
    FireTimers,
    NegotiationOutcome,
    PlaceHold,
    TerminationOutcome,
)
from negotiation_service.domain.decide import decide
from negotiation_service.domain.decision import Decision
from negotiation_service.domain.entities import (
    Agreement,
    Deal,
    Outcome,
    Role,
    Settlement,
    State,
    Timer,
)
from negotiation_service.domain.events import Cause, evolve, recipients, replay
from negotiation_service.domain.facts import NO_FACTS
from negotiation_service.domain.limits import DAY, HOUR, MINUTE
from negotiation_service.domain.money import Money
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.timers import next_due, running_timers, settle
from service_kit.rules import Refusal
from tests.negotiation_service.story import LIMITS, PRICE, SPLIT, START, Story, propose

AGREED = NegotiationOutcome.AGREED


# --- The beginning ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "provider", "client"), [(Role.PROVIDER, "ann", "bob"), (Role.CLIENT, "bob", "ann")]
)
def test_either_role_can_propose(role: Role, provider: str, client: str) -> None:
    """Who proposes says what they are; the other of the conversation is the other."""
    deal = Story(role=role).deal
    assert (deal.provider, deal.client) == (provider, client)
    assert deal.offer is not None
    assert (deal.offer.number, deal.offer.price, deal.offer.by) == (1, PRICE, "ann")
    assert (deal.currency, deal.exponent) == ("EUR", 2)


@pytest.mark.parametrize(
    "participants", [("bob", "eve"), ("ann",), ("ann", "ann"), ("ann", "bob", "eve"), ()]
)
def test_only_participants_of_a_conversation_of_two_propose(participants: tuple[str, ...]) -> None:
    """To anybody else the conversation does not exist."""
    refusal = propose(participants=participants)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CONVERSATION_NOT_FOUND


def test_a_conversation_has_one_open_deal() -> None:
    """A second is refused and the first shown, until the first has ended, if only by time."""
    story = Story()
    refusal = propose(story.deal, story.now, service="service-2")
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.OPEN_SERVICE_EXISTS
    assert refusal.current == story.deal
    later = story.now + LIMITS.offer_ttl
    assert isinstance(propose(story.deal, later, service="service-2"), Decision)


def test_an_outsider_is_not_shown_the_open_deal() -> None:
    """Who is no participant learns nothing of what goes on in the conversation."""
    assert propose(Story().deal, actor="eve") == propose(actor="eve")


def test_what_is_not_there_is_not_found() -> None:
    """Without a deal every command about one is refused in the words for an outsider."""
    story = Story()
    nothing = decide(None, story.edit("ann"), NO_FACTS, START, LIMITS)
    assert isinstance(nothing, Refusal)
    assert nothing.reason is Reason.SERVICE_NOT_FOUND
    assert story.refused(story.edit("eve")) == nothing
    assert decide(None, FireTimers("service-1"), NO_FACTS, START, LIMITS) == nothing


# --- Staleness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [0, 1, 3, 10**9])
def test_a_price_answers_the_live_offer(base: int) -> None:
    """Any other base than the live offer is stale, and the answer shows the live one."""
    story = Story("counter")
    refusal = story.refused(story.edit("ann", base=base))
    assert refusal.reason is Reason.STALE_OFFER
    assert isinstance(refusal.current, Deal)
    assert refusal.current.offer is not None
    assert refusal.current.offer.number == 2


@pytest.mark.parametrize(
    ("offer", "price"),
    [
        (1, Money(9_000, "EUR")),
        (3, Money(9_000, "EUR")),
        (2, Money(PRICE, "EUR")),
        (2, Money(9_000, "USD")),
        (2, Money(0, "EUR")),
    ],
)
def test_who_accepts_names_the_offer_and_its_price(offer: int, price: Money) -> None:
    """Another number, amount or currency than that of the live offer agrees on nothing."""
    story = Story("counter")
    refusal = story.refused(EndNegotiation("ann", "service-1", AGREED, offer, price))
    assert refusal.reason is Reason.STALE_OFFER
    assert story.deal.agreed is None


def test_of_two_who_accept_one_wins() -> None:
    """P16: the same acceptance from two devices is applied once, and stale the second time."""
    story = Story()
    accept = story.end("bob", AGREED)
    story.done(accept)
    assert story.refused(accept).reason is Reason.STALE_OFFER
    assert story.deal.agreed == Agreement(PRICE, 1, 1, START)


def test_a_revision_does_not_become_an_amendment() -> None:
    """Whoever revises an offer that was just accepted is told so; nothing is proposed anew."""
    story = Story()
    revise = story.edit("ann")
    story.take("accept")
    assert story.refused(revise).reason is Reason.STALE_OFFER
    assert story.done(story.edit("ann", base=0)).events[0].cause is Cause.AMENDMENT_PROPOSED


def test_the_currency_never_changes() -> None:
    """A price in another currency is refused by the name of the field, before and after."""
    for story in (Story(), Story("accept")):
        command = story.edit("bob")
        refusal = story.refused(replace(command, price=Money(9_000, "USD")))
        assert (refusal.reason, refusal.field) == (Reason.INVALID_ARGUMENT, "price.currency")


def test_rounds_and_amendments_are_counted_apart() -> None:
    """Whoever has used up the rounds can still amend what was agreed, up to that limit."""
    limits = replace(LIMITS, rounds=2, amendments=1)
    story = Story("counter", "revise", limits=limits)
    assert story.refused(story.edit("bob")).reason is Reason.TOO_MANY_ROUNDS
    story.take("accept")
    story.take("revise")
    story.take("decline")
    assert story.refused(story.edit("bob")).reason is Reason.TOO_MANY_ROUNDS
    assert story.deal.offers == 4


def test_a_service_is_reopened_a_limited_number_of_times() -> None:
    """The third time is refused where two are allowed; completing is still possible."""
    story = Story("accept", *("deliver", "reopen") * 2, limits=replace(LIMITS, reopenings=2))
    story.take("deliver")
    refusal = story.refused(story.terminate("bob", TerminationOutcome.REOPENED))
    assert refusal.reason is Reason.TOO_MANY_REOPENINGS
    assert story.take("complete").deal.state is State.COMPLETED


def test_delivering_ends_what_was_proposed() -> None:
    """An amendment that nobody answered before the delivery is gone; the price stands."""
    story = Story("accept", "revise", "deliver")
    assert story.deal.offer is None
    assert story.deal.agreed is not None
    assert story.deal.agreed.price == PRICE


# --- Time ---------------------------------------------------------------------------------------


def test_an_offer_is_good_until_the_millisecond_in_which_it_expires() -> None:
    """P3: one millisecond before it is accepted, at the time itself it is not."""
    story = Story()
    due = story.deal.due_at(Timer.OFFER)
    assert due == START + LIMITS.offer_ttl
    accept = story.end("bob", AGREED)
    assert isinstance(decide(story.deal, accept, NO_FACTS, due - 1, LIMITS), Decision)
    refusal = decide(story.deal, accept, NO_FACTS, due, LIMITS)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.INVALID_STATE
    assert isinstance(refusal.current, Deal)
    assert refusal.current.state is State.CLOSED


def test_each_offer_has_the_time_of_its_deal() -> None:
    """A life of five minutes holds for counters and amendments too, each from its own time."""
    story = Story(offer_ttl_seconds=300)
    assert next_due(story.deal) == START + 5 * MINUTE
    story.now += 4 * MINUTE
    story.take("counter")
    assert story.deal.due_at(Timer.OFFER) == story.now + 5 * MINUTE
    story.done(story.end("ann", AGREED))
    story.take("revise")
    assert story.deal.due_at(Timer.OFFER) == story.now + 5 * MINUTE


def test_what_time_did_comes_before_a_command_and_with_its_own_time() -> None:
    """With nobody firing timers, a note long after the delivery finds the deal completed."""
    story = Story("accept", "deliver")
    story.now += LIMITS.completion + HOUR
    decision = story.take("note")
    assert [event.cause for event in decision.events] == [
        Cause.AUTO_COMPLETED,
        Cause.NOTE_SUBMITTED,
    ]
    assert decision.events[0].at == START + LIMITS.completion
    assert decision.deal.ending is not None
    assert decision.deal.ending.by == ""


def test_firing_early_or_again_does_nothing() -> None:
    """A timer fires once and when it is due, however often replicas try."""
    story = Story()
    fire = FireTimers("service-1")
    assert story.done(fire).events == ()
    story.now += LIMITS.offer_ttl
    assert [event.cause for event in story.done(fire).events] == [Cause.EXPIRED]
    assert story.done(fire).events == ()
    assert next_due(story.deal) is None


def test_silence_ends_every_deal() -> None:
    """P11: an agreed service that nobody delivers is cancelled, and its notes are revealed."""
    story = Story("accept")
    causes = []
    while (due := next_due(story.deal)) is not None:
        story.now = due
        causes += [event.cause for event in story.done(FireTimers("service-1")).events]
    assert causes == [Cause.REMINDER, Cause.UNDELIVERED, Cause.NOTES_REVEALED]
    assert story.now == START + LIMITS.delivery + LIMITS.notes
    assert story.deal.settlement == Settlement(0, PRICE)


def test_settings_do_not_break_promises() -> None:
    """A deadline that people were shown stays when the settings change."""
    story = Story("accept", "deliver")
    due = story.deal.due_at(Timer.COMPLETION)
    shorter = replace(LIMITS, completion=HOUR)
    assert settle(story.deal, story.now + 2 * HOUR, shorter).deal == story.deal
    assert story.deal.due_at(Timer.COMPLETION) == due


def test_a_reminder_comes_before_the_deadline() -> None:
    """Once, and its time before; it changes neither the state nor the deadline."""
    story = Story()
    story.now += LIMITS.offer_ttl - LIMITS.offer_reminder
    (event,) = story.done(FireTimers("service-1")).events
    assert (event.cause, event.timer) == (Cause.REMINDER, Timer.OFFER_REMINDER)
    assert story.done(FireTimers("service-1")).events == ()
    assert next_due(story.deal) == START + LIMITS.offer_ttl


def test_nobody_is_reminded_too_late_or_of_what_is_no_more() -> None:
    """Not of an offer that lives shorter, nor of one that was answered, nor after it expired."""
    short = Story(offer_ttl_seconds=6 * 3_600)
    assert [deadline.timer for deadline in running_timers(short.deal)] == [Timer.OFFER]
    assert all(
        one.timer is not Timer.OFFER_REMINDER for one in running_timers(Story("accept").deal)
    )
    late = Story()
    late.now += LIMITS.offer_ttl
    assert [event.cause for event in late.done(FireTimers("service-1")).events] == [Cause.EXPIRED]


def test_a_command_fires_no_reminder() -> None:
    """Who counters while a reminder is due needs none; nor does the other, of an old offer."""
    story = Story()
    story.now += LIMITS.offer_ttl - HOUR
    assert [event.cause for event in story.take("counter").events] == [Cause.COUNTERED]


def test_a_lapsed_request_is_not_confirmed() -> None:
    """Whoever confirms too late has made a request of their own, which the first can confirm."""
    story = Story("accept", "request")
    story.now += LIMITS.cancellation
    causes = [event.cause for event in story.take("confirm").events]
    assert causes == [Cause.CANCELLATION_LAPSED, Cause.CANCELLATION_REQUESTED]
    assert story.deal.cancellation is not None
    assert story.deal.cancellation.by == "bob"
    assert story.take("request").deal.state is State.CANCELLED


# --- The hold -----------------------------------------------------------------------------------


def test_a_hold_keeps_the_remaining_time() -> None:
    """P7: after a hold of any length each timer has as long to run as when it was placed."""
    story = Story("accept", "revise", "request")
    story.now += HOUR
    left = {one.timer: one.due_at - story.now for one in running_timers(story.deal)}
    story.take("hold")
    assert running_timers(story.deal) == ()
    assert next_due(story.deal) is None
    story.now += 100 * DAY
    assert story.done(FireTimers("service-1")).events == ()
    story.take("resume")
    assert {one.timer: one.due_at - story.now for one in running_timers(story.deal)} == left


def test_a_clock_that_is_set_back_takes_no_time_away() -> None:
    """A hold that ends before it began, as the clock says, leaves the deadlines where they were."""
    story = Story("accept", "hold")
    story.now -= HOUR
    story.take("resume")
    assert story.deal.due_at(Timer.DELIVERY) == START + LIMITS.delivery


def test_a_hold_freezes_the_notes_too() -> None:
    """Neither given nor revealed while a dispute about a completed service is under way."""
    story = Story("accept", "deliver", "complete", "note", "hold")
    story.now += 100 * DAY
    assert story.refused(story.note("bob")).reason is Reason.ON_HOLD
    assert story.show("bob").notes.theirs is None
    story.take("resume")
    assert story.deal.due_at(Timer.NOTES) == story.now + LIMITS.notes
    assert story.take("note back").deal.revealed_at == story.now


@pytest.mark.parametrize(
    ("step", "state", "settlement"),
    [
        ("rule completed", State.COMPLETED, Settlement(PRICE, 0)),
        ("rule cancelled", State.CANCELLED, Settlement(0, PRICE)),
        ("rule split", State.COMPLETED, SPLIT),
    ],
)
@pytest.mark.parametrize("before", [(), ("deliver",), ("deliver", "complete")])
def test_a_decision_settles_the_price(
    before: tuple[str, ...], step: str, state: State, settlement: Settlement
) -> None:
    """P8: what each is to have is all of the agreed price, whatever went before."""
    story = Story("accept", *before, "hold", step)
    assert story.deal.state is state
    assert story.deal.settlement == settlement
    assert settlement.provider_minor + settlement.client_minor == PRICE
    assert story.deal.ending is not None
    assert story.deal.ending.cause is Cause.DECIDED
    assert story.deal.hold is None
    assert {one.timer for one in running_timers(story.deal)} == {Timer.NOTES}


@pytest.mark.parametrize("parts", [(0, 0), (PRICE, 1), (PRICE - 1, 0), (PRICE * 2, 0)])
def test_a_split_sums_to_the_agreed_price(parts: tuple[int, int]) -> None:
    """P8: more or less than the price is refused by the name of the field; the hold stands."""
    story = Story("accept", "hold")
    refusal = story.refused(story.rule(Outcome.SPLIT, Settlement(*parts)))
    assert (refusal.reason, refusal.field) == (Reason.INVALID_ARGUMENT, "split")
    assert story.deal.hold is not None
    assert story.take("rule split").deal.settlement == SPLIT


def test_holds_and_decisions_may_be_repeated() -> None:
    """P9: each is applied once, also when it arrives again long after it was undone."""
    story = Story("accept", "hold")
    assert story.take("hold").events == ()
    story.take("resume")
    assert story.take("resume").events == ()
    assert story.take("hold").events == ()
    assert story.deal.hold is None
    story.done(story.hold("dispute-2", "ann"))
    story.done(story.rule(Outcome.SPLIT, SPLIT, "dispute-2"))
    assert story.done(story.rule(Outcome.SPLIT, SPLIT, "dispute-2")).events == ()
    other = story.rule(Outcome.SPLIT, Settlement(PRICE, 0), "dispute-2")
    assert story.refused(other).reason is Reason.DECIDED_OTHERWISE


def test_disputes_are_limited() -> None:
    """After the last one that is allowed the deal goes on without another."""
    story = Story("accept", "hold", "resume", limits=replace(LIMITS, disputes=1))
    assert story.refused(story.hold("dispute-2")).reason is Reason.TOO_MANY_DISPUTES
    assert "open_dispute" not in story.show("bob").allowed_actions


def test_an_outsider_opens_no_dispute() -> None:
    """P15, through moderation as well."""
    story = Story("accept")
    refusal = story.refused(PlaceHold("service-1", "dispute-1", "eve"))
    assert refusal.reason is Reason.SERVICE_NOT_FOUND
    assert refusal.current is None


# --- The notes, and what is told ----------------------------------------------------------------


def test_notes_are_revealed_when_both_are_in() -> None:
    """With the second note, in the same decision, and not before."""
    story = Story("accept", "deliver", "complete", "note")
    assert story.deal.revealed_at is None
    decision = story.take("note back")
    assert [event.cause for event in decision.events] == [
        Cause.NOTE_SUBMITTED,
        Cause.NOTES_REVEALED,
    ]
    assert decision.deal.revealed_at == story.now
    assert all(one.timer is not Timer.NOTES for one in running_timers(decision.deal))


def test_a_note_may_be_changed_while_it_is_sealed() -> None:
    """The last one counts."""
    story = Story("accept", "deliver", "complete", "note")
    story.done(story.note("ann", 2))
    assert story.deal.provider_note is not None
    assert (story.deal.provider_note.score, story.deal.provider_note.submissions) == (2, 2)
    assert story.show("ann").notes.mine == story.deal.provider_note


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
    """A damaged history does not become a deal."""
    story = Story("accept")
    with pytest.raises(TypeError, match="creation"):
        evolve(None, story.events[1])
    with pytest.raises(TypeError, match="agreed is not about a NoneType"):
        evolve(story.deal, replace(story.events[1], details=None))
    assert replay(()) is None


def test_a_deal_can_not_be_changed() -> None:
    """State and events are values."""
    deal: Deal = Story().deal
    with pytest.raises(AttributeError):
        deal.state = State.AGREED  # type: ignore[misc]  # that is the point

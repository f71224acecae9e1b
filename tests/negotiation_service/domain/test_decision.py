"""Time and timers: it does not matter when anybody notices that something is due."""

from dataclasses import replace

from negotiation_service.domain.commands import FireTimers, NegotiationOutcome
from negotiation_service.domain.decide import decide
from negotiation_service.domain.decision import Decision, next_due, running_timers, settle
from negotiation_service.domain.entities import Deal, Settlement, State, Timer
from negotiation_service.domain.events import Cause
from negotiation_service.domain.facts import NO_FACTS
from negotiation_service.domain.limits import HOUR, MINUTE
from negotiation_service.domain.refusals import Reason
from service_kit.rules import Refusal
from tests.negotiation_service.story import LIMITS, PRICE, START, Story


def test_an_offer_is_good_until_the_millisecond_in_which_it_expires() -> None:
    """P3: one millisecond before it is accepted, at the time itself it is not."""
    story = Story()
    due = story.deal.due_at(Timer.OFFER)
    assert due == START + LIMITS.offer_ttl
    accept = story.end("bob", NegotiationOutcome.AGREED)
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
    story.done(story.end("ann", NegotiationOutcome.AGREED))
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
    """A counter-offer while a reminder is due makes it needless, for both."""
    story = Story()
    story.now += LIMITS.offer_ttl - HOUR
    assert [event.cause for event in story.take("counter").events] == [Cause.COUNTERED]


def test_a_lapsed_request_is_not_confirmed() -> None:
    """A late confirmation is a request of its own, which the first party can confirm."""
    story = Story("accept", "request")
    story.now += LIMITS.cancellation
    causes = [event.cause for event in story.take("confirm").events]
    assert causes == [Cause.CANCELLATION_LAPSED, Cause.CANCELLATION_REQUESTED]
    assert story.deal.cancellation is not None
    assert story.deal.cancellation.by == "bob"
    assert story.take("request").deal.state is State.CANCELLED

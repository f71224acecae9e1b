"""The rules that the table does not show: staleness, holds, money and notes, by examples."""

from dataclasses import replace

import pytest

from negotiation_service.domain import commands, entities
from negotiation_service.domain.decide import decide
from negotiation_service.domain.decision import Decision, next_due, running_timers
from negotiation_service.domain.events import Cause
from negotiation_service.domain.facts import NO_FACTS
from negotiation_service.domain.limits import DAY, HOUR
from negotiation_service.domain.refusals import Reason
from service_kit.rules import Refusal
from tests.negotiation_service.story import LIMITS, PRICE, SPLIT, START, Story, propose

AGREED = commands.NegotiationOutcome.AGREED


# --- The beginning ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "provider", "client"),
    [(entities.Role.PROVIDER, "ann", "bob"), (entities.Role.CLIENT, "bob", "ann")],
)
def test_create_service_in_either_role(role: entities.Role, provider: str, client: str) -> None:
    deal = Story(role=role).deal
    assert (deal.provider, deal.client) == (provider, client)
    assert deal.offer is not None
    assert (deal.offer.number, deal.offer.price, deal.offer.by) == (1, PRICE, "ann")
    assert (deal.currency, deal.exponent) == ("EUR", 2)


@pytest.mark.parametrize(
    "participants", [("bob", "eve"), ("ann",), ("ann", "ann"), ("ann", "bob", "eve"), ()]
)
def test_only_participants_of_a_conversation_of_two_propose(participants: tuple[str, ...]) -> None:
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
    assert propose(Story().deal, actor="eve") == propose(actor="eve")


def test_what_is_not_there_is_not_found() -> None:
    """Without a deal every command about one is refused in the words for an outsider."""
    story = Story()
    nothing = decide(None, story.edit("ann"), NO_FACTS, START, LIMITS)
    assert isinstance(nothing, Refusal)
    assert nothing.reason is Reason.SERVICE_NOT_FOUND
    assert story.refused(story.edit("eve")) == nothing
    assert decide(None, commands.FireTimers("service-1"), NO_FACTS, START, LIMITS) == nothing


# --- Staleness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [0, 1, 3, 10**9])
def test_edit_price_answers_the_live_offer(base: int) -> None:
    """Any other base than the live offer is stale, and the answer shows the live one."""
    story = Story("counter")
    refusal = story.refused(story.edit("ann", base=base))
    assert refusal.reason is Reason.STALE_OFFER
    assert isinstance(refusal.current, entities.Deal)
    assert refusal.current.offer is not None
    assert refusal.current.offer.number == 2


@pytest.mark.parametrize(
    ("offer", "price"),
    [
        (1, entities.Money(9_000, "EUR")),
        (3, entities.Money(9_000, "EUR")),
        (2, entities.Money(PRICE, "EUR")),
        (2, entities.Money(9_000, "USD")),
        (2, entities.Money(0, "EUR")),
    ],
)
def test_end_negotiation_names_the_offer_and_its_price(offer: int, price: entities.Money) -> None:
    """Another number, amount or currency than that of the live offer agrees on nothing."""
    story = Story("counter")
    refusal = story.refused(commands.EndNegotiation("ann", "service-1", AGREED, offer, price))
    assert refusal.reason is Reason.STALE_OFFER
    assert story.deal.agreed is None


def test_of_two_who_accept_one_wins() -> None:
    """P16: the same acceptance from two devices is applied once, and stale the second time."""
    story = Story()
    accept = story.end("bob", AGREED)
    story.done(accept)
    assert story.refused(accept).reason is Reason.STALE_OFFER
    assert story.deal.agreed == entities.Agreement(PRICE, 1, 1, START)


def test_a_revision_does_not_become_an_amendment() -> None:
    """To revise an offer that was just accepted is stale; nothing is proposed anew."""
    story = Story()
    revise = story.edit("ann")
    story.take("accept")
    assert story.refused(revise).reason is Reason.STALE_OFFER
    assert story.done(story.edit("ann", base=0)).events[0].cause is Cause.AMENDMENT_PROPOSED


def test_the_currency_never_changes() -> None:
    for story in (Story(), Story("accept")):
        command = story.edit("bob")
        refusal = story.refused(replace(command, price=entities.Money(9_000, "USD")))
        assert (refusal.reason, refusal.field) == (Reason.INVALID_ARGUMENT, "price.currency")


def test_rounds_and_amendments_are_counted_apart() -> None:
    """After the last round one can still amend what was agreed, up to that limit."""
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
    refusal = story.refused(story.terminate("bob", commands.TerminationOutcome.REOPENED))
    assert refusal.reason is Reason.TOO_MANY_REOPENINGS
    assert story.take("complete").deal.state is entities.State.COMPLETED


def test_terminate_service_ends_what_was_proposed() -> None:
    """An amendment that nobody answered before the delivery is gone; the price stands."""
    story = Story("accept", "revise", "deliver")
    assert story.deal.offer is None
    assert story.deal.agreed is not None
    assert story.deal.agreed.price == PRICE


# --- The hold -----------------------------------------------------------------------------------


def test_place_hold_keeps_the_remaining_time() -> None:
    """P7: after a hold of any length each timer has as long to run as when it was placed."""
    story = Story("accept", "revise", "request")
    story.now += HOUR
    left = {one.timer: one.due_at - story.now for one in running_timers(story.deal)}
    story.take("hold")
    assert running_timers(story.deal) == ()
    assert next_due(story.deal) is None
    story.now += 100 * DAY
    assert story.done(commands.FireTimers("service-1")).events == ()
    story.take("resume")
    assert {one.timer: one.due_at - story.now for one in running_timers(story.deal)} == left


def test_a_clock_that_is_set_back_takes_no_time_away() -> None:
    """A hold that ends before it began, as the clock says, leaves the deadlines where they were."""
    story = Story("accept", "hold")
    story.now -= HOUR
    story.take("resume")
    assert story.deal.due_at(entities.Timer.DELIVERY) == START + LIMITS.delivery


def test_a_hold_freezes_the_notes_too() -> None:
    """Neither given nor revealed while a dispute about a completed service is under way."""
    story = Story("accept", "deliver", "complete", "note", "hold")
    story.now += 100 * DAY
    assert story.refused(story.note("bob")).reason is Reason.ON_HOLD
    assert story.show("bob").notes.theirs is None
    story.take("resume")
    assert story.deal.due_at(entities.Timer.NOTES) == story.now + LIMITS.notes
    assert story.take("note back").deal.revealed_at == story.now


@pytest.mark.parametrize(
    ("step", "state", "settlement"),
    [
        ("rule completed", entities.State.COMPLETED, entities.Settlement(PRICE, 0)),
        ("rule cancelled", entities.State.CANCELLED, entities.Settlement(0, PRICE)),
        ("rule split", entities.State.COMPLETED, SPLIT),
    ],
)
@pytest.mark.parametrize("before", [(), ("deliver",), ("deliver", "complete")])
def test_resolve_hold_settles_the_price(
    before: tuple[str, ...], step: str, state: entities.State, settlement: entities.Settlement
) -> None:
    """P8: what each is to have is all of the agreed price, whatever went before."""
    story = Story("accept", *before, "hold", step)
    assert story.deal.state is state
    assert story.deal.settlement == settlement
    assert settlement.provider_minor + settlement.client_minor == PRICE
    assert story.deal.ending is not None
    assert story.deal.ending.cause is Cause.DECIDED
    assert story.deal.hold is None
    assert {one.timer for one in running_timers(story.deal)} == {entities.Timer.NOTES}


@pytest.mark.parametrize("parts", [(0, 0), (PRICE, 1), (PRICE - 1, 0), (PRICE * 2, 0)])
def test_a_split_sums_to_the_agreed_price(parts: tuple[int, int]) -> None:
    """P8: more or less than the price is refused by the name of the field; the hold stands."""
    story = Story("accept", "hold")
    refusal = story.refused(story.rule(entities.Outcome.SPLIT, entities.Settlement(*parts)))
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
    story.done(story.rule(entities.Outcome.SPLIT, SPLIT, "dispute-2"))
    assert story.done(story.rule(entities.Outcome.SPLIT, SPLIT, "dispute-2")).events == ()
    other = story.rule(entities.Outcome.SPLIT, entities.Settlement(PRICE, 0), "dispute-2")
    assert story.refused(other).reason is Reason.DECIDED_OTHERWISE


def test_disputes_are_limited() -> None:
    story = Story("accept", "hold", "resume", limits=replace(LIMITS, disputes=1))
    assert story.refused(story.hold("dispute-2")).reason is Reason.TOO_MANY_DISPUTES
    assert "open_dispute" not in story.show("bob").allowed_actions


def test_an_outsider_opens_no_dispute() -> None:
    """P15, through moderation as well."""
    story = Story("accept")
    refusal = story.refused(commands.PlaceHold("service-1", "dispute-1", "eve"))
    assert refusal.reason is Reason.SERVICE_NOT_FOUND
    assert refusal.current is None


# --- The notes, and what is told ----------------------------------------------------------------


def test_submit_note_by_both_reveals_both() -> None:
    """With the second note, in the same decision, and not before."""
    story = Story("accept", "deliver", "complete", "note")
    assert story.deal.revealed_at is None
    decision = story.take("note back")
    assert [event.cause for event in decision.events] == [
        Cause.NOTE_SUBMITTED,
        Cause.NOTES_REVEALED,
    ]
    assert decision.deal.revealed_at == story.now
    assert all(one.timer is not entities.Timer.NOTES for one in running_timers(decision.deal))


def test_a_note_may_be_changed_while_it_is_sealed() -> None:
    story = Story("accept", "deliver", "complete", "note")
    story.done(story.note("ann", 2))
    assert story.deal.provider_note is not None
    assert (story.deal.provider_note.score, story.deal.provider_note.submissions) == (2, 2)
    assert story.show("ann").notes.mine == story.deal.provider_note

"""Each row of the table of disputes by an example, each refusal, and what silence comes to."""

from collections.abc import Callable

import pytest

from moderation_service.domain.dispute import commands, saga
from moderation_service.domain.dispute.entities import (
    DisputeState,
    Outcome,
    ResolutionCause,
    Settlement,
)
from moderation_service.domain.dispute.events import DisputeCause, replay_dispute
from moderation_service.domain.dispute.saga import refused as answer_to_refused
from moderation_service.domain.dispute.transitions import DISPUTE_TRANSITIONS, DisputeStep
from moderation_service.domain.shared.limits import Default, Limits
from moderation_service.domain.shared.refusals import Reason
from negotiation_service.domain.refusals import Reason as NegotiationReason
from service_kit.rules import INVALID_ARGUMENT
from tests.moderation_service.story import LIMITS, PRICE, DisputeStory, disputed, refused

PENDING_HOLD, OPEN, UNDER_REVIEW, RESOLVED_PENDING, RESOLVED, REFUSED = DisputeState
Tell = Callable[[DisputeStory], object]
SILENT = Limits(respondent_silence=Default.RESUME)


STEPS: dict[str, Tell] = {
    "placed": lambda story: story.send(commands.HoldPlaced(story.dispute.id, PRICE)),
    "declined": lambda story: story.send(commands.HoldRefused(story.dispute.id, "INVALID_STATE")),
    "resolved": lambda story: story.send(commands.HoldResolved(story.dispute.id)),
    "given up": lambda story: story.send(
        commands.HoldUnresolvable(story.dispute.id, "HOLD_NOT_FOUND")
    ),
    "create": lambda story: story.create(),
    "state": lambda story: story.state_case("ann"),
    "propose": lambda story: story.propose("ann", 6_000, 4_000),
    "accept": lambda story: story.accept("bob"),
    "withdraw": lambda story: story.withdraw(),
    "decide": lambda story: story.decide(),
    "statements over": lambda story: story.wait(LIMITS.statements),
    "review over": lambda story: story.wait(LIMITS.review),
}


def after(done: str) -> DisputeStory:
    story = DisputeStory()
    for step in filter(None, done.split(", ")):
        STEPS[step](story)
    return story


HELD = "create, placed"
REVIEWED = f"{HELD}, statements over"
EXAMPLES: list[tuple[str, str, DisputeState, DisputeCause]] = [
    ("", "create", PENDING_HOLD, DisputeCause.CREATED),
    ("create", "placed", OPEN, DisputeCause.HOLD_PLACED),
    ("create", "declined", REFUSED, DisputeCause.HOLD_REFUSED),
    ("create, declined", "placed", RESOLVED_PENDING, DisputeCause.HELD_LATE),
    (HELD, "state", OPEN, DisputeCause.STATED),
    (HELD, "propose", OPEN, DisputeCause.SETTLEMENT_PROPOSED),
    (REVIEWED, "propose", UNDER_REVIEW, DisputeCause.SETTLEMENT_PROPOSED),
    (f"{HELD}, propose", "accept", RESOLVED_PENDING, DisputeCause.SETTLED),
    (f"{REVIEWED}, propose", "accept", RESOLVED_PENDING, DisputeCause.SETTLED),
    (HELD, "withdraw", RESOLVED_PENDING, DisputeCause.WITHDRAWN),
    (REVIEWED, "withdraw", RESOLVED_PENDING, DisputeCause.WITHDRAWN),
    (HELD, "statements over", UNDER_REVIEW, DisputeCause.REVIEW_STARTED),
    (REVIEWED, "decide", RESOLVED_PENDING, DisputeCause.DECIDED),
    (REVIEWED, "review over", RESOLVED_PENDING, DisputeCause.MODERATORS_SILENT),
    (f"{HELD}, withdraw", "resolved", RESOLVED, DisputeCause.HOLD_RESOLVED),
    (f"{HELD}, withdraw", "given up", RESOLVED, DisputeCause.HOLD_UNRESOLVABLE),
]


@pytest.mark.parametrize(("before", "step", "expected", "cause"), EXAMPLES)
def test_each_step_leads_where_the_table_says(
    before: str, step: str, expected: DisputeState, cause: DisputeCause
) -> None:
    """One event with the cause of its row, the state of its row, and the next version."""
    story = after(before)
    seq = len(story.events)
    STEPS[step](story)
    (event,) = story.events[seq:]
    assert (event.cause, event.state, story.dispute.state) == (cause, expected, expected)
    assert event.seq == story.dispute.seq == seq + 1
    assert replay_dispute(story.events) == story.dispute


def test_examples_miss_no_row() -> None:
    rows = {(row.cause, source) for row in DISPUTE_TRANSITIONS for source in row.sources or (None,)}
    shown = set()
    for before, _, _, cause in EXAMPLES:
        shown.add((cause, after(before).dispute.state if before else None))
    assert rows == shown | {(DisputeCause.RESPONDENT_SILENT, OPEN)}


ALL: dict[DisputeStep, str] = {
    DisputeStep.STATE: "state",
    DisputeStep.PROPOSE: "propose",
    DisputeStep.ACCEPT: "accept",
    DisputeStep.WITHDRAW: "withdraw",
    DisputeStep.DECIDE: "decide",
}
WAYS: dict[DisputeState, str] = {
    PENDING_HOLD: "create",
    OPEN: f"{HELD}, propose",
    UNDER_REVIEW: f"{REVIEWED}, propose",
    RESOLVED_PENDING: f"{HELD}, withdraw",
    RESOLVED: f"{HELD}, withdraw, resolved",
    REFUSED: "create, declined",
}


@pytest.mark.parametrize("step", ALL)
@pytest.mark.parametrize("at", WAYS)
def test_what_has_no_row_is_refused(at: DisputeState, step: DisputeStep) -> None:
    """With the dispute as it stands; and nothing has changed."""
    story = after(WAYS[at])
    before = story.dispute
    assert before.state is at
    if any(row.step is step and at in row.sources for row in DISPUTE_TRANSITIONS):
        STEPS[ALL[step]](story)
        assert story.dispute != before
        return
    assert refused(Reason.INVALID_STATE, STEPS[ALL[step]], story).current == story.dispute == before


# --- Opening ------------------------------------------------------------------------------------


def test_only_parties_dispute_a_service() -> None:
    refused(Reason.SERVICE_NOT_FOUND, DisputeStory().create, "eve")
    story = DisputeStory()
    story.open()
    refused(Reason.DISPUTE_NOT_FOUND, story.state_case, "eve")
    nothing = commands.SubmitDisputeStatement("ann", "nothing", "Hello?")
    refused(Reason.DISPUTE_NOT_FOUND, DisputeStory().send, nothing)


def test_what_was_not_agreed_is_not_disputed() -> None:
    refused(Reason.INVALID_STATE, DisputeStory().create, price=None)


def test_one_open_dispute_for_a_service() -> None:
    """Until the hold is resolved; and the refusal shows the one that there is."""
    story = DisputeStory()
    story.open()
    refusal = refused(Reason.OPEN_DISPUTE_EXISTS, story.send, disputed("ann"))
    assert refusal.current == story.dispute
    assert refused(Reason.SERVICE_NOT_FOUND, story.send, disputed("eve")).current is None
    story.withdraw()
    refused(Reason.OPEN_DISPUTE_EXISTS, story.send, disputed("ann"))
    STEPS["resolved"](story)
    story.send(disputed("ann"))
    assert story.dispute.state is PENDING_HOLD


@pytest.mark.parametrize(
    ("refund", "field"),
    [
        (commands.Money(PRICE + 1, "EUR"), "refund.amount_minor"),
        (commands.Money(0, "EUR"), "refund.amount_minor"),
        (commands.Money(-1, "EUR"), "refund.amount_minor"),
        (commands.Money(1, "USD"), "refund.currency"),
    ],
)
def test_a_claim_is_part_of_the_price(refund: commands.Money, field: str) -> None:
    refused(INVALID_ARGUMENT, DisputeStory().create, refund=refund, at=field)


def test_the_price_is_that_of_the_hold() -> None:
    """It may have been amended since the service was read; from the hold on it cannot be."""
    story = DisputeStory()
    story.open(price=12_000)
    assert story.dispute.price == 12_000
    refused(INVALID_ARGUMENT, story.propose, "ann", 5_000, 5_000, at="propose")
    story.propose("ann", 6_000, 6_000)


# --- Settling -----------------------------------------------------------------------------------


def test_who_accepts_names_the_newest_offer_and_what_it_says() -> None:
    """Otherwise it is stale: never applied, never guessed, and the dispute is shown."""
    story = DisputeStory()
    story.open()
    story.propose("ann", 6_000, 4_000)
    story.propose("ann", 7_000, 3_000)
    for number, parts in [(1, None), (2, Settlement(6_000, 4_000))]:
        refusal = refused(Reason.STALE_SETTLEMENT, story.accept, "bob", number, settlement=parts)
        assert refusal.current == story.dispute
    story.accept("bob", 2)
    resolution = story.dispute.resolution
    assert resolution is not None
    assert (resolution.outcome, resolution.split) == (Outcome.SPLIT, Settlement(7_000, 3_000))
    assert (resolution.cause, resolution.by) == (ResolutionCause.SETTLED, "bob")


def test_nobody_accepts_their_own_offer() -> None:
    story = DisputeStory()
    story.open()
    refused(Reason.STALE_SETTLEMENT, story.accept, "bob")
    story.propose("bob", 5_000, 5_000)
    refused(Reason.OWN_SETTLEMENT, story.accept, "bob")


@pytest.mark.parametrize("parts", [(5_000, 4_999), (5_001, 5_000), (PRICE + 1, -1)])
def test_a_settlement_is_all_of_the_price(parts: tuple[int, int]) -> None:
    story = DisputeStory()
    story.open()
    field = "propose" if min(parts) >= 0 else "propose.client_minor"
    refused(INVALID_ARGUMENT, story.propose, "ann", *parts, at=field)
    story.wait(LIMITS.statements)
    field = "split" if min(parts) >= 0 else "split.client_minor"
    refused(INVALID_ARGUMENT, story.decide, Outcome.SPLIT, Settlement(*parts), at=field)


def test_only_who_opened_it_withdraws_it() -> None:
    story = DisputeStory()
    story.open()
    refused(Reason.OPENER_ONLY, story.withdraw, "ann")


def test_words_and_offers_are_bounded() -> None:
    story = DisputeStory(limits=Limits(dispute_statements=2, dispute_offers=1))
    story.open()
    due_at = story.dispute.due_at
    story.state_case("ann")
    story.state_case("ann")
    refusal = refused(Reason.TOO_MANY_STATEMENTS, story.state_case, "ann")
    assert refusal.limit == "dispute_statements_limit"
    story.propose("ann", PRICE, 0)
    refusal = refused(Reason.TOO_MANY_STATEMENTS, story.propose, "ann", 0, PRICE)
    assert refusal.limit == "dispute_offers_limit"
    assert story.dispute.due_at == due_at, "nobody gains time by talking"
    story.state_case("bob")


# --- Deciding -----------------------------------------------------------------------------------


def test_moderators_decide_what_they_have_seen() -> None:
    """An offer that came meanwhile makes the version stale; a dispute is decided once."""
    story = DisputeStory()
    story.to_review()
    version = story.dispute.seq
    story.propose("bob", 5_000, 5_000)
    refusal = refused(Reason.STALE_DISPUTE, story.decide, version=version)
    assert refusal.current == story.dispute
    story.decide(Outcome.CANCELLED)
    refused(Reason.INVALID_STATE, story.decide, actor="max")


def test_a_party_does_not_decide() -> None:
    story = DisputeStory()
    story.to_review()
    refused(Reason.INVOLVED, story.decide, actor="ann")


@pytest.mark.parametrize(
    ("outcome", "split"),
    [(Outcome.SPLIT, None), (Outcome.RESUME, Settlement(PRICE, 0))],
)
def test_a_split_goes_with_its_parts(outcome: Outcome, split: Settlement | None) -> None:
    story = DisputeStory()
    story.to_review()
    refused(INVALID_ARGUMENT, story.decide, outcome, split, at="split")


# --- The saga -----------------------------------------------------------------------------------


@pytest.mark.parametrize("at", WAYS)
def test_a_state_says_what_negotiation_is_asked(at: DisputeState) -> None:
    """M7: a hold is asked for while it is pending, and resolved while that is; else nothing is."""
    story = after(WAYS[at])
    dispute = story.dispute
    expected = {
        PENDING_HOLD: saga.PlaceHold("service-1", dispute.id, "bob"),
        RESOLVED_PENDING: saga.ResolveHold("service-1", dispute.id, Outcome.RESUME, None),
    }
    assert saga.due_call(dispute) == expected.get(at)


@pytest.mark.parametrize("answer", ["placed", "declined", "resolved", "given up"])
@pytest.mark.parametrize("at", WAYS)
def test_answers_of_negotiation_take_effect_once(at: DisputeState, answer: str) -> None:
    """Whatever comes twice, late, or in another order: after the first time nothing happens."""
    story = after(WAYS[at])
    STEPS[answer](story)
    answered = story.dispute
    if (at, answer) != (REFUSED, "placed"):
        assert STEPS[answer](story) == ()
        assert story.dispute == answered
    if at in {RESOLVED, OPEN, UNDER_REVIEW}:
        assert answered.state is at


def test_a_hold_that_comes_after_its_refusal_is_let_go() -> None:
    """Two calls were under way: the later one was refused, and the earlier one came through."""
    story = after("create, declined")
    assert not story.dispute.is_open
    assert story.dispute.refusal == "INVALID_STATE"
    STEPS["placed"](story)
    call = saga.due_call(story.dispute)
    assert isinstance(call, saga.ResolveHold)
    assert call.outcome is Outcome.RESUME
    STEPS["resolved"](story)
    assert STEPS["placed"](story) == ()


def test_negotiation_has_no_other_final_refusal() -> None:
    """Each of its reasons is final for a hold, is never given to one, or passes."""
    never = {"CONVERSATION_NOT_FOUND", "STALE_OFFER", "OPEN_SERVICE_EXISTS"}
    never |= {"CANCELLATION_REQUESTED", "TOO_MANY_ROUNDS", "TOO_MANY_REOPENINGS"}
    never |= {"SERVICES_LIMIT_REACHED"}
    never |= {"TOO_MANY_SUBMISSIONS", "OWN_OFFER", "OFFER_OF_THE_OTHER", "PROVIDER_ONLY"}
    never |= {"CLIENT_ONLY", "IDEMPOTENCY_KEY_CONFLICT", "SANCTIONED", "BLOCKED"}
    never |= {"SERVICES_LIMIT_REACHED"}
    assert {*NegotiationReason} - never - {"MESSAGING_UNAVAILABLE"} == saga.FINAL_REFUSALS


@pytest.mark.parametrize("reason", sorted(saga.FINAL_REFUSALS))
def test_final_refusals_end_the_wait(reason: str) -> None:
    place, resolve = (
        saga.PlaceHold("s", "d", "bob"),
        saga.ResolveHold("s", "d", Outcome.RESUME, None),
    )
    assert answer_to_refused(place, reason) == commands.HoldRefused("d", reason)
    assert answer_to_refused(resolve, reason) == commands.HoldUnresolvable("d", reason)
    assert saga.accepted(place, 5, "d") == commands.HoldPlaced("d", 5)
    assert saga.accepted(resolve, 5, "") == commands.HoldResolved("d")


def test_a_hold_that_was_resolved_before_is_none() -> None:
    """A call that is repeated after all is over succeeds and holds nothing."""
    place = saga.PlaceHold("s", "d", "bob")
    assert saga.accepted(place, 5, "") == commands.HoldRefused("d", "DECIDED_OTHERWISE")
    assert saga.accepted(place, 5, "another") == commands.HoldRefused("d", "DECIDED_OTHERWISE")


@pytest.mark.parametrize("at", WAYS)
def test_a_hold_is_let_go_where_no_dispute_stands_behind_it(at: DisputeState) -> None:
    """With the outcome that it had; one that was refused learns that it is held after all."""
    story = after(WAYS[at])
    dispute = story.dispute
    expected = saga.ResolveHold("service-1", dispute.id, Outcome.RESUME, None)
    assert saga.release(dispute, "service-1", dispute.id) == (expected if at is RESOLVED else None)


def test_a_hold_that_nobody_knows_is_let_go_and_the_service_goes_on() -> None:
    """As after a backup of this database that is older than the dispute."""
    assert saga.release(None, "s", "d") == saga.ResolveHold("s", "d", Outcome.RESUME, None)


@pytest.mark.parametrize("reason", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "STORAGE_UNAVAILABLE", ""])
def test_what_may_succeed_later_is_asked_again(reason: str) -> None:
    assert answer_to_refused(saga.PlaceHold("s", "d", "bob"), reason) is None

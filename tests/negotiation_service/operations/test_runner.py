"""The runner of commands on a real database."""

from typing import Any

import pytest

from negotiation_service.domain.commands import FireTimers, PlaceHold, ResolveHold
from negotiation_service.domain.entities import Outcome, State
from negotiation_service.domain.events import Cause
from negotiation_service.domain.limits import DAY
from negotiation_service.domain.refusals import Reason
from negotiation_service.operations.runner import Answer
from service_kit.rules import Refusal
from service_kit.storage.clock import read_position
from tests.negotiation_service.deals import (
    LIMITS,
    accepted,
    carry_out,
    edited,
    ended,
    noted,
    proposed,
    reasons,
    stored_deals,
    stored_events,
    stored_timers,
    terminated,
    to_completion,
)
from tests.support.serving import Database


def test_a_transaction_decides_in_the_order_of_arrival(database: Database) -> None:
    """Commands of every kind about one deal, in one transaction: each has what was before it."""
    first = proposed()
    outcomes = database.run(
        carry_out,
        first,
        edited("bob", first.service, 9_000, 1),
        accepted("bob", first.service, 2, 9_000),
        accepted("ann", first.service, 2, 9_000),
        edited("bob", first.service, 1, 2),
        terminated("ann", first.service, "delivered"),
    )
    assert reasons(outcomes) == ["", "", Reason.OWN_OFFER, "", Reason.STALE_OFFER, ""]
    assert [one.cause for one in outcomes if isinstance(one, Answer)] == [
        "created", "countered", "agreed", "delivered",
    ]  # fmt: skip
    # Each is answered with the deal as it was after the command, and told as after the revision.
    assert [one.service.state for one in outcomes if isinstance(one, Answer)] == [
        State.OFFERED, State.OFFERED, State.AGREED, State.DELIVERED,
    ]  # fmt: skip
    assert {event.deal.state for _, _, event in database.events} == {State.DELIVERED}
    assert database.read(read_position).revision == 1


def test_a_view_is_made_once_for_the_answer_and_the_events(database: Database) -> None:
    """Unless another command of the transaction has changed the deal since."""
    first, second = proposed(), proposed("elsewhere")
    outcomes = database.run(carry_out, first, second, edited("bob", first.service, 9_000, 1))
    answers = [one.service for one in outcomes if isinstance(one, Answer)]
    views = {
        (event.event.service, event.event.seq): [event.view(one) for one in ("ann", "bob")]
        for _, _, event in database.events
    }
    assert views[second.service, 1][0] is answers[1]
    assert views[first.service, 2][1] is answers[2]
    # Both events of the first one show it as it is after the revision.
    assert views[first.service, 1] == views[first.service, 2]
    assert answers[0].seq < views[first.service, 1][0].seq == answers[2].seq


def test_a_conversation_has_one_open_service(database: Database) -> None:
    """Of several proposals one wins, in one transaction and in several; then the next may come."""
    first, second, elsewhere = proposed(), proposed(actor="bob"), proposed("elsewhere")
    outcomes = database.run(carry_out, first, second, elsewhere)
    assert reasons(outcomes) == ["", Reason.OPEN_SERVICE_EXISTS, ""]
    assert outcomes[1].current.service == first.service
    assert outcomes[1].current.allowed_actions == ("counter", "accept", "decline")
    assert reasons(database.run(carry_out, second)) == [Reason.OPEN_SERVICE_EXISTS]
    closed = database.run(carry_out, ended("bob", first.service, "declined"), second)
    assert reasons(closed) == ["", ""]
    assert set(stored_deals(database)) == {first.service, second.service, elsewhere.service}


def test_a_proposal_ends_what_has_expired(database: Database) -> None:
    """An offer whose time is up makes place for the next although its timer has not fired yet."""
    first, second = proposed(), proposed(amount=5)
    database.run(carry_out, first)
    database.now += LIMITS.offer_ttl
    assert reasons(database.run(carry_out, second)) == [""]
    deals = stored_deals(database)
    assert (deals[first.service].state, deals[second.service].state) == (
        State.CLOSED, State.OFFERED,
    )  # fmt: skip
    causes = [event.event.cause for revision, _, event in database.events if revision == 2]
    assert causes == [Cause.EXPIRED, Cause.CREATED]


def test_an_expired_offer_is_not_accepted(database: Database) -> None:
    """The clock of the transaction counts: one millisecond before it is taken, then no more."""
    one, other = proposed(), proposed("elsewhere")
    database.run(carry_out, one, other)
    database.now += LIMITS.offer_ttl - 2
    assert reasons(database.run(carry_out, accepted("bob", one.service))) == [""]
    (late,) = database.run(carry_out, accepted("bob", other.service))
    assert late.reason == Reason.INVALID_STATE
    assert late.current.state is State.CLOSED
    assert late.current.allowed_actions == ()


def test_a_refusal_stores_nothing(database: Database) -> None:
    """It spends no revision, also when it finds that time is up."""
    first = proposed()
    database.run(carry_out, first)
    before = database.read(read_position)
    database.now += LIMITS.offer_ttl
    for command in (
        accepted("bob", first.service),
        accepted("eve", first.service),
        accepted("bob", "nowhere"),
    ):
        assert isinstance(database.run(carry_out, command)[0], Refusal)
    assert database.read(read_position) == before
    assert database.run(carry_out) == []


def test_timers_fire_once_however_often_they_are_fired(database: Database) -> None:
    """Early nothing happens; late each due thing happens once, at the time when it was due."""
    first = proposed()
    database.run(carry_out, first)
    made_at = database.now
    fire = FireTimers(first.service)
    (early,) = database.run(carry_out, fire)
    assert early.events == ()
    database.now += LIMITS.offer_ttl - LIMITS.offer_reminder
    reminded, again = database.run(carry_out, fire, fire)
    assert [one.cause for one in reminded.events] == [Cause.REMINDER]
    assert again.events == ()
    database.now += DAY
    expired, again = database.run(carry_out, fire, fire)
    assert [(one.cause, one.at) for one in expired.events] == [
        (Cause.EXPIRED, made_at + LIMITS.offer_ttl)
    ]
    assert again.events == ()
    assert stored_timers(database) == {}
    assert reasons(database.run(carry_out, FireTimers("nowhere"))) == [Reason.SERVICE_NOT_FOUND]


def test_a_hold_stops_the_timers(database: Database) -> None:
    """While it stands no timer is stored; its end gives back the time that was left."""
    first = proposed()
    database.run(carry_out, first, accepted("bob", first.service))
    before = stored_timers(database)[first.service]
    hold = PlaceHold(first.service, "dispute", "bob")
    (placed,) = database.run(carry_out, hold)
    assert placed.service.hold.dispute == "dispute"
    assert stored_timers(database) == {}
    held_at, database.now = database.now, database.now + 90 * DAY
    assert database.run(carry_out, hold)[0].events == ()
    (refused,) = database.run(carry_out, terminated("ann", first.service, "delivered"))
    assert refused.reason == Reason.ON_HOLD
    database.run(carry_out, ResolveHold(first.service, "dispute", Outcome.RESUME))
    frozen = database.now - held_at
    assert stored_timers(database)[first.service] == {
        timer: due_at + frozen for timer, due_at in before.items()
    }


# --- Idempotency keys ----------------------------------------------------------------------------


def test_a_key_replays_the_first_answer(database: Database) -> None:
    """Within a transaction, in a later one, and after the deal went on: the same to the letter."""
    create = proposed(key="k")
    first, same = database.run(carry_out, create, create)
    assert same == first._replace(events=(), duplicate=True)
    counter = edited("bob", create.service, 9_000, 1, idempotency_key="k")
    (countered,) = database.run(carry_out, counter)
    database.run(carry_out, accepted("ann", create.service, 2, 9_000))
    database.now += 60 * DAY
    before = database.read(read_position)
    # The client does not know the id that a resent proposal would get.
    resent = proposed(key="k", service="another")
    for command, answer in ((create, first), (resent, first), (counter, countered)):
        (again,) = database.run(carry_out, command)
        assert again.service == answer.service
        assert (again.cause, again.duplicate, again.events) == (answer.cause, True, ())
    assert database.read(read_position) == before
    assert len(stored_deals(database)) == 1


@pytest.mark.parametrize(
    "other",
    [
        proposed("elsewhere", key="k"),
        proposed(key="k", amount=1),
        proposed(key="k", title="Another"),
        proposed(key="k", description="More"),
        proposed(key="k", offer_ttl_seconds=3_600),
        edited("ann", "service", 10_000, 1, idempotency_key="k"),
        accepted("ann", "service", idempotency_key="k"),
        terminated("ann", "service", "delivered", idempotency_key="k"),
        noted("ann", "service", idempotency_key="k"),
    ],
)
def test_a_key_with_another_body_is_refused(database: Database, other: Any) -> None:
    """Any difference counts, also the kind of command; in the same transaction and later."""
    first = proposed(key="k", service="service")
    _, at_once = database.run(carry_out, first, other)
    (later,) = database.run(carry_out, other)
    for refusal in (at_once, later):
        assert refusal.reason == Reason.IDEMPOTENCY_KEY_CONFLICT
        assert refusal.field == "idempotency_key"
    assert len(stored_events(database)["service"]) == 1


def test_a_key_is_its_actors_own_and_only_kept_with_an_effect(database: Database) -> None:
    """Another actor may use the same key; a refused command leaves its key unused."""
    first = proposed(key="k")
    database.run(carry_out, first)
    too_early = terminated("bob", first.service, "completed", idempotency_key="k")
    assert reasons(database.run(carry_out, too_early)) == [Reason.INVALID_STATE]
    agreed = accepted("bob", first.service, idempotency_key="k")
    (answer,) = database.run(carry_out, agreed)
    assert (answer.cause, answer.duplicate) == ("agreed", False)
    (again,) = database.run(carry_out, agreed)
    assert (again.cause, again.duplicate) == ("agreed", True)
    assert reasons(database.run(carry_out, too_early)) == [Reason.IDEMPOTENCY_KEY_CONFLICT]


def test_the_note_that_reveals_both_is_answered_so_again(database: Database) -> None:
    """A command with more than one event is replayed with all that it did."""
    first = proposed()
    database.run(carry_out, first, *to_completion(first.service))
    database.run(carry_out, noted("ann", first.service, "good"))
    note = noted("bob", first.service, "very good", idempotency_key="k")
    (answer,) = database.run(carry_out, note)
    assert [one.cause for one in answer.events] == [Cause.NOTE_SUBMITTED, Cause.NOTES_REVEALED]
    database.now += 30 * DAY
    database.run(carry_out, FireTimers(first.service))
    (again,) = database.run(carry_out, note)
    assert again.service == answer.service
    assert again.cause == "note_submitted"
    assert again.service.notes.theirs.comment == "good"

"""The operation and the queries on a real database."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError
from uuid_utils import uuid7

from negotiation_service.__main__ import SERVICE
from negotiation_service.domain.commands import FireTimers, PlaceHold, ResolveHold
from negotiation_service.domain.entities import FINAL, Outcome, Settlement, State
from negotiation_service.domain.events import Cause, replay
from negotiation_service.domain.history import offer_made
from negotiation_service.domain.limits import DAY, HOUR
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.timers import running_timers
from negotiation_service.operations import queries
from negotiation_service.operations.runner import Answer
from negotiation_service.settings import NegotiationSettings
from negotiation_service.storage import statements
from negotiation_service.storage.tables import metadata, services
from service_kit.pages import encode_token
from service_kit.rules import Position, Refusal
from service_kit.service import migrate
from service_kit.storage.clock import read_position
from service_kit.storage.engines import open_engine
from service_kit.storage.migrations import NotMigrated, check
from tests.negotiation_service.deals import (
    CARRY_OUT,
    LIMITS,
    accepted,
    edited,
    ended,
    noted,
    proposed,
    stored_deals,
    stored_events,
    stored_offers,
    stored_timers,
    terminated,
    to_completion,
)
from tests.support.plans import explain
from tests.support.serving import Database


def reasons(outcomes: list[Any]) -> list[str]:
    """The reason of each outcome, empty for a success."""
    return [one.reason if isinstance(one, Refusal) else "" for one in outcomes]


def test_a_transaction_decides_in_the_order_of_arrival(database: Database) -> None:
    """Commands of every kind about one deal, in one transaction: each has what was before it."""
    first = proposed()
    outcomes = database.run(
        CARRY_OUT,
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


def test_a_conversation_has_one_open_service(database: Database) -> None:
    """Of several proposals one wins, in one transaction and in several; then the next may come."""
    first, second, elsewhere = proposed(), proposed(actor="bob"), proposed("elsewhere")
    outcomes = database.run(CARRY_OUT, first, second, elsewhere)
    assert reasons(outcomes) == ["", Reason.OPEN_SERVICE_EXISTS, ""]
    assert outcomes[1].current.service == first.service
    assert outcomes[1].current.allowed_actions == ("counter", "accept", "decline")
    assert reasons(database.run(CARRY_OUT, second)) == [Reason.OPEN_SERVICE_EXISTS]
    closed = database.run(CARRY_OUT, ended("bob", first.service, "declined"), second)
    assert reasons(closed) == ["", ""]
    assert set(stored_deals(database)) == {first.service, second.service, elsewhere.service}


def test_the_database_itself_allows_one_open_service(database: Database) -> None:
    """Whatever a defect would try, a second open row of a conversation can not be stored."""
    first = proposed()
    database.run(CARRY_OUT, first)
    row = {
        **dict.fromkeys(services.c.keys(), 0),
        **dict.fromkeys(("provider_id", "client_id", "state", "deal"), "x"),
        "conversation_id": "c",
    }
    with database.engine.begin() as connection:
        connection.execute(insert(services), row | {"id": "closed", "is_open": False})
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(insert(services), row | {"id": "open", "is_open": True})


def test_a_proposal_ends_what_has_expired(database: Database) -> None:
    """An offer whose time is up makes place for the next although its timer has not fired yet."""
    first, second = proposed(), proposed(amount=5)
    database.run(CARRY_OUT, first)
    database.now += LIMITS.offer_ttl
    assert reasons(database.run(CARRY_OUT, second)) == [""]
    deals = stored_deals(database)
    assert (deals[first.service].state, deals[second.service].state) == (
        State.CLOSED, State.OFFERED,
    )  # fmt: skip
    causes = [event.event.cause for revision, _, event in database.events if revision == 2]
    assert causes == [Cause.EXPIRED, Cause.CREATED]


def test_an_expired_offer_is_not_accepted(database: Database) -> None:
    """The clock of the transaction counts: one millisecond before it is taken, then no more."""
    one, other = proposed(), proposed("elsewhere")
    database.run(CARRY_OUT, one, other)
    database.now += LIMITS.offer_ttl - 2
    assert reasons(database.run(CARRY_OUT, accepted("bob", one.service))) == [""]
    (late,) = database.run(CARRY_OUT, accepted("bob", other.service))
    assert late.reason == Reason.INVALID_STATE
    assert late.current.state is State.CLOSED
    assert late.current.allowed_actions == ()


def test_a_refusal_stores_nothing(database: Database) -> None:
    """It spends no revision, also when it finds that time is up."""
    first = proposed()
    database.run(CARRY_OUT, first)
    before = database.read(read_position)
    database.now += LIMITS.offer_ttl
    for command in (
        accepted("bob", first.service),
        accepted("eve", first.service),
        accepted("bob", "nowhere"),
    ):
        assert isinstance(database.run(CARRY_OUT, command)[0], Refusal)
    assert database.read(read_position) == before
    assert database.run(CARRY_OUT) == []


def test_timers_fire_once_however_often_they_are_fired(database: Database) -> None:
    """Early nothing happens; late each due thing happens once, at the time when it was due."""
    first = proposed()
    database.run(CARRY_OUT, first)
    made_at = database.now
    fire = FireTimers(first.service)
    (early,) = database.run(CARRY_OUT, fire)
    assert early.events == ()
    database.now += LIMITS.offer_ttl - LIMITS.offer_reminder
    reminded, again = database.run(CARRY_OUT, fire, fire)
    assert [one.cause for one in reminded.events] == [Cause.REMINDER]
    assert again.events == ()
    database.now += DAY
    expired, again = database.run(CARRY_OUT, fire, fire)
    assert [(one.cause, one.at) for one in expired.events] == [
        (Cause.EXPIRED, made_at + LIMITS.offer_ttl)
    ]
    assert again.events == ()
    assert stored_timers(database) == {}
    assert reasons(database.run(CARRY_OUT, FireTimers("nowhere"))) == [Reason.SERVICE_NOT_FOUND]


def test_a_hold_stops_the_timers(database: Database) -> None:
    """While it stands no timer is stored; its end gives back the time that was left."""
    first = proposed()
    database.run(CARRY_OUT, first, accepted("bob", first.service))
    before = stored_timers(database)[first.service]
    hold = PlaceHold(first.service, "dispute", "bob")
    (placed,) = database.run(CARRY_OUT, hold)
    assert placed.service.hold.dispute == "dispute"
    assert stored_timers(database) == {}
    held_at, database.now = database.now, database.now + 90 * DAY
    assert database.run(CARRY_OUT, hold)[0].events == ()
    (refused,) = database.run(CARRY_OUT, terminated("ann", first.service, "delivered"))
    assert refused.reason == Reason.ON_HOLD
    database.run(CARRY_OUT, ResolveHold(first.service, "dispute", Outcome.RESUME))
    frozen = database.now - held_at
    assert stored_timers(database)[first.service] == {
        timer: due_at + frozen for timer, due_at in before.items()
    }


# --- Idempotency keys ----------------------------------------------------------------------------


def test_a_key_replays_the_first_answer(database: Database) -> None:
    """Within a transaction, in a later one, and after the deal went on: the same to the letter."""
    create = proposed(key="k")
    first, same = database.run(CARRY_OUT, create, create)
    assert same == first._replace(events=(), duplicate=True)
    counter = edited("bob", create.service, 9_000, 1, idempotency_key="k")
    (countered,) = database.run(CARRY_OUT, counter)
    database.run(CARRY_OUT, accepted("ann", create.service, 2, 9_000))
    database.now += 60 * DAY
    before = database.read(read_position)
    # The client does not know the id that a resent proposal would get.
    resent = proposed(key="k", service="another")
    for command, answer in ((create, first), (resent, first), (counter, countered)):
        (again,) = database.run(CARRY_OUT, command)
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
    """Whatever differs, the kind of command included; in the same transaction and later."""
    first = proposed(key="k", service="service")
    _, at_once = database.run(CARRY_OUT, first, other)
    (later,) = database.run(CARRY_OUT, other)
    for refusal in (at_once, later):
        assert refusal.reason == Reason.IDEMPOTENCY_KEY_CONFLICT
        assert refusal.field == "idempotency_key"
    assert len(stored_events(database)["service"]) == 1


def test_a_key_is_its_actors_own_and_only_kept_with_an_effect(database: Database) -> None:
    """Another actor may use the same key; a refused command leaves its key unused."""
    first = proposed(key="k")
    database.run(CARRY_OUT, first)
    too_early = terminated("bob", first.service, "completed", idempotency_key="k")
    assert reasons(database.run(CARRY_OUT, too_early)) == [Reason.INVALID_STATE]
    agreed = accepted("bob", first.service, idempotency_key="k")
    (answer,) = database.run(CARRY_OUT, agreed)
    assert (answer.cause, answer.duplicate) == ("agreed", False)
    (again,) = database.run(CARRY_OUT, agreed)
    assert (again.cause, again.duplicate) == ("agreed", True)
    assert reasons(database.run(CARRY_OUT, too_early)) == [Reason.IDEMPOTENCY_KEY_CONFLICT]


def test_the_note_that_reveals_both_is_answered_so_again(database: Database) -> None:
    """A command with more than one event is replayed with all that it did."""
    first = proposed()
    database.run(CARRY_OUT, first, *to_completion(first.service))
    database.run(CARRY_OUT, noted("ann", first.service, "good"))
    note = noted("bob", first.service, "very good", idempotency_key="k")
    (answer,) = database.run(CARRY_OUT, note)
    assert [one.cause for one in answer.events] == [Cause.NOTE_SUBMITTED, Cause.NOTES_REVEALED]
    database.now += 30 * DAY
    database.run(CARRY_OUT, FireTimers(first.service))
    (again,) = database.run(CARRY_OUT, note)
    assert again.service == answer.service
    assert again.cause == "note_submitted"
    assert again.service.notes.theirs.comment == "good"


# --- Any history ---------------------------------------------------------------------------------

ACTORS = ("ann", "bob", "eve")
step = st.tuples(
    st.sampled_from(
        ["create", "edit", "edit", "accept", "accept", "decline", "deliver", "complete", "reopen",
         "cancel", "note", "hold", "resolve", "fire"]
    ),
    st.sampled_from(ACTORS),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from(["", "", "k1", "k2"]),
)  # fmt: skip
waits = st.sampled_from([0, 0, 0, HOUR, 2 * DAY, 8 * DAY, 31 * DAY])


class Story:
    """Commands for three conversations, made from what was last seen of each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.conversations = [str(uuid7()) for _ in range(3)]
        self.latest: dict[str, str] = {}

    def command(self, step: Any) -> Any:
        kind, actor, where, number, key = step
        conversation = self.conversations[where]
        # Keys are an actor's own for ever: another example must not meet them.
        named = {"idempotency_key": f"{conversation[-20:]}-{key}"} if key else {}
        if kind == "create":
            other = "bob" if actor == "ann" else "ann"
            made = proposed(
                conversation, actor=actor, other=other, key=named.get("idempotency_key", "")
            )
            self.latest[conversation] = made.service
            return made
        service = self.latest.get(conversation, "nowhere")
        deal = stored_deals(self.database).get(service)
        live = deal.offer.number if deal and deal.offer else 0
        price = deal.offer.price if deal and deal.offer else 1
        match kind:
            case "edit":
                base = live if number else 7
                return edited(actor, service, 1_000 * (number + 1), base, **named)
            case "accept":
                return accepted(actor, service, live or 1, price, **named)
            case "decline":
                return ended(actor, service, "declined" if number else "withdrawn", live or 1)
            case "deliver" | "complete" | "reopen" | "cancel":
                outcome = {"deliver": "delivered", "complete": "completed",
                           "reopen": "reopened", "cancel": "cancelled"}[kind]  # fmt: skip
                return terminated(actor, service, outcome, **named)
            case "note":
                return noted(actor, service, f"comment {number}", **named)
            case "hold":
                return PlaceHold(service, f"dispute-{number}", actor)
            case "resolve":
                agreed = deal.agreed.price if deal and deal.agreed else 0
                outcome = list(Outcome)[number]
                split = Settlement(1, agreed - 1) if outcome is Outcome.SPLIT else None
                return ResolveHold(service, f"dispute-{number % 2}", outcome, split)
        return FireTimers(service)


def replayed(database: Database, user: str, after: Position, size: int) -> list[Any]:
    """All changes that pages of `size` give: (revision, recipients, event)."""
    until = database.read(read_position)
    found: list[Any] = []
    token = ""
    while True:
        page = database.read(
            queries.list_changes, user, after, until, size, token, 500, LIMITS, everything=False
        )
        assert page.complete
        revisions = [change.revision for change in page.changes]
        assert revisions == sorted(set(revisions))
        assert not found or not revisions or revisions[0] > found[-1][0]
        found += [(one.revision, *event) for one in page.changes for event in one.events]
        token = page.next_page_token
        if not token:
            return found


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(waits, st.lists(step, min_size=1, max_size=5)), max_size=12),
    st.integers(1, 4),
)
def test_any_history_is_its_events(database: Database, plan: list[Any], size: int) -> None:
    """After any transactions the rows agree with one another, and what is replayed with what was
    told: each event, to whom, and the deal as each recipient saw it then.
    """
    database.events.clear()
    start = database.read(read_position)
    story = Story(database)
    for wait, steps in plan:
        database.now += wait
        database.run(CARRY_OUT, *(story.command(one) for one in steps))
    deals = {
        key: deal
        for key, deal in stored_deals(database).items()
        if deal.conversation in story.conversations
    }
    events, offers = stored_events(database), stored_offers(database)
    running = stored_timers(database)
    for key, deal in deals.items():
        assert replay(events[key]) == deal
        assert [one.seq for one in events[key]] == list(range(1, deal.seq + 1))
        made = [(one.number, one.price) for event in events[key] if (one := offer_made(event))]
        assert made == offers[key]
        assert [number for number, _ in made] == list(range(1, deal.offers + 1))
        assert running.get(key, {}) == {one.timer: one.due_at for one in running_timers(deal)}
    for conversation in story.conversations:
        assert sum(one.is_open for one in deals.values() if one.conversation == conversation) <= 1
    for user in ("ann", "bob", "eve", ""):
        live = [one for one in database.events if not user or user in one[1]]
        again = replayed(database, user, start, size)
        assert comparable(again, user) == comparable(live, user)


def comparable(told: list[Any], user: str) -> list[Any]:
    """What a user is told, or an internal service, in an order that does not rest on arrival."""
    found = [
        (
            revision,
            changed.event.service,
            changed.event.seq,
            recipients,
            changed.entry[1:],
            tuple(changed.view(one) for one in recipients if one == user),
        )
        for revision, recipients, changed in told
    ]
    return sorted(found, key=lambda one: one[:3])


# --- Reads ---------------------------------------------------------------------------------------


def test_a_stranger_learns_nothing(database: Database) -> None:
    """To one who is no party every command and read says what it says of what does not exist."""
    first = proposed()
    database.run(CARRY_OUT, first)
    for service in (first.service, "0" * 36):
        outcomes = database.run(
            CARRY_OUT,
            edited("eve", service, 1, 1),
            accepted("eve", service),
            terminated("eve", service, "delivered"),
            noted("eve", service),
            PlaceHold(service, "dispute", "eve"),
        )
        assert reasons(outcomes) == [Reason.SERVICE_NOT_FOUND] * 5
        assert {one.current for one in outcomes} == {None}
        shown = database.read(queries.get_service, "eve", service, database.now, LIMITS)
        history = database.read(queries.list_service_events, "eve", service, 0, "", 10)
        assert {outcomes[0], shown} == {outcomes[0]} == {outcomes[0], history}
    found = database.read(queries.batch_get_services, "eve", ["c", "x"], database.now, LIMITS)
    assert found == []
    for conversation in ("", "c"):
        page = listed(database, "eve", conversation)
        assert page == queries.ServicePage([], "")


def listed(
    database: Database,
    actor: str,
    conversation: str = "",
    *,
    size: int = 0,
    token: str = "",
    open_only: bool = False,
) -> Any:
    """A page of services."""
    asked = (actor, conversation, size, token, 100, database.now, LIMITS)
    return database.read(queries.list_services, *asked, open_only=open_only)


def all_pages(
    database: Database, actor: str, conversation: str = "", *, open_only: bool = False
) -> list[str]:
    """The ids of all pages of two."""
    found: list[str] = []
    token = ""
    while True:
        page = listed(database, actor, conversation, size=2, token=token, open_only=open_only)
        found += [one.service for one in page.services]
        token = page.next_page_token
        if not token:
            return found


def test_lists_are_newest_first_and_complete(database: Database) -> None:
    """In pages, of an actor in either role and of a conversation; also the open ones alone."""
    made: list[Any] = []
    for number in range(7):
        command = proposed(f"c{number % 3}", actor=("ann", "bob")[number % 2])
        database.run(CARRY_OUT, command)
        made.append(command)
        if number < 4:
            database.run(CARRY_OUT, ended(command.actor, command.service, "withdrawn"))
    database.run(CARRY_OUT, proposed("theirs", actor="eve", other="dan"))
    newest = [one.service for one in reversed(made)]
    assert all_pages(database, "ann") == all_pages(database, "bob") == newest
    assert all_pages(database, "ann", open_only=True) == newest[:3]
    in_one = [one.service for one in reversed(made) if one.conversation == "c0"]
    assert all_pages(database, "ann", "c0") == all_pages(database, "", "c0") == in_one
    assert all_pages(database, "ann", "c0", open_only=True) == in_one[:1]
    # What has expired is open no more, whether or not its timer has fired.
    database.now += LIMITS.offer_ttl
    assert all_pages(database, "ann", open_only=True) == []
    shown = listed(database, "ann").services
    assert {one.state for one in shown} == {State.CLOSED} <= FINAL


def test_each_conversation_has_its_open_or_latest_service(database: Database) -> None:
    """One of each, whatever the order asked; none for what has none."""
    expected: dict[str, str] = {}
    for conversation in ("c1", "c2", "c1", "c3", "c2"):
        command = proposed(conversation)
        database.run(CARRY_OUT, command)
        expected[conversation] = command.service
        if conversation != "c3":
            database.run(CARRY_OUT, ended("ann", command.service, "withdrawn"))
    asked = ["none", "c3", "c1", "c2", "c1", "\0", ""]
    for actor in ("ann", "bob", ""):
        shown = database.read(queries.batch_get_services, actor, asked, database.now, LIMITS)
        assert {one.conversation: one.service for one in shown} == expected
        assert len(shown) == 3


def test_a_history_has_pages_without_a_hole(database: Database) -> None:
    """Numbered 1, 2, 3 ... in pages of any size, for a party and for an internal service."""
    first = proposed()
    database.run(CARRY_OUT, first, *to_completion(first.service))
    for actor in ("ann", "bob", ""):
        for size in (1, 3, 4, 5):
            found: list[Any] = []
            token = ""
            while True:
                page = database.read(
                    queries.list_service_events, actor, first.service, size, token, 10
                )
                found += page.entries
                token = page.next_page_token
                if not token:
                    break
            assert [one.number for one in found] == [1, 2, 3, 4]
            assert [one.event.cause for one in found] == [
                "created", "agreed", "delivered", "completed",
            ]  # fmt: skip


@pytest.mark.parametrize("token", ["?", "A" * 999, encode_token(1, "a", "b"), "\0", "é"])
def test_a_forged_token_is_refused(database: Database, token: str) -> None:
    """A token that was not given out is refused by name."""
    first = proposed()
    database.run(CARRY_OUT, first)
    assert listed(database, "ann", token=token).field == "page_token"
    history = database.read(queries.list_service_events, "ann", first.service, 0, token, 10)
    assert history.field == "page_token"


def test_changes_of_another_epoch_are_not_told(database: Database) -> None:
    """Whoever has a position of another database starts over."""
    now = database.read(read_position)
    page = database.read(
        queries.list_changes, "ann", Position("other", 0), now, 0, "", 500, LIMITS, everything=False
    )
    assert (page.complete, page.changes) == (False, [])


# --- Statements and tables -----------------------------------------------------------------------


@pytest.mark.parametrize("name", statements.HOT_STATEMENTS)
def test_hot_statements_search_by_an_index(engine: Engine, database: Database, name: str) -> None:
    """No hot statement scans a table or sorts; only the values given with it are walked through."""
    commands = [
        proposed(f"c{i}", actor=f"u{i % 60}", other=f"u{i % 59 + 60}", key=f"k{i}", service=f"s{i}")
        for i in range(240)
    ]
    database.run(CARRY_OUT, *commands)
    database.run(CARRY_OUT, *(ended(one.actor, one.service, "withdrawn") for one in commands[40:]))
    statement = str(statements.HOT_STATEMENTS[name].compile(engine))
    searches, bad = explain(engine, statement)
    assert searches
    assert bad == []


def test_migrations_make_the_tables_that_the_queries_know(engine: Engine) -> None:
    """The migrated schema and the tables of tables.py do not drift apart."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_keeps_everything(
    settings: NegotiationSettings, database: Database
) -> None:
    """The command is harmless on a migrated database: same epoch, same revision."""
    database.run(CARRY_OUT, proposed())
    before = database.read(read_position)
    migrate(SERVICE, settings)
    assert database.read(read_position) == before


def test_an_empty_database_is_not_served(empty_database: str) -> None:
    """A database without the newest migration is refused with what to do."""
    engine = open_engine(empty_database, "reader")
    with pytest.raises(NotMigrated, match="run the migrate command"):
        check(engine, SERVICE.migrations)
    engine.dispose()

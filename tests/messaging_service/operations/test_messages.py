"""Operations and queries on a real database."""

import re
from collections import defaultdict
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from uuid_utils import uuid7

from messaging_service.__main__ import SERVICE
from messaging_service.domain.events import MessageCreated, WatermarkMoved
from messaging_service.domain.messages import Limits, Opening, Reason
from messaging_service.operations import messages, queries
from messaging_service.operations.blocks import SetBlock
from messaging_service.operations.message_changes import EditMessage
from messaging_service.operations.messages import CreateMessage, Mark
from messaging_service.settings import MessagingSettings
from messaging_service.storage import blocks, message_changes, presence
from messaging_service.storage import messages as storage
from service_kit.pages import encode_token
from service_kit.rules import Position, Refusal
from service_kit.service import migrate
from service_kit.storage.clock import read_position
from service_kit.storage.engines import open_engine
from service_kit.storage.migrations import NotMigrated, check
from service_kit.watch.changes import ChangePage
from tests.support.plans import explain

LIMITS = Limits()


def said(
    actor: str,
    text: str = "hello",
    *,
    to: str = "",
    conversation: str = "",
    key: str = "",
    subject: str = "",
) -> CreateMessage:
    return CreateMessage(actor, conversation, to, subject, text, key, "origin")


def test_both_sides_open_one_conversation_in_one_transaction(database: Any) -> None:
    """Two first messages to one another, in one transaction, meet in one conversation."""
    one, other = database.say(said("alice", to="bob"), said("bob", to="alice"))
    assert one.message.conversation_id == other.message.conversation_id
    assert [one.message.seq, other.message.seq] == [1, 2]
    again, elsewhere = database.say(said("bob", to="alice"), said("bob", to="alice", subject="x"))
    assert again.message.conversation_id == one.message.conversation_id
    assert elsewhere.message.conversation_id != one.message.conversation_id


def test_a_key_is_honoured_within_and_across_transactions(database: Any) -> None:
    """The same key and body give the first answer, without an event, a seq or a revision."""
    first, second = database.say(said("alice", to="bob", key="k"), said("alice", to="bob", key="k"))
    assert second == first._replace(duplicate=True)
    (third,) = database.say(said("alice", conversation=first.message.conversation_id, key="k"))
    assert third == second
    assert len(database.events) == 1
    assert database.read(read_position).revision == 1


def test_a_key_with_another_body_is_a_conflict(database: Any) -> None:
    """Another text, another conversation or another subject under a used key is refused."""
    database.say(said("alice", to="bob", key="k"))
    outcomes = database.say(
        said("alice", "other", to="bob", key="k"),
        said("alice", to="carol", key="k"),
        said("alice", to="bob", subject="s", key="k"),
        said("bob", to="alice", key="k"),
    )
    assert [getattr(one, "reason", None) for one in outcomes] == [
        Reason.IDEMPOTENCY_KEY_CONFLICT,
        Reason.IDEMPOTENCY_KEY_CONFLICT,
        Reason.IDEMPOTENCY_KEY_CONFLICT,
        None,
    ]
    assert database.say(said("alice", to="dave"))[0].message.seq == 1


def test_openings_are_limited_within_a_batch_too(database: Any) -> None:
    """The limit counts openings only, of this actor only, also those of the same transaction."""
    limits = Limits(openings_per_hour=2)
    outcomes = database.say(
        said("alice", to="b1"),
        said("alice", to="b1"),
        said("alice", to="b2"),
        said("alice", to="b3"),
        said("bob", to="b3"),
        limits=limits,
    )
    assert [isinstance(one, Refusal) for one in outcomes] == [False, False, False, True, False]
    (refused,) = database.say(said("alice", to="b4"), limits=limits)
    assert refused.reason is Reason.OPENINGS_LIMIT_REACHED
    database.now += refused.retry_after
    (accepted,) = database.say(said("alice", to="b4"), limits=limits)
    assert accepted.message.seq == 1


def test_only_services_open_where_so_set(database: Any) -> None:
    """With opening=internal `to` finds what a service opened, and opens nothing."""
    limits = Limits(opening=Opening.INTERNAL)
    commands = messages.Commands(limits)
    (refused,) = database.say(said("alice", to="bob"), limits=limits)
    assert refused.reason is Reason.OPENING_NOT_ALLOWED
    introduction = messages.CreateConversation(("bob", "alice"), "")
    (made,) = database.run(commands.create_conversations, introduction)
    (again,) = database.run(commands.create_conversations, introduction)
    assert (made.created, again.created) == (True, False)
    (stored,) = database.say(said("alice", to="bob"), limits=limits)
    assert stored.message.conversation_id == made.conversation.id


def test_a_stranger_learns_nothing(database: Any) -> None:
    """To one who does not take part every command says what it says of what does not exist."""
    (stored,) = database.say(said("alice", to="bob"))
    known, unknown = stored.message.conversation_id, "0" * 36
    for conversation in (known, unknown):
        (refused,) = database.say(said("carol", conversation=conversation))
        (unread,) = database.run(messages.mark_read, Mark("carol", conversation, 0, ""))
        seen = database.read(queries.get_conversation, "carol", conversation)
        history = database.read(queries.list_messages, "carol", conversation, None, None, 0, 10)
        assert refused == unread == seen == history
    assert database.read(queries.get_messages, "carol", [stored.message.id]) == []
    assert len(database.read(queries.get_messages, "", [stored.message.id])) == 1


def test_a_mark_that_covers_nothing_new_changes_nothing(database: Any) -> None:
    """Own messages, and what was read before, move no watermark and spend no revision."""
    (stored,) = database.say(said("alice", to="bob"))
    conversation = stored.message.conversation_id
    database.say(said("bob", conversation=conversation))
    (moved,) = database.run(messages.mark_read, Mark("bob", conversation, 0, "o"))
    assert (moved.moved, moved.message.seq) == (True, 1)
    before = database.read(read_position)
    for seq in (1, 2, 0, 99):
        (mark,) = database.run(messages.mark_read, Mark("bob", conversation, seq, ""))
        assert mark == moved._replace(moved=False)
        (mark,) = database.run(messages.mark_delivered, Mark("bob", conversation, seq, ""))
        assert not mark.moved
    assert database.read(read_position) == before
    ((_, recipients, event),) = database.events[-1:]
    assert recipients == ("alice", "bob")
    assert event.message.id == stored.message.id


step = st.tuples(
    st.sampled_from(["say", "say", "read", "deliver"]),
    st.sampled_from(["u1", "u2", "u3"]),
    st.sampled_from(["u1", "u2", "u3"]),
    st.integers(0, 9),
)


def replayed(database: Any, user: str, after: Position, until: Position, size: int) -> list[Any]:
    """All changes that pages of `size` give, flattened to (revision, event)."""
    found: list[Any] = []
    token = ""
    while True:
        page = database.read(queries.list_changes, user, after, until, size, token, 500)
        assert page.complete
        revisions = [change.revision for change in page.changes]
        assert revisions == sorted(set(revisions))
        assert not found or not revisions or revisions[0] > found[-1][0]
        found += [(one.revision, event) for one in page.changes for event in one.events]
        token = page.next_page_token
        if not token:
            return found


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(step, min_size=1, max_size=6), max_size=8), st.integers(1, 4))
def test_any_history_counts_and_replays_rightly(
    database: Any, plan: list[list[Any]], size: int
) -> None:
    """After any transactions: dense seq, true unread counts, and a replay that equals the live.

    What ListChanges tells is what was told live: every message, and of watermarks the latest.
    """
    # The database lives through all examples; each talks about a subject of its own.
    subject = str(uuid7())
    database.events.clear()
    start = database.read(read_position)
    for transaction in plan:
        pending = [one for one in transaction if one[1] != one[2]]
        database.say(
            *(said(a, to=b, subject=subject) for kind, a, b, _ in pending if kind == "say"),
            limits=Limits(openings_per_hour=10_000),
        )
        for kind, operation in (
            ("read", messages.mark_read),
            ("deliver", messages.mark_delivered),
        ):
            marks = []
            for wanted, a, b, seq in pending:
                page = database.read(queries.list_conversations, a, 100, "", 100)
                ids = [
                    view.conversation.id
                    for view in page.conversations
                    if view.conversation.subject == subject and view.conversation.is_shown_to(b)
                ]
                if wanted == kind and ids:
                    marks.append(Mark(a, ids[0], seq, ""))
            database.run(operation, *marks)
    now = database.read(read_position)
    for user in ("u1", "u2", "u3"):
        mine = [(revision, event) for revision, to, event in database.events if user in to]
        live = [one for one in mine if isinstance(one[1], MessageCreated)]
        replay = replayed(database, user, start, now, size)
        again = [one for one in replay if isinstance(one[1], MessageCreated)]
        assert sorted((r, e.message) for r, e in live) == sorted((r, e.message) for r, e in again)
        latest: dict[Any, Any] = {}
        for revision, event in mine:
            if isinstance(event, WatermarkMoved):
                key = (event.read, event.reader, event.message.conversation_id)
                latest[key] = (revision, event.message, event.marked_at)
        told = {
            (event.read, event.reader, event.message.conversation_id): (
                revision,
                event.message,
                event.marked_at,
            )
            for revision, event in replay
            if isinstance(event, WatermarkMoved)
        }
        for key, place in latest.items():
            reader_read = latest.get((True, *key[1:]))
            if key[0] or reader_read is None or place[1].seq > reader_read[1].seq:
                assert told.pop(key) == place
        # A delivered watermark may be told beside a read one that says the same and more.
        assert all(not key[0] for key in told)
        _check_counts(database, user, subject, mine)


def _check_counts(database: Any, user: str, subject: str, mine: list[Any]) -> None:
    seqs: dict[str, list[Any]] = defaultdict(list)
    read: dict[str, int] = defaultdict(int)
    for _, event in mine:
        at = event.message
        if isinstance(event, MessageCreated):
            seqs[at.conversation_id].append(at)
        elif event.read and event.reader == user:
            read[at.conversation_id] = at.seq
    page = database.read(queries.list_conversations, user, 100, "", 100)
    activity = [view.conversation.side(user).activity for view in page.conversations]
    assert activity == sorted(activity, reverse=True)
    for view in page.conversations:
        if view.conversation.subject == subject:
            history = seqs[view.conversation.id]
            assert [one.seq for one in history] == list(range(1, len(history) + 1))
            assert view.last_message == history[-1]
            side = view.conversation.side(user)
            assert side.unread == sum(
                one.sender != user and one.seq > read[view.conversation.id] for one in history
            )


@pytest.mark.parametrize("missed", [1, 100, 5_000])
def test_a_long_absence_is_replayed_in_pages(database: Any, missed: int) -> None:
    """Each missed message is told once and in order, one revision larger than a page included."""
    (first,) = database.say(said("alice", to="bob"))
    after = database.read(read_position)
    conversation = first.message.conversation_id
    for start in range(0, missed, 700):
        count = min(700, missed - start)
        database.say(
            *(said("alice", str(start + i), conversation=conversation) for i in range(count))
        )
    told = replayed(database, "bob", after, database.read(read_position), 500)
    assert [event.message.text for _, event in told] == [str(i) for i in range(missed)]
    assert [event.unread for _, event in told] == [(i + 2,) for i in range(missed)]


def test_what_can_not_be_told_is_said(database: Any) -> None:
    """Another epoch or a future position is incomplete; a senseless range is refused."""
    database.say(said("alice", to="bob"))
    now = database.read(read_position)
    other = Position("other", 0)
    future = now._replace(revision=now.revision + 1)
    start = now._replace(revision=0)

    def ask(after: Position, until: Position, token: str = "", size: int = 0) -> Any:
        return database.read(queries.list_changes, "bob", after, until, size, token, 500)

    assert not ask(other, now).complete
    assert not ask(start, other).complete
    assert not ask(future, future).complete
    assert ask(start, future).field == "until"
    assert ask(now, start).field == "until"
    assert ask(start._replace(revision=-1), now).field == "after"
    assert ask(start, now, "!").field == "page_token"
    assert ask(start, now, encode_token(99)).field == "page_token"
    assert ask(start, now, size=-1).field == "page_size"
    assert ask(now, now) == ChangePage(complete=True, changes=[], next_page_token="")


def test_pages_of_a_history_meet(database: Any) -> None:
    """Pages backward and forward give every message once, and `more` is exact."""
    (first,) = database.say(said("alice", "1", to="bob"))
    conversation = first.message.conversation_id
    database.say(*(said("alice", str(i), conversation=conversation) for i in range(2, 11)))

    def page(before: int | None, after: int | None, size: int) -> tuple[list[int], bool]:
        found = database.read(queries.list_messages, "bob", conversation, before, after, size, 200)
        return [one.seq for one in found.messages], found.more

    assert page(None, None, 4) == ([7, 8, 9, 10], True)
    assert page(7, None, 4) == ([3, 4, 5, 6], True)
    assert page(3, None, 4) == ([1, 2], False)
    assert page(None, 8, 2) == ([9, 10], False)
    assert page(None, 1, 2) == ([2, 3], True)
    assert page(None, 0, 2) == ([1, 2], True)
    assert page(0, None, 2) == ([], False)
    assert page(None, None, 10) == (list(range(1, 11)), False)


def test_pages_of_conversations_meet(database: Any) -> None:
    """Conversations of one revision, on either side of the pair, are paged once each."""
    database.say(*(said("m", to=f"{side}{i}") for i in range(9) for side in "az"))
    seen: list[str] = []
    token = ""
    while True:
        page = database.read(queries.list_conversations, "m", 4, token, 100)
        seen += [view.conversation.id for view in page.conversations]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 18
    assert database.read(queries.list_conversations, "m", 0, "?", 100).field == "page_token"


HOT_STATEMENTS = (
    storage.HOT_STATEMENTS
    | presence.HOT_STATEMENTS
    | message_changes.HOT_STATEMENTS
    | blocks.HOT_STATEMENTS
)
# Of what an index has found, one side may not be shown some; that no index holds it costs nothing
# while nobody blocks anybody.
KEPT_FROM_ONE_SIDE = re.compile(r"Filter: .*(_incoming_seq|_blocked_revision|sender_id)")


@pytest.mark.parametrize("name", HOT_STATEMENTS)
def test_hot_queries_search_by_an_index(engine: Engine, database: Any, name: str) -> None:
    """No hot query scans a table or sorts; only the values given with it are walked through."""
    stored = database.say(
        *(said("alice", to=f"b{i}", subject=f"s{j}") for i in range(9) for j in range(9)),
        *(said("carol", to="dave", key=str(i)) for i in range(300)),
        limits=Limits(openings_per_hour=1_000),
    )
    database.change(
        *(
            EditMessage(one.message.sender, one.message.id, "x", f"edit {number}", "")
            for number, one in enumerate(stored)
        )
    )
    pairs = [(f"e{i}", f"f{j}") for i in range(3) for j in range(400)]
    database.block(*(SetBlock(*pair, blocked=True, origin="") for pair in pairs))
    # Most have ended.
    ended = [pair for pair in pairs if pair[1] > "f1"]
    database.block(*(SetBlock(*pair, blocked=False, origin="") for pair in ended))
    hold_removed = {one.message.id: True for one in stored[::2]}
    database.read(message_changes.hold, hold_removed, "epoch")
    statement = str(HOT_STATEMENTS[name].compile(engine))
    searches, bad = explain(engine, statement)
    assert searches
    assert [line for line in bad if not KEPT_FROM_ONE_SIDE.search(line)] == []


def test_migrations_make_the_tables_that_the_queries_know(engine: Engine) -> None:
    """The migrated schema and the tables of storage.py do not drift apart."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, storage.metadata) == []


def test_migrating_twice_keeps_everything(settings: MessagingSettings, database: Any) -> None:
    """The command is harmless on a migrated database: same epoch, same revision."""
    database.say(said("alice", to="bob"))
    before = database.read(read_position)
    migrate(SERVICE, settings)
    assert database.read(read_position) == before


def test_an_empty_database_is_not_served(empty_database: str) -> None:
    """A database without the newest migration is refused with what to do."""
    engine = open_engine(empty_database, "reader")
    with pytest.raises(NotMigrated, match="run the migrate command"):
        check(engine, SERVICE.migrations)
    engine.dispose()

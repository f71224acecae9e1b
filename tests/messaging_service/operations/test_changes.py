"""ListChanges on a real database: what was missed is told once, in order and in full."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from uuid_utils import uuid7

from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.events import MessageCreated, WatermarkMoved
from messaging_service.domain.limits import Limits
from messaging_service.domain.watermarks import Mark
from messaging_service.operations import presence as presence_operations
from messaging_service.operations.changes import list_changed_users, list_changes
from messaging_service.operations.conversations import list_conversations
from messaging_service.operations.watermarks import mark_delivered, mark_read
from messaging_service.storage import conversations as conversation_storage
from messaging_service.storage import messages as message_storage
from service_kit.pages import encode_token
from service_kit.rules import Position
from service_kit.storage import plain_statements
from service_kit.storage.bulk_statements import Lookup
from service_kit.storage.clock import read_position
from service_kit.watch.changes import ChangePage
from tests.messaging_service.commands import edited, said
from tests.support.examples import on_one_database
from tests.support.plans import indexes_of

step = st.tuples(
    st.sampled_from(["say", "say", "read", "deliver"]),
    st.sampled_from(["u1", "u2", "u3"]),
    st.sampled_from(["u1", "u2", "u3"]),
    st.integers(0, 9),
)


@on_one_database
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
            ("read", mark_read),
            ("deliver", mark_delivered),
        ):
            marks = []
            for wanted, a, b, seq in pending:
                page = database.read(list_conversations, a, 100, "", 100)
                ids = [
                    view.conversation.id
                    for view in page.conversations
                    if view.conversation.subject == subject and view.conversation.is_shown_to(b)
                ]
                if wanted == kind and ids:
                    marks.append(Mark(a, ids[0], seq, ""))
            database.run(operation, *marks)
    now = database.read(read_position)
    changed = database.read(list_changed_users, ["u1", "u2", "u3", "u4"], start, now)
    for user in ("u1", "u2", "u3"):
        mine = [(revision, event) for revision, to, event in database.events if user in to]
        live = [one for one in mine if isinstance(one[1], MessageCreated)]
        replay = database.missed(user, start, size)
        assert user in changed.users or not replay
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
    assert changed.users <= {one[1] for group in plan for one in group} | {
        one[2] for group in plan for one in group
    }


def _check_counts(database: Any, user: str, subject: str, mine: list[Any]) -> None:
    seqs: dict[str, list[Any]] = defaultdict(list)
    read: dict[str, int] = defaultdict(int)
    for _, event in mine:
        at = event.message
        if isinstance(event, MessageCreated):
            seqs[at.conversation_id].append(at)
        elif event.read and event.reader == user:
            read[at.conversation_id] = at.seq
    page = database.read(list_conversations, user, 100, "", 100)
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
def test_list_changes_replays_a_long_absence_in_pages(database: Any, missed: int) -> None:
    """Each missed message is told once and in order, one revision larger than a page included."""
    (first,) = database.say(said("alice", to="bob"))
    after = database.read(read_position)
    conversation = first.message.conversation_id
    for start in range(0, missed, 700):
        count = min(700, missed - start)
        database.say(
            *(said("alice", str(start + i), conversation=conversation) for i in range(count))
        )
    told = database.missed("bob", after)
    assert [event.message.text for _, event in told] == [str(i) for i in range(missed)]
    # How much is unread is told as it is now.
    assert {event.unread for _, event in told} == {(missed + 1,)}


def test_list_changes_says_what_can_not_be_told(database: Any) -> None:
    """Another epoch or a future position is incomplete; a senseless range is refused."""
    database.say(said("alice", to="bob"))
    now = database.read(read_position)
    other = Position("other", 0)
    future = now._replace(revision=now.revision + 1)
    start = now._replace(revision=0)

    def ask(after: Position, until: Position, token: str = "", size: int = 0) -> Any:
        return database.read(list_changes, "bob", after, until, size, token, 500)

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


def test_list_changed_users_finds_all_who_missed_something_and_no_others(database: Any) -> None:
    """Each kind of change, for those whom it concerns: messages, marks, blocks and presence."""
    people = ["alice", "bob", "carol", "dan", "eve"]
    stored = database.say(said("alice", to="bob"), said("dan", to="carol"), said("eve", to="dan"))
    database.say(said("dan", to="eve"))

    def changed(act: Callable[[], object]) -> set[str]:
        start = database.read(read_position)
        act()
        now = database.read(read_position)
        found = database.read(list_changed_users, people, start, now, 500)
        for user in people:
            page = database.read(list_changes, user, start, now, 500, "", 500, 500)
            assert user in found.users or not page.changes
        return set(found.users)

    conversation = stored[0].message.conversation_id
    assert changed(lambda: database.say(said("bob", conversation=conversation))) == {"alice", "bob"}
    mark = Mark("bob", conversation, 1, "")
    assert changed(lambda: database.run(mark_read, mark)) == {"alice", "bob"}
    attend = partial(presence_operations.attend, 500)
    comes = presence_operations.Attend("dan", here=True, at=5)
    assert changed(lambda: database.run(attend, comes)) == {"carol", "eve"}
    block = SetBlock("alice", "nobody", blocked=True, origin="")
    assert changed(lambda: database.block(block)) == {"alice"}
    assert changed(lambda: None) == set()
    # Who has a change before and none after is not found for the time after.
    now = database.read(read_position)
    assert database.read(list_changed_users, people, now, now).users == set()


@pytest.mark.parametrize("asked", [["carol"], ["carol", "bob"], ["carol", "alice", "eve", "bob"]])
def test_who_was_told_of_presence_is_found_from_whichever_are_fewer(
    database: Any, asked: list[str]
) -> None:
    """From those who are asked about, or from those whose presence changed."""
    database.say(said("dan", to="carol"), said("dan", to="alice"), said("eve", to="alice"))
    database.say(said("alice", to="dan"), said("alice", to="eve"))
    start = database.read(read_position)
    for user in ("dan", "eve"):
        comes = presence_operations.Attend(user, here=True, at=5)
        database.run(partial(presence_operations.attend, 500), comes)
    now = database.read(read_position)
    found = database.read(list_changed_users, asked, start, now, 500)
    assert found.users == {"carol", "alice"} & {*asked}
    for user in asked:
        missed = database.read(list_changes, user, start, now, 500, "", 500, 500).changes
        assert bool(missed) is (user in found.users)


def test_what_is_left_is_not_read_again_with_each_page(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is left: of each page those messages are read that may be in it, in whatever order
    so many conversations went on.
    """
    start = database.read(read_position)
    limits = Limits(openings_per_hour=1_000)
    for round_ in range(40):
        # Some go on all the time, and some only now and then.
        speakers = [number for number in range(40) if round_ % (number % 5 + 1) == 0]
        database.say(*(said(f"b{number}", to="ann") for number in speakers), limits=limits)
    read_rows: dict[str, int] = defaultdict(int)

    def counted(name: str) -> None:
        look = getattr(message_storage, name)

        def count(*given: Any) -> Lookup[Any]:
            lookup: Lookup[Any] = look(*given)

            def read(rows: Any) -> Any:
                read_rows[name] += len(rows)
                return lookup.read(rows)

            return lookup._replace(read=read)

        monkeypatch.setattr(message_storage, name, count)

    counted("messages_at")
    counted("changed_keys")
    told = database.missed("ann", start, size=50)
    assert len(told) == 736
    # A page ends between two revisions, the last of which may have been read in vain.
    assert len(told) <= read_rows["messages_at"] <= 2 * len(told)
    assert len(told) <= read_rows["changed_keys"] <= 5 * len(told)


def test_who_comes_back_costs_few_journeys_to_the_database(
    database: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three on PostgreSQL, whatever was missed of a conversation: in a storm each is one for all
    who come. Within the process of SQLite a journey is nothing.
    """
    database.say(said("ann", to="bob"))
    database.say(said("bob", to="ann"))
    start = database.read(read_position)
    comes = presence_operations.Attend("ann", here=True, at=5)
    database.run(partial(presence_operations.attend, 500), comes)
    stored = database.say(said("ann", to="bob"), said("ann", to="bob"))
    mark = Mark("ann", stored[0].message.conversation_id, 2, "")
    database.run(mark_read, mark)
    now = database.read(read_position)
    journeys: list[str] = []

    def run(connection: Any, sql: str, parameters: Any = ()) -> Any:
        journeys.append(sql)
        return plain_statements.run(connection, sql, parameters)

    monkeypatch.setattr("service_kit.storage.bulk_statements.run", run)
    page = database.read(list_changes, "bob", start, now, 500, "", 500, 500)
    assert len(page.changes) == 3
    assert len(journeys) == (3 if engine.dialect.name == "postgresql" else 11)


def test_what_is_suppressed_lies_in_nobody_elses_way(database: Any, engine: Engine) -> None:
    """The pages and changes of one who blocks are found by indexes that do not hold what the
    blocked one writes, edits and opens: nothing is read that is not shown.
    """
    (first,) = database.say(said("ann", to="bob"))
    conversation = first.message.conversation_id
    database.block(SetBlock("bob", "ann", blocked=True, origin=""))
    start = database.read(read_position)
    for _ in range(3):
        written = database.say(*(said("ann", conversation=conversation) for _ in range(100)))
        database.change(*(edited(one.message.id, "again", actor="ann") for one in written))
    database.say(*(said("ann", to="bob", subject=str(number)) for number in range(50)))
    statements = message_storage.HOT_STATEMENTS | conversation_storage.HOT_STATEMENTS
    for name, index in (
        ("messages shown before", "messages_revision"),
        ("messages shown after", "messages_revision"),
        ("own suppressed before", "messages_suppressed"),
        ("own suppressed after", "messages_suppressed"),
        ("keys, created", "messages_revision"),
        ("keys, own created", "messages_suppressed"),
        ("keys, changed", "messages_changed"),
        ("keys, own changed", "messages_suppressed_changed"),
        ("keys, own withheld", "messages_withheld"),
        ("conversations changed, first", "conversations_first_revision"),
        ("conversations changed, second", "conversations_second_revision"),
    ):
        assert indexes_of(engine, str(statements[name].compile(engine))) == {index}, name
    assert [one.seq for one in database.history("bob", conversation)] == [1]
    assert len(database.history("ann", conversation)) == 200
    assert database.missed("bob", start) == []
    assert len(database.missed("ann", start, size=70)) == 300 + 300 + 50

"""Edits and deletions on a real database: what is shown, told, kept, and done once."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils import uuid7

from messaging_service.domain.events import MessageChanged, MessageCreated
from messaging_service.domain.limits import MINUTE, Limits
from messaging_service.domain.message_changes import DeleteMessage, EditMessage
from messaging_service.domain.messages import CreateMessage
from messaging_service.domain.refusals import Reason
from messaging_service.domain.watermarks import Mark
from messaging_service.operations.conversations import get_conversation, list_conversations
from messaging_service.operations.evidence import list_evidence
from messaging_service.operations.messages import get_messages
from messaging_service.operations.watermarks import mark_read
from service_kit.rules import Refusal
from service_kit.storage.clock import read_position
from tests.messaging_service.commands import deleted, edited, said
from tests.support.examples import on_one_database


def test_edit_message_shows_everywhere_and_leaves_the_rest_as_it_was(database: Any) -> None:
    """In pages, lists and by id the new text, with the seq, time, order and counts of before."""
    first, second = database.say(said("alice", "one"), said("alice", "two"))
    conversation, message = second.message.conversation_id, second.message.id
    (other,) = database.say(said("bob", to="zoe"))
    before = database.read(list_conversations, "bob", 10, "", 10)
    (outcome,) = database.change(edited(message, "three"))
    assert not outcome.duplicate
    for user in ("alice", "bob"):
        shown = database.history(user, conversation)
        assert [(one.seq, one.text, one.tombstone) for one in shown] == [
            (1, "one", ""),
            (2, "three", ""),
        ]
        assert shown[0] == first.message
        assert shown[1] == second.message._replace(text="three", edited_at=database.now)
        assert database.read(get_messages, user, [message]) == [shown[1]]
    after = database.read(list_conversations, "bob", 10, "", 10)
    assert [one.conversation.id for one in after.conversations] == [
        other.message.conversation_id,
        conversation,
    ]
    listed = after.conversations[1]
    assert listed.last_message == shown[1]
    sides = [one.conversations[1].conversation.side("bob") for one in (before, after)]
    assert sides[0] == sides[1]
    ((_, to, event),) = database.events[-1:]
    assert to == ("alice", "bob")
    assert event == MessageChanged(shown[1], "edited", database.now, "origin") == outcome.changed


def test_delete_message_leaves_a_tombstone_without_text_anywhere(database: Any) -> None:
    """Not in pages, lists, alerts, resumes or by id; its place, author and time stay."""
    start = database.read(read_position)
    first, second = database.say(said("alice", "one"), said("alice", "secret"))
    conversation, message = second.message.conversation_id, second.message.id
    database.change(edited(message, "another secret"))
    told = database.read(read_position)
    (outcome,) = database.change(deleted(message))
    gone = second.message._replace(text="", tombstone="deleted")
    assert outcome.changed == MessageChanged(gone, "deleted", database.now, "origin")
    for user in ("alice", "bob"):
        assert database.history(user, conversation) == [first.message, gone]
        assert database.read(get_messages, user, [message]) == [gone]
        page = database.read(list_conversations, user, 10, "", 10)
        assert page.conversations[0].last_message == gone
        change = MessageChanged(gone, "deleted", database.now, "")
        assert database.missed_events(user, told) == [change]
        everything = database.missed_events(user, start)
        assert [one.message for one in everything] == [first.message, gone, gone]
        assert isinstance(everything[-1], MessageChanged)
    side = database.read(get_conversation, "bob", conversation).conversation.side("bob")
    assert side.unread == 1


def test_watermarks_stand_where_they_stood(database: Any) -> None:
    """A deleted message is read and delivered like any other."""
    (stored,) = database.say(said("alice"))
    database.change(deleted(stored.message.id))
    mark = Mark("bob", stored.message.conversation_id, 0, "")
    (watermark,) = database.run(mark_read, mark)
    assert (watermark.message.seq, watermark.moved) == (1, True)
    assert watermark.message.text == ""


@pytest.mark.parametrize(
    ("actor", "message"),
    [("bob", None), ("carol", None), ("alice", "0" * 36), ("carol", "0" * 36), ("alice", "\0")],
)
def test_what_is_not_ones_own_does_not_exist(
    database: Any, actor: str, message: str | None
) -> None:
    """The other, a stranger, an unknown message and an impossible one: the same refusal."""
    (stored,) = database.say(said("alice"))
    message = message or stored.message.id
    before = database.read(read_position)
    outcomes = database.change(edited(message, "x", "k", actor), deleted(message, "l", actor))
    assert {one.reason for one in outcomes} == {Reason.MESSAGE_NOT_FOUND}
    assert outcomes[0] == outcomes[1]
    assert database.read(read_position) == before
    assert database.history("bob", stored.message.conversation_id) == [stored.message]


def test_what_was_deleted_is_edited_no_more_and_deleted_once(database: Any) -> None:
    """An edit is refused; another deletion is answered as it stands, and tells nobody."""
    (stored,) = database.say(said("alice"))
    message = stored.message.id
    (first,) = database.change(deleted(message))
    (late, again) = database.change(edited(message, "x"), deleted(message))
    assert late.reason is Reason.MESSAGE_DELETED
    assert again == first
    assert len([one for one in database.events if isinstance(one[2], MessageChanged)]) == 1


def test_too_late_or_too_often_is_refused_by_name(database: Any) -> None:
    """And what is refused changes nothing."""
    limits = Limits(edit_window=MINUTE, edits_per_message=1)
    (stored,) = database.say(said("alice"))
    message = stored.message.id
    (_, often) = database.change(edited(message, "x"), edited(message, "y"), limits=limits)
    assert (often.reason, often.limit) == (Reason.TOO_MANY_EDITS, "edits_per_message")
    database.now += 2 * MINUTE
    (late,) = database.change(edited(message, "z"), limits=Limits(edit_window=MINUTE))
    assert late.reason is Reason.EDIT_TOO_LATE
    assert database.history("bob", stored.message.conversation_id)[0].text == "x"


def test_a_key_is_honoured_within_and_across_transactions(database: Any) -> None:
    """The first answer again, whatever the message has become; no event, and no revision."""
    (stored,) = database.say(said("alice"))
    message = stored.message.id
    one, again = database.change(edited(message, "x", "k"), edited(message, "x", "k"))
    assert again == one._replace(duplicate=True)
    database.change(edited(message, "y", "l"))
    (gone,) = database.change(deleted(message, "m"))
    before = database.read(read_position)
    assert database.change(edited(message, "x", "k"), deleted(message, "m")) == [
        again,
        gone._replace(duplicate=True),
    ]
    assert database.read(read_position) == before
    assert len([one for one in database.events if isinstance(one[2], MessageChanged)]) == 3


def test_a_key_is_for_one_command_of_any_kind(database: Any) -> None:
    """Messages, edits and deletions share the keys of an actor; another body is a conflict."""
    stored, other = database.say(said("alice", key="said"), said("alice"))
    message = stored.message.id
    database.change(edited(message, "x", "edit"), deleted(other.message.id, "delete"))
    outcomes = database.change(
        edited(message, "y", "edit"),
        edited(other.message.id, "x", "edit"),
        deleted(message, "edit"),
        edited(message, "x", "delete"),
        deleted(message, "delete"),
        deleted(message, "said"),
        edited(message, "hello", "said"),
    )
    outcomes += database.say(said("alice", key="edit"), said("alice", "x", key="delete"))
    assert {one.reason for one in outcomes} == {Reason.IDEMPOTENCY_KEY_CONFLICT}
    (mine,) = database.say(said("bob", to="alice", key="edit"))
    assert not mine.duplicate


def test_a_resent_message_is_known_by_its_first_text(database: Any) -> None:
    """Whatever it became: the same command is a repeat, and the new text is another command."""
    (stored,) = database.say(said("alice", "one", key="k"))
    message = stored.message.id
    for change in (edited(message, "two"), edited(message, "three"), deleted(message)):
        database.change(change)
        again, *others = database.say(
            said("alice", "one", key="k"),
            said("alice", "two", key="k"),
            said("alice", "", key="k"),
            said("alice", "one", to="zoe", key="k"),
        )
        assert (again.duplicate, again.message.id, again.message.seq) == (True, message, 1)
        assert [isinstance(one, Refusal) for one in others] == [True] * 3


step = st.tuples(
    st.sampled_from(["say", "say", "edit", "edit", "delete"]),
    st.sampled_from(["u1", "u2"]),
    st.integers(0, 5),
    st.sampled_from(["", "", "k1", "k2"]),
    st.sampled_from(["a", "b", "c"]),
)


@on_one_database
@given(st.lists(st.lists(step, min_size=1, max_size=5), max_size=8), st.integers(1, 4))
def test_any_history_of_changes_is_shown_replayed_and_kept(
    database: Any, plan: list[list[Any]], size: int
) -> None:
    """After any transactions both see what a plain model says, a replay of any page size tells of
    each message what it came to last, and the evidence is every text that there was.
    """
    # The database lives through all examples; each talks about a subject of its own.
    subject, unique = str(uuid7()), str(uuid7())[-12:]
    start = database.read(read_position)
    order: list[str] = []
    texts: dict[str, list[str]] = defaultdict(list)
    gone: set[str] = set()
    keys: dict[Any, Any] = {}
    for transaction in plan:
        for kind, actor, which, key, text in transaction:
            other = "u2" if actor == "u1" else "u1"
            used = f"{key}{unique}" if key else ""
            if kind == "say":
                command: Any = CreateMessage(actor, "", other, subject, text, used, "")
                body: tuple[str, ...] = ("say", text)
            elif order:
                message = order[which % len(order)]
                command = (
                    EditMessage(actor, message, text, used, "")
                    if kind == "edit"
                    else DeleteMessage(actor, message, used, "")
                )
                body = (kind, message, text) if kind == "edit" else (kind, message)
            else:
                continue
            (outcome,) = database.say(command) if kind == "say" else database.change(command)
            known = keys.get((actor, key)) if key else None
            if known is not None:
                assert (
                    outcome.duplicate
                    if body == known
                    else outcome.reason == Reason.IDEMPOTENCY_KEY_CONFLICT
                )
                continue
            if kind == "say":
                order.append(outcome.message.id)
                texts[outcome.message.id].append(text)
                owner = outcome.message.sender
                assert owner == actor
            elif isinstance(outcome, Refusal):
                mine = _author(database, command.message_id) == actor
                assert not mine or (kind == "edit" and command.message_id in gone)
                continue
            elif kind == "edit":
                texts[command.message_id].append(text)
            elif command.message_id in gone:
                # As it is already; the key was not used for anything.
                continue
            else:
                gone.add(command.message_id)
            if key:
                keys[actor, key] = body
    if not order:
        return
    (conversation,) = {one.conversation_id for one in database.read(get_messages, "", order)}
    for user in ("u1", "u2"):
        shown = database.history(user, conversation)
        assert [one.id for one in shown] == order
        assert [one.seq for one in shown] == list(range(1, len(order) + 1))
        for one in shown:
            expected = ("", "deleted") if one.id in gone else (texts[one.id][-1], "")
            assert (one.text, one.tombstone) == expected
        told = [event for _, event in database.missed(user, start, size)]
        created = [one.message for one in told if isinstance(one, MessageCreated)]
        assert created == shown
        changes = {one.message.id: one for one in told if isinstance(one, MessageChanged)}
        assert len(changes) == sum(isinstance(one, MessageChanged) for one in told)
        assert changes.keys() == gone | {one for one in order if len(texts[one]) > 1}
        for one in shown:
            if one.id in changes:
                assert changes[one.id].message == one
    for one in database.read(list_evidence, "", conversation, 200, 0, 200).evidence:
        kept = [version.text for version in one.versions]
        shown_now = [] if one.message.id in gone else [one.message.text]
        assert kept + shown_now == texts[one.message.id]


def _author(database: Any, message: str) -> str:
    return str(database.read(get_messages, "", [message])[0].sender)

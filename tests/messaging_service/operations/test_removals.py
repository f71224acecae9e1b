"""Removals by moderation on a real database: shown, told, kept, and taken back."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils import uuid7

from messaging_service.domain import service_events
from messaging_service.domain.events import MessageChanged, MessageCreated
from messaging_service.domain.message_changes import DeleteMessage, EditMessage
from messaging_service.domain.messages import CreateMessage
from messaging_service.domain.refusals import Reason
from messaging_service.domain.service_events import ServiceEvent
from messaging_service.operations.conversations import get_conversation, list_conversations
from messaging_service.operations.evidence import list_evidence
from messaging_service.operations.messages import get_messages
from messaging_service.operations.removals import follow_moderation
from messaging_service.operations.service_events import ServiceEvents, add_service_events
from messaging_service.storage.retention import VERSIONS
from service_kit import retention
from service_kit.follow.sanctions import CaughtUp, Removal, RestrictionChanges
from service_kit.rules import Position, Refusal
from service_kit.storage.clock import read_position
from tests.messaging_service.commands import said
from tests.support.examples import on_one_database


class Moderation:
    """A moderation service that tells this database its decisions, one a revision."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.begin("one")

    def begin(self, epoch: str) -> None:
        self.epoch, self.revision = epoch, 0
        self.apply(RestrictionChanges(Position(epoch, 0)))

    def apply(self, *commands: Any) -> list[tuple[Removal, ...]]:
        outcomes: list[tuple[Removal, ...]] = self.database.run(follow_moderation, *commands)
        return outcomes

    def tell(self, *removals: Removal) -> tuple[Removal, ...]:
        self.revision += 1
        position = Position(self.epoch, self.revision)
        (unknown,) = self.apply(RestrictionChanges(position, (), removals))
        return unknown

    def remove(self, message: str) -> tuple[Removal, ...]:
        return self.tell(Removal("", message, removed=True))

    def restore(self, message: str) -> tuple[Removal, ...]:
        return self.tell(Removal("", message, removed=False))


@pytest.fixture
def moderation(database: Any) -> Moderation:
    """Moderation, followed from its beginning."""
    return Moderation(database)


def evidence(database: Any, message: str) -> list[str]:
    """Every text that is kept of a message and not shown."""
    (found,) = database.read(list_evidence, message, "", 0, 0, 10).evidence
    return [one.text for one in found.versions]


def told(database: Any) -> list[Any]:
    return [(to, one) for _, to, one in database.events if isinstance(one, MessageChanged)]


def test_a_removed_message_is_a_tombstone_everywhere(database: Any, moderation: Moderation) -> None:
    """In pages, lists, resumes and by id, for both and at once; and its text is evidence."""
    start = database.read(read_position)
    first, second = database.say(said("alice", "one"), said("alice", "secret"))
    conversation, message = second.message.conversation_id, second.message.id
    before = database.read(read_position)
    moderation.remove(message)
    gone = second.message._replace(text="", tombstone="removed")
    change = MessageChanged(gone, "removed", database.now, "")
    assert told(database) == [(("alice", "bob"), change)]
    for user in ("alice", "bob"):
        assert database.history(user, conversation) == [first.message, gone]
        assert database.read(get_messages, user, [message]) == [gone]
        page = database.read(list_conversations, user, 10, "", 10)
        assert page.conversations[0].last_message == gone
        assert database.missed_events(user, before) == [change]
        everything = database.missed_events(user, start)
        assert [one.message for one in everything] == [first.message, gone, gone]
        assert isinstance(everything[1], MessageCreated)
    side = database.read(get_conversation, "bob", conversation).conversation.side("bob")
    assert side.unread == 1
    assert evidence(database, message) == ["secret"]
    (found,) = database.read(list_evidence, message, "", 0, 0, 10).evidence
    assert found.message == gone


def test_what_is_restored_is_exactly_what_was_there(database: Any, moderation: Moderation) -> None:
    """An edited text with the time of its edit; told to both with the text."""
    (stored,) = database.say(said("alice", "one"))
    message, conversation = stored.message.id, stored.message.conversation_id
    database.change(EditMessage("alice", message, "two", "", ""))
    (shown,) = database.history("bob", conversation)
    moderation.remove(message)
    before = database.read(read_position)
    moderation.restore(message)
    assert database.history("bob", conversation) == [shown]
    assert shown.text == "two"
    change = MessageChanged(shown, "restored", database.now, "")
    assert told(database)[-1] == (("alice", "bob"), change)
    assert database.missed_events("alice", before) == [change]
    assert evidence(database, message) == ["one"]


def test_what_is_so_already_is_told_to_nobody(database: Any, moderation: Moderation) -> None:
    """Removed twice, restored twice, restored without a removal."""
    (stored,) = database.say(said("alice"))
    message = stored.message.id
    moderation.restore(message)
    for step in (moderation.remove, moderation.restore):
        step(message)
        step(message)
    assert [one.change for _, one in told(database)] == ["removed", "restored"]


def test_what_its_author_deleted_stays_deleted(database: Any, moderation: Moderation) -> None:
    """Removed or restored afterwards, it looks as before, and what it was is kept."""
    (stored,) = database.say(said("alice", "secret"))
    message, conversation = stored.message.id, stored.message.conversation_id
    database.change(DeleteMessage("alice", message, "", ""))
    (gone,) = database.history("bob", conversation)
    for step in (moderation.remove, moderation.restore):
        step(message)
        assert database.history("bob", conversation) == [gone]
        assert evidence(database, message) == ["secret"]
    assert [one.change for _, one in told(database)] == ["deleted"]


def test_its_author_changes_a_removed_message_no_more(
    database: Any, moderation: Moderation
) -> None:
    """Neither an edit nor a deletion; what was done before is answered as then; restored, both."""
    (stored,) = database.say(said("alice", "one", key="k"))
    message = stored.message.id
    edit = EditMessage("alice", message, "two", "e", "")
    (edited,) = database.change(edit)
    moderation.remove(message)
    refused = database.change(
        EditMessage("alice", message, "three", "", ""), DeleteMessage("alice", message, "", "")
    )
    assert [one.reason for one in refused] == [Reason.MESSAGE_REMOVED] * 2
    assert database.change(edit) == [edited._replace(duplicate=True)]
    (again,) = database.say(said("alice", "one", key="k"))
    assert (again.duplicate, again.message.id, again.message.text) == (True, message, "")
    (other,) = database.change(EditMessage("bob", message, "three", "", ""))
    assert other.reason is Reason.MESSAGE_NOT_FOUND
    moderation.restore(message)
    third, gone = database.change(
        EditMessage("alice", message, "three", "", ""), DeleteMessage("alice", message, "", "")
    )
    assert (third.changed.message.text, gone.changed.change) == ("three", "deleted")
    assert evidence(database, message) == ["one", "two", "three"]


def test_an_event_of_a_service_is_removed_as_a_text_is(
    database: Any, moderation: Moderation
) -> None:
    """It is a tombstone without the event, comes back with it, and is not doubled by its key."""
    (stored,) = database.say(said("alice"))
    conversation = stored.message.conversation_id
    event = ServiceEvent("service", 1, "created", "bob", 1_000, "offered", "Vile words")
    for revision in (0, 1):
        happened = ServiceEvents(Position("n", revision), ((conversation, event),) * revision)
        database.run(add_service_events, happened)
    shown = database.history("alice", conversation)[1]
    assert service_events.decode(shown.text) == event
    moderation.remove(shown.id)
    gone = database.history("alice", conversation)[1]
    assert gone == shown._replace(text="", tombstone="removed")
    moderation.restore(shown.id)
    assert database.history("alice", conversation)[1] == shown


def test_a_message_that_is_not_known_is_named_and_passed_over(
    database: Any, moderation: Moderation
) -> None:
    """Also one whose id no message can have; the others of the revision are removed."""
    (stored,) = database.say(said("alice"))
    wanted = [
        Removal("", one, removed=True) for one in (str(uuid7()), "\0", stored.message.id, "x" * 999)
    ]
    assert moderation.tell(*wanted) == (wanted[0], wanted[1], wanted[3])
    (shown,) = database.history("bob", stored.message.conversation_id)
    assert shown.tombstone == "removed"
    before = database.read(read_position)
    position = Position(moderation.epoch, moderation.revision)
    assert moderation.apply(RestrictionChanges(position, (), tuple(wanted))) == [()]
    assert database.read(read_position) == before


def test_evidence_of_what_is_removed_is_not_forgotten(
    database: Any, moderation: Moderation
) -> None:
    """Earlier texts and what its author deleted are kept while moderation holds the message."""
    edited, deleted, other = database.say(*(said("alice", text) for text in "abc"))
    database.change(
        EditMessage("alice", edited.message.id, "a2", "", ""),
        DeleteMessage("alice", deleted.message.id, "", ""),
        DeleteMessage("alice", other.message.id, "", ""),
    )
    for one in (edited, deleted):
        moderation.remove(one.message.id)
    late = database.now + 1_000_000
    assert forget(database, late) == 1
    assert evidence(database, edited.message.id) == ["a", "a2"]
    assert evidence(database, deleted.message.id) == ["b"]
    for one in (edited, deleted):
        moderation.restore(one.message.id)
    assert forget(database, late) == 2
    assert evidence(database, edited.message.id) == []
    assert database.history("bob", edited.message.conversation_id)[0].text == "a2"


def forget(database: Any, before: int) -> int:
    (count,) = database.run(partial(retention.forget, VERSIONS, 100), before)
    return int(count)


def test_another_epoch_restores_what_it_does_not_know_when_all_is_known(
    database: Any, moderation: Moderation
) -> None:
    """A message that it still holds removed is never shown meanwhile, and nobody is told of it."""
    kept, lost, deleted = database.say(*(said("alice", text) for text in "abc"))
    database.change(DeleteMessage("alice", deleted.message.id, "", ""))
    for one in (kept, lost, deleted):
        moderation.remove(one.message.id)
    database.events.clear()
    moderation.begin("two")
    moderation.remove(kept.message.id)
    assert told(database) == []
    moderation.apply(CaughtUp("one"))
    assert told(database) == []
    moderation.apply(CaughtUp("two"))
    assert [(one.message.id, one.change) for _, one in told(database)] == [
        (lost.message.id, "restored")
    ]
    shown = database.history("bob", kept.message.conversation_id)
    assert [(one.text, one.tombstone) for one in shown] == [
        ("", "removed"),
        ("b", ""),
        ("", "deleted"),
    ]
    before = database.read(read_position)
    moderation.apply(CaughtUp("two"))
    assert database.read(read_position) == before


steps = st.lists(
    st.tuples(
        st.sampled_from(["edit", "delete", "remove", "remove", "restore"]), st.integers(0, 1)
    ),
    max_size=14,
)


@on_one_database
@given(steps)
def test_in_every_order_all_is_shown_told_and_kept(
    database: Any, plan: list[tuple[str, int]]
) -> None:
    """After any steps: what is shown is what a plain model says, both were told of each change of
    it and of nothing else, and what is shown or kept is every text that there was.
    """
    # The database lives through all examples.
    moderation = Moderation(database)
    moderation.begin(str(uuid7()))
    subject = str(uuid7())
    stored = database.say(
        *(CreateMessage("alice", "", "bob", subject, f"{one}", "", "") for one in range(2))
    )
    ids = [one.message.id for one in stored]
    conversation = stored[0].message.conversation_id
    texts = [["0"], ["1"]]
    removed, deleted = [False, False], [False, False]
    database.events.clear()
    client = {one.message.id: one.message.text for one in stored}
    for number, (kind, which) in enumerate(plan):
        message = ids[which]
        may_change = not removed[which] and not deleted[which]
        match kind:
            case "edit":
                text = f"{which}, edit {number}"
                (outcome,) = database.change(EditMessage("alice", message, text, "", ""))
                assert isinstance(outcome, Refusal) is not may_change
                texts[which] += [text] if may_change else []
            case "delete":
                (outcome,) = database.change(DeleteMessage("alice", message, "", ""))
                assert isinstance(outcome, Refusal) is (removed[which] and not deleted[which])
                deleted[which] |= may_change
            case _:
                removed[which] = kind == "remove"
                moderation.tell(Removal("", message, removed=removed[which]))
        shown = database.history("bob", conversation)[which]
        if deleted[which]:
            assert (shown.text, shown.tombstone) == ("", "deleted")
        elif removed[which]:
            assert (shown.text, shown.tombstone) == ("", "removed")
        else:
            assert (shown.text, shown.tombstone) == (texts[which][-1], "")
        kept = evidence(database, message)
        assert (kept if shown.tombstone else [*kept, shown.text]) == texts[which]
        for _, _, event in database.events:
            assert client[event.message.id] != event.message.text, "a change is a change"
            client[event.message.id] = event.message.text
        database.events.clear()
        assert client[message] == shown.text

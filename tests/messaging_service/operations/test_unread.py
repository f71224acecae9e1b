"""The number of unread messages, wherever it is told: those alone that are still there."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from uuid_utils import uuid7

from messaging_service.domain.events import MessageCreated
from messaging_service.domain.limits import Limits
from messaging_service.domain.watermarks import Mark
from messaging_service.operations.conversations import list_conversations
from messaging_service.operations.removals import follow_moderation
from messaging_service.operations.watermarks import mark_read
from service_kit.follow.sanctions import Removal, RestrictionChanges
from service_kit.rules import Position
from service_kit.storage.clock import read_position
from tests.messaging_service.commands import deleted, said
from tests.support.examples import on_one_database


def unread(database: Any, user: str) -> int:
    (view,) = database.read(list_conversations, user, 10, "", 10).conversations
    return int(view.conversation.side(user).unread)


def test_what_its_author_takes_back_is_no_longer_unread(database: Any) -> None:
    """Three are unread and two of them deleted: one is, in the list, to a resume, in the next
    alert and after a mark.
    """
    start = database.read(read_position)
    stored = [database.say(said("alice"))[0].message for _ in range(3)]
    database.change(*(deleted(one.id) for one in stored[:2]))
    assert unread(database, "bob") == 1
    told = [
        one.unread
        for one in database.missed_events("bob", start)
        if isinstance(one, MessageCreated)
    ]
    assert told == [(1,)] * 3
    database.say(said("alice"))
    assert database.events[-1][2].unread == (0, 2)
    for seq, left in ((1, 2), (2, 2), (3, 1), (4, 0)):
        database.run(mark_read, Mark("bob", stored[0].conversation_id, seq, ""))
        assert unread(database, "bob") == left
    # What was read before it was taken back counts for nothing.
    database.change(deleted(stored[2].id))
    assert (unread(database, "bob"), unread(database, "alice")) == (0, 0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["say", "say", "delete", "remove", "restore", "read"]),
        st.sampled_from([0, 1]),
        st.integers(0, 11),
    ),
    max_size=25,
)


@on_one_database
@given(STEPS)
def test_unread_is_what_is_there_after_the_watermark(
    database: Any, plan: list[tuple[str, int, int]]
) -> None:
    """Whatever is said, deleted, removed, restored and read, in any order: each count is that of
    the messages of the other that have a text and were not read; and a resume tells the same.
    """
    people = [f"{name} {uuid7()}" for name in "ab"]
    epoch = str(uuid7())
    database.run(follow_moderation, RestrictionChanges(Position(epoch, 0)))
    start = database.read(read_position)
    (first,) = database.say(said(people[0], to=people[1]), limits=Limits(openings_per_hour=10_000))
    conversation = first.message.conversation_id
    said_by = [(first.message.id, 0)]
    read, gone = [0, 0], dict[int, str]()
    for number, (kind, who, which) in enumerate(plan):
        seq = which % len(said_by) + 1
        message, author = said_by[seq - 1]
        match kind:
            case "say":
                (new,) = database.say(said(people[who], conversation=conversation))
                said_by.append((new.message.id, who))
            case "delete":
                if seq not in gone:
                    database.change(deleted(message, actor=people[author]))
                    gone[seq] = "deleted"
            case "remove" | "restore":
                removal = Removal(conversation, message, kind == "remove")
                command = RestrictionChanges(Position(epoch, number + 1), (), (removal,))
                database.run(follow_moderation, command)
                if kind == "remove":
                    gone.setdefault(seq, "removed")
                elif gone.get(seq) == "removed":
                    del gone[seq]
            case "read":
                database.run(mark_read, Mark(people[who], conversation, seq, ""))
                others = [at for at in range(1, seq + 1) if said_by[at - 1][1] != who]
                read[who] = max([read[who], *others])
        for user, name in enumerate(people):
            assert unread(database, name) == count(said_by, gone, user, read[user])
    for user, name in enumerate(people):
        told = [
            one for one in database.missed_events(name, start) if isinstance(one, MessageCreated)
        ]
        for event in told:
            assert event.unread == (count(said_by, gone, user, read[user]),)


def count(said_by: list[tuple[str, int]], gone: dict[int, str], user: int, read: int) -> int:
    """Count what is there for a user after a watermark."""
    return sum(
        1
        for seq, (_, author) in enumerate(said_by, start=1)
        if read < seq and author != user and seq not in gone
    )

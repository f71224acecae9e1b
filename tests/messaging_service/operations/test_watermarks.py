"""Watermarks on a real database."""

from typing import Any

from messaging_service.domain.watermarks import Mark
from messaging_service.operations.watermarks import mark_delivered, mark_read
from service_kit.storage.clock import read_position
from tests.messaging_service.commands import said


def test_mark_read_of_nothing_new_changes_nothing(database: Any) -> None:
    """Own messages, and what was read before, move no watermark and spend no revision."""
    (stored,) = database.say(said("alice", to="bob"))
    conversation = stored.message.conversation_id
    database.say(said("bob", conversation=conversation))
    (moved,) = database.run(mark_read, Mark("bob", conversation, 0, "o"))
    assert (moved.moved, moved.message.seq) == (True, 1)
    before = database.read(read_position)
    for seq in (1, 2, 0, 99):
        (mark,) = database.run(mark_read, Mark("bob", conversation, seq, ""))
        assert mark == moved._replace(moved=False)
        (mark,) = database.run(mark_delivered, Mark("bob", conversation, seq, ""))
        assert not mark.moved
    assert database.read(read_position) == before
    ((_, recipients, event),) = database.events[-1:]
    assert recipients == ("alice", "bob")
    assert event.message.id == stored.message.id

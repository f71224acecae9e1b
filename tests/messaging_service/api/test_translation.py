"""Messages as the contract tells them: nothing leaves the service that its reader is not shown."""

import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.api import translation
from messaging_service.domain import service_events
from messaging_service.domain.conversations import open_conversation
from messaging_service.domain.events import message_changed
from messaging_service.domain.limits import Limits
from messaging_service.domain.message_changes import Decision, edit_message, remove
from messaging_service.domain.messages import EVENT, TEXT, Message, add_message
from messaging_service.domain.service_events import ServiceEvent


def written(text: str, kind: str = TEXT) -> Message:
    conversation = open_conversation("c", ("alice", "bob"), "", "alice", 1, 1)
    return add_message(conversation, "m", "alice", text, None, 2_000, 2, kind)[1]


@pytest.mark.parametrize(
    ("reader", "text", "edited"), [("alice", "two", 3), ("bob", "one", 0), ("", "one", 0)]
)
def test_a_withheld_text_leaves_for_its_author_alone(reader: str, text: str, edited: int) -> None:
    """In an answer, and in the event of it, which the author alone is told."""
    decision = edit_message(written("one"), "two", 3_000, 3, Limits(), withheld=True)
    assert isinstance(decision, Decision)
    shown = translation.message(decision.message, reader)
    assert (shown.text, shown.edit_time.seconds) == (text, edited)
    told = message_changed(decision.message, "alice", "")
    event = translation.event((reader,), told)
    assert event.message_changed.message == shown


def test_a_tombstone_leaves_without_text_or_event() -> None:
    """Though the row keeps it."""
    event = ServiceEvent("service", 1, "agreed", "alice", 1, "agreed", "Tap")
    for message in (written("secret"), written(service_events.encode(event), EVENT)):
        removed = remove(message, 3_000, 3)
        assert removed is not None
        for reader in ("alice", "bob", ""):
            shown = translation.message(removed, reader)
            assert (shown.text, shown.tombstone) == ("", pb.TOMBSTONE_REMOVED)
            assert not shown.HasField("event")
            assert shown.seq == 1

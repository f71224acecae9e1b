"""From the contract's messages to payloads of packets."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from parley.messaging.v1 import messaging_pb2 as pb

from edge.translation import messaging
from parley_protocol.payloads import messaging as payloads

TIME = Timestamp(seconds=1_700_000_000, nanos=123_000_000)
TEXT = "2023-11-14T22:13:20.123Z"
STORED = pb.Message(
    id="m1", conversation_id="c1", seq=3, sender="alice", text="hello", create_time=TIME, version=7
)
SHOWN = payloads.Message(
    message="m1",
    conversation="c1",
    seq=3,
    sender="alice",
    kind="text",
    text="hello",
    created_at=TEXT,
    version=7,
)


def test_an_empty_string_is_an_absent_field() -> None:
    """Protocol buffers know no absent string, packets no empty subject."""
    for subject, shown in (("", UNSET), ("x", "x")):
        conversation = pb.Conversation(id="c", subject=subject)
        assert messaging.conversation_payload(conversation, "bob").subject == shown


def test_a_message_is_shown_whole() -> None:
    """Every field of a packet's message comes from the stored one."""
    assert messaging.message_payload(STORED) == SHOWN


def test_a_message_that_was_changed_says_so() -> None:
    """An edited one when, a tombstone how it went; it has no text, not even an empty one."""
    edited = pb.Message()
    edited.CopyFrom(STORED)
    edited.edit_time.CopyFrom(TIME)
    assert messaging.message_payload(edited) == replace(SHOWN, edited_at=TEXT)
    gone = pb.Message()
    gone.CopyFrom(STORED)
    gone.text, gone.tombstone = "", pb.TOMBSTONE_DELETED
    assert messaging.message_payload(gone) == replace(SHOWN, text=UNSET, tombstone="deleted")
    removed = pb.Message()
    removed.CopyFrom(gone)
    removed.tombstone = pb.TOMBSTONE_REMOVED
    assert messaging.message_payload(removed) == replace(SHOWN, text=UNSET, tombstone="removed")
    for message, change, text in (
        (edited, pb.MESSAGE_CHANGE_EDITED, "hello"),
        (gone, pb.MESSAGE_CHANGE_DELETED, UNSET),
        (removed, pb.MESSAGE_CHANGE_REMOVED, UNSET),
        (edited, pb.MESSAGE_CHANGE_RESTORED, "hello"),
    ):
        changed = pb.MessageChanged(message=message, change=change, change_time=TIME)
        shown = messaging.changed_payload(changed)
        name = pb.MessageChange.Name(change).rpartition("_")[2].lower()
        at = TEXT if message is edited else UNSET
        assert shown == payloads.MsgChanged("c1", "m1", 3, name, TEXT, 7, text, edited_at=at)  # type: ignore[arg-type]


def test_a_removed_event_has_no_event_and_comes_back_with_it() -> None:
    """A client that is told of the restoring needs to ask nothing."""
    event = pb.ServiceEvent(service_id="s1", number=2, cause="expired", event_time=TIME)
    message = pb.Message(kind=pb.MESSAGE_KIND_EVENT, event=event, create_time=TIME)
    back = pb.MessageChanged(message=message, change=pb.MESSAGE_CHANGE_RESTORED, change_time=TIME)
    shown = messaging.changed_payload(back)
    assert (shown.change, shown.text) == ("restored", UNSET)
    assert shown.event == messaging.message_payload(message).event
    message.ClearField("event")
    message.tombstone = pb.TOMBSTONE_REMOVED
    gone = messaging.message_payload(message)
    assert (gone.kind, gone.event, gone.text, gone.tombstone) == ("event", UNSET, UNSET, "removed")
    removed = pb.MessageChanged(message=message, change=pb.MESSAGE_CHANGE_REMOVED, change_time=TIME)
    shown = messaging.changed_payload(removed)
    assert (shown.change, shown.text, shown.event) == ("removed", UNSET, UNSET)


def test_a_read_watermark_is_shown_as_seen() -> None:
    """MSG SEEN says which message, by whom and when; and to its reader how much is unread."""
    moved = pb.WatermarkMoved(
        conversation_id="c1",
        reader="bob",
        message_id="m1",
        seq=3,
        author="alice",
        mark_time=TIME,
        unread=2,
        conversation_version=9,
    )
    seen = payloads.MsgSeen("c1", "m1", 3, "bob", TEXT)
    assert messaging.seen_payload(moved, "alice") == seen
    own = replace(seen, unread=2, conversation_version=9)
    assert messaging.seen_payload(moved, "bob") == own
    standing = pb.Watermark(
        conversation_id="c1",
        user="bob",
        seq=3,
        message_id="m1",
        mark_time=TIME,
        unread=2,
        conversation_version=9,
    )
    assert messaging.read_payload(standing) == own
    nowhere = pb.Watermark(conversation_id="c1", user="bob", unread=2, conversation_version=9)
    assert messaging.read_payload(nowhere) == replace(own, message=None, seq=0, seen_at=None)


def test_a_conversation_is_shown_with_its_last_message() -> None:
    """The overview needs nothing else."""
    conversation = pb.Conversation(
        id="c1",
        subject="flat",
        participants=["alice", "bob"],
        last_message=STORED,
        unread=2,
        read_up_to=1,
        peer_read_up_to=3,
        version=5,
        peer_delivered_up_to=4,
    )
    assert messaging.conversation_payload(conversation, "bob") == payloads.Conversation(
        conversation="c1",
        participants=["alice", "bob"],
        last_message=SHOWN,
        unread=2,
        read_up_to=1,
        peer_read_up_to=3,
        version=5,
        peer_delivered_up_to=4,
        subject="flat",
    )


@pytest.mark.parametrize(
    ("presence", "last_seen"),
    [
        (pb.Presence(user="bob", online=True, version=3), UNSET),
        (pb.Presence(user="bob", last_seen_time=TIME, version=3), TEXT),
    ],
)
def test_presence_is_shown_in_the_conversation_and_by_itself(
    presence: pb.Presence, last_seen: str | UnsetType
) -> None:
    """Online, or until when; in both places the same."""
    told = payloads.Presence("bob", presence.online, 3, last_seen)
    assert messaging.presence_payload(presence) == told
    shown = messaging.conversation_payload(pb.Conversation(id="c1", presence=presence), "alice")
    assert shown.presence == told


def test_a_conversation_is_blocked_or_says_nothing_of_it() -> None:
    """So that the one who is blocked has no field that others lack."""
    participants = ["alice", "bob"]
    never = pb.Conversation(id="c1", participants=participants)
    shown = messaging.conversation_payload(never, "alice")
    assert shown.blocked is shown.block is UNSET
    blocked = pb.Conversation(id="c1", participants=participants, blocked=True, block_version=4)
    shown = messaging.conversation_payload(blocked, "alice")
    assert shown.blocked is True
    assert shown.block == payloads.BlockedUser("bob", True, 4)
    ended = pb.Conversation(id="c1", participants=participants, block_version=6)
    shown = messaging.conversation_payload(ended, "alice")
    assert shown.blocked is UNSET
    assert shown.block == payloads.BlockedUser("bob", False, 6)


def test_a_silent_conversation_has_no_last_message_and_perhaps_no_subject() -> None:
    """An opened conversation in which nothing was said is shown as such."""
    shown = messaging.conversation_payload(pb.Conversation(id="c1"), "bob")
    assert shown.last_message is None
    assert shown.subject is UNSET
    assert shown.presence is UNSET

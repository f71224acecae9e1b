"""From the messages of the contract to the payloads of packets."""

from datetime import UTC, datetime
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import UNSET, UnsetType
from parley.messaging.v1 import messaging_pb2 as pb

from edge.payloads import Conversation, Message, MsgSeen, PeerPresence, Presence


# Everything in one commit bears one time, and each message of it is shown several times.
@lru_cache(maxsize=1024)
def _format_time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp(value: Timestamp) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return _format_time(value.seconds * 1000 + value.nanos // 1_000_000)


def optional(value: str) -> str | UnsetType:
    """A contract's empty string is a packet's absent field."""
    return value or UNSET


def message_payload(message: pb.Message) -> Message:
    """A message as packets show it."""
    return Message(
        message=message.id,
        conversation=message.conversation_id,
        seq=message.seq,
        sender=message.sender,
        kind="text",
        text=message.text,
        created_at=timestamp(message.create_time),
    )


def seen_payload(moved: pb.WatermarkMoved) -> MsgSeen:
    """A read watermark as packets show it."""
    return MsgSeen(
        conversation=moved.conversation_id,
        message=moved.message_id,
        seq=moved.seq,
        reader=moved.reader,
        seen_at=timestamp(moved.mark_time),
    )


def _last_seen(presence: pb.Presence) -> str | UnsetType:
    return timestamp(presence.last_seen_time) if presence.HasField("last_seen_time") else UNSET


def presence_payload(presence: pb.Presence) -> Presence:
    """Presence as packets tell of it."""
    return Presence(presence.user, presence.online, _last_seen(presence))


def conversation_payload(conversation: pb.Conversation) -> Conversation:
    """A conversation as packets show it to one of its participants."""
    last = conversation.last_message if conversation.HasField("last_message") else None
    shown = conversation.presence if conversation.HasField("presence") else None
    return Conversation(
        conversation=conversation.id,
        participants=list(conversation.participants),
        last_message=None if last is None else message_payload(last),
        unread=conversation.unread,
        read_up_to=conversation.read_up_to,
        peer_read_up_to=conversation.peer_read_up_to,
        subject=optional(conversation.subject),
        presence=UNSET if shown is None else PeerPresence(shown.online, _last_seen(shown)),
    )

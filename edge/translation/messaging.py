"""Translates messages of the messaging contract into payloads."""

from msgspec import UNSET, UnsetType
from parley.messaging.v1 import messaging_pb2 as pb

from edge.translation.common import optional, timestamp, words
from parley_protocol.payloads import messaging as payloads
from parley_protocol.payloads.fields import Money
from parley_protocol.payloads.moderation import Dispute
from parley_protocol.payloads.negotiation import Service, ServiceEvent

_KINDS = words(pb.MessageKind.DESCRIPTOR)
_TOMBSTONES = words(pb.Tombstone.DESCRIPTOR)
_CHANGES = words(pb.MessageChange.DESCRIPTOR)


def message_payload(message: pb.Message) -> payloads.Message:
    """A message as packets show it."""
    is_event = message.kind == pb.MESSAGE_KIND_EVENT
    return payloads.Message(
        message=message.id,
        conversation=message.conversation_id,
        seq=message.seq,
        sender=message.sender,
        kind=_KINDS[message.kind] if message.kind else "text",
        text=UNSET if is_event or message.tombstone else message.text,
        created_at=timestamp(message.create_time),
        event=_service_event(message.event) if message.HasField("event") else UNSET,
        edited_at=timestamp(message.edit_time) if message.HasField("edit_time") else UNSET,
        tombstone=_TOMBSTONES[message.tombstone] if message.tombstone else UNSET,
        version=message.version,
    )


def changed_payload(changed: pb.MessageChanged, place: int = 0) -> payloads.MsgChanged:
    """A changed message as packets tell of it to the recipient at this place."""
    message = changed.message
    # An older service gives none.
    counts = dict(enumerate(zip(changed.unread, changed.conversation_versions, strict=True)))
    unread, version = counts.get(place, (UNSET, UNSET))
    return payloads.MsgChanged(
        conversation=message.conversation_id,
        message=message.id,
        seq=message.seq,
        change=_CHANGES[changed.change],
        changed_at=timestamp(changed.change_time),
        version=message.version,
        text=message.text or UNSET,
        event=_service_event(message.event) if message.HasField("event") else UNSET,
        edited_at=optional(message, "edit_time", timestamp),
        unread=unread,
        conversation_version=version,
    )


def _service_event(event: pb.ServiceEvent) -> ServiceEvent:
    return ServiceEvent(
        service=event.service_id,
        number=event.number,
        cause=event.cause,
        state=event.state,
        title=event.title,
        at=timestamp(event.event_time),
        by=event.by or UNSET,
        offer=event.offer or UNSET,
        price=Money(event.amount_minor, event.currency) if event.offer else UNSET,
        reason=event.reason or UNSET,
    )


def seen_payload(moved: pb.WatermarkMoved, user: str) -> payloads.MsgSeen:
    """A read watermark as packets show it to a user; how much is unread is for its reader alone."""
    own = moved.reader == user
    return payloads.MsgSeen(
        conversation=moved.conversation_id,
        message=moved.message_id,
        seq=moved.seq,
        reader=moved.reader,
        seen_at=timestamp(moved.mark_time),
        unread=moved.unread if own else UNSET,
        conversation_version=moved.conversation_version if own else UNSET,
    )


def read_payload(standing: pb.Watermark) -> payloads.MsgSeen:
    """The read watermark of the user who has asked to move it, wherever it stands."""
    return payloads.MsgSeen(
        conversation=standing.conversation_id,
        message=standing.message_id or None,
        seq=standing.seq,
        reader=standing.user,
        seen_at=timestamp(standing.mark_time) if standing.HasField("mark_time") else None,
        unread=standing.unread,
        conversation_version=standing.conversation_version,
    )


def presence_payload(presence: pb.Presence) -> payloads.Presence:
    """Presence as packets tell of it."""
    last_seen = optional(presence, "last_seen_time", timestamp)
    return payloads.Presence(presence.user, presence.online, presence.version, last_seen)


def _block(conversation: pb.Conversation, user: str) -> payloads.BlockedUser | UnsetType:
    if not conversation.block_version:
        return UNSET
    (peer,) = (one for one in conversation.participants if one != user)
    return payloads.BlockedUser(peer, conversation.blocked, conversation.block_version)


def conversation_payload(
    conversation: pb.Conversation,
    user: str,
    service: Service | UnsetType = UNSET,
    dispute: Dispute | UnsetType = UNSET,
) -> payloads.Conversation:
    """A conversation as packets show it to a user who takes part, with its deal if it has one, and
    the dispute that holds this.
    """
    last = conversation.last_message if conversation.HasField("last_message") else None
    return payloads.Conversation(
        conversation=conversation.id,
        participants=list(conversation.participants),
        last_message=None if last is None else message_payload(last),
        unread=conversation.unread,
        read_up_to=conversation.read_up_to,
        peer_read_up_to=conversation.peer_read_up_to,
        version=conversation.version,
        peer_delivered_up_to=conversation.peer_delivered_up_to,
        subject=conversation.subject or UNSET,
        service=service,
        dispute=dispute,
        presence=optional(conversation, "presence", presence_payload),
        blocked=conversation.blocked or UNSET,
        block=_block(conversation, user),
    )

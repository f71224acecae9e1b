"""Domain objects into messages of the contract."""

from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.domain import events, messages, service_events
from messaging_service.domain.blocks import Block
from messaging_service.domain.message_changes import Version
from messaging_service.domain.presence import Presence
from messaging_service.operations.conversations import ConversationView
from messaging_service.operations.evidence import Evidence
from messaging_service.operations.messages import StoredMessage
from messaging_service.operations.watermarks import Watermark
from service_kit.rpc.servicer import set_time, timestamp

_KINDS = {messages.TEXT: pb.MESSAGE_KIND_TEXT, messages.EVENT: pb.MESSAGE_KIND_EVENT}
_CHANGES = {
    str(one): pb.MessageChange.Value(f"MESSAGE_CHANGE_{one.name}") for one in messages.MessageChange
}
_TOMBSTONES = {"": pb.TOMBSTONE_UNSPECIFIED} | {
    str(one): pb.Tombstone.Value(f"TOMBSTONE_{one.name}") for one in messages.TOMBSTONES
}


def message(given: messages.Message, reader: str) -> pb.Message:
    """Translate a message as a reader is shown it; nothing else of one leaves the service."""
    shown = pb.Message()
    _fill_message(shown, given, reader)
    return shown


def _fill_message(shown: pb.Message, given: messages.Message, reader: str) -> None:
    """Do so in its place in another message, which would copy it: to make an event from within took
    half of the time.
    """
    text, edited_at = messages.shown_text(given, reader)
    tombstone = given.tombstone
    shown.id = given.id
    shown.conversation_id = given.conversation_id
    shown.seq = given.seq
    shown.sender = given.sender
    shown.kind = _KINDS[given.kind]
    set_time(shown.create_time, given.created_at)
    if given.kind != messages.EVENT:
        shown.text = text
    elif not tombstone:
        shown.event.CopyFrom(_service_event(text))
    if edited_at:
        set_time(shown.edit_time, edited_at)
    shown.tombstone = _TOMBSTONES[tombstone]
    shown.version = messages.shown_version(given, reader)


def message_changed(given: events.MessageChanged, reader: str) -> pb.MessageChanged:
    """Translate a change of a message."""
    return pb.MessageChanged(
        message=message(given.message, reader),
        change=_CHANGES[given.change],
        change_time=timestamp(given.changed_at),
        origin=given.origin,
        unread=given.unread,
        conversation_versions=given.versions,
    )


def evidence(given: Evidence) -> pb.Evidence:
    """Translate a message, as all but its author are shown it, with its earlier texts."""
    return pb.Evidence(
        message=message(given.message, ""),
        versions=[_version(one) for one in given.versions],
        suppressed=given.suppressed,
        withheld=_version(given.withheld) if given.withheld else None,
    )


def _version(given: Version) -> pb.MessageVersion:
    return pb.MessageVersion(
        text=given.text,
        write_time=timestamp(given.written_at),
        replace_time=timestamp(given.replaced_at) if given.replaced_at else None,
    )


def block(given: Block) -> pb.Block:
    """Translate a block."""
    return pb.Block(
        user=given.blocked, block_time=timestamp(given.changed_at), version=given.changed_at
    )


def _service_event(document: str) -> pb.ServiceEvent:
    event = service_events.decode(document)
    return pb.ServiceEvent(
        service_id=event.service_id,
        number=event.number,
        cause=event.cause,
        by=event.by,
        event_time=timestamp(event.at),
        state=event.state,
        title=event.title,
        offer=event.offer,
        amount_minor=event.amount_minor,
        currency=event.currency,
        reason=event.reason,
    )


def fill_stored(shown: pb.StoredMessage, given: StoredMessage) -> None:
    """Translate the answer to a new message, in its place in the response."""
    stored = given.message
    shown.id = stored.id
    shown.conversation_id = stored.conversation_id
    shown.seq = stored.seq
    set_time(shown.create_time, stored.created_at)
    shown.idempotency_key = stored.idempotency_key or ""
    shown.duplicate = given.duplicate


def conversation(view: ConversationView, actor: str) -> pb.Conversation:
    """Translate a conversation as `actor` sees it; an internal service has no watermarks."""
    given = view.conversation
    own: dict[str, int] = {}
    if actor:
        side, peer = given.side(actor), given.peer(actor)
        own = {
            "version": side.version,
            "unread": side.unread,
            "read_up_to": side.read_seq,
            "peer_read_up_to": peer.shown_read[0],
            # What is read is delivered, by whatever device.
            "peer_delivered_up_to": max(peer.delivered_seq, peer.shown_read[0]),
        }
    return pb.Conversation(
        id=given.id,
        subject=given.subject,
        participants=(given.first.user, given.second.user),
        create_time=timestamp(given.created_at),
        last_seq=given.side(actor).last_seq if actor else given.last_seq,
        last_message=message(view.last_message, actor) if view.last_message else None,
        presence=presence(view.peer.presence) if view.peer.presence else None,
        blocked=bool(actor) and given.side(actor).blocks,
        block_version=view.peer.block.changed_at if view.peer.block else 0,
        **own,
    )


def presence(given: Presence) -> pb.Presence:
    """Translate the presence of a person."""
    last_seen = None if given.online else timestamp(given.last_seen)
    return pb.Presence(
        user=given.user, online=given.online, last_seen_time=last_seen, version=given.version
    )


def watermark(given: Watermark) -> pb.Watermark:
    """Translate a watermark."""
    moved = pb.Watermark(
        conversation_id=given.conversation_id,
        user=given.user,
        unread=given.unread,
        conversation_version=given.version,
    )
    if given.message is not None:
        moved.seq = given.message.seq
        moved.message_id = given.message.id
        moved.mark_time.CopyFrom(timestamp(given.marked_at))
        moved.moved = given.moved
    return moved


def typing_heard(heard: object) -> events.Typing | None:
    """Give the typing signal of an event that another replica told; None for another event."""
    if not isinstance(heard, pb.Event) or not heard.HasField("typing"):
        return None
    told = heard.typing
    return events.Typing(told.conversation_id, told.user, told.typing, told.lifetime_ms)


def event(recipients: tuple[str, ...], given: object) -> pb.Event:
    """Translate an event and its recipients, who are all shown the same of its message."""
    reader = recipients[0] if recipients else ""
    match given:
        case events.MessageCreated():
            told = pb.Event(recipients=recipients)
            created = told.message_created
            _fill_message(created.message, given.message, reader)
            created.unread.extend(given.unread)
            created.origin = given.origin
            created.conversation_versions.extend(given.versions)
            return told
        case events.MessageChanged():
            return pb.Event(recipients=recipients, message_changed=message_changed(given, reader))
        case events.WatermarkMoved():
            moved = _watermark_moved(given)
            if given.read:
                return pb.Event(recipients=recipients, read=moved)
            return pb.Event(recipients=recipients, delivered=moved)
        case events.Typing():
            typing = pb.Typing(
                conversation_id=given.conversation_id,
                user=given.user,
                typing=given.typing,
                lifetime_ms=given.lifetime_ms,
            )
            return pb.Event(recipients=recipients, typing=typing)
        case events.BlockChanged():
            changed = pb.BlockChanged(
                user=given.user,
                blocked=given.blocked,
                origin=given.origin,
                version=given.version,
            )
            return pb.Event(recipients=recipients, block_changed=changed)
        case Presence():
            return pb.Event(recipients=recipients, presence=presence(given))
    raise TypeError(f"not an event of this service: {type(given).__name__}")


def _watermark_moved(given: events.WatermarkMoved) -> pb.WatermarkMoved:
    at = given.message
    return pb.WatermarkMoved(
        conversation_id=at.conversation_id,
        reader=given.reader,
        message_id=at.id,
        seq=at.seq,
        author=at.sender,
        message_create_time=timestamp(at.created_at),
        idempotency_key="" if at.kind == messages.EVENT else at.idempotency_key or "",
        mark_time=timestamp(given.marked_at),
        origin=given.origin,
        unread=given.unread,
        conversation_version=given.version,
    )

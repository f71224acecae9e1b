"""What people are shown of a message: nothing else of one leaves the service."""

from typing import NamedTuple

from messaging_service.domain.messages import TOMBSTONES, Message


class MessageView(NamedTuple):
    """A message as it stands. One that is gone is a `tombstone`, which says how it went: it keeps
    its place, its author and its time, and has no text. Times are milliseconds UTC, 0 for never.
    """

    id: str
    conversation_id: str
    seq: int
    sender: str
    kind: str
    text: str
    created_at: int
    idempotency_key: str | None
    edited_at: int = 0
    tombstone: str = ""


def view(message: Message, reader: str = "") -> MessageView:
    """Show a message, to its author as the author has left it."""
    if message.change is None and message.withheld_revision is None:
        # Nearly all of them.
        conversation_id, seq, id_, sender, kind, text, created_at, _, key = message[:9]
        return MessageView(id_, conversation_id, seq, sender, kind, text, created_at, key)
    gone = message.change in TOMBSTONES
    text, edited_at = message.text, message.edited_at
    if message.withheld_text is not None and reader == message.sender:
        text, edited_at = message.withheld_text, message.withheld_at
    return MessageView(
        message.id,
        message.conversation_id,
        message.seq,
        message.sender,
        message.kind,
        "" if gone else text,
        message.created_at,
        message.idempotency_key,
        0 if gone else edited_at or 0,
        message.change if gone and message.change else "",
    )

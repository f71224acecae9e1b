"""What happened, as those who are to learn of it are told."""

from typing import NamedTuple

from messaging_service.domain.messages import Change, Message, Presence
from messaging_service.domain.views import MessageView, view


class MessageCreated(NamedTuple):
    """A message was stored; `unread` has a number for each recipient, in their order."""

    message: MessageView
    unread: tuple[int, ...]
    origin: str


class MessageChanged(NamedTuple):
    """A message is no longer what it was; it is shown as it stands now."""

    message: MessageView
    change: str
    changed_at: int
    origin: str


def message_changed(message: Message, reader: str, origin: str) -> MessageChanged:
    """Tell `reader` what became of a message last."""
    shown = view(message, reader)
    if reader == message.sender and message.was_withheld_last:
        return MessageChanged(shown, Change.EDITED, message.withheld_at or 0, origin)
    return MessageChanged(shown, message.change or "", message.changed_at or 0, origin)


class WatermarkMoved(NamedTuple):
    """The reader's watermark (`read`, otherwise delivered) now stands at `message`."""

    read: bool
    reader: str
    message: MessageView
    marked_at: int
    origin: str


class Typing(NamedTuple):
    """Someone is typing, or no longer is; stored nowhere."""

    conversation_id: str
    user: str
    typing: bool


class BlockChanged(NamedTuple):
    """The blocker blocks somebody, or no longer does; nobody else is told."""

    blocker: str
    user: str
    blocked: bool
    origin: str


# Presence is its own event, as it is stored.
Event = MessageCreated | MessageChanged | WatermarkMoved | Typing | Presence | BlockChanged

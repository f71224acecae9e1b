"""What happened, as those who are to learn of it are told."""

from typing import NamedTuple

from messaging_service.domain import Presence
from messaging_service.views import MessageView


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


# Presence is its own event, as it is stored.
Event = MessageCreated | MessageChanged | WatermarkMoved | Typing | Presence

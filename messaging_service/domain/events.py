"""The events that are told to the users whom they concern.

All recipients of an event are shown the same of its message, by the rule `messages.shown_text`;
where they are not, each has an event of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

from messaging_service.domain.conversations import Conversation
from messaging_service.domain.messages import Message, MessageChange
from messaging_service.domain.presence import Presence


class MessageCreated(NamedTuple):
    """A message was stored; `unread` and the `versions` of the conversation have a number for each
    recipient, in their order.
    """

    message: Message
    unread: tuple[int, ...]
    versions: tuple[int, ...]
    origin: str


class MessageChanged(NamedTuple):
    """A message was changed, at `changed_at` (milliseconds UTC); it is shown as it stands now.

    `unread` and `versions` are as in MessageCreated.
    """

    message: Message
    change: str
    changed_at: int
    origin: str
    unread: tuple[int, ...] = ()
    versions: tuple[int, ...] = ()

    def with_counts(self, conversation: Conversation, readers: Sequence[str]) -> "MessageChanged":
        """Tell each of its recipients how much is unread now."""
        sides = [conversation.side(one) for one in readers]
        unread, versions = (one.unread for one in sides), (one.version for one in sides)
        return self._replace(unread=tuple(unread), versions=tuple(versions))


def message_changed(message: Message, reader: str, origin: str) -> MessageChanged:
    """Tell `reader` of the last change of a message."""
    if reader == message.sender and message.was_withheld_last:
        return MessageChanged(message, MessageChange.EDITED, message.withheld_at or 0, origin)
    return MessageChanged(message, message.change or "", message.changed_at or 0, origin)


class WatermarkMoved(NamedTuple):
    """A watermark of `reader` was moved to `message`: the read one, or the delivered one.

    `unread` and `version` are those of the conversation as its reader sees it.
    """

    read: bool
    reader: str
    message: Message
    marked_at: int
    unread: int
    version: int
    origin: str


class Typing(NamedTuple):
    """Somebody began or ceased to type; stored nowhere. Without another signal it has ceased after
    `lifetime_ms`, which whoever tells it says.
    """

    conversation_id: str
    user: str
    typing: bool
    lifetime_ms: int = 0


class BlockChanged(NamedTuple):
    """A block began or ended; the blocker alone is told."""

    blocker: str
    user: str
    blocked: bool
    version: int
    origin: str


# Presence is its own event, as it is stored.
Event = MessageCreated | MessageChanged | WatermarkMoved | Typing | Presence | BlockChanged

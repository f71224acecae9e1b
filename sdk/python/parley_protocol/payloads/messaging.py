"""Payloads about conversations and their messages."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from parley_protocol.payloads.fields import (
    IdempotencyKey,
    Identifier,
    PageToken,
    Seq,
    Unspecified,
)
from parley_protocol.payloads.moderation import Dispute
from parley_protocol.payloads.negotiation import Service, ServiceEvent

# From the client.


class AskConversations(Struct, frozen=True):
    """Asks for the conversations of the user, newest activity first. `page` is the `next` of the
    answer before. Answered by RETURN CONVERSATIONS.
    """

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    page: PageToken | UnsetType = UNSET


class CreateMsg(Struct, frozen=True):
    """Says something, in exactly one of `conversation` and `to`. `to` opens (or finds) the
    conversation with that user about `subject`. Answered by STATUS MSG once the message is stored.
    """

    text: str
    conversation: Identifier | UnsetType = UNSET
    to: Identifier | UnsetType = UNSET
    subject: str | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class OpenedConversation(Struct, frozen=True):
    """Marks everything up to `seq` as read, or all there is. Answered by MSG SEEN."""

    conversation: Identifier
    seq: Seq | UnsetType = UNSET


class AskMessages(Struct, frozen=True):
    """Asks for a page of history: the newest, or those with a seq below `before` or above `after`
    (0: from the beginning), of which at most one is given. Answered by RETURN MESSAGES.
    """

    conversation: Identifier
    before: Seq | UnsetType = UNSET
    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AskBlocks(Struct, frozen=True):
    """Asks whom the user blocks, newest first. Answered by RETURN BLOCKS."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    page: PageToken | UnsetType = UNSET


class SendTyping(Struct, frozen=True):
    """Tells the other that the user is typing, or has stopped; again every few seconds while it
    goes on. Never stored; no answer.
    """

    conversation: Identifier
    typing: bool


class EditMsg(Struct, frozen=True):
    """Gives one's own message another text, within 15 minutes and at most 20 times (both are
    settings). Answered by MSG CHANGED.
    """

    message: Identifier
    text: str
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class DeleteMsg(Struct, frozen=True):
    """Takes one's own message back, for good. Its place in the history stays, without a text.
    Answered by MSG CHANGED.
    """

    message: Identifier
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class BlockUser(Struct, frozen=True):
    """Blocks another user, or no longer; see [Blocks](#blocks). Repeated it changes nothing.
    Answered by the same packet.
    """

    user: Identifier
    blocked: bool


# To the client.


class Message(Struct, frozen=True):
    """A message: with `text`, or of kind "event" with `event`, whose `sender` is empty for what
    time did. A `tombstone` has neither and says why; `edited_at` is when the text was last edited.
    """

    message: str
    conversation: str
    seq: int
    sender: str
    kind: Literal["text", "event"] | Unspecified
    created_at: str
    version: int
    text: str | UnsetType = UNSET
    event: ServiceEvent | UnsetType = UNSET
    edited_at: str | UnsetType = UNSET
    tombstone: Literal["deleted", "removed"] | Unspecified | UnsetType = UNSET


class Presence(Struct, frozen=True):
    """Somebody with whom the user shares a conversation came online, or went; see
    [Presence](#presence). `last_seen` is until when, and is absent while `online`.
    """

    user: str
    online: bool
    version: int
    last_seen: str | UnsetType = UNSET


class BlockedUser(Struct, frozen=True):
    """A block that this user has set or taken back. The answer to the same packet, and pushed to
    the user's other sockets; nobody else is told. `version` is 0 where there never was one.
    """

    user: str
    blocked: bool
    version: int


class Conversation(Struct, frozen=True):
    """A conversation as one of its participants sees it; `presence` and `block` are about the
    other. `dispute` is what holds the service. `blocked` is true where the user blocks the other,
    and absent elsewhere; `block` is absent where there never was one.
    """

    conversation: str
    participants: list[str]
    last_message: Message | None
    unread: int
    read_up_to: int
    peer_read_up_to: int
    version: int
    peer_delivered_up_to: int
    subject: str | UnsetType = UNSET
    service: Service | UnsetType = UNSET
    dispute: Dispute | UnsetType = UNSET
    presence: Presence | UnsetType = UNSET
    blocked: bool | UnsetType = UNSET
    block: BlockedUser | UnsetType = UNSET


class ReturnConversations(Struct, frozen=True):
    """One page; without `next` it is the last. Each conversation has the number of unread messages,
    up to which `seq` either side has read and the other got messages, the other's presence, and the
    open deal or else the latest one, with the `dispute` that holds it. `missing` names services
    that did not answer: what they know is not shown.
    """

    conversations: list[Conversation]
    next: str | UnsetType = UNSET
    missing: list[str] | UnsetType = UNSET


class StatusMsg(Struct, frozen=True):
    """The state of one's own message. As an answer: it is stored; `duplicate` when the key had
    stored it before. Pushed later with `"delivered"`, for this message and all before it.
    """

    message: str
    conversation: str
    seq: int
    status: Literal["stored", "delivered"]
    created_at: str
    duplicate: bool
    idempotency_key: str | UnsetType = UNSET


class ReturnMessages(Struct, frozen=True):
    """A page of history, ascending by seq; of long messages fewer than asked for (256 KiB, a
    setting). `more`: there are further messages in the direction asked. Its `cur` in a PONG makes
    them delivered.
    """

    conversation: str
    messages: list[Message]
    more: bool


class AlertNewMsg(Struct, frozen=True):
    """A new message, to its recipient and to the author's other sockets; of kind "event" what
    happened to a service, to all sockets of both. `unread` is the user's own count in that
    conversation, as it is now.
    """

    conversation: str
    message: Message
    unread: int
    conversation_version: int


class MsgSeen(Struct, frozen=True):
    """The read watermark of `reader`, who has read `message`, with `seq`, and everything before it.
    The answer to OPENED CONVERSATION; pushed to the author, and to the reader's other sockets.
    Always a message of the other: while there is none, `seq` is 0, and `message` and `seen_at` are
    null. To the reader it has the own count of `unread` messages from now on.
    """

    conversation: str
    message: str | None
    seq: int
    reader: str
    seen_at: str | None
    unread: int | UnsetType = UNSET
    conversation_version: int | UnsetType = UNSET


class MsgChanged(Struct, frozen=True):
    """A change of a message: its `text` from now on, or its `event`; neither when it has none any
    more. `edited_at` is as in Message. To both, on all their sockets but the one that asked, to
    which it is the answer. No watermark moves with it, but the reader's own count of `unread`
    messages may; see [Changed messages](#changed-messages).
    """

    conversation: str
    message: str
    seq: int
    change: Literal["edited", "deleted", "removed", "restored"] | Unspecified
    changed_at: str
    version: int
    text: str | UnsetType = UNSET
    event: ServiceEvent | UnsetType = UNSET
    edited_at: str | UnsetType = UNSET
    unread: int | UnsetType = UNSET
    conversation_version: int | UnsetType = UNSET


class ReturnBlocks(Struct, frozen=True):
    """One page of the user's own blocks; without `next` it is the last."""

    blocks: list[BlockedUser]
    next: str | UnsetType = UNSET


class Typing(Struct, frozen=True):
    """Somebody is typing, or has stopped. While `typing`, show it for `lifetime_ms` and no longer,
    unless it is told again.
    """

    conversation: str
    user: str
    typing: bool
    lifetime_ms: int | UnsetType = UNSET

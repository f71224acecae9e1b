"""Payloads about conversations and their messages."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from edge.protocol.payloads.fields import IdempotencyKey, Identifier, Seq
from edge.protocol.payloads.moderation import Dispute
from edge.protocol.payloads.negotiation import Service, ServiceEvent

# From the client.


class AskConversations(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    page: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET


class CreateMsg(Struct, frozen=True):
    text: str
    conversation: Identifier | UnsetType = UNSET
    to: Identifier | UnsetType = UNSET
    subject: str | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class OpenedConversation(Struct, frozen=True):
    conversation: Identifier
    seq: Seq | UnsetType = UNSET


class AskMessages(Struct, frozen=True):
    conversation: Identifier
    before: Seq | UnsetType = UNSET
    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class SendTyping(Struct, frozen=True):
    conversation: Identifier
    typing: bool


class EditMsg(Struct, frozen=True):
    message: Identifier
    text: str
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class DeleteMsg(Struct, frozen=True):
    message: Identifier
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class BlockUser(Struct, frozen=True):
    user: Identifier
    blocked: bool


# To the client.


class Message(Struct, frozen=True):
    """With `text`, or of kind "event" with `event`; then `sender` is empty for what time did. A
    `tombstone` has neither and says why; `edited_at` is when the text was last edited.
    """

    message: str
    conversation: str
    seq: int
    sender: str
    kind: Literal["text", "event"]
    created_at: str
    text: str | UnsetType = UNSET
    event: ServiceEvent | UnsetType = UNSET
    edited_at: str | UnsetType = UNSET
    tombstone: Literal["deleted", "removed"] | UnsetType = UNSET


class PeerPresence(Struct, frozen=True):
    online: bool
    last_seen: str | UnsetType = UNSET


class Conversation(Struct, frozen=True):
    """`dispute` is what holds the service. `blocked` is true where the user blocks the other, and
    absent elsewhere.
    """

    conversation: str
    participants: list[str]
    last_message: Message | None
    unread: int
    read_up_to: int
    peer_read_up_to: int
    subject: str | UnsetType = UNSET
    service: Service | UnsetType = UNSET
    dispute: Dispute | UnsetType = UNSET
    presence: PeerPresence | UnsetType = UNSET
    blocked: bool | UnsetType = UNSET


class ReturnConversations(Struct, frozen=True):
    """`service` of a conversation is its open deal or else its latest. `missing` names what could
    not be asked.
    """

    conversations: list[Conversation]
    next: str | UnsetType = UNSET
    missing: list[str] | UnsetType = UNSET


class StatusMsg(Struct, frozen=True):
    message: str
    conversation: str
    seq: int
    status: Literal["stored", "delivered"]
    created_at: str
    duplicate: bool
    idempotency_key: str | UnsetType = UNSET


class ReturnMessages(Struct, frozen=True):
    conversation: str
    messages: list[Message]
    more: bool


class AlertNewMsg(Struct, frozen=True):
    conversation: str
    message: Message
    unread: int


class MsgSeen(Struct, frozen=True):
    """`message` and `seen_at` are null, and `seq` 0, while the other has said nothing."""

    conversation: str
    message: str | None
    seq: int
    reader: str
    seen_at: str | None


class MsgChanged(Struct, frozen=True):
    """`text`, or of kind "event" `event`, is the message's own from now on, and absent when it has
    none any more.
    """

    conversation: str
    message: str
    seq: int
    change: Literal["edited", "deleted", "removed", "restored"]
    changed_at: str
    text: str | UnsetType = UNSET
    event: ServiceEvent | UnsetType = UNSET


class BlockedUser(Struct, frozen=True):
    user: str
    blocked: bool


class Typing(Struct, frozen=True):
    conversation: str
    user: str
    typing: bool


class Presence(Struct, frozen=True):
    user: str
    online: bool
    last_seen: str | UnsetType = UNSET

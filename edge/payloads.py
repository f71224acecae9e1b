"""The payload of each packet, as structures that validate and document themselves.

A field that may be absent defaults to UNSET and is then left out. Times are RFC 3339 in UTC with
milliseconds; ids of conversations and messages are UUIDs.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Identifier = Annotated[str, Meta(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Cursor = Annotated[str, Meta(max_length=1024)]


class Nothing(Struct, frozen=True):
    """No fields."""


# From the client.


class Pong(Struct, frozen=True):
    cur: Cursor | UnsetType = UNSET


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


class Resume(Struct, frozen=True):
    cur: Cursor


class RenewToken(Struct, frozen=True):
    token: str


class SendTyping(Struct, frozen=True):
    conversation: Identifier
    typing: bool


# To the client.


class Hello(Struct, frozen=True):
    user: str
    session: str
    ping_interval_ms: int
    pong_timeout_ms: int
    max_packet_bytes: int
    token_expires_at: str
    resumed: bool
    cur: str


class FieldProblem(Struct, frozen=True):
    field: str
    problem: str


class Error(Struct, frozen=True):
    code: str
    message: str
    retryable: bool
    retry_after_ms: int | UnsetType = UNSET
    fields: list[FieldProblem] | UnsetType = UNSET


class Message(Struct, frozen=True):
    message: str
    conversation: str
    seq: int
    sender: str
    kind: Literal["text", "event"]
    created_at: str
    text: str | UnsetType = UNSET


class PeerPresence(Struct, frozen=True):
    online: bool
    last_seen: str | UnsetType = UNSET


class Conversation(Struct, frozen=True):
    conversation: str
    participants: list[str]
    last_message: Message | None
    unread: int
    read_up_to: int
    peer_read_up_to: int
    subject: str | UnsetType = UNSET
    presence: PeerPresence | UnsetType = UNSET


class ReturnConversations(Struct, frozen=True):
    conversations: list[Conversation]
    next: str | UnsetType = UNSET


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


class Resumed(Struct, frozen=True):
    replayed: int
    complete: bool
    cur: str


class Reconnect(Struct, frozen=True):
    delay_ms: int
    reason: str


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


class Typing(Struct, frozen=True):
    conversation: str
    user: str
    typing: bool


class Presence(Struct, frozen=True):
    user: str
    online: bool
    last_seen: str | UnsetType = UNSET

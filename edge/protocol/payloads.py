"""The payload of each packet, as structures that validate and document themselves.

A field that may be absent defaults to UNSET and is then left out. Times are RFC 3339 in UTC with
milliseconds; ids of conversations and messages are UUIDs. Those about reports, sanctions and
disputes have a module of their own (edge/protocol/moderation_payloads.py).
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from edge.protocol.moderation_payloads import Dispute, Standing
from edge.protocol.payload_fields import (
    Cursor,
    IdempotencyKey,
    Identifier,
    Integer,
    Money,
    Score,
    Seq,
    Settlement,
)


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


class ServiceCreated(Struct, frozen=True):
    conversation: Identifier
    role: Literal["provider", "client"]
    title: str
    price: Money
    description: str | UnsetType = UNSET
    offer_ttl_s: Integer | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class PriceEdited(Struct, frozen=True):
    """`base_offer` is the number of the live offer; 0 when there is none, after the agreement."""

    service: Identifier
    price: Money
    base_offer: Integer
    note: str | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class NegotiationEnd(Struct, frozen=True):
    """To agree, number and price of the live offer are named."""

    service: Identifier
    outcome: Literal["agreed", "declined", "withdrawn"]
    offer: Integer
    price: Money | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class ServiceTerminated(Struct, frozen=True):
    """To cancel, one asks and the other confirms by the same."""

    service: Identifier
    outcome: Literal["delivered", "completed", "reopened", "cancelled"]
    reason: str | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


class NoteSubmitted(Struct, frozen=True):
    """A score from 1 to 5."""

    service: Identifier
    score: Score
    comment: str | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET


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


class Offer(Struct, frozen=True):
    """`expires_at` is absent while a dispute holds the service."""

    number: int
    price: Money
    by: str
    created_at: str
    note: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET


class Agreed(Struct, frozen=True):
    """`offer` is the number of the offer that was accepted, `version` counts the agreements."""

    price: Money
    version: int
    offer: int
    at: str


class Cancellation(Struct, frozen=True):
    """One party asks the other to confirm that the service is cancelled."""

    by: str
    at: str
    reason: str | UnsetType = UNSET


class Hold(Struct, frozen=True):
    dispute: str
    opened_by: str
    since: str


class Ending(Struct, frozen=True):
    """Without `by` it was time, or a decision about a dispute."""

    cause: str
    at: str
    by: str | UnsetType = UNSET


class Note(Struct, frozen=True):
    score: int
    at: str
    comment: str | UnsetType = UNSET


class Notes(Struct, frozen=True):
    """`theirs` comes with `revealed_at`, when both are in or the time for them is over."""

    mine: Note | UnsetType = UNSET
    theirs: Note | UnsetType = UNSET
    revealed_at: str | UnsetType = UNSET


class Service(Struct, frozen=True):
    """A deal as its reader may see it. Of two the one with the higher `version` is the newer.

    `exponent` is the number of decimals of the currency's minor unit. `deadlines` say when time
    acts by itself, by timer; they are absent while a dispute holds the service.
    """

    service: str
    conversation: str
    provider: str
    client: str
    title: str
    state: Literal["offered", "agreed", "delivered", "completed", "cancelled", "closed"]
    currency: str
    exponent: int
    notes: Notes
    deadlines: dict[str, str]
    allowed_actions: list[str]
    created_at: str
    version: int
    description: str | UnsetType = UNSET
    offer: Offer | UnsetType = UNSET
    agreed: Agreed | UnsetType = UNSET
    amendment: Offer | UnsetType = UNSET
    reopenings: int | UnsetType = UNSET
    cancellation: Cancellation | UnsetType = UNSET
    hold: Hold | UnsetType = UNSET
    ending: Ending | UnsetType = UNSET
    settlement: Settlement | UnsetType = UNSET


class UpdateConversationDatas(Struct, frozen=True):
    """`cause` is what happened: "created", "countered", "agreed", "reminder", ... With `dispute` it
    is what happened to that: "created", "hold_placed", "stated", "settled", ...; then `service` is
    absent in a push, and in an answer when negotiation did not answer in time.
    """

    conversation: str
    cause: str
    service: Service | UnsetType = UNSET
    dispute: Dispute | UnsetType = UNSET


class Error(Struct, frozen=True):
    """`reason` says more than `code` where a state does not allow something; `current` is how the
    service or the dispute really stands then, or what restricts whoever is SANCTIONED.
    """

    code: str
    message: str
    retryable: bool
    retry_after_ms: int | UnsetType = UNSET
    fields: list[FieldProblem] | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    current: Service | Dispute | Standing | UnsetType = UNSET


class ServiceEvent(Struct, frozen=True):
    """What happened to a service: `number` is its place in the service's own history. `offer` and
    `price` are those of the offer that it is about.
    """

    service: str
    number: int
    cause: str
    state: str
    title: str
    at: str
    by: str | UnsetType = UNSET
    offer: int | UnsetType = UNSET
    price: Money | UnsetType = UNSET
    reason: str | UnsetType = UNSET


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


class Resumed(Struct, frozen=True):
    """`missing` names services that could not be asked; RESUMED comes again when they are back."""

    replayed: int
    complete: bool
    cur: str
    missing: list[str] | UnsetType = UNSET


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

"""Conversations, messages and people, as they were shown."""

from dataclasses import dataclass
from datetime import datetime

from parley_client.views.deals import Deal, DealEvent
from parley_client.views.disputes import Dispute
from parley_client.views.view import Data, View, mapping
from parley_client.views.words import Change, MessageKind, Tombstone


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(View):
    """A message; `message` is its id, `seq` its place in the conversation: 1, 2, 3 ...

    Of the kind "text" it has `text`; of the kind "event" it tells what happened to a deal, and its
    `sender` is empty for what time did. A `tombstone` has neither, and says how it went.
    """

    message: str
    conversation: str
    seq: int
    sender: str
    kind: MessageKind
    created_at: datetime
    version: int
    text: str | None = None
    event: DealEvent | None = None
    edited_at: datetime | None = None
    tombstone: Tombstone | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(View):
    """The receipt of a message: it is stored. `duplicate` tells that an earlier sending of the
    same packet had stored it.
    """

    message: str
    conversation: str
    seq: int
    created_at: datetime
    duplicate: bool
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision(View):
    """A change of the message with the id `message`, and its `text` or `event` from now on; a
    `tombstone` has neither. `unread` is the user's own count, where it changed with it.
    """

    conversation: str
    message: str
    seq: int
    change: Change
    changed_at: datetime
    version: int
    text: str | None = None
    event: DealEvent | None = None
    edited_at: datetime | None = None
    tombstone: Tombstone | None = None
    unread: int | None = None

    @classmethod
    def _prepared(cls, data: Data) -> Data:
        """Name the tombstone, which the packet leaves to its `change`."""
        told = {name: value for name, value in data.items() if value is not None}
        if "tombstone" not in data and told.get("change") in {"deleted", "removed"}:
            told["tombstone"] = told["change"]
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMark(View):
    """The place up to which `reader` has read; `seq` 0 and no message where that is nothing."""

    conversation: str
    seq: int
    reader: str
    message: str | None = None
    seen_at: datetime | None = None
    unread: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing(View):
    """A sign that somebody types, for `lifetime_ms` from now on, or no longer."""

    conversation: str
    user: str
    typing: bool
    lifetime_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence(View):
    """Whether somebody is online, and if not, until when they were."""

    user: str
    online: bool
    version: int
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(View):
    """A block that this user has set, or with `blocked` False has taken back."""

    user: str
    blocked: bool
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation(View):
    """A conversation as this user saw it at one moment; `conversation` is its id.

    `read_up_to` and the two of the `peer` are places (`seq`). `deal` is the open one or else the
    latest, with the `dispute` that holds it. `presence` and `block` are about the other person.
    """

    conversation: str
    participants: tuple[str, ...]
    unread: int
    read_up_to: int
    peer_read_up_to: int
    peer_delivered_up_to: int
    version: int
    last_message: Message | None = None
    subject: str | None = None
    deal: Deal | None = None
    dispute: Dispute | None = None
    presence: Presence | None = None
    blocked: bool = False
    block: Block | None = None

    @classmethod
    def _prepared(cls, data: Data) -> Data:
        """Read the deal, which the payload calls `service`, and the dispute with its exponent."""
        told = {name: value for name, value in data.items() if value is not None}
        if (service := told.pop("service", None)) is not None:
            told["deal"] = Deal.read(service)
        if (dispute := told.get("dispute")) is not None:
            exponent = None if service is None else told["deal"].exponent
            told["dispute"] = Dispute.read({**mapping(dispute), "exponent": exponent})
        return told

    def other_than(self, user: str | None) -> str:
        """Give the name of the other person, where `user` is this one."""
        return next((one for one in self.participants if one != user), self.participants[0])

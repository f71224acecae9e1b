"""Entries of the outbox: commands that a person gave, until the server has answered them."""

import enum

from msgspec import Struct

from parley_protocol.packets import OP_OF, Op


class EntryState(enum.StrEnum):
    """How far an entry has got."""

    QUEUED = "queued"
    """Never sent: it may be cancelled."""
    SENT = "sent"
    """Sent at least once, and to be sent again until it is answered."""
    FAILED = "failed"
    """Refused for good: kept until it is discarded or tried again, so that no words are lost."""


class Entry(Struct, frozen=True):
    """A command, and what became of it so far.

    `key` is its idempotency key, `payload` that of the packet with the key in it; `lane` names what
    is sent one after the other, in the order of `number`. `created_at` is in milliseconds since
    1970. `error` is the payload of the ERROR that refused it, or of one of the client's own (code
    EXPIRED). Not `durable` while it is in memory alone, because the store failed.
    """

    key: str
    payload: Struct
    lane: str
    created_at: int
    number: int
    state: EntryState = EntryState.QUEUED
    error: dict[str, object] | None = None
    attempts: int = 0
    durable: bool = False

    @property
    def op(self) -> Op:
        """The packet of the payload."""
        return OP_OF[type(self.payload)]

"""Payloads about the connection itself."""

from msgspec import UNSET, Struct, UnsetType

from parley_protocol.payloads.fields import Cursor

# From the client.


class Pong(Struct, frozen=True):
    """Confirms life and, with `cur`, that everything up to this cursor was processed, which makes
    those messages delivered. May be sent unasked. No answer.
    """

    cur: Cursor | UnsetType = UNSET


class Resume(Struct, frozen=True):
    """Asks for what was missed since this cursor; see [Resume](#cursor-and-resume). Answered by
    RESUMED.
    """

    cur: Cursor


class RenewToken(Struct, frozen=True):
    """Goes on with a later token of the same user. Answered by HELLO."""

    token: str


# To the client.


class Ping(Struct, frozen=True):
    """Sent at every ping interval. Its envelope bears `cur`, so that the cursor of an idle client
    moves forward as well; but not while a resume is under way.
    """


class Hello(Struct, frozen=True):
    """The first packet of a connection, and the answer to RENEW TOKEN. `session` names this
    connection. `resumed` is true when a `?resume=` is being followed: the missed packets come next.
    `cur` is empty while the messaging service cannot be reached or a resume is under way; then keep
    the one before.
    """

    user: str
    session: str
    ping_interval_ms: int
    pong_timeout_ms: int
    max_packet_bytes: int
    token_expires_at: str
    resumed: bool
    cur: str


class Resumed(Struct, frozen=True):
    """Ends a resume: `replayed` packets were sent before it. With `complete` false something is
    missing: ask for everything anew. Without `re` it says so unasked. `missing` names services that
    could not be asked: `complete` speaks of the others, and RESUMED comes again, with `complete`
    false, when such a one is back.
    """

    replayed: int
    complete: bool
    cur: str
    missing: list[str] | UnsetType = UNSET


class Reconnect(Struct, frozen=True):
    """Asks the client to leave, wait `delay_ms` and come back; the socket is closed soon."""

    delay_ms: int
    reason: str

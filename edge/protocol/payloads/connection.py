"""Payloads about the connection itself."""

from msgspec import UNSET, Struct, UnsetType

from edge.protocol.payloads.fields import Cursor

# From the client.


class Pong(Struct, frozen=True):
    cur: Cursor | UnsetType = UNSET


class Resume(Struct, frozen=True):
    cur: Cursor


class RenewToken(Struct, frozen=True):
    token: str


# To the client.


class Nothing(Struct, frozen=True):
    """No fields."""


class Hello(Struct, frozen=True):
    user: str
    session: str
    ping_interval_ms: int
    pong_timeout_ms: int
    max_packet_bytes: int
    token_expires_at: str
    resumed: bool
    cur: str


class Resumed(Struct, frozen=True):
    """`missing` names services that could not be asked; RESUMED comes again when they are back."""

    replayed: int
    complete: bool
    cur: str
    missing: list[str] | UnsetType = UNSET


class Reconnect(Struct, frozen=True):
    delay_ms: int
    reason: str

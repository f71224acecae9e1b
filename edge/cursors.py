"""Positions on the services' clocks, and the opaque cursor that clients keep.

A cursor holds one position for each service whose packets a client has seen. Its text is an
encoding, not a secret: a forged one shows its user nothing but the user's own changes.
"""

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

MESSAGING = "messaging"
NEGOTIATION = "negotiation"
MODERATION = "moderation"


class Position(NamedTuple):
    """A place on one database's clock. Another epoch is another database."""

    epoch: str
    revision: int


class BadCursorError(ValueError):
    """A text that no edge has made."""


@lru_cache(maxsize=4096)
def _encode(positions: tuple[tuple[str, Position], ...]) -> str:
    plain = ",".join(f"{service}:{at.epoch}:{at.revision}" for service, at in positions)
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def encode(positions: Mapping[str, Position]) -> str:
    """Make the cursor of these positions, by service; empty when there are none."""
    return _encode(tuple(sorted(positions.items())))


class Cursor:
    """The positions of a moment, as the cursor of whoever is attached to some of the services.

    Of the others a client has not been told everything, so its cursor is silent about them.
    """

    __slots__ = ("_encoded", "_positions")

    def __init__(self, positions: Mapping[str, Position]) -> None:
        self._positions = positions
        self._encoded: dict[frozenset[str], str] = {}

    def of(self, attached: frozenset[str]) -> str:
        """The text for a session attached to these services."""
        encoded = self._encoded.get(attached)
        if encoded is None:
            found = {one: at for one, at in self._positions.items() if one in attached}
            encoded = self._encoded[attached] = encode(found)
        return encoded


# Clients return the cursors that they were given, and many are given the same.
@lru_cache(maxsize=4096)
def decode(cursor: str) -> Mapping[str, Position]:
    """Read a cursor. Raises BadCursorError."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        positions = {}
        for part in filter(None, plain.split(",")):
            service, epoch, revision = part.split(":")
            if not revision.isdecimal() or len(revision) > 18:
                raise BadCursorError("cur is not a cursor.")
            positions[service] = Position(epoch, int(revision))
    except (binascii.Error, ValueError) as error:
        raise BadCursorError("cur is not a cursor.") from error
    return positions

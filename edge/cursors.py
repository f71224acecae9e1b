"""Positions on the clocks of services, and the opaque cursor that clients keep.

A cursor holds one position for each service whose packets a client has seen. Its text is sealed:
a revision counts what happens to everybody, and somebody who sees it go up in a quiet hour would
learn that there was a report, or a note. See docs/decisions/0042.
"""

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

MESSAGING = "messaging"
NEGOTIATION = "negotiation"
MODERATION = "moderation"

HISTORY = "history"
"""No service: how many pages of history a socket, which is the epoch, had been shown."""

# How many bytes name the key.
_MARK = 4


class Position(NamedTuple):
    """A place on one database's clock. Another epoch is another database."""

    epoch: str
    revision: int


class BadCursorError(ValueError):
    """A text that no edge has made."""


class Cursors:
    """Makes cursors and reads them. Edges with the same secret make the same cursor of the same
    positions, and read each other's.
    """

    def __init__(self, secret: str) -> None:
        self._seal = AESSIV(sha256(b"parley cursor key\0" + secret.encode()).digest())
        self._mark = sha256(b"parley cursor mark\0" + secret.encode()).digest()[:_MARK]
        self._encode = lru_cache(maxsize=4096)(self._encode_sorted)
        # Clients return the cursors that they were given, and many are given the same.
        self.decode = lru_cache(maxsize=4096)(self._decode)

    def encode(self, positions: Mapping[str, Position]) -> str:
        """Make the cursor of these positions, by service; empty when there are none."""
        return self._encode(tuple(sorted(positions.items()))) if positions else ""

    def _encode_sorted(self, positions: tuple[tuple[str, Position], ...]) -> str:
        plain = ",".join(f"{service}:{at.epoch}:{at.revision}" for service, at in positions)
        sealed = self._mark + self._seal.encrypt(plain.encode(), None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _decode(self, cursor: str) -> Mapping[str, Position]:
        """Read a cursor; one that was sealed with another secret proves nothing, and holds none.

        Raises BadCursorError.
        """
        try:
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
            if sealed[:_MARK] != self._mark:
                return {}
            plain = self._seal.decrypt(sealed[_MARK:], None).decode("ascii")
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise BadCursorError("cur is not a cursor.") from error
        positions = {}
        for part in plain.split(","):
            service, epoch, revision = part.split(":")
            positions[service] = Position(epoch, int(revision))
        return positions


class Cursor:
    """The cursor of one moment, for sessions that are attached to some of the services.

    Of the others a client has not been told everything, so its cursor is silent about them.
    """

    __slots__ = ("_cursors", "_encoded", "_positions")

    def __init__(self, cursors: Cursors, positions: Mapping[str, Position]) -> None:
        self._cursors = cursors
        self._positions = positions
        self._encoded: dict[frozenset[str], str] = {}

    def of(self, attached: frozenset[str]) -> str:
        """Make the text for a session that is attached to these services."""
        encoded = self._encoded.get(attached)
        if encoded is None:
            found = {one: at for one, at in self._positions.items() if one in attached}
            encoded = self._encoded[attached] = self._cursors.encode(found)
        return encoded

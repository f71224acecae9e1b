"""Positions on the clocks of services, and the opaque cursor that clients keep.

A cursor holds one position for each service whose packets a client has seen. Its text is sealed:
a revision counts what happens to everybody, and somebody who sees it go up in a quiet hour would
learn that there was a report, or a note. See docs/decisions/0042.
"""

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

MESSAGING = "messaging"
NEGOTIATION = "negotiation"
MODERATION = "moderation"

HISTORY = "history"
"""No service: how many pages of history a socket, which is the epoch, had been shown."""

# How many bytes name the key.
_MARK = 4

# What is sealed begins with the form's number: printable characters begin those of before, which
# clients may still hold. Each position is a byte, the epoch and the revision: the low bits of the
# byte are the number of the service, the others say how the epoch is written.
_FORM = 1
_NAMED = 0
_NUMBERS = {MESSAGING: 1, NEGOTIATION: 2, MODERATION: 3, HISTORY: 4}
_NAMES = {number: name for name, number in _NUMBERS.items()}
_NUMBER = 0x0F
# The 16 bytes of 32 hexadecimal digits, of the same with hyphens (a UUID), or a text.
_HEX, _UUID, _TEXT = 0x00, 0x10, 0x20
_EPOCH_BYTES = 16


class Position(NamedTuple):
    """A place on one database's clock. Another epoch is another database."""

    epoch: str
    revision: int


def later(position: Position, other: Position | None) -> Position:
    """The later of two positions on the clock of `position`."""
    if other is None or other.epoch != position.epoch or other.revision < position.revision:
        return position
    return other


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
        plain = bytearray((_FORM,))
        for service, at in positions:
            plain += _head(service, at.epoch)
            revision = at.revision
            while revision > 0x7F:
                plain.append(revision & 0x7F | 0x80)
                revision >>= 7
            plain.append(revision)
        sealed = self._mark + self._seal.encrypt(bytes(plain), None)
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
            plain = self._seal.decrypt(sealed[_MARK:], None)
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise BadCursorError("cur is not a cursor.") from error
        return _positions(plain) if plain[0] == _FORM else _positions_as_text(plain.decode())


@lru_cache(maxsize=4096)
def _head(service: str, epoch: str) -> bytes:
    """Write all of a position but the revision. There are few epochs, and each is long."""
    number = _NUMBERS.get(service, _NAMED)
    name = b"" if number else _text(service)
    with suppress(ValueError):
        written = UUID(epoch)
        for form, same in ((_HEX, written.hex), (_UUID, str(written))):
            if same == epoch:
                return bytes((form | number,)) + name + written.bytes
    return bytes((_TEXT | number,)) + name + _text(epoch)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _positions(plain: bytes) -> Mapping[str, Position]:
    """Read what `_encode_sorted` has written. Nothing else can have been sealed."""
    positions, place = {}, 1

    def take(count: int) -> bytes:
        nonlocal place
        place += count
        return plain[place - count : place]

    def take_text() -> str:
        return take(int.from_bytes(take(2), "big")).decode()

    while place < len(plain):
        (first,) = take(1)
        number, form = first & _NUMBER, first & ~_NUMBER
        service = _NAMES[number] if number else take_text()
        if form == _TEXT:
            epoch = take_text()
        else:
            uuid = UUID(bytes=take(_EPOCH_BYTES))
            epoch = uuid.hex if form == _HEX else str(uuid)
        revision = shift = 0
        while (byte := take(1)[0]) > 0x7F:
            revision |= (byte & 0x7F) << shift
            shift += 7
        positions[service] = Position(epoch, revision | byte << shift)
    return positions


def _positions_as_text(plain: str) -> Mapping[str, Position]:
    """Read the form that cursors had before: `service:epoch:revision`, with commas between."""
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

    def beyond(self, ahead: Mapping[str, Position]) -> "Cursor":
        """Make the cursor of a client that was told of some services up to these positions."""
        positions = {one: later(at, ahead.get(one)) for one, at in self._positions.items()}
        return Cursor(self._cursors, positions)

    def of(self, attached: frozenset[str]) -> str:
        """Make the text for a session that is attached to these services."""
        encoded = self._encoded.get(attached)
        if encoded is None:
            found = {one: at for one, at in self._positions.items() if one in attached}
            encoded = self._encoded[attached] = self._cursors.encode(found)
        return encoded

"""Sizes of pages, and the tokens that lead from one to the next (AIP-158).

A token is opaque to callers, and no secret: a forged one shows nothing but what its caller may see.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from service_kit.rules import Refusal, invalid

NEWEST = 2**63 - 1
"""Beyond every number that a database holds."""

_DEFAULT_SIZE = 50


def bounded_size(asked: int, most: int) -> int | Refusal:
    """Decide how many items a page has: 0 leaves it to the service, and too much is less."""
    if asked < 0:
        return invalid("page_size", "is negative")
    return min(asked or _DEFAULT_SIZE, most)


def encode_token(number: int, *rest: str) -> str:
    """Make a token of a place: a number, and what else tells it from others."""
    plain = ":".join((str(number), *rest))
    return urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def decode_token(token: str, parts: int) -> tuple[int, list[str]] | Refusal:
    """Read a token of so many parts: its number, and the rest."""
    bad = invalid("page_token", "is not one that was given out")
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        number, *rest = urlsafe_b64decode(padded).decode("ascii").split(":")
    except (Base64Error, UnicodeError):
        return bad
    # What a database would choke on was never given out.
    if len(rest) != parts - 1 or not is_number(number) or not all(map(str.isprintable, rest)):
        return bad
    return int(number), rest


def is_number(text: str) -> bool:
    """Tell whether a part of a token is a number that a database holds."""
    return len(text) <= len(str(NEWEST)) and text.isdecimal() and int(text) <= NEWEST

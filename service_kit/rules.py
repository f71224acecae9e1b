"""Refusals, positions on a database's clock, and the checks of common arguments.

The rules of all services import it.
"""

from dataclasses import dataclass
from typing import NamedTuple

from service_kit.text import is_blank, is_line, is_name, is_text

USER_LIMIT = 128
KEY_LIMIT = 64
ID_LIMIT = 64

INVALID_ARGUMENT = "INVALID_ARGUMENT"


class Position(NamedTuple):
    """A place on the clock of one database; another epoch is another database."""

    epoch: str
    revision: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A named refusal. `reason` is part of the contract as ErrorInfo.reason.

    `field` is the argument at fault; `retry_after` is in milliseconds. `current` is how things
    really stand, as the actor may see them, if the command was meant for another state. `limit` is
    the setting that was reached, if it was one.
    """

    reason: str
    message: str
    field: str = ""
    retry_after: int = 0
    current: object = None
    limit: str = ""


def invalid(field: str, problem: str, limit: str = "") -> Refusal:
    """Refuse an argument; `limit` is the setting that it exceeds."""
    return Refusal(INVALID_ARGUMENT, f"{field} {problem}", field, limit=limit)


def is_identifier(text: str) -> bool:
    """Tell whether `text` can be an id that a service made at all."""
    return 0 < len(text) <= ID_LIMIT and text.isascii() and text.isprintable()


def check_line(field: str, text: str, limit: int, setting: str = "") -> Refusal | None:
    """Check a line, perhaps empty: at most `limit` characters, all of them on one line."""
    if len(text) > limit:
        return invalid(field, f"is longer than {limit} characters", setting)
    if not is_line(text):
        return invalid(field, "has control characters, line breaks or overrides of direction")
    return None


def check_user(field: str, user: str) -> Refusal | None:
    """Check a user's name: a name of 1 to 128 characters."""
    if not user:
        return invalid(field, "is missing")
    if refusal := check_line(field, user, USER_LIMIT):
        return refusal
    return None if is_name(user) else invalid(field, "is blank, or has invisible characters")


def check_key(key: str) -> Refusal | None:
    """Check an idempotency key; it may be absent, and is opaque."""
    return check_line("idempotency_key", key, KEY_LIMIT)


def check_not_blank(field: str, text: str) -> Refusal | None:
    """Check that there is something to be seen in a text."""
    return invalid(field, "is empty") if is_blank(text) else None


def check_text(field: str, text: str, limit: int, setting: str = "") -> Refusal | None:
    """Check a text: at most `limit` characters, all of which a database can store."""
    if len(text) > limit:
        return invalid(field, f"is longer than {limit} characters", setting)
    return None if is_text(text) else invalid(field, "has a NUL or half of a surrogate pair")

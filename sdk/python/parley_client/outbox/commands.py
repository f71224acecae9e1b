"""Commands as an application gives them: their key, their words, and the wait for the answer."""

import asyncio
from collections.abc import Generator
from functools import cache
from typing import Any, get_type_hints
from uuid import uuid4

from msgspec import Struct, UnsetType
from msgspec.structs import fields, replace

from parley_client.errors import ConflictError, invalid
from parley_client.packets import Packet
from parley_protocol.errors import ErrorCode

MAXIMUM_KEY_LENGTH = 64

_KEY = "idempotency_key"
# The types of fields in which a person says something in their own words: names, words to choose
# from and what has a length of its own are of other types.
_WORDS = (str, str | UnsetType)


class Command:
    """A command on its way. Awaited it gives the reply, or raises what refused it.

    `key` names it in the outbox. To cancel the await does not cancel the command.
    """

    def __init__(self, key: str, result: "asyncio.Future[Packet]") -> None:
        self.key = key
        self._result = result

    def __await__(self) -> Generator[Any, None, Packet]:
        return asyncio.shield(self._result).__await__()

    def done(self) -> bool:
        """Whether it was answered, or is not sent any more."""
        return self._result.done()


def key_of(payload: Struct, chosen: str | None) -> str:
    """Give the key of a command: the chosen one, that of the payload, or a new one.

    Raises InvalidArgumentError for one that is too long or too short.
    """
    found = chosen if chosen is not None else getattr(payload, _KEY, None)
    key = found if isinstance(found, str) else uuid4().hex
    if not 1 <= len(key) <= MAXIMUM_KEY_LENGTH:
        raise invalid(_KEY, f"has 1 to {MAXIMUM_KEY_LENGTH} characters")
    return key


def with_key(payload: Struct, key: str) -> Struct:
    """Put a key into a payload that can have one."""
    has_one = any(one.name == _KEY for one in fields(payload))
    return replace(payload, **{_KEY: key}) if has_one else payload


def has_words(payload: Struct) -> bool:
    """Whether a person says something in a command in their own words."""
    said = (getattr(payload, name) for name in fields_of_words(type(payload)))
    return any(isinstance(words, str) and words for words in said)


@cache
def fields_of_words(structure: type[Struct]) -> tuple[str, ...]:
    """Name the fields of a payload in which a person says something in their own words."""
    hints = get_type_hints(structure, include_extras=True)
    return tuple(name for name in structure.__struct_fields__ if hints[name] in _WORDS)


def conflict() -> ConflictError:
    """Make the error of a key that stands for another command here."""
    message = "the key stands for another command in the outbox"
    return ConflictError({"code": str(ErrorCode.CONFLICT), "message": message})

"""The base of all views, which are read from plain payloads of the server."""

from collections.abc import Mapping
from typing import Any, Self

import msgspec

Data = Mapping[str, Any]


class UnreadableError(ValueError):
    """A payload that is not what docs/protocol.md says it is. The text names the field."""


class View:
    """Something as the server shows it to this user, frozen.

    Fields have the names of docs/protocol.md. Fields that are absent or null are None (or what
    the class says), times are aware datetimes in UTC, words that are not known are "unspecified",
    and fields that are not known are passed over.
    """

    __slots__ = ()

    @classmethod
    def read(cls, data: object) -> Self:
        """Read it from a payload. Raises UnreadableError."""
        try:
            return msgspec.convert(cls._prepared(mapping(data)), cls)
        except msgspec.ValidationError as error:
            raise UnreadableError(f"{cls.__name__}: {error}") from None

    @classmethod
    def _prepared(cls, data: Data) -> Data:
        """Give the fields that are there, as the class names them."""
        return {name: value for name, value in data.items() if value is not None}


def mapping(data: object) -> Data:
    """Give a payload, or a part of one, that is an object. Raises UnreadableError."""
    if not isinstance(data, Mapping):
        raise UnreadableError(f"an object is expected, and not {type(data).__name__}")
    return data

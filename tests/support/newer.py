"""Messages as a service of a later release may send them: words that nobody here knows."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

UNKNOWN = 99
"""A number that no enumeration of a contract has, and the number of a field that no message has."""

_VALUES = {
    FieldDescriptor.CPPTYPE_STRING: "x",
    FieldDescriptor.CPPTYPE_BOOL: True,
    FieldDescriptor.CPPTYPE_INT32: 1,
    FieldDescriptor.CPPTYPE_INT64: 1,
}
# The messages of the contracts that hold one another do so no deeper.
_DEEPEST = 8


def fill(message: Message, depth: int = 0) -> int:
    """Set every field of a message, and in each that it holds: all words are unknown ones.

    Of a oneof the last field stays. Returns how many words there are.
    """
    count = 0
    for field in message.DESCRIPTOR.fields:
        count += _set(message, field, depth)
    return count


def _set(message: Message, field: Any, depth: int) -> int:
    if field.message_type is not None:
        if depth == _DEEPEST or field.message_type.full_name.startswith("google."):
            return 0
        found: Any = getattr(message, field.name)
        inner = found.add() if field.is_repeated else found
        if not field.is_repeated:
            inner.SetInParent()
        return fill(inner, depth + 1)
    is_word = field.enum_type is not None
    value: Any = UNKNOWN if is_word else _VALUES[field.cpp_type]
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)
    return int(is_word)


def newer_events(event: type[Any], *recipients: str) -> Iterator[Any]:
    """One event of each kind with unknown words in it, and one of a kind that is not known here."""
    for field in event.DESCRIPTOR.oneofs_by_name["event"].fields:
        made = event(recipients=recipients)
        inner = getattr(made, field.name)
        inner.SetInParent()
        fill(inner)
        yield made
    # A field of two bytes, of a number and type that no release had.
    yield event.FromString(event(recipients=recipients).SerializeToString() + b"\x9a\x06\x00")

"""Normalises the names in requests, so that each service compares and stores them in one form."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from service_kit.names import normalise

# The fields of all contracts by which somebody or something is called: users, and what they name.
NAMES = frozenset(
    {
        "accused",
        "actor",
        "add_users",
        "claimed_by",
        "invisible_users",
        "opened_by",
        "participants",
        "remove_users",
        "subject",
        "title",
        "to",
        "user",
        "users",
    }
)

# What begins a character beyond ASCII in UTF-8, and mostly nothing else: the length of a field is
# two such bytes in a row only beyond 16 KiB.
_BEYOND_ASCII = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")

# A deserializer as gRPC has it; without one requests are bytes.
Read = Callable[[bytes], Any] | None


def reading_names(read: Read) -> Read:
    """Make of a request's deserializer one that gives its names in Normalization Form C."""
    if read is None:
        return None

    def read_normalised(data: bytes) -> Any:
        message = read(data)
        # Nothing to be done for most.
        if _BEYOND_ASCII.search(data) is not None:
            _normalise(message)
        return message

    return read_normalised


def _normalise(message: Message) -> None:
    for name, repeated, nested in _fields_with_names(message.DESCRIPTOR):
        value: Any = getattr(message, name)
        if nested:
            if repeated:
                for one in value:
                    _normalise(one)
            elif message.HasField(name):
                _normalise(value)
        elif repeated:
            value[:] = map(normalise, value)
        elif not value.isascii():
            setattr(message, name, normalise(value))


@cache
def _fields_with_names(message: Descriptor) -> tuple[tuple[str, bool, bool], ...]:
    """Give the fields that are names or have some within: name, whether repeated, and nested."""
    found = []
    for field in message.fields:
        nested = field.type == FieldDescriptor.TYPE_MESSAGE
        if _fields_with_names(field.message_type) if nested else _is_name(field):
            found.append((field.name, field.is_repeated, nested))
    return tuple(found)


def _is_name(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and field.name in NAMES

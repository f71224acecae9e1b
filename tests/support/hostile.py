"""Requests of a contract with one field that no client of good will would send."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

TEXTS = ("\0", "a\0b", "x" * 5_000, "\u202e\u200b", "%00", "NULL", "'; --", "\U0001f408" * 200)
NUMBERS = (-1, -(2**63), 2**63 - 1, 2**31 - 1)


def requests(
    service: ServiceDescriptor, sound: Mapping[str, Any]
) -> Iterator[tuple[str, str, Message]]:
    """All unary RPCs with each of their fields made hostile: RPC, field and request.

    Fields beside it are filled from `sound` by their names, where it has a value.
    """
    for method in service.methods:
        if method.client_streaming or method.server_streaming:
            continue
        kind = method.input_type
        for field in _texts_and_numbers(kind):
            for value in _values(field):
                made = _filled(kind, sound)
                # A oneof holds the last.
                _set(made, field, value)
                yield method.name, field.name, made
        for field in kind.fields:
            if field.message_type is None or field.message_type.file.package.startswith("google"):
                continue
            for inner in _texts_and_numbers(field.message_type):
                for value in _values(inner):
                    made, item = _filled(kind, sound), _filled(field.message_type, sound)
                    _set(item, inner, value)
                    good = _filled(field.message_type, sound)
                    if field.is_repeated:
                        getattr(made, field.name).extend([good, item])
                    else:
                        getattr(made, field.name).CopyFrom(item)
                    yield method.name, f"{field.name}.{inner.name}", made


def _texts_and_numbers(kind: Descriptor) -> list[FieldDescriptor]:
    return [one for one in kind.fields if _values(one)]


def _values(field: FieldDescriptor) -> tuple[Any, ...]:
    if field.type == FieldDescriptor.TYPE_STRING:
        return TEXTS
    if field.type == FieldDescriptor.TYPE_INT64:
        return NUMBERS
    if field.type == FieldDescriptor.TYPE_INT32:
        return (-1, -(2**31), 2**31 - 1)
    return ()


def _filled(kind: Descriptor, sound: Mapping[str, Any]) -> Message:
    made = GetMessageClass(kind)()
    for field in kind.fields:
        if field.name in sound and field.message_type is None:
            _set(made, field, sound[field.name])
    return made


def _set(message: Message, field: FieldDescriptor, value: Any) -> None:
    if field.is_repeated:
        values = value if isinstance(value, list) else [value]
        getattr(message, field.name).extend(values)
    else:
        setattr(message, field.name, value)

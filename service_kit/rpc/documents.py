"""Protobuf messages as JSON documents, by one rule for all of them: what `parley mod --json` prints
and the desk answers.

Fields have the names of the contract. A word of an enumeration is written without its prefix and in
small letters (CASE_STATE_OPEN: "open"; UNSPECIFIED: ""), times are RFC 3339 in UTC with
milliseconds, and numbers are numbers. A time or a message that is absent is left out; all other
fields are always there.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

Document = Mapping[str, Any]
MessageType = TypeVar("MessageType", bound=Message)


def document(message: Message, *, known_only: bool = False) -> dict[str, Any]:
    """The document of a message. A word that is newer than this program is its number, or with
    `known_only` unspecified.
    """
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            found[field.name] = [_written(field, one, known_only=known_only) for one in value]
        elif field.message_type is not None and not message.HasField(field.name):
            continue
        else:
            found[field.name] = _written(field, value, known_only=known_only)
    return found


def build(kind: type[MessageType], fields: Document) -> MessageType:
    """The message of a document, in which times are datetimes; None is left out."""
    message = kind()
    for name, value in fields.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if value is None:
            continue
        if field.is_repeated:
            values = [_read(field, one) for one in value]
            getattr(message, name).extend(values)
        elif field.message_type is not None:
            getattr(message, name).CopyFrom(_read(field, value))
        else:
            setattr(message, name, _read(field, value))
    return message


def _written(field: Any, value: Any, *, known_only: bool) -> Any:
    if isinstance(value, Timestamp):
        # An integer division, for a float would round the milliseconds.
        at = datetime.fromtimestamp(value.seconds, UTC)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{value.nanos // 1_000_000:03d}Z"
    if isinstance(value, Message):
        return document(value, known_only=known_only)
    if field.enum_type is None:
        return value
    if value == 0:
        return ""
    known = field.enum_type.values_by_number.get(value)
    if known is None:
        return "" if known_only else str(value)
    name = known.name
    return name.removeprefix(_prefix(field.enum_type)).lower()


def _read(field: Any, value: Any) -> Any:
    if isinstance(value, datetime):
        at = Timestamp()
        at.FromDatetime(value.astimezone(UTC))
        return at
    if field.message_type is not None:
        return build(GetMessageClass(field.message_type), value)
    if field.enum_type is not None:
        name = f"{_prefix(field.enum_type)}{value}".upper()
        return field.enum_type.values_by_name[name].number
    return value


def _prefix(kind: Any) -> str:
    """CASE_STATE_ of CaseState."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.name).upper() + "_"

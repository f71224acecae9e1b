"""Second looks at payloads that could not be read: fields that are null, and text that is none."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import msgspec


def without_nulls(codec: Any, data: Any, payload_type: type[msgspec.Struct]) -> Any:
    """Leave out of an encoded payload the optional fields that are null, also of its structures.

    Raises msgspec.MsgspecError where it is no object.
    """
    null = codec.encode(None)
    given = codec.decode(data, type=dict[str, msgspec.Raw])
    kept = {}
    for name, optional, structure in _fields(payload_type):
        if name in given:
            value = given[name]
            if bytes(value) == null:
                if optional:
                    continue
            elif structure is not None:
                value = _within(codec, value, structure)
            kept[name] = value
    return codec.encode(kept)


def _within(codec: Any, data: msgspec.Raw, structure: type[msgspec.Struct]) -> Any:
    try:
        return msgspec.Raw(without_nulls(codec, data, structure))
    except msgspec.ValidationError:
        # Not an object: its reader says so, with the path.
        return data


@cache
def _fields(
    payload_type: type[msgspec.Struct],
) -> tuple[tuple[str, bool, type[msgspec.Struct] | None], ...]:
    """Give the fields of a type: name, whether optional, and the structure that it holds if any."""
    return tuple(
        (field.encode_name, not field.required, structure_of(field.type))
        for field in msgspec.structs.fields(payload_type)
    )


def structure_of(hint: Any) -> type[msgspec.Struct] | None:
    """Give the structure that a field of this type holds, perhaps among other things."""
    for one in get_args(hint) or (hint,):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None


def field_of_bad_text(codec: Any, data: Any) -> str | None:
    """Find the path of the first text in a payload that is not valid Unicode; None: there is none.

    Of a name that is none the path is that of its object.
    """
    if codec is msgspec.json:
        try:
            return next(_bad_texts(json.loads(bytes(data))), None)
        except (ValueError, RecursionError):
            return None
    try:
        given = codec.decode(data, type=dict[str, msgspec.Raw])
    except UnicodeError:
        return ""
    except msgspec.MsgspecError:
        return None
    for name, value in given.items():
        try:
            codec.decode(value)
        except UnicodeError:
            return str(name)
        except (msgspec.MsgspecError, RecursionError):
            continue
    return None


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeError:
        return False
    return True


def _bad_texts(value: Any, path: str = "") -> Iterator[str]:
    match value:
        case str() if not _is_unicode(value):
            yield path
        case dict():
            for name, inner in value.items():
                if _is_unicode(name):
                    yield from _bad_texts(inner, f"{path}.{name}" if path else name)
                else:
                    yield path
        case list():
            for index, inner in enumerate(value):
                yield from _bad_texts(inner, f"{path}[{index}]")

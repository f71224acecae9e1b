"""Structures of the protocol as documents show them: their sentences, their fields, JSON Schema."""

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

Schema = dict[str, Any]


def structure(payload: type[msgspec.Struct]) -> inspect.StructType:
    """A payload's fields. Each member of a union is read by itself, for msgspec reads no union of
    several structures, and `current` of ERROR is one: it is only ever written.
    """
    hints = get_type_hints(payload, include_extras=True)
    fields = []
    for field in msgspec.structs.fields(payload):
        members = _members(hints[field.name])
        types = tuple(inspect.type_info(one) for one in members)
        fields.append(
            inspect.Field(
                name=field.name,
                encode_name=field.encode_name,
                type=types[0] if len(types) == 1 else inspect.UnionType(types),
                required=field.required,
                default=field.default,
            )
        )
    return inspect.StructType(payload, tuple(fields))


def _members(hint: Any) -> list[Any]:
    """The types of which a field has one, when it is there at all."""
    if get_origin(hint) not in {Union, UnionType}:
        return [hint]
    return [one for one in get_args(hint) if one is not msgspec.UnsetType]


def nested(kind: inspect.Type) -> Iterator[inspect.StructType]:
    """The structures inside a type, the outer before the inner."""
    match kind:
        case inspect.StructType():
            yield kind
            for field in kind.fields:
                yield from nested(field.type)
        case inspect.ListType() | inspect.VarTupleType():
            yield from nested(kind.item_type)
        case inspect.UnionType():
            for inner in kind.types:
                yield from nested(inner)


def sentences(payload: type) -> str:
    """The docstring of a structure, as one paragraph. Raises ValueError where there is none."""
    if not payload.__doc__:
        raise ValueError(f"{payload.__name__} has no docstring")
    return " ".join(payload.__doc__.split())


def without_links(text: str) -> str:
    """Sentences to be read outside of docs/protocol.md, to whose sections their links lead."""
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)


def is_told(field: inspect.Field) -> bool:
    """Whether a field has a default to tell; one that is left out when absent has none."""
    return field.default not in {msgspec.NODEFAULT, msgspec.UNSET}


def schema_of(payload: type[msgspec.Struct]) -> Schema:
    """The JSON Schema of a structure. Other structures in it are references to `components`; what
    it does not name is passed over, as docs/protocol.md demands of both sides.
    """
    kind = structure(payload)
    schema: Schema = {"type": "object", "description": without_links(sentences(payload))}
    if required := [field.encode_name for field in kind.fields if field.required]:
        schema["required"] = required
    if kind.fields:
        schema["properties"] = {field.encode_name: property_schema(field) for field in kind.fields}
    return schema


def property_schema(field: inspect.Field) -> Schema:
    """The JSON Schema of a field, with its default."""
    default = {"default": field.default} if is_told(field) else {}
    return {**type_schema(field.type), **default}


def type_schema(kind: inspect.Type) -> Schema:
    """The JSON Schema of a type. Raises TypeError for one that no payload has used yet."""
    match kind:
        case inspect.StrType():
            bounds = {"minLength": kind.min_length, "maxLength": kind.max_length}
            return {"type": "string", **_given(bounds)}
        case inspect.IntType():
            return {"type": "integer", **_given({"minimum": kind.ge, "maximum": kind.le})}
        case inspect.Metadata():
            return {**type_schema(kind.type), **(kind.extra_json_schema or {})}
        case inspect.DateTimeType():
            return {"type": "string", "format": "date-time"}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.NoneType():
            return {"type": "null"}
        case inspect.LiteralType():
            return {"type": "string", "enum": sorted(map(str, kind.values))}
        case inspect.ListType() | inspect.VarTupleType():
            return {"type": "array", "items": type_schema(kind.item_type)}
        case inspect.DictType():
            return {"type": "object", "additionalProperties": type_schema(kind.value_type)}
        case inspect.StructType() | inspect.EnumType():
            return reference(kind.cls.__name__)
        case inspect.UnionType():
            return {"anyOf": [type_schema(inner) for inner in kind.types]}
    raise TypeError(f"no schema for {kind}")


def reference(name: str) -> Schema:
    """A reference to the schema of a structure."""
    return {"$ref": f"#/components/schemas/{name}"}


def _given(bounds: Mapping[str, int | None]) -> Schema:
    return {name: bound for name, bound in bounds.items() if bound is not None}

"""Writes the tables of docs/protocol.md from the code of the edge, or checks them.

    python docs/generate_protocol.py           writes the tables
    python docs/generate_protocol.py --check   fails when they are not what the code says

Packets come from parley_protocol/packets.py, with the docstrings of their payloads as sentences;
error codes and close codes from parley_protocol/errors.py.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import inspect

from docs import markers
from docs.structures import is_told, nested, sentences, structure
from parley_protocol.errors import CloseCode, ErrorCode
from parley_protocol.objects import SHOWINGS, Kind
from parley_protocol.packets import Direction, Op

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "protocol.md"


_BOUNDS = {2**63 - 1: "2^63-1", -(2**63): "-2^63", 2**31 - 1: "2^31-1", -(2**31): "-2^31"}


def number_range(kind: inspect.IntType) -> str:
    """The bounds of an integer in words, both ends included."""
    if kind.ge is None or kind.le is None:
        return "integer"
    return f"integer, {_BOUNDS.get(kind.ge, kind.ge)} to {_BOUNDS.get(kind.le, kind.le)}"


def text_range(kind: inspect.StrType) -> str:
    """The bounds of a string in words."""
    if kind.min_length is None and kind.max_length is None:
        return "string"
    if kind.min_length is None:
        return f"string, up to {kind.max_length} characters"
    return f"string, {kind.min_length} to {kind.max_length} characters"


def type_name(kind: inspect.Type) -> str:
    """A type as the tables show it. Raises TypeError for one that no payload has used yet."""
    match kind:
        case inspect.StrType():
            return text_range(kind)
        case inspect.IntType():
            return number_range(kind)
        case inspect.BoolType():
            return "boolean"
        case inspect.NoneType():
            return "null"
        case inspect.LiteralType():
            return " or ".join(f'`"{value}"`' for value in sorted(map(str, kind.values)))
        case inspect.EnumType():
            return "string, one of [these](#errors)"
        case inspect.ListType():
            return f"list of {type_name(kind.item_type)}"
        case inspect.DictType():
            return f"object of {type_name(kind.value_type)}"
        case inspect.StructType():
            return f"[{kind.cls.__name__}](#structure-{kind.cls.__name__.lower()})"
        case inspect.UnionType():
            return " or ".join(type_name(inner) for inner in kind.types)
    raise TypeError(f"no words for {kind}")


def field_table(kind: inspect.StructType) -> Iterator[str]:
    """A row for each field: name, type with bounds, whether it must be there, else its default."""
    if not kind.fields:
        yield "`{}`"
        return
    yield "| field | type | required |"
    yield "|---|---|---|"
    for field in kind.fields:
        default = f"no, {field.default}" if is_told(field) else "no"
        required = "yes" if field.required else default
        yield f"| `{field.encode_name}` | {type_name(field.type)} | {required} |"


def packet(op: Op) -> Iterator[str]:
    """The section of one packet."""
    yield f"### 0x{op.value:02X} {op.title}"
    yield ""
    opening = f"`{op.direction}` "
    for payload, side in ((op.from_client, "From"), (op.to_client, "To")):
        if payload is not None:
            heading = f"{side} the client: " if op.direction is Direction.BOTH else ""
            yield f"{opening}{heading}{sentences(payload)}"
            yield ""
            yield from field_table(structure(payload))
            yield ""
            opening = ""


def link(op: Op) -> str:
    """The name of a packet, as a link to its section."""
    return f"[{op.title}](#0x{op.value:02x}-{op.title.lower().replace(' ', '-')})"


def packets() -> Iterator[str]:
    """An overview, then each packet, then the structures that several of them share."""
    yield "| op | direction | name | answer |"
    yield "|---|---|---|---|"
    for op in Op:
        answer = "none" if op.answer is None else link(op.answer)
        told = f"{answer} |" if op.from_client is not None else "|"
        yield f"| 0x{op.value:02X} | `{op.direction}` | {link(op)} | {told}"
    yield ""
    shared: dict[str, inspect.StructType] = {}
    for op in Op:
        yield from packet(op)
        for payload in (op.from_client, op.to_client):
            if payload is not None:
                for kind in list(nested(structure(payload)))[1:]:
                    shared[kind.cls.__name__] = kind
    for name, kind in sorted(shared.items()):
        yield f"### Structure {name}"
        yield ""
        yield sentences(kind.cls)
        yield ""
        yield from field_table(kind)
        yield ""


def objects() -> Iterator[str]:
    """A row for each way in which a structure shows an object, by kind of object."""
    titles = {op.to_client: op.title for op in Op if op.to_client is not None}
    for kind in Kind:
        for shape, showings in SHOWINGS.items():
            for one in showings:
                if one.kind is kind:
                    name = titles.get(shape, shape.__name__)
                    anchor = f"structure-{name.lower()}" if shape not in titles else ""
                    shown = f"[{name}](#{anchor})" if anchor else name
                    key = ", ".join(f"`{field}`" for field in one.key)
                    yield f"| {kind} | {key} | `{one.version}` | {shown} |"


def generate(document: str) -> str:
    """The document with what stands between each pair of markers made anew."""
    errors = ((f"`{one}`", "yes" if one.retryable else "no", one.meaning) for one in ErrorCode)
    closes = ((one.value, one.meaning) for one in CloseCode)
    for name, lines in (
        (
            "objects",
            ("| object | named by | version | shown by |", "|---|---|---|---|", *objects()),
        ),
        ("packets", packets()),
        ("errors", markers.table(("code", "retryable", "meaning"), *errors)),
        ("closes", markers.table(("code", "meaning"), *closes)),
    ):
        document = markers.fill(document, name, lines)
    return document


if __name__ == "__main__":
    sys.exit(markers.run(DOCUMENT, generate, sys.argv[1:]))

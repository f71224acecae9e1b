"""The vectors by which the TypeScript client's memory of objects is held to that of Python."""

import json
import random
import sys
from typing import Any

from msgspec import inspect

from parley_protocol.objects import Kind, Objects
from parley_protocol.packets import Op
from parley_protocol.payloads.moderation import Dispute, Standing
from parley_protocol.payloads.negotiation import Service
from tests.support.node import LIBRARY

VECTORS = LIBRARY / "tests" / "objects.jsonl"
_LINES = 30
_PACKETS = 9
# Few names and versions, so that packets show the same objects, older and newer.
_NAMES = ("a", "b")
_VERSIONS = 4
_TOLD = [op for op in Op if op.to_client is not None and op is not Op.ERROR]
_CURRENT = (Service, Dispute, Standing)


class _Maker:
    """Random payloads of any structure, as plain values."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def packet(self) -> tuple[int, dict[str, Any]]:
        op = self._random.choice((Op.ERROR, *_TOLD))
        if op.to_client is None or op is Op.ERROR:
            shown = self._random.choice(_CURRENT)
            return op.value, {"current": self._value(inspect.type_info(shown), "")}
        data: dict[str, Any] = self._value(inspect.type_info(op.to_client), "")
        return op.value, data

    def _value(self, kind: inspect.Type, name: str) -> Any:
        chance = self._random
        match kind:
            case inspect.StructType():
                return {
                    field.name: self._value(field.type, field.name)
                    for field in kind.fields
                    if field.required or chance.random() < 0.6
                }
            case inspect.UnionType():
                told = [one for one in kind.types if not isinstance(one, inspect.CustomType)]
                structures = [one for one in told if isinstance(one, inspect.StructType)]
                nothing = any(isinstance(one, inspect.NoneType) for one in told)
                if structures and not (nothing and chance.random() < 0.3):
                    return self._value(chance.choice(structures), name)
                return self._value(chance.choice(told), name)
            case inspect.ListType():
                if name == "participants":
                    return ["me", chance.choice(_NAMES)]
                return [self._value(kind.item_type, "") for _ in range(chance.randrange(3))]
            case inspect.LiteralType():
                return chance.choice(sorted(kind.values, key=str))
            case inspect.BoolType():
                return chance.random() < 0.3
            case inspect.IntType():
                return chance.randrange(1, _VERSIONS)
            case inspect.StrType():
                return chance.choice(("me", *_NAMES))
            case inspect.NoneType():
                return None
            case inspect.DictType():
                return {chance.choice(_NAMES): chance.choice(_NAMES)}
        raise AssertionError(kind)


def make_vectors() -> str:
    """Give the vectors as the file holds them: packets to a user, and what is known after them."""
    lines = []
    for seed in range(_LINES):
        maker, objects = _Maker(seed), Objects("me")
        packets = [maker.packet() for _ in range(_PACKETS)]
        for op, data in packets:
            objects.take(op, data)
        known = [
            {
                "kind": shown.kind,
                "key": shown.key,
                "version": shown.version,
                "whole": shown.whole,
                "content": {
                    name: value for name, value in shown.content.items() if value is not None
                },
            }
            for shown in objects.values()
        ]
        lines.append(json.dumps({"packets": packets, "known": known}, separators=(",", ":")))
    return "\n".join(lines) + "\n"


def test_the_vectors_are_what_python_knows() -> None:
    """`python -m tests.typescript.test_objects` writes them anew."""
    assert VECTORS.read_text() == make_vectors()


def test_the_vectors_show_objects_of_all_kinds_again_and_again() -> None:
    """A vector in which nothing meets would hold for any rule."""
    lines = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    kinds = {shown["kind"] for line in lines for shown in line["known"]}
    assert kinds == {kind.value for kind in Kind}


if __name__ == "__main__":
    VECTORS.write_text(make_vectors())
    sys.stdout.write(f"{VECTORS}\n")

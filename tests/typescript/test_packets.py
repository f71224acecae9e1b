"""sdk/typescript/src/generated/packets.ts has the types of docs/asyncapi.json, and the tables of
the Python protocol.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import fields

from parley_protocol import objects
from parley_protocol.errors import CloseCode, ErrorCode
from parley_protocol.objects import SHOWINGS
from parley_protocol.packets import Op
from tests.support.node import LIBRARY, run

_PACKETS = LIBRARY / "src" / "generated" / "packets.ts"


@pytest.fixture(scope="module")
def constants() -> Any:
    """All that the module exports at run time."""
    program = f"import * as all from {json.dumps(str(_PACKETS))}; console.log(JSON.stringify(all))"
    return json.loads(run("node", "--input-type=module", "--eval", program))


def test_the_file_is_what_the_schema_says() -> None:
    """A changed schema fails here until the file is generated anew."""
    run("node", LIBRARY / "scripts" / "generate-packets.ts", "--check")


def test_packets_have_their_numbers_names_and_answers(constants: Any) -> None:
    """A client in TypeScript knows the same packets by the same numbers."""
    assert {op.name: constants[op.name] for op in Op} == {op.name: op.value for op in Op}
    assert constants["NAMES"] == {str(op.value): op.title for op in Op}
    assert constants["ANSWERS"] == {
        str(op.value): op.answer for op in Op if op.from_client is not None
    }


def test_codes_are_those_of_the_edge(constants: Any) -> None:
    """What to do after a close and an error hangs on them."""
    assert constants["CloseCode"] == {one.name: one.value for one in CloseCode}
    assert constants["RETRYABLE"] == {str(one): one.retryable for one in ErrorCode}


def test_objects_are_shown_by_the_same_structures(constants: Any) -> None:
    """Both memories tell the newer of two showings by the same fields."""
    assert constants["SHOWINGS"] == {
        structure.__name__: [
            {
                "kind": one.kind,
                "key": list(one.key),
                "version": one.version,
                **({"all": True} if one.content is None else {}),
            }
            for one in rows
        ]
        for structure, rows in SHOWINGS.items()
    }


def test_objects_are_found_in_the_same_fields(constants: Any) -> None:
    """At any depth, and of whichever structure a field holds."""
    for op in Op:
        if op.to_client is not None:
            name = op.to_client.__name__ if leads(op.to_client) else None
            assert constants["STRUCTURES"].get(str(op.value)) == name, op.title
    told = {kind for op in Op if op.to_client for kind in _reached(op.to_client)}
    nested = {kind.__name__: leading(kind) for kind in told}
    assert constants["NESTED"] == {name: found for name, found in nested.items() if found}
    (several,) = {held for kind in told for held in objects._structures(kind).values() if held[1:]}
    assert [*constants["MARKS"]] == [one.__name__ for one in several[:-1]]
    for index, structure in enumerate(several[:-1]):
        mark = constants["MARKS"][structure.__name__]
        assert mark in {one.name for one in fields(structure) if one.required}
        assert all(mark not in one.__struct_fields__ for one in several[index + 1 :])


def leading(structure: type[Struct]) -> dict[str, list[str]]:
    """The fields of a structure that lead to objects, with the names of what they hold."""
    held = objects._structures(structure).items()
    found = {field: [one.__name__ for one in inside if leads(one)] for field, inside in held}
    return {field: names for field, names in found.items() if names}


def leads(structure: type[Struct]) -> bool:
    """Whether a structure shows an object, or holds one that does."""
    return any(one in SHOWINGS for one in _reached(structure))


def _reached(structure: type[Struct]) -> Iterator[type[Struct]]:
    yield structure
    for held in objects._structures(structure).values():
        for one in held:
            yield from _reached(one)

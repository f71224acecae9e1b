"""sdk/typescript/src/generated/packets.ts has the types of docs/asyncapi.json, and the tables of
the Python protocol.
"""

import json
from typing import Any

import pytest

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
    assert constants["STRUCTURES"] == {
        str(op.value): op.to_client.__name__ for op in Op if op.to_client is not None
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
                "all": one.content is None,
            }
            for one in rows
        ]
        for structure, rows in SHOWINGS.items()
    }

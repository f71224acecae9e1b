"""docs/asyncapi.json as a validator of packets."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.protocols import Validator
from msgspec import Struct

from parley_protocol.packets import Op

OPS = {op.value: op for op in Op}
_FILE = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.json"


@cache
def _described(*, closed: bool) -> Any:
    described = json.loads(_FILE.read_text("utf-8"))
    for schema in described["components"]["schemas"].values():
        if closed and schema["type"] == "object":
            schema["additionalProperties"] = False
    return described


@cache
def validator(payload: type[Struct], *, closed: bool = False) -> Validator:
    """The validator of the packet that has this payload, envelope and all. A `closed` one finds
    fields that the schema does not name as well.
    """
    name = f"{payload.__name__}Packet"
    return Draft7Validator({**_described(closed=closed), "$ref": f"#/components/schemas/{name}"})


def problems_of(packet: Any, *, from_client: bool) -> list[str]:
    """Faults that a closed validator finds in a packet, by the opcode that it bears."""
    op = OPS[packet["op"]]
    payload = op.from_client if from_client else op.to_client
    if payload is None:
        return [f"{op.title} does not go this way"]
    found = validator(payload, closed=True).iter_errors(packet)
    return [f"{op.title}: {one.json_path}: {one.message}" for one in found]

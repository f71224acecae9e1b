"""docs/asyncapi.json describes the protocol as it is coded, and is good AsyncAPI 3.0."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from docs import generate_asyncapi
from parley_protocol.errors import CloseCode, ErrorCode
from parley_protocol.packets import FORMATS, Op
from tests.support.node import run

# Diagnostics of at most severity 1 are errors and warnings; what is below are hints.
_VALIDATOR = """
import { Parser } from "@asyncapi/parser";
import { readFileSync } from "node:fs";
const text = readFileSync(process.argv[1], "utf8");
const { diagnostics, document } = await new Parser().parse(text);
const found = diagnostics.filter(({ severity }) => severity <= 1);
const problems = found.map(({ path, message }) => `${path.join(".")}: ${message}`);
const operations = document?.operations().all().map((one) => one.id()) ?? [];
console.log(JSON.stringify({ problems, operations }));
"""


def validate(document: Path) -> Any:
    """Faults that npm's @asyncapi/parser finds in a file, and the operations that it reads."""
    command = ("node", "--input-type=module", "--eval", _VALIDATOR, document)
    return json.loads(run(*command, seconds=60))


@pytest.fixture
def described() -> Any:
    return json.loads(generate_asyncapi.DOCUMENT.read_text("utf-8"))


def message_named(described: Any, reference: Any) -> Any:
    """The message to which a reference leads."""
    *_, channel, _, name = reference["$ref"].split("/")
    return described["channels"][channel]["messages"][name]


def test_the_file_is_what_the_code_says() -> None:
    """A changed payload, code or opcode fails here until the file is generated anew."""
    assert generate_asyncapi.generate() == generate_asyncapi.DOCUMENT.read_text("utf-8")


def test_drift_is_found(described: Any, tmp_path: Path) -> None:
    """A file that says something else fails the check, and is written anew without it."""
    del described["components"]["schemas"]["CreateMsg"]["required"]
    spoiled = tmp_path / "asyncapi.json"
    spoiled.write_text(json.dumps(described), "utf-8")
    assert generate_asyncapi.main(["--check"], spoiled) == 1
    assert generate_asyncapi.main([], spoiled) == 0
    assert spoiled.read_bytes() == generate_asyncapi.DOCUMENT.read_bytes()


def test_the_parser_of_asyncapi_has_nothing_to_say(described: Any) -> None:
    """No error and no warning; it reads every operation."""
    found = validate(generate_asyncapi.DOCUMENT)
    assert found == {"problems": [], "operations": [*described["operations"]]}


def test_the_parser_finds_what_is_wrong(described: Any, tmp_path: Path) -> None:
    """So the test before can fail: a reference into nowhere, and an action that there is not."""
    described["operations"]["create_msg"]["action"] = "shout"
    described["channels"]["ws"]["messages"]["PongPacket"]["payload"]["$ref"] += "s"
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(described), "utf-8")
    problems = "\n".join(validate(broken)["problems"])
    assert "PongPacket" in problems
    assert "create_msg" in problems


def test_each_packet_of_a_client_is_an_operation_with_its_replies(described: Any) -> None:
    """Under the name of its handler; the replies are its answer, if it has one, and ERROR."""
    received = {
        name: one for name, one in described["operations"].items() if one["action"] == "receive"
    }
    assert [*received] == [op.name.lower() for op in Op if op.from_client]
    for name, operation in received.items():
        op = Op[name.upper()]
        (message,) = operation["messages"]
        assert message_named(described, message)["name"] == op.name
        replies = [message_named(described, one)["name"] for one in operation["reply"]["messages"]]
        assert replies == [one.name for one in (op.answer, Op.ERROR) if one is not None]


def test_each_push_is_an_operation(described: Any) -> None:
    """Packets that only answer are none."""
    sent = {name: one for name, one in described["operations"].items() if one["action"] == "send"}
    assert [*sent] == [f"push_{op.name.lower()}" for op in Op if op.pushed]


def test_each_packet_is_a_message_with_its_opcode(described: Any) -> None:
    """Of TYPING and BLOCK USER there are two, one in each direction."""
    found = []
    for message in described["channels"]["ws"]["messages"].values():
        payload = described["components"]["schemas"][message["payload"]["$ref"].split("/")[-1]]
        found.append((message["name"], payload["properties"]["op"]["const"]))
    sides = [side for op in Op for side in (op.from_client, op.to_client) if side is not None]
    assert sorted(set(found)) == sorted((op.name, op.value) for op in Op)
    assert len(found) == len(sides)


def test_codes_encodings_and_places_of_the_token_are_told(described: Any) -> None:
    """All that a client has to know before its first packet."""
    schemas = described["components"]["schemas"]
    assert schemas["ErrorCode"]["enum"] == [*ErrorCode]
    assert schemas["CloseCode"]["enum"] == [one.value for one in CloseCode]
    assert [*described["channels"]["ws"]["x-subprotocols"]] == [*FORMATS]
    places = [
        (one["type"], one.get("in")) for one in described["components"]["securitySchemes"].values()
    ]
    assert places == [
        ("http", None),
        ("httpApiKey", "cookie"),
        ("httpApiKey", "query"),
        ("httpApiKey", "header"),
    ]
    for server in described["servers"].values():
        assert len(server["security"]) == len(places)


def test_nothing_leads_outside(described: Any) -> None:
    """No address, and no link into a section of another document."""
    text = json.dumps(described)
    assert not re.search(r"https?://|\]\(", text)

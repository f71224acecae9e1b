"""Nothing of a client's socket is written twice: few modules may touch one, each for a reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("bench", "command_line", "edge", "examples", "sdk", "service_kit", "tests")
# Who imports `websockets`, by folder or file, and what for. All else stands on `parley_client`.
ALLOWED = {
    "bench/measurements/floods.py": "clients as cheap as can be, which misbehave on purpose",
    "edge/web/serving": "the server's side of the handshake and of frames",
    "sdk/conformance/adapters/naive.py": "a client without a library, to be found wanting",
    "sdk/python/parley_client/connection": "the library itself",
    "tests/command_line": "a server with a script; how a plain socket of the tests is refused",
    "tests/conformance": "clients and servers that do what no library would",
    "tests/edge/web/serving": "what the library accepts and answers, to compare with",
    "tests/parley_client": "servers that misbehave",
    "tests/support/client.py": "a plain socket for tests of the protocol",
    "tests/system": "the protocol itself: handshakes, frames, refusals",
}


def imported(text: str) -> Iterator[str]:
    """The modules that a module of this text imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


def users_of(package: str) -> set[str]:
    """The modules of this repository that import a package, by their paths."""
    return {
        path.relative_to(ROOT).as_posix()
        for part in PARTS
        for path in (ROOT / part).rglob("*.py")
        if "node_modules" not in path.parts
        and package in (text := path.read_text("utf-8"))
        and any(name.split(".")[0] == package for name in imported(text))
    }


def test_whoever_touches_a_socket_has_a_reason_to() -> None:
    """The command line, the demo, the devices of the tests and the examples have none."""
    found = [
        name
        for name in users_of("websockets")
        if not any(name == one or name.startswith(f"{one}/") for one in ALLOWED)
    ]
    assert found == []


def test_the_command_line_and_the_devices_stand_on_the_client_library() -> None:
    """So it is never stale: what is shown and tried every day is what marketplaces are given."""
    users = users_of("parley_client")
    expected = {"command_line/chat/connection.py", "command_line/demo/actor.py"}
    assert expected | {"tests/support/device.py"} <= users

"""The usual handshake, which is read without `websockets`, and answered as with it."""

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from edge.web.serving.handshake import read_usual, usual_answer

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
USUAL = {
    b"host": b"x",
    b"connection": b"Upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}
GOOD: list[dict[bytes, bytes]] = [
    {},
    {b"connection": b"keep-alive, Upgrade"},
    {b"upgrade": b"WebSocket"},
    {b"origin": b"https://app.example.com"},
    {b"sec-websocket-protocol": b"parley.v1.json, parley.bearer.a-b_c.d"},
    {b"sec-websocket-extensions": b"permessage-deflate; client_max_window_bits"},
]
# Some of these `websockets` accepts.
UNUSUAL: list[dict[bytes, bytes]] = [
    {b"connection": b"close, upgrade"},
    {b"upgrade": b"websocket, h2c"},
    {b"sec-websocket-version": b"8"},
    {b"sec-websocket-version": b""},
    {b"sec-websocket-key": b""},
    {b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ"},
    {b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZ!=="},
    {b"sec-websocket-key": b"dGhl"},
    {b"sec-websocket-protocol": b"a b"},
    {b"sec-websocket-protocol": b""},
]


@pytest.mark.parametrize("more", GOOD)
def test_the_usual_is_accepted_as_by_the_library(more: dict[bytes, bytes]) -> None:
    """By the same value, and by an answer that says the same."""
    headers = list((USUAL | more).items())
    asked = Headers((name.decode(), value.decode()) for name, value in headers)
    theirs = ServerProtocol(extensions=[]).accept(Request("/ws", asked))
    assert theirs.status_code == 101
    accept = read_usual(b"GET", headers)
    assert accept is not None
    answer = usual_answer(accept, "parley.v1.json", [(b"date", b"now")])
    status, *lines = answer.decode().removesuffix("\r\n\r\n").split("\r\n")
    assert status == "HTTP/1.1 101 Switching Protocols"
    theirs.headers["Sec-WebSocket-Protocol"] = "parley.v1.json"
    found = {name.lower(): value for name, value in theirs.headers.raw_items()}
    assert dict(line.lower().split(": ", 1) for line in lines) == {
        name: value.lower() for name, value in (found | {"date": "now"}).items()
    }


@pytest.mark.parametrize("more", UNUSUAL)
def test_the_unusual_is_left_to_the_library(more: dict[bytes, bytes]) -> None:
    """Nothing is accepted here that has to be looked at closely."""
    assert read_usual(b"GET", list((USUAL | more).items())) is None


@pytest.mark.parametrize("name", [*list(USUAL)[1:], b"origin", b"sec-websocket-protocol"])
def test_a_header_that_comes_twice_is_unusual(name: bytes) -> None:
    """Of two values nobody can tell which was meant."""
    value = USUAL.get(name, b"x")
    headers = [*USUAL.items(), (name, value), *([] if name in USUAL else [(name, value)])]
    assert read_usual(b"GET", headers) is None


def test_another_method_is_unusual() -> None:
    """Only GET begins a handshake."""
    assert read_usual(b"POST", list(USUAL.items())) is None

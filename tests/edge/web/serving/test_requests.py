"""Bytes over TCP that are no handshake, or no good one: each has an answer and an end.

Real connections to an edge in this process, which dials a scripted messaging service.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import jwt
import pytest

from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from edge.sessions.session import Session
from edge.web.app import SocketEndpoint, build_app
from edge.web.health import edge_health
from edge.web.serving.connection import Connection, Connections
from edge.web.serving.listener import bind
from edge.web.serving.requests import RequestProtocol
from edge.web.serving.server import Server
from edge.web.serving.transport import PacketProtocol
from service_kit.authentication.errors import MAXIMUM_TOKEN_LENGTH
from tests.edge.scripted import SECRET, Stream, with_settings
from tests.support.waiting import PATIENCE, until

UPGRADE = (
    "Host: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
LIMITS = {"handshake_timeout_seconds": 0.2, "sockets_per_edge": 100}


def token(length: int = 0, user: str = "alice") -> str:
    """A good token of at least so many characters, and of a few more at most."""
    filler = ""
    while True:
        claims = {"sub": user, "exp": 9_999_999_999, "filler": filler}
        made = jwt.encode(claims, SECRET, algorithm="HS256")
        if len(made) >= length:
            return made
        filler += "x" * max(1, (length - len(made)) * 3 // 4)


def handshake(
    target: str = "/ws", more: str = "", *, method: str = "GET", version: str = "1.1"
) -> bytes:
    return f"{method} {target} HTTP/{version}\r\n{UPGRADE}{more}\r\n".encode()


def bearer(of: str | None = None) -> str:
    return f"Authorization: Bearer {token() if of is None else of}\r\n"


class Answer(NamedTuple):
    """What came until the edge closed, or until 101."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and reason of a problem."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        assert problem["detail"]
        return self.status, problem["reason"]


class Door(NamedTuple):
    """An edge that listens on a port of the loopback."""

    port: int
    edge: Edge

    async def ask(self, data: bytes) -> Answer:
        """Send bytes, and return what is answered once the edge has closed, or at 101."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(PATIENCE):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                status = int(head[0].split(" ")[1])
                pairs = [line.partition(": ")[::2] for line in head[1:] if line]
                headers = {name.lower(): value for name, value in pairs}
                return Answer(status, headers, b"" if status == 101 else await reader.read())
        finally:
            writer.transport.abort()

    def sample(self, name: str, **labels: str) -> float:
        found = self.edge.metrics.registry.get_sample_value(f"parley_edge_{name}", labels)
        return found or 0


@pytest.fixture
async def open_door(edge: Edge, live: Stream) -> AsyncIterator[Callable[..., Awaitable[Door]]]:
    """Opens doors of an edge whose settings the test changes."""
    servers: list[Server] = []

    async def open_door(**changed: Any) -> Door:
        changed_edge = with_settings(edge, **LIMITS | changed)
        settings = changed_edge.settings
        connections = Connections(settings, changed_edge.metrics)
        drain = Drain(settings, changed_edge.hub, [])
        server = Server(
            build_app(changed_edge, drain, connections, edge_health(changed_edge, drain)),
            settings,
            connections,
        )
        sockets = await bind("127.0.0.1", 0)
        server.config.load()
        await server.startup(sockets)
        servers.append(server)
        return Door(sockets[0].getsockname()[1], changed_edge)

    yield open_door
    for server in servers:
        server.servers[0].close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        tasks = server.server_state.tasks
        if tasks:
            await asyncio.wait(tasks)


@pytest.fixture
async def door(open_door: Callable[..., Awaitable[Door]]) -> Door:
    return await open_door()


REFUSED = {
    "silence": (b"", 408, "too_slow"),
    "half a request": (b"GET /ws HTTP/1.1\r\nHost:", 408, "too_slow"),
    "half a body": (b"POST /healthz HTTP/1.1\r\nContent-Length: 5\r\n", 408, "too_slow"),
    "headers without end": (handshake(more="a: b\r\n" * 100_000), 431, "too_many_headers"),
    "a header without end": (handshake(more="a: " + "b" * 1_000_000), 431, "headers_too_large"),
    "an address without end": (b"GET /" + b"a" * 1_000_000, 414, "address_too_long"),
    "a method without end": (b"G" * 100_000, 400, "bad_request"),
    "a long cookie": (handshake(more=f"Cookie: {'x' * 8184}\r\n"), 431, "header_too_long"),
    "a long name of a header": (handshake(more=f"{'x' * 8192}: y\r\n"), 431, "header_too_long"),
    "130 headers": (
        handshake(more="".join(f"x{number}: y\r\n" for number in range(130))),
        431,
        "too_many_headers",
    ),
    "large headers": (
        handshake(more="".join(f"x{number}: {'y' * 6000}\r\n" for number in range(6))),
        431,
        "headers_too_large",
    ),
    "a long query": (handshake(f"/ws?token={'x' * 8300}"), 414, "address_too_long"),
    "a token of 8170 characters": (handshake(more=bearer("x" * 8170)), 431, "header_too_long"),
    "a token above the maximum": (
        handshake(more=bearer("x" * (MAXIMUM_TOKEN_LENGTH + 1))),
        401,
        "token_too_long",
    ),
    "a length": (handshake(more="Content-Length: 5\r\n"), 400, "body_not_allowed"),
    "a body": (handshake(more="Content-Length: 5\r\n") + b"hello", 400, "body_not_allowed"),
    "chunks": (handshake(more="Transfer-Encoding: chunked\r\n"), 400, "body_not_allowed"),
    "two lengths": (
        handshake(more="Content-Length: 0\r\nContent-Length: 5\r\n"),
        400,
        "bad_request",
    ),
    "HTTP/1.0": (handshake(version="1.0", more=bearer()), 426, "not_a_websocket"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
    "a cut upgrade": (b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 426, "not_a_websocket"),
    "no HTTP": (b"hello\r\n\r\n", 400, "bad_request"),
    "bytes": (bytes(range(256)), 400, "bad_request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "tls"),
    "a frame behind": (handshake(more=bearer()) + b"\x81\x80\0\0\0\0", 400, "too_early"),
    "a second handshake": (handshake(more=bearer()) * 2, 400, "too_early"),
    "no key": (
        b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        400,
        "bad_handshake",
    ),
    "another method": (handshake(method="POST", more=bearer()), 405, "bad_handshake"),
    "another address": (handshake("/elsewhere", bearer()), 404, "not_found"),
    "an address that is no ASCII": ("GET /wé HTTP/1.1\r\n\r\n".encode(), 400, "bad_request"),
    "a plain request elsewhere": (b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"),
    "a plain request by another method": (
        b"DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        405,
        "method_not_allowed",
    ),
    "a proxy's request": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 400, "bad_request"),
    "the token alone as subprotocol": (
        handshake(more=f"Sec-WebSocket-Protocol: parley.bearer.{token()}\r\n"),
        400,
        "no_subprotocol",
    ),
    "unknown subprotocols": (
        handshake(more=bearer() + "Sec-WebSocket-Protocol: graphql-ws, parley.v2.json\r\n"),
        400,
        "no_subprotocol",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_each_is_refused_with_a_reason_closed_and_counted(door: Door, case: str) -> None:
    """As problem+json, before the deadline has passed twice; nothing of it stays."""
    data, status, reason = REFUSED[case]
    assert (await door.ask(data)).refusal == (status, reason)
    await until(lambda: door.sample("connections") == 0)
    assert door.sample("refusals_total", status=str(status), reason=reason) == 1


LIMIT_OF = {
    "silence": "handshake_timeout_seconds",
    "half a request": "handshake_timeout_seconds",
    "a long cookie": "max_line_bytes",
    "a long query": "max_line_bytes",
    "large headers": "max_head_bytes",
    "130 headers": "max_header_lines",
}


@pytest.mark.parametrize("case", LIMIT_OF)
async def test_each_limit_is_counted_under_its_name(door: Door, case: str) -> None:
    """Once for each connection."""
    await door.ask(REFUSED[case][0])
    assert door.sample("limit_reached_total", limit=LIMIT_OF[case]) == 1


@pytest.mark.parametrize("place", ["header", "cookie", "parameter", "subprotocol"])
async def test_a_token_of_the_documented_maximum_fits_everywhere(door: Door, place: str) -> None:
    """With a cursor beside it, other cookies, and the name of the encoding."""
    longest = token(MAXIMUM_TOKEN_LENGTH - 3)
    assert MAXIMUM_TOKEN_LENGTH - 3 <= len(longest) <= MAXIMUM_TOKEN_LENGTH
    target, more = f"/ws?resume={'x' * 400}", ""
    match place:
        case "header":
            more = bearer(longest)
        case "cookie":
            more = f"Cookie: theme=dark; token={longest}; x={'y' * 500}\r\n"
        case "parameter":
            target += f"&token={longest}"
        case _:
            more = f"Sec-WebSocket-Protocol: parley.v1.json, parley.bearer.{longest}\r\n"
    answer = await door.ask(handshake(target, more))
    assert answer.status == 101
    assert (answer.headers.get("sec-websocket-protocol") == "parley.v1.json") is (
        place == "subprotocol"
    )


@pytest.mark.parametrize(
    "more",
    [
        "Content-Length: 0\r\n",
        "Connection: keep-alive\r\n",
        "Sec-WebSocket-Protocol: unknown, parley.v1.msgpack\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    ],
)
async def test_what_is_unusual_and_good_is_let_in(door: Door, more: str) -> None:
    """Some proxies and libraries write so. Compression is not taken up."""
    answer = await door.ask(handshake(more=bearer() + more))
    assert answer.status == 101
    assert "sec-websocket-extensions" not in answer.headers
    assert door.sample("handshakes_total", status="101") == 1


async def test_a_frame_before_the_answer_is_refused(door: Door) -> None:
    """Also one that comes in a read of its own, while the token is looked at."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(handshake(more=bearer()) + b"\x81")
    assert b'"too_early"' in await reader.read()
    writer.close()
    assert door.sample("handshakes_total", status="101") == 0
    assert len(door.edge.hub) == 0


async def test_a_connection_is_for_one_request(door: Door) -> None:
    """What is pipelined behind it is not answered, however much it is."""
    answer = await door.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert answer.body == b"ok\n"


async def send_without_end(writer: asyncio.StreamWriter) -> None:
    """Send chunks of a body until the edge has cut the connection off; OSError then."""
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/standing", "/appeals"])
async def test_a_body_without_end_is_not_read_without_end(door: Door, path: str) -> None:
    """Whoever does not care about the answer is cut off."""
    _reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{bearer()}Content-Type: application/json\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    with pytest.raises(ConnectionError):
        await send_without_end(writer)
    await until(lambda: door.sample("connections") == 0)
    writer.transport.abort()


async def test_thousands_at_once_are_bounded_and_people_come_in(
    open_door: Callable[..., Awaitable[Door]],
) -> None:
    """Those who say nothing give way, the oldest first, and none of them is forgotten."""
    door = await open_door(
        accepts_burst=10_000, connections_without_session=20, handshake_timeout_seconds=60
    )
    silent = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(300)]
    await until(lambda: door.sample("refusals_total", status="503", reason="overloaded") == 280)
    assert door.sample("connections_without_session") == 20
    assert (await door.ask(handshake(more=bearer()))).status == 101
    first, _ = silent[0]
    assert (await first.read()).startswith(b"HTTP/1.1 503 ")
    for _, writer in silent:
        writer.transport.abort()
    await until(lambda: door.sample("connections") == 0)


async def test_open_connections_without_a_session_count(
    open_door: Callable[..., Awaitable[Door]],
) -> None:
    """The edge's own limit is of connections, whatever they are."""
    door = await open_door(sockets_per_edge=3, handshake_timeout_seconds=60)
    silent = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(10)]
    await until(lambda: door.sample("limit_reached_total", limit="sockets_per_edge") == 7)
    assert door.sample("connections") == 3
    for _, writer in silent:
        writer.transport.abort()


async def test_who_leaves_while_it_is_looked_at_is_no_defect(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the edge waits for before it lets somebody in: what it knows of the handshake stays
    until it is done with it.
    """
    looked, goes_on = asyncio.Event(), asyncio.Event()
    admit = SocketEndpoint._admit

    async def wait(*given: Any) -> Any:
        principal = await admit(*given)
        looked.set()
        await goes_on.wait()
        return principal

    monkeypatch.setattr(SocketEndpoint, "_admit", wait)
    before = asyncio.all_tasks()
    _reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(handshake(more=bearer()))
    await looked.wait()
    writer.transport.abort()
    await until(lambda: door.sample("connections") == 0)
    goes_on.set()
    await until(lambda: asyncio.all_tasks() == before)
    assert [record.getMessage() for record in caplog.records] == []


CLOSE = bytes([0x88, 0x80, 0, 0, 0, 0])


def what_a_socket_has() -> list[object]:
    kinds = (Session, Connection, PacketProtocol, RequestProtocol)
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


@pytest.mark.parametrize("farewell", [CLOSE, b""])
@pytest.mark.parametrize("credentials", [bearer(), ""])
async def test_who_has_left_is_kept_by_nothing(
    open_door: Callable[..., Awaitable[Door]],
    without_collector: None,
    farewell: bytes,
    credentials: str,
) -> None:
    """Neither by a deadline that has become void, nor by a cycle: thousands who come and go would
    fill the memory, and to collect them would stop everybody else.
    """
    # Those of other tests, which stay as long as this list.
    others = what_a_socket_has()
    door = await open_door(close_timeout_seconds=60)
    for _ in range(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(handshake(more=credentials))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(farewell)
        if farewell:
            await reader.read()
        writer.close()
    await until(lambda: len(what_a_socket_has()) == len(others))
    assert door.sample("connections") == 0

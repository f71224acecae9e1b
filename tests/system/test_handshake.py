"""The door: ways to pass a token, wrong tokens, origins, and what is refused before the upgrade."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.system import System
from tests.system.conftest import Connect


async def refused(system: System, query: str = "", **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the problem+json body of a refused handshake."""
    with pytest.raises(InvalidStatus) as caught:
        await websocket_connect(system.url + query, **options)
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.body)
    assert body["status"] == response.status_code
    return response.status_code, body


@pytest.mark.parametrize("way", ["header", "cookie", "parameter", "subprotocol"])
async def test_the_ways_of_the_token(shared_system: System, alice: str, way: str) -> None:
    """Each way alone admits its user, and only `parley.v1.*` is echoed as the subprotocol."""
    token = shared_system.token(alice)
    url, options = shared_system.url, {}
    subprotocols = ["parley.v1.json"]
    match way:
        case "header":
            options["additional_headers"] = {"Authorization": f"Bearer {token}"}
        case "cookie":
            options["additional_headers"] = {"Cookie": f"theme=dark; token={token}; x=y"}
        case "parameter":
            url += f"?token={token}"
        case "subprotocol":
            subprotocols.append(f"parley.bearer.{token}")
    async with websocket_connect(url, subprotocols=subprotocols, **options) as connection:  # type: ignore[arg-type]
        hello = json.loads(await connection.recv())
        assert (hello["op"], hello["d"]["user"]) == (Op.HELLO, alice)
        assert connection.subprotocol == "parley.v1.json"


async def test_the_header_goes_before_the_cookie_before_the_parameter(
    shared_system: System, alice: str, bob: str
) -> None:
    """The first place that has a token decides, also when that token is bad."""
    good, other = shared_system.token(alice), shared_system.token(bob)
    for headers, query in [
        ({"Authorization": f"Bearer {good}", "Cookie": f"token={other}"}, f"?token={other}"),
        ({"Cookie": f"token={good}"}, f"?token={other}"),
    ]:
        async with websocket_connect(
            shared_system.url + query, additional_headers=headers
        ) as connection:
            assert json.loads(await connection.recv())["d"]["user"] == alice
    status, _ = await refused(
        shared_system, f"?token={good}", additional_headers={"Authorization": "Bearer bad"}
    )
    assert status == 401


def _unsigned(payload: dict[str, Any], header: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in (header, payload)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


WRONG_TOKENS: dict[str, Callable[[System], str | None]] = {
    "none": lambda s: None,
    "empty": lambda s: "",
    "nonsense": lambda s: "nonsense",
    "two dots": lambda s: "..",
    "expired": lambda s: s.token("u", expires_in=-60),
    "no exp": lambda s: s.token("u", exp=None),
    "no sub": lambda s: s.token("u", sub=None),
    "empty sub": lambda s: s.token(""),
    "long sub": lambda s: s.token("u" * 129),
    "control character in sub": lambda s: s.token("u\n"),
    "numeric exp as text": lambda s: s.token("u", exp="9999999999"),
    "not yet valid": lambda s: s.token("u", nbf=9_999_999_999),
    "roles of a wrong type": lambda s: s.token("u", roles="moderator"),
    "other key": lambda s: jwt.encode({"sub": "u", "exp": 9_999_999_999}, "k" * 48, "HS256"),
    "alg none": lambda s: _unsigned({"sub": "u", "exp": 9_999_999_999}, {"alg": "none"}),
    "alg None": lambda s: _unsigned({"sub": "u", "exp": 9_999_999_999}, {"alg": "None"}),
    "no alg": lambda s: _unsigned({"sub": "u", "exp": 9_999_999_999}, {"typ": "JWT"}),
    "unknown crit": lambda s: jwt.encode(
        {"sub": "u", "exp": 9_999_999_999}, s.token_key, "HS256", headers={"crit": ["x"], "x": 1}
    ),
    "signature cut": lambda s: s.token("u")[:-4],
    "no signature": lambda s: s.token("u").rpartition(".")[0] + ".",
    "payload swapped": lambda s: ".".join(
        [s.token("u").split(".")[0], s.token("v").split(".")[1], s.token("u").split(".")[2]]
    ),
    "five parts": lambda s: s.token("u") + ".a.b",
    "audience of someone else": lambda s: s.token("u", aud="another service"),
}


@pytest.mark.parametrize("name", WRONG_TOKENS)
async def test_a_wrong_token_is_refused_before_the_upgrade(
    shared_system: System, name: str
) -> None:
    """401 with a problem+json body that names a reason and holds nothing of the token."""
    token = WRONG_TOKENS[name](shared_system)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    status, body = await refused(shared_system, additional_headers=headers)
    assert status == 401
    assert body["reason"]
    assert not token or len(token) < 8 or token not in json.dumps(body)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("roles", "moderator"),
        ("exp", "9999999999"),
        ("exp", None),
        ("nbf", True),
        ("iat", "now"),
        ("sub", 7),
        ("jti", 7),
        ("invisible", "yes"),
        ("aud", "another service"),
    ],
)
async def test_a_refusal_names_the_claim_at_fault(
    shared_system: System, claim: str, value: Any
) -> None:
    """So that whoever issues tokens need not guess which one it is."""
    token = shared_system.token("u", **{claim: value})
    status, body = await refused(
        shared_system, additional_headers={"Authorization": f"Bearer {token}"}
    )
    assert (status, body["claim"]) == (401, claim)


async def test_a_clock_that_is_ahead_keeps_nobody_out(shared_system: System) -> None:
    """By some seconds of `nbf`, and by any time of `iat`, which is no condition (RFC 7519)."""
    now = time.time()
    for claims in ({"iat": now + 0.4}, {"nbf": now + 0.4}, {"iat": now + 3_600}, {"nbf": now + 3}):
        client = await Client.open(shared_system.url, shared_system.token("ahead", **claims))
        await client.close()


async def test_a_refusal_is_no_error_of_the_edge(own_system: System) -> None:
    """Bad tokens must not fill the log of those who look for defects."""
    edge = await asyncio.to_thread(own_system.start, "messaging")
    with pytest.raises(InvalidStatus) as refusal:
        await Client.open(own_system.url, "nonsense")
    assert refusal.value.response.status_code == 401
    edge.stop()
    assert '"level": "error"' not in edge.read_log()


async def test_issuer_and_audience_are_checked_when_set(own_system: System) -> None:
    """Wrong and missing ones are refused; the right ones are admitted."""
    own_system.start("messaging", token_issuer="https://issuer.example", token_audience="parley")
    right: dict[str, Any] = {"iss": "https://issuer.example", "aud": "parley"}
    for wrong in ({}, {**right, "iss": "x"}, {**right, "aud": "x"}, {"aud": "parley"}):
        token = own_system.token("alice", **wrong)
        status, _ = await refused(own_system, f"?token={token}")
        assert status == 401
    client = await Client.open(own_system.url, own_system.token("alice", **right))
    await client.close()


async def test_origins_are_an_exact_list(own_system: System) -> None:
    """A listed Origin and none at all are admitted; look-alikes are 403 even with a good cookie."""
    listed = "https://app.example,https://other.example:8443,file://"
    own_system.start("messaging", allowed_origins=listed)
    cookie = {"Cookie": f"token={own_system.token('alice')}"}
    for origin in (*map(Origin, listed.split(",")), None):
        async with websocket_connect(
            own_system.url,
            origin=origin,
            additional_headers=cookie,
        ) as connection:
            assert json.loads(await connection.recv())["op"] == Op.HELLO
    for foreign in (
        "https://evil.example",
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://sub.app.example",
        "null",
    ):
        status, _ = await refused(own_system, origin=foreign, additional_headers=cookie)
        assert status == 403, foreign


async def test_plain_http_is_told_to_upgrade(shared_system: System) -> None:
    """426 with a problem+json body; health and metrics answer beside it."""
    status, headers, body = shared_system.get("/ws")
    assert status == 426
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["status"] == 426
    assert shared_system.get("/healthz")[0] == shared_system.get("/readyz")[0] == 200
    metrics = shared_system.get("/metrics")[2].decode()
    assert "parley_edge_sockets" in metrics
    assert 'parley_edge_watch_live{service="messaging"} 1.0' in metrics


async def test_a_user_has_a_bounded_number_of_sockets(own_system: System, connect: Connect) -> None:
    """One more than the limit is closed with 4201 before HELLO, also of many that come at once;
    when one leaves there is room again.
    """
    own_system.start("messaging", sockets_per_user=2)
    query = f"?token={own_system.token('alice')}"

    async def come() -> tuple[ClientConnection, int | None]:
        connection = await websocket_connect(own_system.url + query)
        try:
            assert json.loads(await connection.recv())["op"] == Op.HELLO
        except ConnectionClosed as closed:
            return connection, closed.rcvd.code if closed.rcvd else None
        return connection, None

    came = await asyncio.gather(*(come() for _ in range(10)))
    assert sorted(code or 0 for _, code in came) == [0, 0, *[4201] * 8]
    metrics = own_system.get("/metrics")[2].decode()
    assert 'parley_edge_closes_total{code="4201"} 8.0' in metrics
    assert 'parley_edge_limit_reached_total{limit="sockets_per_user"} 8.0' in metrics
    await connect(own_system, "bob")
    first, second = [connection for connection, code in came if code is None]
    await first.close()
    await connect(own_system, "alice")
    await second.close()


async def test_an_edge_has_a_bounded_number_of_sockets(
    own_system: System, connect: Connect
) -> None:
    """503 before the upgrade. A socket that is refused with 4201 counts until it is gone, and is
    cut off if its client does not let go.
    """
    own_system.start("messaging", sockets_per_edge=2, sockets_per_user=1, close_timeout_seconds=1)
    await connect(own_system, "alice")
    with socket.create_connection(("127.0.0.1", own_system.edge_port)) as stubborn:
        token = own_system.token("alice")
        stubborn.sendall(
            f"GET /ws?token={token} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = b""
        while b"too many sockets" not in answer:
            received = await asyncio.to_thread(stubborn.recv, 4096)
            assert received, answer
            answer += received
        assert answer.startswith(b"HTTP/1.1 101")
        query = f"?token={own_system.token('bob')}"
        status, problem = await refused(own_system, query)
        assert (status, problem["reason"]) == (503, "overloaded")
        metrics = own_system.get("/metrics")[2].decode()
        assert "parley_edge_sockets 2.0" in metrics
        assert 'parley_edge_limit_reached_total{limit="sockets_per_edge"} 1.0' in metrics
        # The close was not answered; the edge ends the connection all the same.
        assert await asyncio.to_thread(stubborn.recv, 4096) == b""
        await connect(own_system, "bob")


async def test_the_token_stands_in_no_log(own_system: System) -> None:
    """Neither the edge's own log nor uvicorn's shows a token, whichever way it came."""
    edge = own_system.start("messaging", log_level="debug")
    good = own_system.token("alice")
    bad = jwt.encode({"sub": "mallory", "exp": 9_999_999_999}, "k" * 48, "HS256")
    for token in (good, bad):
        for query, options in [
            (f"?token={token}", {}),
            ("", {"additional_headers": {"Cookie": f"token={token}"}}),
            ("", {"additional_headers": {"Authorization": f"Bearer {token}"}}),
            ("", {"subprotocols": ["parley.v1.json", f"parley.bearer.{token}"]}),
        ]:
            try:
                async with websocket_connect(own_system.url + query, **options) as connection:  # type: ignore[arg-type]
                    await connection.recv()
            except InvalidStatus:
                assert token is bad
    with socket.create_connection(("127.0.0.1", own_system.edge_port)) as raw:
        raw.sendall(f"GET /nowhere?token={good} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        raw.recv(4096)
    edge.stop()
    log = own_system.logs() + own_system.get("/metrics")[2].decode()
    for token in (good, bad):
        for part in token.split("."):
            assert part not in log
    assert not any(one in log for one in own_system.credentials.values())
    assert own_system.token_key not in log
    assert "[redacted]" in log

"""The token server of the examples: who gets a token, who does not, and what Parley says to it."""

import asyncio
import json
import subprocess
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.examples.conftest import Serve, TokenServer
from tests.support.client import Client
from tests.support.node import ROOT, environment, node_program
from tests.support.system import System
from tests.support.waiting import PATIENCE

_SIGN_INS_AT_ONCE = 5
_TOKENS_AT_ONCE = 20


class Answer(NamedTuple):
    """The answer to a request, its headers by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """A person's browser: it keeps the cookie, and says of which page a request is."""

    def __init__(self, server: TokenServer) -> None:
        self.server = server
        self.headers = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
        self.cookie = ""

    async def ask(self, method: str, path: str, *, body: bytes = b"", **headers: Any) -> Answer:
        """Send a request; a header of None is left out."""
        return await asyncio.to_thread(self._ask, method, path, body, headers)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str | None]) -> Answer:
        told: dict[str, str | None] = {
            **self.headers,
            "Cookie": self.cookie or None,
            "Content-Type": "application/json" if body else None,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        connection = HTTPConnection(urlsplit(self.server.url).netloc, timeout=30)
        sent = {name: value for name, value in told.items() if value is not None}
        connection.request(method, path, body or None, sent)
        response: HTTPResponse = connection.getresponse()
        got = {name.lower(): value for name, value in response.getheaders()}
        if "set-cookie" in got:
            self.cookie = got["set-cookie"].partition(";")[0]
        answer = Answer(response.status, got, response.read())
        connection.close()
        return answer

    async def sign_in(
        self, name: str, password: str | None = None, **headers: str | None
    ) -> Answer:
        password = self.server.people.get(name) if password is None else password
        body = json.dumps({"name": name, "password": password}).encode()
        return await self.ask("POST", "/session", body=body, **headers)


async def test_whoever_signs_in_gets_tokens_that_the_edge_takes(
    parley: System, serve_tokens: Serve
) -> None:
    """Sign in, ask for a token, connect; sign out, and there are none any more."""
    parley.start("messaging")
    browser = Browser(await serve_tokens())
    assert (await browser.ask("GET", "/session")).json == {"user": None, "url": parley.url}
    assert (await browser.ask("POST", "/token")).status == 401
    assert (await browser.sign_in("ann")).json == {"user": "ann", "url": parley.url}
    assert (await browser.ask("GET", "/session")).json["user"] == "ann"

    minted = (await browser.ask("POST", "/token")).json
    client = await Client.open(parley.url, minted["token"])
    assert client.hello["d"]["user"] == "ann"
    await client.close()

    assert (await browser.ask("DELETE", "/session")).status == 200
    refused = await browser.ask("POST", "/token")
    assert (refused.status, refused.json) == (401, {"reason": "signed_out"})


async def test_tokens_are_short_lived_and_each_has_a_name(
    parley: System, serve_tokens: Serve
) -> None:
    """The claims, and that an edge which asks for an audience and an issuer is satisfied."""
    names = {"token_audience": "parley", "token_issuer": "https://market.example"}
    # Moderation judges tokens as well, where it is there; here it is not.
    parley.start("messaging", **names)
    told = {name.upper(): value for name, value in names.items()}
    browser = Browser(await serve_tokens(TOKEN_SECONDS="60", **told))
    await browser.sign_in("ann")
    tokens = [(await browser.ask("POST", "/token")).json["token"] for _ in range(2)]
    first, second = (
        jwt.decode(token, parley.token_key, algorithms=["HS256"], audience="parley")
        for token in tokens
    )
    assert first["sub"] == "ann"
    assert first["exp"] - first["iat"] == 60
    assert first["iss"] == "https://market.example"
    assert first["jti"] != second["jti"]
    await (await Client.open(parley.url, tokens[1])).close()


async def test_tokens_may_be_signed_by_a_key_of_which_parley_has_the_public_half(
    parley: System, serve_tokens: Serve, tmp_path: Path
) -> None:
    """EdDSA: the edge takes them by the public key alone."""
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    parley.start("messaging", token_secret_file="", token_public_key_file=public)
    browser = Browser(await serve_tokens(TOKEN_KEY_FILE=str(private), TOKEN_KEY_ID="first"))
    await browser.sign_in("bob")
    token = (await browser.ask("POST", "/token")).json["token"]
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "JWT", "kid": "first"}
    await (await Client.open(parley.url, token)).close()


_FOREIGN: Sequence[Mapping[str, Any]] = (
    {"Origin": None},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec_Fetch_Site": "cross-site"},
)


async def test_no_foreign_page_signs_anybody_in_or_has_a_token_minted(serve_tokens: Serve) -> None:
    """Each request that changes something is refused, though its cookie is good."""
    browser = Browser(await serve_tokens())
    await browser.sign_in("ann")
    for headers in _FOREIGN:
        assert (await browser.sign_in("bob", **headers)).status == 403, headers
        assert (await browser.ask("POST", "/token", **headers)).status == 403, headers
        assert (await browser.ask("DELETE", "/session", **headers)).status == 403, headers
    assert (await browser.ask("GET", "/session")).json["user"] == "ann"


async def test_no_script_and_no_foreign_page_reads_the_cookie(serve_tokens: Serve) -> None:
    """Over HTTPS it is bound to the host as well."""
    browser = Browser(await serve_tokens(ORIGINS="https://market.example"))
    signed_in = await browser.sign_in("ann", Origin="https://market.example")
    first, *rest = signed_in.headers["set-cookie"].split("; ")
    assert first.startswith("__Host-session=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Secure"} <= set(rest)
    assert signed_in.headers["cache-control"] == "no-store"


async def test_a_password_cannot_be_guessed(serve_tokens: Serve) -> None:
    """After some attempts even the right one has to wait; a bystander does not."""
    server = await serve_tokens()
    browser = Browser(server)
    for _ in range(_SIGN_INS_AT_ONCE - 1):
        wrong = await browser.sign_in("ann", "guess")
        assert (wrong.status, wrong.json) == (401, {"reason": "wrong_name_or_password"})
    # A name that nobody has is refused alike.
    unknown = await browser.sign_in("nobody", "guess")
    assert (unknown.status, unknown.json) == (401, {"reason": "wrong_name_or_password"})
    late = await browser.sign_in("ann")
    assert late.status == 429
    assert 1 <= int(late.headers["retry-after"]) <= 30


async def test_tokens_are_minted_at_a_limited_rate(serve_tokens: Serve) -> None:
    """A page that asks again and again is told when to come back; others are not concerned."""
    server = await serve_tokens()
    ann, bob = Browser(server), Browser(server)
    await ann.sign_in("ann")
    await bob.sign_in("bob")
    statuses = [(await ann.ask("POST", "/token")).status for _ in range(_TOKENS_AT_ONCE + 1)]
    assert statuses == [200] * _TOKENS_AT_ONCE + [429]
    assert (await bob.ask("POST", "/token")).status == 200


_BAD_BODIES: Sequence[tuple[bytes, Mapping[str, str], int]] = (
    (b"{", {}, 400),
    (b"null", {}, 400),
    (b'{"name": "ann"}', {}, 400),
    (b'{"name": 1, "password": {}}', {}, 400),
    (b'"%s"' % (b"x" * 5000), {}, 413),
    (b"name=ann", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
)


async def test_what_is_no_sign_in_is_refused(serve_tokens: Serve) -> None:
    """Each with a status of its own; the server goes on."""
    browser = Browser(await serve_tokens())
    for body, headers, status in _BAD_BODIES:
        assert (await browser.ask("POST", "/session", body=body, **headers)).status == status, body
    assert (await browser.sign_in("ann")).status == 200


_OUTSIDE = (
    "/../token-server/server.ts",
    "/..%2ftoken-server%2fserver.ts",
    "/%2e%2e/token-server/server.ts",
    "/client/../../package.json",
    "/.hidden",
    "/%00",
    "/%",
    "/nothing.html",
)


async def test_nothing_but_the_pages_is_served(serve_tokens: Serve) -> None:
    """No way leads out of the folders."""
    browser = Browser(await serve_tokens())
    for path in _OUTSIDE:
        assert (await browser.ask("GET", path)).status == 404, path


def test_a_weak_key_is_refused_at_the_start(tmp_path: Path) -> None:
    """A short secret ends the server before it listens, and says why."""
    (tmp_path / "key").write_text("short\n")
    started = subprocess.run(
        [node_program(), ROOT / "examples" / "token-server" / "server.ts"],
        env=environment({"TOKEN_KEY_FILE": str(tmp_path / "key")}),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert started.returncode == 1
    assert "a secret needs at least 32 bytes" in started.stderr

"""The public address, through proxies that are set up wrong: each is named, alone."""

import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from command_line.display.console import CommandError
from command_line.doctor import deployment
from command_line.doctor.address import SocketAddress, public_url, token_for
from command_line.doctor.checks import sockets
from command_line.doctor.checks.public_url import check_public_url, of_expiry
from command_line.doctor.checks.sockets import check_message, check_silence
from command_line.doctor.examination import Options, checks_of
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind
from parley_client.client import Client
from parley_client.states import State
from tests.support.system import System
from tests.support.tampering import Tampering, tampering

# Its system is started once.
pytestmark = pytest.mark.xdist_group("public_url")

PAGE = "https://app.example.com"
_HTML = b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An edge and messaging."""
    with System(tmp_path_factory.mktemp("system")) as made:
        made.start("messaging", allowed_origins=PAGE, ping_interval_seconds=0.1)
        yield made


async def collected(found: AsyncIterator[Finding]) -> list[Kind]:
    kinds = []
    async for finding in found:
        assert finding.cure
        kinds.append(finding.kind)
    return kinds


async def look(system: System, url: str, *, origin: str = PAGE, token: str = "") -> list[Kind]:
    """All that is found at an address."""
    token = token or system.token("ann")
    address = SocketAddress.of(url)
    examined = deployment.of_environment({})
    return await collected(check_public_url(examined, address, (origin,), token))


def before(system: System, **changes: object) -> Tampering:
    return Tampering(system.edge_port, **changes)  # type: ignore[arg-type] # fields of it


async def test_a_proxy_that_passes_on_everything_is_sound(system: System) -> None:
    """Nor is anything wrong at the edge itself."""
    async with tampering(before(system)) as url:
        assert await look(system, url) == []
        assert await look(system, url, origin="https://other.example.com") == [Kind.ORIGIN_REFUSED]
        assert await look(system, url, token="no.good.token") == [Kind.TOKEN_REFUSED]
    assert await look(system, f"ws://127.0.0.1:{system.edge_port}/ws") == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"drop": frozenset({"upgrade", "connection"})}, Kind.UPGRADE_DROPPED),
        ({"drop": frozenset({"sec-websocket-key"})}, Kind.HANDSHAKE_SPOILT),
        ({"add": "Transfer-Encoding: chunked"}, Kind.HANDSHAKE_SPOILT),
        ({"drop": frozenset({"origin"})}, Kind.ORIGIN_DROPPED),
        ({"drop": frozenset({"authorization"})}, Kind.AUTHORIZATION_DROPPED),
        ({"path": "/chat/ws"}, Kind.PATH_CHANGED),
        ({"answer": _HTML}, Kind.URL_NOT_THE_EDGE),
    ],
    ids=lambda value: str(value) if isinstance(value, Kind) else "",
)
async def test_a_proxy_that_is_set_up_wrong_is_named(
    system: System, changes: dict[str, object], kind: Kind
) -> None:
    async with tampering(before(system, **changes)) as url:
        assert await look(system, url) == [kind]


async def test_nobody_at_the_address_is_named(system: System) -> None:
    assert await look(system, "ws://127.0.0.1:1/ws") == [Kind.URL_UNREACHABLE]
    # Plain where TLS is spoken to.
    encrypted = f"wss://127.0.0.1:{system.edge_port}/ws"
    assert await look(system, encrypted) == [Kind.URL_UNREACHABLE]


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def test_certificates_are_judged_as_browsers_do(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good, of another name, expired, about to expire, and of a CA that nobody knows."""
    authority, unknown = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    now = datetime.now(UTC)

    async def found(certificate: trustme.LeafCert) -> list[Kind]:
        async with tampering(before(system, certificate=context_of(certificate))) as url:
            return await look(system, url)

    assert await found(authority.issue_cert("localhost")) == []
    assert await found(authority.issue_cert("elsewhere.example")) == [Kind.CERTIFICATE_REFUSED]
    past = authority.issue_cert("localhost", not_after=now - timedelta(days=1))
    assert await found(past) == [Kind.CERTIFICATE_REFUSED]
    soon = authority.issue_cert("localhost", not_after=now + timedelta(days=3))
    assert await found(soon) == [Kind.CERTIFICATE_EXPIRES]
    assert await found(unknown.issue_cert("localhost")) == [Kind.CERTIFICATE_REFUSED]
    address = SocketAddress.of("wss://localhost/ws")
    assert list(of_expiry(address, 30 * 86_400, 0)) == []


async def test_silence_is_survived_or_cut(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """PINGs of the edge are nothing to a proxy that waits for the client; it cuts."""
    monkeypatch.setattr(sockets, "_CONNECT_SECONDS", 2.0)
    token = system.token("ann")
    async with tampering(before(system)) as url:
        assert await collected(check_silence(url, token, 0.5)) == []
    quiet = system.start_edge(ping_interval_seconds=5)
    async with tampering(Tampering(quiet.port, silence_seconds=0.3)) as url:
        assert await collected(check_silence(url, token, 5)) == [Kind.SILENCE_CUT]
    assert await collected(check_silence("ws://127.0.0.1:1/ws", token, 1)) == [Kind.TOKEN_REFUSED]


async def test_a_message_goes_through_and_back(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one socket of a person to another; and what keeps it from that is named."""
    url = f"ws://127.0.0.1:{system.parts[1].port}/ws"
    assert await collected(check_message(url, system.token("ann"))) == []
    monkeypatch.setattr(sockets, "_CONNECT_SECONDS", 2.0)
    assert await collected(check_message(url, "no.good.token")) == [Kind.TOKEN_REFUSED]
    monkeypatch.setattr(sockets, "_ANSWER_SECONDS", 2.0)
    # As at an edge that is deaf: nobody tells the other socket, for it is another person's.
    clients = [Client(url, token=system.token(user)) for user in ("ann", "bob")]
    for client in clients:
        await client.connect()
        await client.wait_for(State.LIVE)
    assert await collected(sockets.exchange(url, *clients)) == [Kind.MESSAGE_LOST]
    monkeypatch.setattr(sockets, "_SLOW_SECONDS", 0.0)
    assert await collected(sockets.exchange(url, clients[0], clients[0])) == [Kind.MESSAGE_SLOW]
    for client in clients:
        await client.close()
    system.services["messaging"].stop()
    found = await collected(check_message(url, system.token("ann")))
    system.services["messaging"].start()
    assert found in ([Kind.MESSAGE_REFUSED], [Kind.TOKEN_REFUSED])


def test_an_address_or_a_token_that_is_missing_is_one_line() -> None:
    """What is asked for in vain is refused before anything is looked at."""
    examined = deployment.of_environment({})
    for url in ("https://example.org/ws", "wss://", "ws://u:p@x/ws", "ws://x:99999/ws"):
        with pytest.raises(CommandError) as refused:
            checks_of(examined, Options(url=url))
        assert refused.value.exit_code == 2
    with pytest.raises(CommandError) as refused:
        checks_of(examined, Options(url="ws://127.0.0.1/ws", probe=True))
    assert "--token" in str(refused.value)
    assert token_for(examined, "given") == "given"
    assert public_url(examined, "") == ""

"""The connection against a server that ends it in every way: when it comes back, and when not."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from parley_client import Client, State
from parley_client.errors import (
    ClientClosedError,
    InvalidOptionsError,
    ParleyError,
    UnreachableError,
    WrongUserError,
)
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskBlocks, CreateMsg
from tests.parley_client.scripted import (
    Server,
    client,
    drain,
    fast,
    take_failure,
    take_message,
    take_state,
)
from tests.support.waiting import PATIENCE


async def test_a_client_is_live_when_the_server_has_greeted_it(server: Server) -> None:
    """The token travels in the header; the user is the server's to name."""
    async with client(server) as ann:
        assert ann.state is State.CONNECTING
        peer = await server.accept()
        assert peer.token == "t0ken"
        assert peer.resumes_from is None
        await peer.hello()
        assert await ann.wait_for("live") is State.LIVE
        assert ann.user == "ann"
        assert ann.hello is not None
        assert ann.hello.max_packet_bytes == 65_536
        assert ann.seen == "now"


@pytest.mark.parametrize("subprotocol", ["parley.v1.json", "parley.v1.msgpack"])
async def test_both_encodings_carry_the_same(server: Server, subprotocol: str) -> None:
    """A question, its answer and a push."""
    async with client(server, options=fast(subprotocol=subprotocol)) as ann:
        peer = await server.greeted()
        asking = asyncio.create_task(ann.ask(AskBlocks()))
        asked = await peer.expect(Op.ASK_BLOCKS)
        await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked["id"])
        assert (await asking).data == {"blocks": []}
        await peer.alert(1)
        assert await take_message(ann.events()) == 1


async def test_a_token_of_another_user_sends_nothing(server: Server) -> None:
    """The outbox is of the one who is expected."""
    async with client(server, user="ann") as ann:
        events = ann.events()
        command = ann.submit(CreateMsg("of ann", to="bob"))
        peer = await server.accept()
        await peer.hello(user="mallory")
        error = await take_failure(events, WrongUserError)
        assert (error.expected, error.found) == ("ann", "mallory")
        await ann.wait_for("refused")
        await peer.closed()
        assert not command.done()
        assert [entry.payload.text for entry in ann.outbox.entries()] == ["of ann"]  # type: ignore[attr-defined]  # CreateMsg
        await ann.connect()
        peer = await server.greeted()
        await peer.store(1)
        await command


async def test_the_name_of_the_expected_user_is_compared_in_one_form(server: Server) -> None:
    """Zoë, typed with two code points for the last letter, is Zoë."""
    async with client(server, user="Zoe\u0308") as zoe:
        peer = await server.accept()
        await peer.hello(user="Zo\u00eb")
        await zoe.wait_for("live")


async def test_nothing_is_told_after_close(server: Server) -> None:
    """Iterators end, who waits is told, and so is who asks for something then."""
    ann = client(server)
    await ann.connect()
    events = ann.events()
    peer = await server.greeted()
    asking = asyncio.create_task(ann.ask(AskBlocks()))
    command = ann.submit(CreateMsg("Hello", to="bob"))
    await peer.expect(Op.ASK_BLOCKS)
    await ann.close()
    await peer.closed()
    assert ann.state is State.CLOSED
    assert [event async for event in events] == []
    assert [event async for event in ann.events()] == []
    with pytest.raises(ClientClosedError):
        await asking
    with pytest.raises(ClientClosedError):
        await command
    with pytest.raises(ClientClosedError):
        ann.submit(CreateMsg("late", to="bob"))
    with pytest.raises(ClientClosedError):
        await ann.connect()
    with pytest.raises(ClientClosedError):
        await ann.wait_for("live")
    assert not ann.tell(CreateMsg("late", to="bob"))
    await ann.close()


@pytest.mark.parametrize("moment", ["before", "token", "socket", "hello", "live", "waiting"])
async def test_it_can_be_closed_in_every_state(server: Server, moment: str) -> None:
    """And leaves nothing behind that runs."""

    async def hang(_reason: str) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    before = asyncio.all_tasks()
    ann = client(server, token=hang if moment == "token" else "t")
    if moment != "before":
        await ann.connect()
    if moment == "hello":
        await server.accept()
    if moment in {"live", "waiting"}:
        peer = await server.greeted()
        await ann.wait_for("live")
    if moment == "waiting":
        await peer.send(Op.RECONNECT, {"delay_ms": 60_000, "reason": "later"})
        await ann.wait_for("waiting")
    async with asyncio.timeout(PATIENCE):
        await ann.close()
    left = {task for task in asyncio.all_tasks() - before if "parley_client" in repr(task)}
    assert not left


async def test_connect_ends_a_wait(server: Server) -> None:
    """As when the network is known to be back."""
    async with client(server) as ann:
        peer = await server.greeted()
        await peer.send(Op.RECONNECT, {"delay_ms": 60_000, "reason": "later"})
        await ann.wait_for("waiting")
        await ann.connect()
        await server.greeted()
        await ann.wait_for("live")


async def test_connect_twice_opens_one_socket(server: Server) -> None:
    """It is already under way, or done."""
    async with client(server) as ann:
        await asyncio.gather(*(ann.connect() for _ in range(5)))
        await server.greeted()
        await ann.wait_for("live")
        await ann.connect()
        assert (server.waiting, len(server.handshakes)) == (0, 1)


async def test_an_observer_sees_all_and_its_failure_costs_a_socket(server: Server) -> None:
    """Every packet in the order of the socket; an observer that raises is told as a failure."""
    seen = []
    broken = ""

    def observe(direction: str, packet: Any) -> None:
        seen.append((direction, packet.opcode))
        if direction == broken:
            raise RuntimeError("the observer is broken")

    async with client(server, observe=observe) as ann:
        events = ann.events()
        peer = await server.greeted()
        asking = asyncio.create_task(ann.ask(AskBlocks()))
        asked = await peer.expect(Op.ASK_BLOCKS)
        await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked["id"])
        await asking
        assert seen == [("<=", Op.HELLO), ("=>", Op.ASK_BLOCKS), ("<=", Op.RETURN_BLOCKS)]
        for way in ("<=", "=>"):
            broken = way
            if way == "<=":
                await peer.send(Op.PING)
            else:
                ann.submit(CreateMsg("Hello", to="bob"))
            await take_failure(events, ParleyError)
            broken = ""
            peer = await server.greeted()
            await ann.wait_for("live")
        await peer.store(1)


async def test_a_packet_that_was_refused_and_nobody_awaits_is_told(server: Server) -> None:
    """Such as a TYPING of somebody who may not write."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted()
        data = {"code": "SANCTIONED", "message": "muted", "retryable": False}
        await peer.send(Op.ERROR, data)
        error = await take_failure(events, ParleyError)
        assert error.code == "SANCTIONED"
        assert drain(events) == []


@pytest.mark.parametrize(
    "url", ["", "http://x/ws", "ws://", "ws://host:port/ws", "ws://h/ws#part", "host", []]
)
def test_an_address_that_is_none_is_said_at_once(url: Any) -> None:
    """Before anything is tried."""
    with pytest.raises(InvalidOptionsError):
        Client(url, token="t")


def _certify(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of the loopback, which nobody has signed but itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder / "certificate.pem", folder / "key.pem"


async def test_a_certificate_is_verified_by_the_context_that_is_given(tmp_path: Path) -> None:
    """One that is not known is no server; the headers of the options travel as well."""
    certificate, key = _certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with Server().run(ssl=context) as server:
        url = server.url.replace("ws://127.0.0.1", "wss://localhost")
        async with Client(url, token="t", options=fast()) as stranger:
            waiting = await take_state(stranger.events(), "waiting")
            assert isinstance(waiting.reason, UnreachableError)
            assert "CERTIFICATE" in str(waiting.reason).upper()
        trusting = ssl.create_default_context(cafile=str(certificate))
        options = fast(ssl=trusting, headers={"X-Device": "kitchen"})
        async with Client(url, token="t", options=options) as ann:
            await server.greeted()
            await ann.wait_for("live")
            assert server.handshakes[-1].headers["X-Device"] == "kitchen"


async def test_a_proxy_is_gone_through(server: Server) -> None:
    """By CONNECT, to the address of the server."""
    asked = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(request.split()[:2])
        host, port = request.split()[1].split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                target.write(data)
            target.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        options = fast(proxy=f"http://127.0.0.1:{port}")
        async with Client(server.url, token="t", options=options) as ann:
            await server.greeted()
            await ann.wait_for("live")
        assert asked == [["CONNECT", server.url.removeprefix("ws://").removesuffix("/ws")]]


async def test_several_calls_of_wait_for_are_told_of_every_state(server: Server) -> None:
    """Whoever waits for what comes, and whoever for what has been there already."""
    async with client(server) as ann:
        waiting = [asyncio.create_task(ann.wait_for("live", "waiting")) for _ in range(3)]
        peer = await server.greeted()
        assert await asyncio.gather(*waiting) == [State.LIVE] * 3
        await peer.cut()
        assert await ann.wait_for("waiting", "connecting", "resuming") != State.LIVE


async def test_drop_is_a_lost_network(server: Server) -> None:
    """No closing handshake; the client comes back and resumes."""
    async with client(server) as ann:
        peer = await server.greeted("place")
        await ann.wait_for("live")
        ann.drop()
        assert await peer.closed() == 1006
        assert (await server.accept()).resumes_from == "place"

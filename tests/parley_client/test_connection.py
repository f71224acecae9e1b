"""The connection against a server that ends it in every way: when it comes back, and when not."""

import asyncio
import ssl
import time
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
    AskedToLeaveError,
    BannedError,
    ClientClosedError,
    DisconnectedError,
    HandshakeRefusedError,
    InvalidOptionsError,
    ParleyError,
    ProtocolError,
    SilentError,
    TokenRefusedError,
    UnreachableError,
    WrongUserError,
)
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskBlocks, CreateMsg
from tests.parley_client.scripted import (
    PATIENCE,
    Refusal,
    Server,
    drain,
    fast,
    take_failure,
    take_message,
    take_state,
)
from tests.support.system import free_port


def client(server: Server, **more: Any) -> Client:
    return Client(server.url, **{"token": "t0ken", "options": fast(), **more})


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


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 3000, 4100, 4102, 4199, 4200, 4201, 4999])
async def test_it_comes_back_after_closes_that_allow_it(server: Server, code: int) -> None:
    """WebSocket's own codes, 41xx, 42xx, and those of no known range: it resumes where it was."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("place")
        await peer.socket.close(code, "so it is")
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, DisconnectedError)
        assert (waiting.reason.code, waiting.reason.reason) == (code, "so it is")
        assert waiting.retry_at is not None
        assert abs(waiting.retry_at - time.time()) < 1
        again = await server.accept()
        assert again.resumes_from == "place"
        await again.greet("place")
        await ann.wait_for("live")


@pytest.mark.parametrize("code", [4400, 4413, 4444])
async def test_it_does_not_come_back_as_it_is_after_44xx(server: Server, code: int) -> None:
    """The reason is typed and final; `connect` tries once more all the same."""
    async with client(server) as ann:
        peer = await server.greeted()
        await peer.socket.close(code)
        await ann.wait_for("refused")
        assert isinstance(ann.reason, DisconnectedError)
        assert ann.reason.code == code
        with pytest.raises(DisconnectedError):
            await ann.wait_for("live")
        with pytest.raises(DisconnectedError):
            await ann.ask(AskBlocks())
        await ann.connect()
        await server.greeted()
        await ann.wait_for("live")


async def test_a_new_token_is_fetched_after_43xx(server: Server) -> None:
    """The function is told that the one before was refused."""
    reasons = []

    async def fetch(reason: str) -> str:
        reasons.append(reason)
        return f"token-{len(reasons)}"

    async with client(server, token=fetch) as ann:
        for number, code in enumerate((4300, 4301), 1):
            peer = await server.greeted()
            assert peer.token == f"token-{number}"
            await ann.wait_for("live")
            # Long enough to count as a good connection.
            await asyncio.sleep(0.06)
            await peer.socket.close(code, "token expired")
        peer = await server.greeted()
        assert peer.token == "token-3"
        assert reasons == ["connect", "refused", "refused"]


async def test_a_token_that_was_taken_is_used_again(server: Server) -> None:
    """A lost network is no reason to ask a marketplace for tokens, of all at once."""
    asked = 0

    async def fetch(_reason: str) -> str:
        nonlocal asked
        asked += 1
        return "t"

    async with client(server, token=fetch) as ann:
        for _ in range(3):
            peer = await server.greeted()
            await ann.wait_for("live")
            await peer.cut()
        await server.greeted()
        assert asked == 1


async def test_tokens_that_are_refused_as_soon_as_they_are_greeted_end_in_unauthorized(
    server: Server,
) -> None:
    """Three in a row, also after HELLO; a token of the application goes on."""
    asked = 0

    async def fetch(_reason: str) -> str:
        nonlocal asked
        asked += 1
        return f"t{asked}"

    async with client(server, token=fetch, options=fast(steady_after_seconds=60)) as ann:
        for _ in range(3):
            peer = await server.greeted()
            await peer.socket.close(4301, "token_revoked")
        await ann.wait_for("unauthorized")
        assert isinstance(ann.reason, TokenRefusedError)
        assert asked == 3
        with pytest.raises(TokenRefusedError):
            await ann.ask(AskBlocks())
        await ann.set_token("mine")
        peer = await server.greeted()
        assert peer.token == "mine"
        await ann.wait_for("live")


async def test_a_fixed_token_that_is_refused_ends_in_unauthorized(server: Server) -> None:
    """At the handshake, where a command waits on for the next token."""
    server.refusals.append(Refusal(401, {"reason": "expired"}))
    async with client(server) as ann:
        command = ann.submit(CreateMsg("Hello", to="bob"))
        await ann.wait_for("unauthorized")
        assert isinstance(ann.reason, TokenRefusedError)
        assert ann.reason.reason == "expired"
        assert not command.done()
        await ann.set_token("better")
        peer = await server.greeted()
        await peer.store(1)
        assert (await command).data["seq"] == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "no_subprotocol"), (403, "origin_not_allowed"), (404, "not_found"), (426, "x")],
)
async def test_a_handshake_that_can_not_go_better_is_refused_for_good(
    server: Server, status: int, reason: str
) -> None:
    """With the status and the word of the protocol."""
    server.refusals.append(Refusal(status, {"reason": reason, "detail": "read the manual"}))
    async with client(server) as ann:
        await ann.wait_for("refused")
        assert isinstance(ann.reason, HandshakeRefusedError)
        assert (ann.reason.status, ann.reason.reason) == (status, reason)
        assert len(server.handshakes) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 302, 418])
async def test_a_handshake_that_may_go_better_is_tried_again(server: Server, status: int) -> None:
    """Servers that are too busy, proxies without a server, pages of hotels."""
    server.refusals.append(Refusal(status, {}))
    async with client(server) as ann:
        events = ann.events()
        await server.greeted()
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, HandshakeRefusedError)
        await ann.wait_for("live")


async def test_retry_after_is_heeded(server: Server) -> None:
    """In seconds and as a date."""
    server.refusals.append(Refusal(429, {"reason": "rate_limited"}, **{"Retry-After": "70"}))
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 300))
    server.refusals.append(Refusal(503, {}, **{"Retry-After": date}))
    async with client(server) as ann:
        events = ann.events()
        for seconds in (70, 300):
            waiting = await take_state(events, "waiting")
            assert waiting.retry_at is not None
            assert seconds - 2 <= waiting.retry_at - time.time() <= seconds * 1.1 + 1
            await ann.connect()
        await server.greeted()


async def test_who_is_banned_is_told_why_and_stays_away(server: Server) -> None:
    """At the handshake, with the standing."""
    standing = {"user": "ann", "banned": True, "sanctions": [{"kind": "banned"}]}
    server.refusals.append(Refusal(403, {"reason": "banned", "standing": standing}))
    async with client(server) as ann:
        events = ann.events()
        refused = await take_state(events, "refused")
        assert isinstance(refused.reason, BannedError)
        assert refused.reason.data == standing
        assert refused.retry_at is None


@pytest.mark.parametrize(
    "standing",
    [
        {},
        {"banned": "perhaps", "sanctions": 7},
        {"sanctions": [{"kind": ["suspended"], "until": {}}, 1, None]},
        {"sanctions": [{"kind": "suspended", "until": "soon"}], "suspended_until": 5},
    ],
)
async def test_a_standing_without_sense_keeps_away_all_the_same(
    server: Server, standing: dict[str, Any]
) -> None:
    """Until the application tries again: nobody knows when it would end."""
    server.refusals.append(Refusal(403, {"reason": "suspended", "standing": standing}))
    async with client(server) as ann:
        refused = await take_state(ann.events(), "refused")
        assert isinstance(refused.reason, BannedError)
        assert refused.retry_at is None


async def test_who_is_suspended_comes_back_when_it_is_over(server: Server) -> None:
    """By the end of the suspension that was told before the socket was closed."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted()
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        sanction = {
            "sanction": "s1",
            "kind": "suspended",
            "statement": STATEMENT,
            "decision": "d1",
            "appealable": True,
            "version": 1,
            "until": until,
        }
        await peer.send(Op.SANCTION, sanction)
        await peer.socket.close(4403, "suspended")
        refused = await take_state(events, "refused")
        assert isinstance(refused.reason, BannedError)
        assert refused.reason.standing is not None
        assert refused.reason.standing.sanctions[0].sanction == "s1"
        assert refused.retry_at is not None
        await server.greeted()
        await ann.wait_for("live")


async def test_reconnect_is_left_after_what_was_asked_is_answered(server: Server) -> None:
    """Nothing new is sent, the delay of the server is kept, and then it resumes."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("place")
        first = asyncio.create_task(ann.command(CreateMsg("one", to="bob")))
        asked = await peer.expect(Op.CREATE_MSG)
        await peer.send(Op.RECONNECT, {"delay_ms": 300, "reason": "draining"})
        # PING is answered after RECONNECT was read.
        await peer.send(Op.PING)
        await peer.expect(Op.PONG)
        second = ann.submit(CreateMsg("two", to="bob"))
        left = asyncio.get_running_loop().time()
        await peer.answer_stored(asked, 1)
        assert (await first).data["seq"] == 1
        assert await peer.closed() == 1000
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, AskedToLeaveError)
        assert waiting.reason.delay == 0.3
        again = await server.accept()
        assert asyncio.get_running_loop().time() - left >= 0.3
        await again.greet("place")
        assert (await again.store(2))["d"]["text"] == "two"
        await second


@pytest.mark.parametrize(
    "data", [{}, {"delay_ms": "soon", "reason": "x"}, {"delay_ms": -1, "reason": ""}]
)
async def test_a_reconnect_without_sense_is_nonsense(server: Server, data: dict[str, Any]) -> None:
    """The socket is given up."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted()
        await peer.send(Op.RECONNECT, data)
        await take_failure(events, ProtocolError)
        await server.greeted()


STATEMENT = {
    "kind": "suspended",
    "facts": "It was said again and again.",
    "rule": "harassment",
    "scope": "everything",
    "start": "2026-01-01T00:00:00Z",
    "ground": "terms",
    "automated_detection": False,
    "automated_decision": False,
}
HELLO = {
    "user": "ann",
    "session": "s",
    "ping_interval_ms": 5000,
    "pong_timeout_ms": 30_000,
    "max_packet_bytes": 65_536,
    "token_expires_at": "2099-01-01T00:00:00Z",
    "resumed": False,
    "cur": "c",
}


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"op": "hello", "d": {}}',
        '{"op": 3, "d": {}}',
        '{"op": 3, "d": []}',
        '{"op": 16, "d": {}}',
        '{"op": 1}',
        b"\xff\xfe",
        '{"op": 3, "d": null}',
    ],
)
async def test_what_is_no_hello_is_nonsense(server: Server, frame: str | bytes) -> None:
    """The error is told, the socket dropped, and the next one is good."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.accept()
        await peer.socket.send(frame)
        await take_failure(events, ProtocolError)
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, ProtocolError)
        await server.greeted()
        await ann.wait_for("live")


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": ""},
        {"user": 7},
        {"ping_interval_ms": 0},
        {"ping_interval_ms": 10**12},
        {"pong_timeout_ms": -1},
        {"max_packet_bytes": 0},
        {"token_expires_at": "tomorrow"},
        {"token_expires_at": "2099-01-01T00:00:00"},
        {"resumed": "yes"},
        {"cur": None},
    ],
)
async def test_a_hello_without_sense_is_nonsense(server: Server, wrong: dict[str, Any]) -> None:
    """One field at a time."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.accept()
        await peer.send(Op.HELLO, {**HELLO, **wrong})
        await take_failure(events, ProtocolError)
        assert ann.user is None
        await server.greeted()


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        '{"op": 16, "d": "text"}',
        '{"op": 16, "d": {"message": 7, "unread": {}}}',
        '{"op": 16, "d": {"conversation": {}, "message": {"message": {}, "version": []}}}',
        '{"op": 17, "d": {"conversation": "c"}}',
        '{"op": 13, "d": {"complete": "no"}}',
        '{"op": 224, "d": {"service": [], "dispute": 1}}',
        b"\x00",
    ],
)
async def test_nonsense_in_between_ends_the_socket_and_nothing_else(
    server: Server, frame: str | bytes
) -> None:
    """What was told before stays, and the next socket goes on from there."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("first")
        await peer.alert(1, "second")
        await peer.socket.send(frame)
        assert await take_message(events) == 1
        await take_failure(events, ProtocolError)
        again = await server.accept()
        assert again.resumes_from == "second"
        await again.greet("second")
        await again.alert(2)
        assert await take_message(events) == 2


async def test_what_is_newer_than_the_client_is_passed_over(server: Server) -> None:
    """Opcodes, fields and words that it does not know."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.accept()
        await peer.hello(colour="green")
        await peer.send(0x7F, {"something": "new"}, cur="later", more=1)
        await peer.alert(1, kind="hologram", shape=[1, 2])
        assert await take_message(events) == 1
        assert ann.state is State.LIVE
        assert ann.seen == "later"


async def test_a_server_that_accepts_and_says_nothing_is_left(server: Server) -> None:
    """HELLO has its own time."""
    async with client(server, options=fast(hello_timeout_seconds=0.1)) as ann:
        events = ann.events()
        silent = await server.accept()
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, UnreachableError)
        await silent.closed()
        await server.greeted()
        await ann.wait_for("live")


async def test_a_socket_that_has_gone_silent_is_left(server: Server) -> None:
    """PINGs keep it; without any frame it is given up, whatever the client itself has sent."""
    async with client(server, options=fast(silence_timeout_seconds=0.3)) as ann:
        events = ann.events()
        peer = await server.greeted("place")
        began = asyncio.get_running_loop().time()
        for _ in range(6):
            await asyncio.sleep(0.1)
            await peer.send(Op.PING)
        assert ann.state is State.LIVE
        waiting = await take_state(events, "waiting")
        assert isinstance(waiting.reason, SilentError)
        assert asyncio.get_running_loop().time() - began >= 0.9
        assert (await server.accept()).resumes_from == "place"


async def test_a_server_that_never_answers_the_handshake_is_left() -> None:
    """TCP alone is no server."""
    port = free_port()
    accepted = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", port) as listening:
        options = fast(connect_timeout_seconds=0.1)
        async with Client(f"ws://127.0.0.1:{port}/ws", token="t", options=options) as ann:
            events = ann.events()
            waiting = await take_state(events, "waiting")
            assert isinstance(waiting.reason, UnreachableError)
            assert accepted.is_set()
        assert listening.is_serving()


async def test_where_nobody_listens_it_waits_and_tries_again(server: Server) -> None:
    """Of several addresses it takes another after a failure."""
    nobody = f"ws://127.0.0.1:{free_port()}/ws"
    for _ in range(3):
        async with Client([nobody, server.url], token="t", options=fast()) as ann:
            await server.greeted()
            await ann.wait_for("live")
            assert ann.url == server.url


async def test_a_flood_of_pings_is_answered_once_for_many(server: Server) -> None:
    """Not one PONG for each waits to be sent."""
    async with client(server) as ann:
        peer = await server.greeted()
        for _ in range(20_000):
            await peer.send(Op.PING, cur="here")
        asking = asyncio.create_task(ann.ask(AskBlocks()))
        asked = await peer.expect(Op.ASK_BLOCKS)
        await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked["id"])
        await asking
        assert 1 <= len(peer.pongs) < 20_000
        assert ann.state is State.LIVE


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

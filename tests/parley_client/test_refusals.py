"""Closes and refused handshakes: when a client comes back, and when not."""

import asyncio
import time
from typing import Any

import pytest

from parley_client.errors import (
    AskedToLeaveError,
    BannedError,
    DisconnectedError,
    HandshakeRefusedError,
    ProtocolError,
    TokenRefusedError,
)
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskBlocks, CreateMsg
from tests.parley_client.scripted import (
    Refusal,
    Server,
    client,
    fast,
    take_failure,
    take_state,
)


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

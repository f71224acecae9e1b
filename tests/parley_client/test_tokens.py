"""The token: a function that throws, hangs or answers rubbish, and one that expires meanwhile."""

import asyncio
import time
from typing import Any

import pytest

from parley_client import Client
from parley_client.connection.renewal import pause_before_renewal
from parley_client.connection.tokens import MAXIMUM_TOKEN_LENGTH, Tokens
from parley_client.errors import SignedOutError, TokenError, TokenRefusedError, WrongUserError
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import CreateMsg
from tests.parley_client.scripted import (
    Server,
    fast,
    take_failure,
    take_state,
)
from tests.support.waiting import PATIENCE

RUBBISH = [
    "",
    " ",
    "\n",
    "a b",
    "a\r\nX-Evil: 1",
    "é",
    "x" * (MAXIMUM_TOKEN_LENGTH + 1),
    7,
    b"t",
    {},
]


def client(server: Server, token: Any, **options: Any) -> Client:
    return Client(server.url, token=token, options=fast(**options))


@pytest.mark.parametrize("rubbish", RUBBISH)
async def test_rubbish_is_told_and_asked_for_again(server: Server, rubbish: Any) -> None:
    """What is no token is not sent; the next answer may be one."""
    answers = [rubbish, "good"]

    async def fetch(_reason: str) -> Any:
        return answers.pop(0)

    async with client(server, fetch) as ann:
        events = ann.events()
        command = ann.submit(CreateMsg("kept", to="bob"))
        error = await take_failure(events, TokenError)
        assert error.kind == "invalid"
        waiting = await take_state(events, "waiting")
        assert waiting.reason is error
        peer = await server.greeted()
        assert peer.token == "good"
        await peer.store(1)
        await command


@pytest.mark.parametrize("rubbish", [*RUBBISH, None])
def test_what_is_neither_a_token_nor_a_function_is_said_at_once(rubbish: Any) -> None:
    """There is nothing to ask again."""
    with pytest.raises(TokenError):
        Client("ws://127.0.0.1:1/ws", token=rubbish)


async def test_a_function_that_throws_is_asked_again(server: Server) -> None:
    """Its words are not told, for they may hold a credential."""
    failures: list[BaseException] = [ValueError("secret=hunter2"), asyncio.CancelledError()]

    async def fetch(_reason: str) -> str:
        if failures:
            raise failures.pop(0)
        return "good"

    async with client(server, fetch) as ann:
        events = ann.events()
        error = await take_failure(events, TokenError)
        assert error.kind == "raised"
        assert "ValueError" in str(error)
        assert "hunter2" not in str(error)
        assert (await take_failure(events, TokenError)).kind == "raised"
        await server.greeted()
        await ann.wait_for("live")


async def test_a_function_that_hangs_is_given_up_and_asked_again(server: Server) -> None:
    """One that heeds the cancellation; never two at once."""
    under_way = most = asked = 0

    async def fetch(_reason: str) -> str:
        nonlocal under_way, most, asked
        under_way += 1
        asked += 1
        most = max(most, under_way)
        try:
            if asked < 3:
                await asyncio.Event().wait()
            return "good"
        finally:
            under_way -= 1

    async with client(server, fetch, token_timeout_seconds=0.05) as ann:
        events = ann.events()
        assert (await take_failure(events, TokenError)).kind == "timed out"
        assert (await take_failure(events, TokenError)).kind == "timed out"
        await server.greeted()
        await ann.wait_for("live")
    assert (most, asked) == (1, 3)


async def test_a_function_that_does_not_heed_its_end_is_waited_for_and_not_asked_twice(
    server: Server,
) -> None:
    """What it answers in the end is used."""
    answer = asyncio.Event()
    asked = 0

    async def fetch(_reason: str) -> str:
        nonlocal asked
        asked += 1
        while not answer.is_set():
            try:
                await answer.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    async with client(server, fetch, token_timeout_seconds=0.05) as ann:
        events = ann.events()
        for _ in range(3):
            assert (await take_failure(events, TokenError)).kind == "timed out"
        answer.set()
        peer = await server.greeted()
        assert peer.token == "late"
        assert asked == 1


async def test_nobody_signed_in_is_a_state_that_a_token_leaves(server: Server) -> None:
    """None is no failure; what was written waits."""

    async def fetch(_reason: str) -> None:
        return None

    async with client(server, fetch) as ann:
        command = ann.submit(CreateMsg("kept", to="bob"))
        await ann.wait_for("unauthorized")
        assert isinstance(ann.reason, SignedOutError)
        assert not command.done()
        await ann.set_token("signed-in")
        peer = await server.greeted()
        assert peer.token == "signed-in"
        await peer.store(1)
        await command
        with pytest.raises(TokenError):
            await ann.set_token("no token")


async def test_a_plain_function_is_as_good(server: Server) -> None:
    """If it answers at once it need not be asynchronous."""

    def fetch(reason: str) -> str:
        return f"for-{reason}"

    async with client(server, fetch):
        assert (await server.greeted()).token == "for-connect"


def expiring_in(seconds: float) -> str:
    at = time.time() + seconds
    fraction = f"{at % 1:.3f}"[1:]
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + fraction + "Z"


async def test_a_token_is_renewed_before_it_expires(server: Server) -> None:
    """On the same socket, by RENEW TOKEN, with a fresh one."""
    reasons = []

    async def fetch(reason: str) -> str:
        reasons.append(reason)
        return f"token-{len(reasons)}"

    async with client(server, fetch) as ann:
        peer = await server.accept()
        await peer.hello(token_expires_at=expiring_in(2))
        began = time.monotonic()
        renewal = await peer.expect(Op.RENEW_TOKEN)
        assert 1.0 <= time.monotonic() - began <= 2
        assert renewal["d"]["token"] == "token-2"
        assert reasons == ["connect", "expiring"]
        hello = {
            "user": "ann",
            "session": "s1",
            "ping_interval_ms": 5000,
            "pong_timeout_ms": 30_000,
            "max_packet_bytes": 65_536,
            "token_expires_at": "2099-01-01T00:00:00Z",
            "resumed": False,
            "cur": "",
        }
        await peer.send(Op.HELLO, hello, re=renewal["id"])
        await peer.send(Op.PING)
        await peer.pong("now")
        assert ann.hello is not None
        assert ann.hello.token_expires_at.startswith("2099")
        # The next socket uses it.
        await peer.cut()
        assert (await server.greeted()).token == "token-2"


async def test_a_renewal_that_fails_changes_nothing_until_the_token_expires(
    server: Server,
) -> None:
    """It is told, and tried again; when the server closes with 4300 a fresh one is fetched."""
    answers: list[Any] = ["first", ValueError(), "refused", "second"]

    async def fetch(_reason: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, str)
        return answer

    async with client(server, fetch) as ann:
        events = ann.events()
        peer = await server.accept()
        await peer.hello(token_expires_at=expiring_in(6))
        assert (await take_failure(events, TokenError)).kind == "raised"
        renewal = await peer.expect(Op.RENEW_TOKEN)
        assert renewal["d"]["token"] == "refused"
        await peer.refuse(renewal, "INVALID_ARGUMENT")
        await take_failure(events, TokenRefusedError)
        assert ann.state == "live"
        await peer.socket.close(4300, "token expired")
        assert (await server.greeted()).token == "second"
        await ann.wait_for("live")


async def test_a_token_of_another_user_is_not_gone_on_with(server: Server) -> None:
    """The socket stays with the one it had."""
    async with client(server, "first") as ann:
        events = ann.events()
        peer = await server.greeted()
        await ann.wait_for("live")
        await ann.set_token("of-mallory")
        renewal = await peer.expect(Op.RENEW_TOKEN)
        await peer.refuse(renewal, "PERMISSION_DENIED")
        await take_failure(events, WrongUserError)
        assert ann.state == "live"
        await peer.cut()
        assert (await server.greeted()).token == "first"


async def test_what_two_ask_for_at_once_is_fetched_once() -> None:
    """Such as a renewal and a new socket."""
    asked = 0
    answer = asyncio.Event()

    async def fetch(_reason: str) -> str:
        nonlocal asked
        asked += 1
        await answer.wait()
        return "good"

    tokens = Tokens(fetch)
    both = asyncio.gather(tokens.get(), tokens.fetch("expiring"))
    await asyncio.sleep(0)
    answer.set()
    async with asyncio.timeout(PATIENCE):
        assert list(await both) == ["good", "good"]
    assert asked == 1


@pytest.mark.parametrize(("left", "pause"), [(3600, 3540), (300, 240), (100, 80), (10, 8), (1, 1)])
def test_a_token_is_renewed_at_four_fifths_of_its_life_or_a_minute_before_its_end(
    left: float, pause: float
) -> None:
    """Whichever is later, and never in a loop."""
    assert pause_before_renewal(left) == pytest.approx(pause)

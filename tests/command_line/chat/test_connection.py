"""The connection of a chat: reconnects, resumes and stays away as the server says."""

import pytest

from command_line.display.console import CommandError
from parley_protocol.packets import Op
from tests.command_line.scripted import Connection, Stage, Step, resuming


def closing(code: int) -> Step:
    """A first connection that greets and is then closed with this code."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        await connection.socket.close(code)

    return step


@pytest.mark.parametrize("code", [4100, 4101, 4102])
async def test_41xx_comes_back_now_and_resumes(stage: Stage, code: int) -> None:
    """The server asks for it, so there is no pause, and the cursor says what was missed."""
    played = await stage.play(closing(code), resuming)
    assert played.times[1] - played.times[0] < 2
    assert played.tokens == ["Bearer token-1", "Bearer token-1"]


@pytest.mark.parametrize("code", [4200, 4201, 1011, 1012])
async def test_42xx_and_unknown_codes_come_back_as_well(stage: Stage, code: int) -> None:
    """The chat says what ended, and that it is back."""
    await stage.play(closing(code), resuming)
    assert f"-- the connection ended: closed with {code}\n" in stage.shown()


async def test_too_many_sockets_is_tried_again(stage: Stage) -> None:
    """It is said before HELLO, also to a chat that was never greeted."""

    async def too_many(connection: Connection) -> None:
        await connection.socket.close(4201, "too many sockets of this user")

    played = await stage.play(too_many, too_many, lambda connection: connection.greet())
    assert len(played.times) == 3


@pytest.mark.parametrize("code", [4300, 4301])
async def test_43xx_comes_back_with_a_new_token(stage: Stage, code: int) -> None:
    """A holder of the secret mints one."""
    played = await stage.play(closing(code), resuming)
    assert played.tokens == ["Bearer token-1", "Bearer token-2"]


async def test_43xx_without_the_secret_stops(stage: Stage) -> None:
    """The message says what is needed."""
    with pytest.raises(CommandError, match=r"4300.*--token"):
        await stage.play(closing(4300), resuming, may_mint=False)


@pytest.mark.parametrize("code", [4400, 4403, 4413])
async def test_44xx_stays_away(stage: Stage, code: int) -> None:
    """Coming back as one is would only repeat it."""
    with pytest.raises(CommandError, match=str(code)):
        await stage.play(closing(code), resuming)


async def test_a_server_that_is_not_ready_is_waited_for(stage: Stage) -> None:
    """HELLO has no cursor while messages cannot be reached; RESUMED says when they can."""

    async def step(connection: Connection) -> None:
        await connection.hello("")
        await connection.resumed("first", complete=False)
        await connection.list_conversations()
        await connection.settle()

    await stage.play(step)
    before, after = stage.shown().split("-- not ready: the messages cannot be shown yet\n")
    assert before == ""
    assert after.startswith("-- connected to ")


async def test_reconnect_is_honoured_with_its_delay(stage: Stage) -> None:
    """The client leaves by itself, and comes back no sooner than asked."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        await connection.send(Op.RECONNECT, {"delay_ms": 400, "reason": "draining"})

    played = await stage.play(step, resuming)
    assert played.times[1] - played.ends[0] >= 0.35


async def test_a_refused_token_ends_with_the_reason(stage: Stage) -> None:
    """The problem+json body's detail reaches the person."""
    with pytest.raises(CommandError, match=r"401.*signature"):
        await stage.play(resuming, refuse=(401, "the signature is wrong"), may_mint=False)


async def test_someone_elses_token_is_refused(stage: Stage) -> None:
    """HELLO says who one is; talking under another name is not what was asked."""

    async def step(connection: Connection) -> None:
        await connection.hello(user="mallory")
        await connection.socket.wait_closed()

    with pytest.raises(CommandError, match="mallory's, not alice's"):
        await stage.play(step, resuming)


async def test_ping_is_answered_with_the_cursor(stage: Stage) -> None:
    """PONG tells the server how far the chat has come."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        await connection.send(Op.PING, {})
        pong = await connection.expect(Op.PONG)
        assert pong["d"] == {"cur": "first"}

    await stage.play(step)

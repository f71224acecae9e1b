"""How a chat comes back: each kind of close, RECONNECT, refusals, and what it writes meanwhile.

The server here is a script of one step per connection; the chat is the real one.
"""

import asyncio
import os
from typing import Any

import pytest

from command_line.display.console import CommandError
from command_line.display.screen import printable
from edge.protocol.packets import Op
from tests.command_line.deals import CONVERSATION, NOW
from tests.command_line.scripted import Connection, Play, Step


def closing(code: int) -> Step:
    """A first connection that greets and is then closed with this code."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        await connection.socket.close(code)

    return step


async def resuming(connection: Connection) -> None:
    """A connection that must begin by resuming from the last cursor."""
    asked = await connection.resume()
    assert asked["d"] == {"cur": "first"}


@pytest.mark.parametrize("code", [4100, 4101, 4102])
async def test_41xx_comes_back_now_and_resumes(play_steps: Play, code: int) -> None:
    """The server asks for it, so there is no pause, and the cursor says what was missed."""
    played = await play_steps(closing(code), resuming)
    assert played.times[1] - played.times[0] < 2
    assert played.tokens == ["Bearer token-1", "Bearer token-1"]


@pytest.mark.parametrize("code", [4200, 4201, 1011, 1012])
async def test_42xx_and_unknown_codes_come_back_after_a_pause(play_steps: Play, code: int) -> None:
    """The least pause with its jitter is an eighth of a second and more."""
    played = await play_steps(closing(code), resuming)
    assert played.times[1] - played.ends[0] >= 0.1


async def test_too_many_sockets_is_tried_again_after_a_pause(play_steps: Play) -> None:
    """It is said before HELLO, also to a chat that was never greeted."""

    async def too_many(connection: Connection) -> None:
        await connection.socket.close(4201, "too many sockets of this user")

    played = await play_steps(too_many, too_many, lambda connection: connection.greet())
    assert played.times[1] - played.ends[0] >= 0.1
    assert played.times[2] - played.ends[1] >= 0.1


@pytest.mark.parametrize("code", [4300, 4301])
async def test_43xx_comes_back_with_a_new_token(play_steps: Play, code: int) -> None:
    """Whoever holds the secret mints one."""
    played = await play_steps(closing(code), resuming)
    assert played.tokens == ["Bearer token-1", "Bearer token-2"]


async def test_43xx_without_the_secret_stops(play_steps: Play) -> None:
    """The message says what is needed."""
    with pytest.raises(CommandError, match=r"4300.*--token"):
        await play_steps(closing(4300), resuming, may_mint=False)


@pytest.mark.parametrize("code", [4400, 4403, 4413])
async def test_44xx_stays_away(play_steps: Play, code: int) -> None:
    """Coming back as one is would only repeat it."""
    with pytest.raises(CommandError, match=str(code)):
        await play_steps(closing(code), resuming)


async def test_reconnect_is_honoured_with_its_delay(play_steps: Play) -> None:
    """The client leaves by itself, and comes back no sooner than asked."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        await connection.send(Op.RECONNECT, {"delay_ms": 400, "reason": "draining"})

    played = await play_steps(step, resuming)
    assert played.times[1] - played.ends[0] >= 0.35


async def test_a_refused_token_ends_with_the_reason(play_steps: Play) -> None:
    """The problem+json body's detail reaches the person."""
    with pytest.raises(CommandError, match=r"401.*signature"):
        await play_steps(resuming, refuse=(401, "the signature is wrong"), may_mint=False)


async def test_ping_is_answered_with_the_cursor(play_steps: Play) -> None:
    """PONG tells the server how far the chat has come."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        await connection.send(Op.PING, {})
        pong = await connection.expect(Op.PONG)
        assert pong["d"] == {"cur": "first"}

    await play_steps(step)


async def test_a_message_cut_off_is_sent_again_with_its_key(
    play_steps: Play, pipe: tuple[int, int]
) -> None:
    """No answer came before the socket closed, so only the same key makes the repeat safe."""
    keys: list[str] = []

    async def cut_off(connection: Connection) -> None:
        await connection.greet()
        os.write(pipe[1], b"Hello Bob\n")
        asked = await connection.expect(Op.CREATE_MSG)
        assert asked["d"]["to"] == "bob"
        assert asked["d"]["text"] == "Hello Bob"
        keys.append(asked["d"]["idempotency_key"])
        await connection.socket.close(4101)

    async def take(connection: Connection) -> None:
        await connection.resume()
        asked = await connection.store()
        keys.append(asked["d"]["idempotency_key"])

    await play_steps(cut_off, take)
    assert keys[0] == keys[1]


async def test_the_end_of_the_input_ends_the_chat_after_the_last_message(
    play_steps: Play, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """`echo Hello | parley chat` leaves only when the message is stored."""
    stored = asyncio.Event()

    async def step(connection: Connection) -> None:
        await connection.greet()
        os.write(pipe[1], b"Hello Bob\n/quit\n")
        await connection.store()
        stored.set()
        await connection.socket.wait_closed()

    await play_steps(step)
    assert stored.is_set()
    assert "#1 stored" in capsys.readouterr().out


async def test_the_other_ones_presence_is_shown(
    play_steps: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the list says at first and as it changes; that of others is none of this chat's."""
    last_seen = "2023-11-14T12:13:20.000Z"

    async def step(connection: Connection) -> None:
        await connection.send(Op.HELLO, {"user": "alice", "cur": "first"})
        await connection.show_conversation(presence={"online": False, "last_seen": last_seen})
        await connection.send(Op.PRESENCE, {"user": "carol", "online": True})
        await connection.send(Op.PRESENCE, {"user": "bob", "online": True})
        await connection.send(Op.PRESENCE, {"user": "bob", "online": False})
        await connection.send(Op.PING, {})
        await connection.expect(Op.PONG)
        # A chat shows what came in order, so this is behind all of it.
        await connection.send(Op.RECONNECT, {"delay_ms": 1, "reason": "draining"})

    await play_steps(step, resuming)
    shown = capsys.readouterr().out
    assert "-- bob was last seen 2023-11-14 " in shown
    assert shown.index("-- bob is online") < shown.index("-- bob is offline")
    assert "carol" not in shown


async def test_the_other_one_is_blocked_and_no_longer(
    play_steps: Play, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """By the list, by what is typed here and elsewhere; writing meanwhile is refused in words."""

    async def step(connection: Connection) -> None:
        await connection.send(Op.HELLO, {"user": "alice", "cur": "first"})
        await connection.show_conversation(blocked=True)
        os.write(pipe[1], b"/unblock\n/block\nhello?\n/quit\n")
        for blocked in (False, True):
            asked = await connection.expect(Op.BLOCK_USER)
            assert asked["d"] == {"user": "bob", "blocked": blocked}
            await connection.send(Op.BLOCK_USER, asked["d"], re=asked["id"])
        asked = await connection.expect(Op.CREATE_MSG)
        await connection.send(Op.BLOCK_USER, {"user": "carol", "blocked": False})
        await connection.send(Op.BLOCK_USER, {"user": "bob", "blocked": False})
        await connection.refuse(asked, "INVALID_STATE", reason="BLOCKED")
        await connection.socket.wait_closed()

    await play_steps(step)
    shown = capsys.readouterr().out
    assert [
        line[3:19] for line in shown.splitlines() if "blocked" in line and "-- bob" in line
    ] == [
        "bob is blocked: ",
        "bob is not block",
        "bob is blocked: ",
        "bob is not block",
    ]
    assert "carol" not in shown
    assert "-- refused: you have blocked the other one; /unblock lets you write again" in shown


async def test_the_last_message_is_edited_and_deleted(
    play_steps: Play, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is found by what was sent and shown; what others change is shown as well."""

    def message(seq: int, sender: str, **fields: Any) -> dict[str, Any]:
        common = {"conversation": CONVERSATION, "kind": "text", "created_at": NOW}
        return {"message": f"m{seq}", "seq": seq, "sender": sender, **common, **fields}

    def change(seq: int, what: str, **fields: Any) -> dict[str, Any]:
        return {"conversation": CONVERSATION, "seq": seq, "change": what, **fields}

    async def step(connection: Connection) -> None:
        await connection.send(Op.HELLO, {"user": "alice", "cur": "first"})
        await connection.show_conversation(
            message(2, "alice", text="my last"),
            message(3, "alice", tombstone="deleted"),
            message(4, "bob", text="the other's"),
            message(5, "", kind="event", tombstone="removed"),
        )
        await connection.expect(Op.OPENED_CONVERSATION)
        os.write(pipe[1], b"/edit my very last\n")
        asked = await connection.expect(Op.EDIT_MSG)
        assert (asked["d"]["message"], asked["d"]["text"]) == ("m2", "my very last")
        edited = change(2, "edited", text="my very last")
        await connection.send(Op.MSG_CHANGED, edited, re=asked["id"])
        await connection.send(Op.MSG_CHANGED, change(4, "deleted"))
        os.write(pipe[1], b"/delete\n")
        asked = await connection.expect(Op.DELETE_MSG)
        assert asked["d"]["message"] == "m2"
        await connection.send(Op.MSG_CHANGED, change(2, "deleted"), re=asked["id"])
        os.write(pipe[1], b"/edit too much\n/edit\nanother\n/edit a third\n/quit\n")
        await connection.store()
        asked = await connection.expect(Op.EDIT_MSG)
        assert asked["d"]["message"] == "m1"
        await connection.refuse(asked, "INVALID_STATE", reason="EDIT_TOO_LATE")
        await connection.socket.wait_closed()

    await play_steps(step)
    shown = capsys.readouterr().out
    for line in (
        "alice: (deleted)".replace("alice", "me"),
        " * (removed)",
        "#2 edited: my very last",
        "#4 deleted",
        "#2 deleted",
        "-- there is no message of yours",
        "-- refused: it is too late for that",
    ):
        assert line in shown
    assert shown.index("#2 edited") < shown.index("#2 deleted")


async def test_someone_elses_token_is_refused(play_steps: Play) -> None:
    """HELLO says who one is; talking under another name is not what was asked."""

    async def step(connection: Connection) -> None:
        await connection.send(Op.HELLO, {"user": "mallory", "cur": "first"})
        await connection.socket.wait_closed()

    with pytest.raises(CommandError, match="mallory's, not alice's"):
        await play_steps(step, resuming)


def test_what_others_write_cannot_control_the_terminal() -> None:
    """Escape sequences and other control characters lose their power; line ends stay visible."""
    assert printable("a\x1b[2Jb\x07\u202ec\nd") == "a�[2Jb��c ⏎ d"

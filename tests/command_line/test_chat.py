"""How a chat comes back: each kind of close, RECONNECT, refusals, and what it writes meanwhile.

The server here is a script of one step per connection; the chat is the real one.
"""

import asyncio
import http
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from command_line.chat import Chat
from command_line.connection import Talk
from command_line.console import CommandError
from command_line.packets import Opcode
from command_line.screen import Screen, printable
from tests.command_line.deals import CONVERSATION, NOW, SERVICE, euros, offer, service


class Connection:
    """The server's side of one socket."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def send(self, opcode: Opcode, data: dict[str, Any], **fields: Any) -> None:
        await self.socket.send(json.dumps({"op": int(opcode), "d": data, **fields}))

    async def expect(self, opcode: Opcode) -> dict[str, Any]:
        """The next packet, which must be of this kind."""
        packet: dict[str, Any] = json.loads(await self.socket.recv())
        assert packet["op"] == opcode, packet
        return packet

    async def greet(self) -> None:
        """HELLO, and an empty list of conversations."""
        await self.send(Opcode.HELLO, {"user": "alice", "cur": "first"})
        await self.list_conversations()

    async def greet_with(self, deal: dict[str, Any]) -> None:
        """HELLO, and the one conversation, without messages and with this deal."""
        await self.send(Opcode.HELLO, {"user": "alice", "cur": "first"})
        await self.show_conversation(service=deal)

    async def list_conversations(self, *entries: dict[str, Any], **more: Any) -> None:
        """Answers ASK CONVERSATIONS."""
        asked = await self.expect(Opcode.ASK_CONVERSATIONS)
        listed = {"conversations": list(entries), **more}
        await self.send(Opcode.RETURN_CONVERSATIONS, listed, re=asked["id"])

    async def show_conversation(
        self,
        *messages: dict[str, Any],
        missing: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        """Answers what a chat asks for that starts anew."""
        entry = {
            "conversation": CONVERSATION,
            "participants": ["alice", "bob"],
            "peer_read_up_to": 0,
            **more,
        }
        await self.list_conversations(entry, **({"missing": missing} if missing else {}))
        asked = await self.expect(Opcode.ASK_MESSAGES)
        page = {"conversation": CONVERSATION, "messages": list(messages), "more": False}
        await self.send(Opcode.RETURN_MESSAGES, page, re=asked["id"])

    async def happen(self, cause: str, deal: dict[str, Any], **fields: Any) -> None:
        """UPDATE CONVERSATION DATAS."""
        update = {"conversation": CONVERSATION, "service": deal, "cause": cause}
        await self.send(Opcode.UPDATE_CONVERSATION_DATAS, update, **fields)

    async def refuse(self, asked: dict[str, Any], code: str, **more: Any) -> None:
        """ERROR, as the answer to a packet."""
        error = {"code": code, "message": "the words of the server", "retryable": False, **more}
        await self.send(Opcode.ERROR, error, re=asked["id"])

    async def resume(self, complete: bool = True) -> dict[str, Any]:
        """HELLO, and the answer to RESUME."""
        await self.send(Opcode.HELLO, {"user": "alice", "cur": "second"})
        asked = await self.expect(Opcode.RESUME)
        data = {"replayed": 0, "complete": complete, "cur": "second"}
        await self.send(Opcode.RESUMED, data, re=asked["id"])
        return asked

    async def store(self) -> dict[str, Any]:
        """Takes a message and answers that it is stored."""
        asked = await self.expect(Opcode.CREATE_MSG)
        status = {"conversation": CONVERSATION, "message": "m1", "seq": 1, "status": "stored"}
        await self.send(Opcode.STATUS_MSG, status, re=asked["id"])
        return asked


Step = Callable[[Connection], Awaitable[None]]
Play = Callable[..., Awaitable["Played"]]


class Played:
    """What the server saw: when each connection came, and with which token."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.tokens: list[str] = []
        self.ends: list[float] = []


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The chat's standard input, and the end to write to."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)
    os.close(reading)


@pytest.fixture
async def play_steps(pipe: tuple[int, int]) -> AsyncIterator[Play]:
    """Runs the chat against the steps, one per connection, until the last one has ended."""
    servers: list[Server] = []

    async def play(
        *steps: Step, refuse: tuple[int, str] | None = None, may_mint: bool = True
    ) -> Played:
        played = Played()
        left = list(steps)
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        async def handle(socket: ServerConnection) -> None:
            assert socket.request is not None
            played.times.append(loop.time())
            played.tokens.append(socket.request.headers["Authorization"])
            try:
                await left.pop(0)(Connection(socket))
                if not left:
                    over.set_result(None)
                    return
                await socket.wait_closed()
            except Exception as error:  # noqa: BLE001  # The test's own step failed: the test tells.
                if not over.done():
                    over.set_exception(error)
            finally:
                played.ends.append(loop.time())

        def check(_socket: ServerConnection, _request: Request) -> Response | None:
            if refuse is None:
                return None
            status = http.HTTPStatus(refuse[0])
            body = json.dumps({"title": status.phrase, "detail": refuse[1]}).encode()
            headers = Headers({"Content-Type": "application/problem+json"})
            return Response(status.value, status.phrase, headers, body)

        server = await serve(handle, "127.0.0.1", 0, process_request=check)
        servers.append(server)
        port = next(iter(server.sockets)).getsockname()[1]
        minted = iter(f"token-{number}" for number in range(2, 10))
        talk = Talk(
            me="alice",
            peer="bob",
            subject=None,
            url=f"ws://127.0.0.1:{port}/ws",
            token="token-1",
            mint=(lambda: next(minted)) if may_mint else None,
        )
        chatting = asyncio.create_task(Chat(talk, Screen("alice")).run(pipe[0]))
        try:
            async with asyncio.timeout(20):
                await asyncio.wait({chatting, over}, return_when=asyncio.FIRST_COMPLETED)
                await (chatting if chatting.done() else over)
        finally:
            chatting.cancel()
            over.cancel()
            await asyncio.gather(chatting, over, return_exceptions=True)
        return played

    yield play
    for server in servers:
        server.close()
        await server.wait_closed()


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
        await connection.send(Opcode.RECONNECT, {"delay_ms": 400, "reason": "draining"})

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
        await connection.send(Opcode.PING, {})
        pong = await connection.expect(Opcode.PONG)
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
        asked = await connection.expect(Opcode.CREATE_MSG)
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
        await connection.send(Opcode.HELLO, {"user": "alice", "cur": "first"})
        await connection.show_conversation(presence={"online": False, "last_seen": last_seen})
        await connection.send(Opcode.PRESENCE, {"user": "carol", "online": True})
        await connection.send(Opcode.PRESENCE, {"user": "bob", "online": True})
        await connection.send(Opcode.PRESENCE, {"user": "bob", "online": False})
        await connection.send(Opcode.PING, {})
        await connection.expect(Opcode.PONG)
        # A chat shows what came in order, so this is behind all of it.
        await connection.send(Opcode.RECONNECT, {"delay_ms": 1, "reason": "draining"})

    await play_steps(step, resuming)
    shown = capsys.readouterr().out
    assert "-- bob was last seen 2023-11-14 " in shown
    assert shown.index("-- bob is online") < shown.index("-- bob is offline")
    assert "carol" not in shown


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
        await connection.send(Opcode.HELLO, {"user": "alice", "cur": "first"})
        await connection.show_conversation(
            message(2, "alice", text="my last"),
            message(3, "alice", tombstone="deleted"),
            message(4, "bob", text="the other's"),
        )
        await connection.expect(Opcode.OPENED_CONVERSATION)
        os.write(pipe[1], b"/edit my very last\n")
        asked = await connection.expect(Opcode.EDIT_MSG)
        assert (asked["d"]["message"], asked["d"]["text"]) == ("m2", "my very last")
        edited = change(2, "edited", text="my very last")
        await connection.send(Opcode.MSG_CHANGED, edited, re=asked["id"])
        await connection.send(Opcode.MSG_CHANGED, change(4, "deleted"))
        os.write(pipe[1], b"/delete\n")
        asked = await connection.expect(Opcode.DELETE_MSG)
        assert asked["d"]["message"] == "m2"
        await connection.send(Opcode.MSG_CHANGED, change(2, "deleted"), re=asked["id"])
        os.write(pipe[1], b"/edit too much\n/edit\nanother\n/edit a third\n/quit\n")
        await connection.store()
        asked = await connection.expect(Opcode.EDIT_MSG)
        assert asked["d"]["message"] == "m1"
        await connection.refuse(asked, "INVALID_STATE", reason="EDIT_TOO_LATE")
        await connection.socket.wait_closed()

    await play_steps(step)
    shown = capsys.readouterr().out
    for line in (
        "alice: (deleted)".replace("alice", "me"),
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
        await connection.send(Opcode.HELLO, {"user": "mallory", "cur": "first"})
        await connection.socket.wait_closed()

    with pytest.raises(CommandError, match="mallory's, not alice's"):
        await play_steps(step, resuming)


OFFERED = service(version=1, offer=offer(1, 10000, "bob"), allowed_actions=["accept", "counter"])
COUNTERED = service(version=2, offer=offer(2, 12050, "bob"), allowed_actions=["accept"])
AGREED = service(
    "agreed", version=3, agreed={"price": euros(12050), "version": 1, "offer": 2, "at": "now"}
)


async def test_the_deal_of_a_conversation_is_shown_with_the_choices(
    play_steps: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the start, from the list; and whatever happens to it then."""

    async def step(connection: Connection) -> None:
        await connection.greet_with(OFFERED)
        await connection.happen("revised", COUNTERED)
        await connection.send(Opcode.PING, {})
        await connection.expect(Opcode.PONG)

    await play_steps(step)
    shown = capsys.readouterr().out
    assert '-- "Repair the tap" offered by bob: 100.00 EUR (offer 1, until' in shown
    assert "   you may: /accept, /counter PRICE [NOTE]\n" in shown


async def test_accept_names_what_was_shown_and_a_refusal_shows_what_is(
    play_steps: Play, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A stale accept agrees to nothing; the next one is about what the refusal showed."""

    async def step(connection: Connection) -> None:
        await connection.greet_with(OFFERED)
        os.write(pipe[1], b"/accept\n")
        stale = await connection.expect(Opcode.NEGOTIATION_END)
        named = {"service": SERVICE, "outcome": "agreed", "offer": 1, "price": euros(10000)}
        assert stale["d"].items() >= named.items()
        await connection.refuse(stale, "STALE_OFFER", current=COUNTERED)
        os.write(pipe[1], b"/accept\n/quit\n")
        live = await connection.expect(Opcode.NEGOTIATION_END)
        assert (live["d"]["offer"], live["d"]["price"]) == (2, euros(12050))
        assert live["d"]["idempotency_key"] != stale["d"]["idempotency_key"]
        await connection.happen("agreed", AGREED, re=live["id"])
        await connection.happen("agreed", AGREED)
        await connection.socket.wait_closed()

    await play_steps(step)
    lines = capsys.readouterr().out.splitlines()
    refused = next(number for number, line in enumerate(lines) if "refused" in line)
    assert lines[refused] == (
        "-- refused: by now the offer on the table is another one "
        "(STALE_OFFER: the words of the server)"
    )
    assert lines[refused + 1].startswith('-- "Repair the tap" offered by bob: 120.50 EUR (offer 2')
    assert lines[refused + 2] == "   you may: /accept"
    assert lines.count('-- "Repair the tap" agreed: 120.50 EUR') == 1


async def test_a_command_cut_off_is_sent_again_with_its_key(
    play_steps: Play, pipe: tuple[int, int]
) -> None:
    """And names the same offer, also when the resume has shown another one meanwhile."""
    sent: list[dict[str, Any]] = []

    async def cut_off(connection: Connection) -> None:
        await connection.greet_with(OFFERED)
        os.write(pipe[1], b"/accept\n")
        sent.append((await connection.expect(Opcode.NEGOTIATION_END))["d"])
        await connection.socket.close(4101)

    async def take(connection: Connection) -> None:
        await connection.send(Opcode.HELLO, {"user": "alice", "cur": "second"})
        asked = await connection.expect(Opcode.RESUME)
        await connection.happen("countered", COUNTERED, cur="second")
        resumed = {"replayed": 1, "complete": True, "cur": "second"}
        await connection.send(Opcode.RESUMED, resumed, re=asked["id"])
        again = await connection.expect(Opcode.NEGOTIATION_END)
        sent.append(again["d"])
        await connection.refuse(again, "STALE_OFFER", current=COUNTERED)

    await play_steps(cut_off, take)
    assert sent[0] == sent[1]
    assert sent[0]["offer"] == 1


async def test_a_command_gives_up_and_messages_go_on(
    play_steps: Play, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """While deals are out of reach two people can still talk; each try bears the same key."""
    keys: set[str] = set()

    async def step(connection: Connection) -> None:
        await connection.greet_with(AGREED)
        os.write(pipe[1], b"/deliver\nThe deals are down\n/quit\n")
        for _ in range(5):
            asked = await connection.expect(Opcode.SERVICE_TERMINATED)
            keys.add(asked["d"]["idempotency_key"])
            await connection.refuse(asked, "UNAVAILABLE", retryable=True, retry_after_ms=1)
        await connection.store()
        await connection.socket.wait_closed()

    await play_steps(step)
    assert len(keys) == 1
    shown = capsys.readouterr().out
    assert "-- not done: UNAVAILABLE: the words of the server; try again later\n" in shown
    assert "#1 stored" in shown


async def test_what_is_no_command_is_not_sent(
    play_steps: Play, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped command would be told to the other; with a space before it is meant as text."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        os.write(pipe[1], b"/acept 95\n/accept\n /accept is what I typed\n/home/x is a path\n")
        texts = [(await connection.store())["d"]["text"] for _ in range(2)]
        assert texts == [" /accept is what I typed", "/home/x is a path"]

    await play_steps(step)
    shown = capsys.readouterr().out
    assert "-- no such command: /acept; /help lists them\n" in shown
    assert "-- there is no conversation yet; write something first\n" in shown


async def test_what_nobody_can_replay_is_asked_for_anew(
    play_steps: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service that was down says so when it is back; until then the screen says what it lacks."""

    async def step(connection: Connection) -> None:
        await connection.send(Opcode.HELLO, {"user": "alice", "cur": "first"})
        await connection.show_conversation(missing=("negotiation",))
        resumed = {"replayed": 0, "complete": False, "cur": "second"}
        await connection.send(Opcode.RESUMED, resumed, cur="second")
        await connection.show_conversation(service=AGREED)
        await connection.send(Opcode.PING, {})
        await connection.expect(Opcode.PONG)

    await play_steps(step)
    shown = capsys.readouterr().out
    before, after = shown.split("-- connected to ")
    assert "-- deals cannot be shown just now\n" in before
    assert '-- "Repair the tap" agreed: 120.50 EUR\n' in after


async def test_the_history_shows_what_happened_between_the_words(
    play_steps: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each event is a line with its number, like a message; those that are pushed as well."""
    text = {"seq": 1, "sender": "bob", "kind": "text", "created_at": NOW, "text": "Hello"}
    event = {"service": SERVICE, "title": "Tap", "cause": "agreed", "offer": 2}
    record = {"seq": 2, "sender": "", "kind": "event", "created_at": NOW}
    pushed = {**record, "seq": 3, "event": {**event, "cause": "expired\x1b"}}

    async def step(connection: Connection) -> None:
        await connection.send(Opcode.HELLO, {"user": "alice", "cur": "first"})
        event_of_alice = {**event, "by": "alice", "price": euros(12050)}
        await connection.show_conversation(text, {**record, "event": event_of_alice})
        await connection.expect(Opcode.OPENED_CONVERSATION)
        alert = {"conversation": CONVERSATION, "message": pushed, "unread": 1}
        await connection.send(Opcode.ALERT_NEW_MSG, alert)
        opened = await connection.expect(Opcode.OPENED_CONVERSATION)
        assert opened["d"]["seq"] == 3

    await play_steps(step)
    lines = [line[:3] + line[9:] for line in capsys.readouterr().out.splitlines() if "#" in line]
    assert lines == [
        "#1 bob: Hello",
        '#2 * "Tap" agreed by you: 120.50 EUR (offer 2)',
        '#3 * "Tap" expired�',
    ]


async def test_deal_asks_how_it_stands_now(
    play_steps: Play, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """And shows all of it; of a deal in another conversation only what happens is shown."""

    async def step(connection: Connection) -> None:
        await connection.greet_with(OFFERED)
        elsewhere = {"conversation": "another", "service": AGREED, "cause": "agreed"}
        await connection.send(Opcode.UPDATE_CONVERSATION_DATAS, elsewhere)
        os.write(pipe[1], b"/deal\n/quit\n")
        entry = {"conversation": CONVERSATION, "participants": ["alice", "bob"]}
        await connection.list_conversations(
            {**entry, "service": {**AGREED, "description": "It drips."}}
        )
        await connection.socket.wait_closed()

    await play_steps(step)
    shown = capsys.readouterr().out
    assert '-- (another conversation) "Repair the tap" agreed: 120.50 EUR\n' in shown
    assert (
        '-- "Repair the tap" agreed: 120.50 EUR\n   provider bob, client you\n   It drips.\n'
    ) in shown


def test_what_others_write_cannot_control_the_terminal() -> None:
    """Escape sequences and other control characters lose their power; line ends stay visible."""
    assert printable("a\x1b[2Jb\x07\u202ec\nd") == "a�[2Jb��c ⏎ d"

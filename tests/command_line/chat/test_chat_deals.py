"""What a chat shows of a deal, what its commands send, and what becomes of them.

The server here is a script of one step per connection; the chat is the real one.
"""

import os
from typing import Any

import pytest

from edge.protocol.packets import Op
from tests.command_line.deals import CONVERSATION, NOW, SERVICE, euros, offer, service
from tests.command_line.scripted import Connection, Play

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
        await connection.send(Op.PING, {})
        await connection.expect(Op.PONG)

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
        stale = await connection.expect(Op.NEGOTIATION_END)
        named = {"service": SERVICE, "outcome": "agreed", "offer": 1, "price": euros(10000)}
        assert stale["d"].items() >= named.items()
        await connection.refuse(stale, "STALE_OFFER", current=COUNTERED)
        os.write(pipe[1], b"/accept\n/quit\n")
        live = await connection.expect(Op.NEGOTIATION_END)
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
        sent.append((await connection.expect(Op.NEGOTIATION_END))["d"])
        await connection.socket.close(4101)

    async def take(connection: Connection) -> None:
        await connection.send(Op.HELLO, {"user": "alice", "cur": "second"})
        asked = await connection.expect(Op.RESUME)
        await connection.happen("countered", COUNTERED, cur="second")
        resumed = {"replayed": 1, "complete": True, "cur": "second"}
        await connection.send(Op.RESUMED, resumed, re=asked["id"])
        again = await connection.expect(Op.NEGOTIATION_END)
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
        for wait in (1, 1, 60_000):
            asked = await connection.expect(Op.SERVICE_TERMINATED)
            keys.add(asked["d"]["idempotency_key"])
            await connection.refuse(asked, "UNAVAILABLE", retryable=True, retry_after_ms=wait)
        await connection.store()
        await connection.socket.wait_closed()

    await play_steps(step)
    assert len(keys) == 1
    shown = capsys.readouterr().out
    assert shown.count("-- not done yet: UNAVAILABLE: the words of the server; trying again\n") == 2
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
        await connection.send(Op.HELLO, {"user": "alice", "cur": "first"})
        await connection.show_conversation(missing=("negotiation",))
        resumed = {"replayed": 0, "complete": False, "cur": "second"}
        await connection.send(Op.RESUMED, resumed, cur="second")
        await connection.show_conversation(service=AGREED)
        await connection.send(Op.RESUMED, resumed, cur="third")
        await connection.show_conversation(service={**AGREED, "version": 1, "title": "Older"})
        await connection.send(Op.PING, {})
        await connection.expect(Op.PONG)

    await play_steps(step)
    shown = capsys.readouterr().out
    before, after = shown.split("-- connected to ")
    assert "-- deals cannot be shown just now\n" in before
    assert '-- "Repair the tap" agreed: 120.50 EUR\n' in after
    # What went back to a backup has lower versions than it had.
    assert '-- "Older" agreed: 120.50 EUR\n' in after


async def test_the_history_shows_what_happened_between_the_words(
    play_steps: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each event is a line with its number, like a message; those that are pushed as well."""
    text = {
        "message": "m1",
        "seq": 1,
        "sender": "bob",
        "kind": "text",
        "created_at": NOW,
        "text": "Hello",
    }
    event = {"service": SERVICE, "title": "Tap", "cause": "agreed", "offer": 2}
    record = {"seq": 2, "sender": "", "kind": "event", "created_at": NOW}
    pushed = {**record, "seq": 3, "event": {**event, "cause": "expired\x1b"}}

    async def step(connection: Connection) -> None:
        await connection.send(Op.HELLO, {"user": "alice", "cur": "first"})
        event_of_alice = {**event, "by": "alice", "price": euros(12050)}
        await connection.show_conversation(text, {**record, "event": event_of_alice})
        await connection.expect(Op.OPENED_CONVERSATION)
        alert = {"conversation": CONVERSATION, "message": pushed, "unread": 1}
        await connection.send(Op.ALERT_NEW_MSG, alert)
        opened = await connection.expect(Op.OPENED_CONVERSATION)
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
        await connection.send(Op.UPDATE_CONVERSATION_DATAS, elsewhere)
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

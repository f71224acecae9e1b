"""The chat: what is typed is sent once, refused in words, and never lost."""

import asyncio
from typing import Any

from parley_protocol.packets import Op
from tests.command_line.deals import CONVERSATION, NOW, SERVICE, euros, offer, service
from tests.command_line.scripted import Connection, Stage

OFFERED = service(version=1, offer=offer(1, 10000, "bob"), allowed_actions=["accept", "counter"])
COUNTERED = service(version=2, offer=offer(2, 12050, "bob"), allowed_actions=["accept"])
AGREED = service(
    "agreed", version=3, agreed={"price": euros(12050), "version": 1, "offer": 2, "at": NOW}
)


async def test_a_message_cut_off_is_sent_again_with_its_key(stage: Stage) -> None:
    """No answer came before the socket closed, so only the same key makes the repeat safe."""
    keys: list[str] = []

    async def cut_off(connection: Connection) -> None:
        await connection.greet()
        stage.type("Hello Bob\n")
        asked = await connection.expect(Op.CREATE_MSG)
        assert asked["d"]["to"] == "bob"
        assert asked["d"]["text"] == "Hello Bob"
        keys.append(asked["d"]["idempotency_key"])
        await connection.socket.close(4101)

    async def take(connection: Connection) -> None:
        await connection.resume()
        asked = await connection.store()
        keys.append(asked["d"]["idempotency_key"])

    await stage.play(cut_off, take)
    assert keys[0] == keys[1]


async def test_what_becomes_of_a_message_is_shown_after_it_though_it_overtakes_the_answer(
    stage: Stage,
) -> None:
    """Also of the first message, whose answer says which conversation it is."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        stage.type("hello\n")
        asked = await connection.expect(Op.CREATE_MSG)
        place = {"conversation": CONVERSATION, "message": "m1", "seq": 1}
        await connection.send(Op.STATUS_MSG, {**place, "status": "delivered"})
        for conversation in (CONVERSATION, "another"):
            seen = {**place, "conversation": conversation, "reader": "bob", "seen_at": NOW}
            await connection.send(Op.MSG_SEEN, seen)
        await connection.settle()
        status = {**place, "status": "stored", "created_at": NOW, "duplicate": False}
        await connection.send(Op.STATUS_MSG, status, re=asked["id"])
        # Messages are written one after the other.
        stage.type("again\n")
        await connection.expect(Op.CREATE_MSG)

    await stage.play(step)
    marks = [line.strip() for line in stage.shown().splitlines() if line.startswith("   #")]
    assert marks == ["#1 stored", "#1 delivered", "#1 seen by bob"]


async def test_the_end_of_the_input_ends_the_chat_after_the_last_message(stage: Stage) -> None:
    """`echo Hello | parley chat` leaves only when the message is stored."""
    stored = asyncio.Event()

    async def step(connection: Connection) -> None:
        await connection.greet()
        stage.type("Hello Bob\n/quit\n")
        await connection.store()
        stored.set()
        await connection.socket.wait_closed()

    await stage.play(step)
    assert stored.is_set()
    assert "#1 stored" in stage.shown()


async def test_the_last_message_is_edited_and_deleted(stage: Stage) -> None:
    """It is found by what was sent and shown; what others change is shown as well."""

    def message(seq: int, sender: str, **fields: Any) -> dict[str, Any]:
        common = {"conversation": CONVERSATION, "kind": "text", "created_at": NOW, "version": 1}
        return {"message": f"m{seq}", "seq": seq, "sender": sender, **common, **fields}

    def change(seq: int, what: str, version: int = 2, **fields: Any) -> dict[str, Any]:
        place = {"conversation": CONVERSATION, "message": f"m{seq}", "seq": seq}
        return {**place, "change": what, "changed_at": NOW, "version": version, **fields}

    async def step(connection: Connection) -> None:
        await connection.greet_with(
            message(2, "alice", text="my last"),
            message(3, "alice", tombstone="deleted"),
            message(4, "bob", text="the other's"),
            message(5, "", kind="event", tombstone="removed"),
        )
        await connection.see()
        stage.type("/edit my very last\n")
        asked = await connection.expect(Op.EDIT_MSG)
        assert (asked["d"]["message"], asked["d"]["text"]) == ("m2", "my very last")
        edited = change(2, "edited", text="my very last")
        await connection.send(Op.MSG_CHANGED, edited, re=asked["id"])
        await connection.send(Op.MSG_CHANGED, change(4, "deleted"))
        stage.type("/delete\n")
        asked = await connection.expect(Op.DELETE_MSG)
        assert asked["d"]["message"] == "m2"
        await connection.send(Op.MSG_CHANGED, change(2, "deleted", 3), re=asked["id"])
        stage.type("/edit too much\n/edit\nanother\n/edit a third\n/quit\n")
        await connection.store()
        asked = await connection.expect(Op.EDIT_MSG)
        assert asked["d"]["message"] == "m1"
        await connection.refuse(asked, "INVALID_STATE", reason="EDIT_TOO_LATE")
        await connection.socket.wait_closed()

    await stage.play(step)
    shown = stage.shown()
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


async def test_the_other_one_is_blocked_and_no_longer(stage: Stage) -> None:
    """By the list, by what is typed here and elsewhere; writing meanwhile is refused in words."""

    async def step(connection: Connection) -> None:
        await connection.greet_with(blocked=True)
        stage.type("/unblock\n/block\nhello?\n/quit\n")
        for version, blocked in enumerate((False, True), start=1):
            asked = await connection.expect(Op.BLOCK_USER)
            assert asked["d"] == {"user": "bob", "blocked": blocked}
            told = {**asked["d"], "version": version}
            await connection.send(Op.BLOCK_USER, told, re=asked["id"])
        asked = await connection.expect(Op.CREATE_MSG)
        for user in ("carol", "bob"):
            told = {"user": user, "blocked": False, "version": 3}
            await connection.send(Op.BLOCK_USER, told)
        await connection.refuse(asked, "INVALID_STATE", reason="BLOCKED")
        await connection.socket.wait_closed()

    await stage.play(step)
    shown = stage.shown()
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


async def test_accept_names_what_was_shown_and_a_refusal_shows_what_is(stage: Stage) -> None:
    """A stale accept agrees to nothing; the next one is about what the refusal showed."""

    async def step(connection: Connection) -> None:
        await connection.greet_with(service=OFFERED)
        stage.type("/accept\n")
        stale = await connection.expect(Op.NEGOTIATION_END)
        named = {"service": SERVICE, "outcome": "agreed", "offer": 1, "price": euros(10000)}
        assert stale["d"].items() >= named.items()
        await connection.refuse(stale, "STALE_OFFER", current=COUNTERED)
        stage.type("/accept\n/quit\n")
        live = await connection.expect(Op.NEGOTIATION_END)
        assert (live["d"]["offer"], live["d"]["price"]) == (2, euros(12050))
        assert live["d"]["idempotency_key"] != stale["d"]["idempotency_key"]
        await connection.happen("agreed", AGREED, re=live["id"])
        await connection.happen("agreed", AGREED)
        await connection.socket.wait_closed()

    await stage.play(step)
    lines = stage.shown().splitlines()
    refused = next(number for number, line in enumerate(lines) if "refused" in line)
    assert lines[refused] == (
        "-- refused: by now the offer on the table is another one "
        "(STALE_OFFER: the words of the server)"
    )
    assert lines[refused + 1].startswith('-- "Repair the tap" offered by bob: 120.50 EUR (offer 2')
    assert lines[refused + 2] == "   you may: /accept"
    assert lines.count('-- "Repair the tap" agreed: 120.50 EUR') == 1


async def test_a_command_cut_off_is_sent_again_with_its_key(stage: Stage) -> None:
    """And names the same offer, also when the resume has shown another one meanwhile."""
    sent: list[dict[str, Any]] = []

    async def cut_off(connection: Connection) -> None:
        await connection.greet_with(service=OFFERED)
        stage.type("/accept\n")
        sent.append((await connection.expect(Op.NEGOTIATION_END))["d"])
        await connection.socket.close(4101)

    async def take(connection: Connection) -> None:
        await connection.hello("")
        await connection.happen("countered", COUNTERED, cur="second")
        await connection.resumed("second", replayed=1)
        again = await connection.expect(Op.NEGOTIATION_END)
        sent.append(again["d"])
        await connection.refuse(again, "STALE_OFFER", current=COUNTERED)

    await stage.play(cut_off, take)
    assert sent[0] == sent[1]
    assert sent[0]["offer"] == 1


async def test_a_command_gives_up_and_messages_go_on(stage: Stage) -> None:
    """While deals are out of reach two people can still talk; each try bears the same key."""
    keys: set[str] = set()

    async def step(connection: Connection) -> None:
        await connection.greet_with(service=AGREED)
        stage.type("/deliver\nThe deals are down\n/quit\n")
        for wait in (1, 1, 60_000):
            asked = await connection.expect(Op.SERVICE_TERMINATED)
            keys.add(asked["d"]["idempotency_key"])
            await connection.refuse(asked, "UNAVAILABLE", retryable=True, retry_after_ms=wait)
        await connection.store()
        await connection.socket.wait_closed()

    await stage.play(step)
    assert len(keys) == 1
    shown = stage.shown()
    assert shown.count("-- not done yet: UNAVAILABLE: the words of the server; trying again\n") == 2
    assert "-- not done: UNAVAILABLE: the words of the server; try again later\n" in shown
    assert "#1 stored" in shown


async def test_a_line_that_cannot_be_sent_is_said_to_be(stage: Stage) -> None:
    """One that is larger than the server takes is not sent, and the chat goes on."""

    async def step(connection: Connection) -> None:
        await connection.hello(max_packet_bytes=1_000)
        await connection.list_conversations()
        stage.type(f"{'long ' * 300}\nshort\n/quit\n")
        assert (await connection.store())["d"]["text"] == "short"
        await connection.socket.wait_closed()

    await stage.play(step)
    assert "-- refused: INVALID_ARGUMENT" in stage.shown()


async def test_what_is_no_command_is_not_sent(stage: Stage) -> None:
    """A mistyped command would be told to the other; with a space before it is meant as text."""

    async def step(connection: Connection) -> None:
        await connection.greet()
        stage.type("/acept 95\n/accept\n /accept is what I typed\n/home/x is a path\n")
        texts = [(await connection.store())["d"]["text"] for _ in range(2)]
        assert texts == [" /accept is what I typed", "/home/x is a path"]

    await stage.play(step)
    shown = stage.shown()
    assert "-- no such command: /acept; /help lists them\n" in shown
    assert "-- there is no conversation yet; write something first\n" in shown

"""A conversation on the screen: its history, and what is pushed about it and its deals."""

from typing import Any

import pytest

from command_line.display.console import CommandError
from parley_protocol.packets import Op
from tests.command_line.deals import CONVERSATION, NOW, SERVICE, euros, offer, service
from tests.command_line.rulings import (
    DISPUTE,
    appeal,
    dispute,
    report,
    sanction,
    settlement_of_bob,
)
from tests.command_line.scripted import Connection, Stage, entry

OFFERED = service(version=1, offer=offer(1, 10000, "bob"), allowed_actions=["accept", "counter"])
COUNTERED = service(version=2, offer=offer(2, 12050, "bob"), allowed_actions=["accept"])
AGREED = service(
    "agreed", version=3, agreed={"price": euros(12050), "version": 1, "offer": 2, "at": NOW}
)


async def test_the_other_ones_presence_is_shown(stage: Stage) -> None:
    """As the list says at first and as it changes; that of others is none of this chat's."""
    last_seen = "2023-11-14T12:13:20.000Z"

    async def step(connection: Connection) -> None:
        await connection.greet_with(presence={"online": False, "last_seen": last_seen})
        for version, user, online in ((1, "carol", True), (1, "bob", True), (2, "bob", False)):
            presence = {"user": user, "online": online, "version": version}
            await connection.send(Op.PRESENCE, presence)
        await connection.settle()
        # A chat shows what came in order, so this is behind all of it.
        await connection.send(Op.RECONNECT, {"delay_ms": 1, "reason": "draining"})

    await stage.play(step, Connection.resume)
    shown = stage.shown()
    assert "-- bob was last seen 2023-11-14 " in shown
    assert shown.index("-- bob is online") < shown.index("-- bob is offline")
    assert "carol" not in shown


async def test_the_deal_of_a_conversation_is_shown_with_the_choices(stage: Stage) -> None:
    """At the start, from the list; and whatever happens to it then."""

    async def step(connection: Connection) -> None:
        await connection.greet_with(service=OFFERED)
        await connection.happen("revised", COUNTERED)
        await connection.settle()

    await stage.play(step)
    shown = stage.shown()
    assert '-- "Repair the tap" offered by bob: 100.00 EUR (offer 1, until' in shown
    assert "   you may: /accept, /counter PRICE [NOTE]\n" in shown


async def test_what_nobody_can_replay_is_asked_for_anew(stage: Stage) -> None:
    """A service that was down says so when it is back; until then the screen says what it lacks."""

    async def step(connection: Connection) -> None:
        await connection.greet_with(missing=("negotiation",))
        await connection.lose_place("second")
        await connection.show_conversation(service=AGREED)
        await connection.lose_place("third")
        await connection.show_conversation(service={**AGREED, "version": 1, "title": "Older"})
        await connection.settle()

    await stage.play(step)
    shown = stage.shown()
    before, after = shown.split("-- connected to ")
    assert "-- deals cannot be shown just now\n" in before
    assert '-- "Repair the tap" agreed: 120.50 EUR\n' in after
    # What went back to a backup has lower versions than it had.
    assert '-- "Older" agreed: 120.50 EUR\n' in after


async def test_the_history_shows_what_happened_between_the_words(stage: Stage) -> None:
    """Each event is a line with its number, like a message; those that are pushed as well."""
    text = {
        "message": "m1",
        "seq": 1,
        "sender": "bob",
        "kind": "text",
        "created_at": NOW,
        "text": "Hello",
    }
    event = {
        "service": SERVICE,
        "number": 3,
        "title": "Tap",
        "cause": "agreed",
        "state": "agreed",
        "offer": 2,
        "at": NOW,
    }
    record = {
        "message": "m2",
        "conversation": CONVERSATION,
        "seq": 2,
        "sender": "",
        "kind": "event",
        "created_at": NOW,
        "version": 1,
    }
    pushed = {**record, "message": "m3", "seq": 3, "event": {**event, "cause": "expired\x1b"}}

    async def step(connection: Connection) -> None:
        await connection.hello()
        event_of_alice = {**event, "by": "alice", "price": euros(12050)}
        await connection.show_conversation(text, {**record, "event": event_of_alice})
        assert await connection.see() == 2
        alert: dict[str, Any] = {"conversation": CONVERSATION, "message": pushed}
        alert |= {"unread": 1, "conversation_version": 2}
        await connection.send(Op.ALERT_NEW_MSG, alert)
        assert await connection.see() == 3

    await stage.play(step)
    lines = [line[:3] + line[9:] for line in stage.shown().splitlines() if "#" in line]
    assert lines == [
        "#1 bob: Hello",
        '#2 * "Tap" agreed by you: 120.50 EUR (offer 2)',
        '#3 * "Tap" expired�',
    ]


async def test_deal_asks_how_it_stands_now(stage: Stage) -> None:
    """And shows all of it; of a deal in another conversation only what happens is shown."""

    async def step(connection: Connection) -> None:
        await connection.greet_with(service=OFFERED)
        elsewhere = {"conversation": "another", "service": AGREED, "cause": "agreed"}
        await connection.send(Op.UPDATE_CONVERSATION_DATAS, elsewhere)
        stage.type("/deal\n/quit\n")
        await connection.list_conversations(entry(service={**AGREED, "description": "It drips."}))
        await connection.socket.wait_closed()

    await stage.play(step)
    shown = stage.shown()
    assert '-- (another conversation) "Repair the tap" agreed: 120.50 EUR\n' in shown
    assert (
        '-- "Repair the tap" agreed: 120.50 EUR\n   provider bob, client you\n   It drips.\n'
    ) in shown


def message(seq: int, sender: str) -> dict[str, Any]:
    common = {"conversation": CONVERSATION, "kind": "text", "created_at": NOW, "version": 1}
    return {"message": f"m{seq}", "seq": seq, "sender": sender, "text": "words", **common}


async def greet(connection: Connection, **more: Any) -> None:
    """HELLO, and a conversation in which bob has said the second and the third thing."""
    await connection.hello()
    messages = message(1, "alice"), message(2, "bob"), message(3, "bob"), message(4, "alice")
    await connection.show_conversation(*messages, **more)
    await connection.see()


async def test_a_report_is_about_what_was_said_last_or_what_is_named(stage: Stage) -> None:
    """By the other, for nobody reports themselves; and what becomes of it is shown."""

    async def step(connection: Connection) -> None:
        await greet(connection)
        stage.type("/report off_platform_payment Wants cash.\n")
        asked = await connection.expect(Op.REPORT_MSG)
        key = asked["d"].pop("idempotency_key")
        assert asked["d"] == {
            "message": "m3",
            "reason": "off_platform_payment",
            "comment": "Wants cash.",
        }
        await connection.send(Op.REPORT_STATUS, report(duplicate=False), re=asked["id"])
        await connection.send(Op.REPORT_STATUS, report("in_review"))
        stage.type("/report #2 spam\n/report #1 spam\n/report conversation scam\n/quit\n")
        asked = await connection.expect(Op.REPORT_MSG)
        assert asked["d"]["message"] == "m2"
        assert asked["d"]["idempotency_key"] != key
        await connection.refuse(asked, "CONFLICT", reason="ALREADY_REPORTED")
        asked = await connection.expect(Op.REPORT_CONVERSATIONS)
        assert asked["d"]["conversation"] == CONVERSATION
        await connection.send(Op.REPORT_STATUS, report(report="r2"), re=asked["id"])
        await connection.socket.wait_closed()

    await stage.play(step)
    shown = stage.shown()
    assert "-- your report of a message (off platform payment): received\n" in shown
    assert "-- your report of a message (off platform payment): somebody looks at it\n" in shown
    assert "-- refused: you have reported that, and it is not decided yet" in shown
    assert "-- no message #1 of the other is shown here\n" in shown


async def test_who_is_muted_sees_why_and_appeals(stage: Stage) -> None:
    """When it is told, and again when something is refused because of it."""

    async def step(connection: Connection) -> None:
        await greet(connection)
        await connection.send(Op.SANCTION, sanction())
        stage.type("Hello?\n/appeal I was quoting him.\n/quit\n")
        asked = await connection.expect(Op.CREATE_MSG)
        standing = {"user": "alice", "banned": False, "sanctions": [sanction()]}
        await connection.refuse(asked, "SANCTIONED", current=standing)
        asked = await connection.expect(Op.APPEAL)
        assert asked["d"]["decision"] == "d-muted"
        assert asked["d"]["text"] == "I was quoting him."
        await connection.send(Op.REPORT_STATUS, appeal(), re=asked["id"])
        await connection.settle()
        await connection.send(Op.REPORT_STATUS, appeal("overturned", answer="You were."))
        await connection.send(Op.SANCTION, sanction(lifted=True))
        await connection.socket.wait_closed()

    await stage.play(step)
    shown = stage.shown()
    assert shown.count('-- you are muted: you read, and write nothing\n   "Insulted') == 2
    assert "-- refused: a restriction keeps you from it (SANCTIONED" in shown
    assert "-- your appeal was received; another moderator looks at it\n" in shown


async def test_what_moderators_remove_and_restore_is_shown(stage: Stage) -> None:
    """Both see it, in the place of the message."""

    async def step(connection: Connection) -> None:
        await greet(connection)
        change = {"conversation": CONVERSATION, "message": "m2", "seq": 2, "changed_at": NOW}
        await connection.send(Op.MSG_CHANGED, {**change, "change": "removed", "version": 2})
        restored = {**change, "change": "restored", "text": "words", "version": 3}
        await connection.send(Op.MSG_CHANGED, restored)
        await connection.settle()

    await stage.play(step)
    shown = stage.shown()
    assert shown.index("#2 removed by a moderator\n") < shown.index("#2 there again: words\n")


async def test_what_comes_late_is_not_shown(stage: Stage) -> None:
    """Of a message, of presence and of a sanction: neither what is older, nor the same again."""

    async def step(connection: Connection) -> None:
        await greet(connection)
        change = {"conversation": CONVERSATION, "message": "m2", "seq": 2, "changed_at": NOW}
        newer = {**change, "change": "edited", "text": "newer", "version": 12}
        older = {**change, "change": "edited", "text": "older", "version": 11}
        for told in (newer, older, newer):
            await connection.send(Op.MSG_CHANGED, told)
        for online, version in ((True, 6), (False, 5)):
            presence = {"user": "bob", "online": online, "version": version}
            await connection.send(Op.PRESENCE, presence)
        await connection.send(Op.SANCTION, {**sanction(lifted=True), "version": 9})
        await connection.send(Op.SANCTION, {**sanction(), "version": 8})
        await connection.settle()

    await stage.play(step)
    shown = stage.shown()
    assert shown.count("#2 edited: newer\n") == 1
    assert "older" not in shown
    assert "-- bob is online\n" in shown
    assert "bob is offline" not in shown
    assert "you are muted" not in shown


async def test_a_dispute_is_opened_stated_and_settled(stage: Stage) -> None:
    """Each command is about the dispute as it was shown; a stale settlement is not accepted."""
    agreed = service("agreed", version=3, allowed_actions=["open_dispute"])

    async def step(connection: Connection) -> None:
        await greet(connection, service=agreed)

        async def answer(asked: dict[str, Any], cause: str, shown: dict[str, Any]) -> None:
            update = {"conversation": CONVERSATION, "cause": cause, "dispute": shown}
            await connection.send(Op.UPDATE_CONVERSATION_DATAS, update, re=asked["id"])

        stage.type("/state Nobody came.\n/dispute not_delivered Nobody came. -- 60\n")
        asked = await connection.expect(Op.LITIGE_CREATED)
        assert asked["d"]["service"] == SERVICE
        assert asked["d"]["claim"]["refund"]["amount_minor"] == 6000
        await answer(asked, "created", dispute(allowed_actions=["state", "propose", "withdraw"]))

        stage.type("/state I waited all day.\n")
        asked = await connection.expect(Op.LITIGE_STATEMENT)
        assert (asked["d"]["dispute"], asked["d"]["text"]) == (DISPUTE, "I waited all day.")
        await answer(asked, "stated", dispute(version=3))
        first = dispute(version=4, offers=[settlement_of_bob()], allowed_actions=["accept"])
        pushed = {"conversation": CONVERSATION, "cause": "settlement_proposed", "dispute": first}
        await connection.send(Op.UPDATE_CONVERSATION_DATAS, pushed)
        await connection.settle()

        stage.type("/accept-settlement\n")
        asked = await connection.expect(Op.LITIGE_STATEMENT)
        offer = settlement_of_bob()
        assert asked["d"]["accept"] == {"offer": 1, "settlement": offer["settlement"]}
        second = dispute(version=5, offers=[offer, settlement_of_bob(2, 1000)])
        await connection.refuse(asked, "INVALID_STATE", reason="STALE_SETTLEMENT", current=second)

        stage.type("/accept-settlement\n/quit\n")
        asked = await connection.expect(Op.LITIGE_STATEMENT)
        assert asked["d"]["accept"]["offer"] == 2
        await answer(asked, "settled", dispute("resolved_pending", version=6))
        await connection.socket.wait_closed()

    await stage.play(step)
    shown = stage.shown()
    assert "-- no dispute is shown here; /dispute REASON STATEMENT opens one\n" in shown
    assert "   you may: /dispute REASON STATEMENT [-- REFUND]\n" in shown
    assert "   you may: /state TEXT, /settle AMOUNT [TEXT], /withdraw\n" in shown
    assert "settlement 1 of bob: 60.00 EUR for bob, 60.50 EUR back to you" in shown
    assert "-- refused: by now the settlement on the table is another one" in shown
    assert "settlement 2 of bob: 10.00 EUR for bob, 110.50 EUR back to you" in shown
    assert "settled" in shown


async def test_a_chat_that_starts_anew_knows_the_dispute_that_holds_the_deal(stage: Stage) -> None:
    """The list shows it, so a settlement that was offered before can be accepted."""
    offered = dispute(version=4, offers=[settlement_of_bob()], allowed_actions=["accept"])

    async def step(connection: Connection) -> None:
        await greet(connection, service=service("agreed", version=3), dispute=offered)
        stage.type("/accept-settlement\n/quit\n")
        asked = await connection.expect(Op.LITIGE_STATEMENT)
        assert asked["d"]["accept"]["offer"] == 1

    await stage.play(step)
    assert "you may: /accept-settlement" in stage.shown()


async def test_withdraw_is_about_the_dispute_where_that_allows_it(stage: Stage) -> None:
    """A deal that is held has no offer to withdraw."""

    async def step(connection: Connection) -> None:
        await greet(connection, service=service("agreed", version=3))
        update = {
            "conversation": CONVERSATION,
            "cause": "hold_placed",
            "dispute": dispute(allowed_actions=["withdraw"]),
        }
        await connection.send(Op.UPDATE_CONVERSATION_DATAS, update)
        await connection.settle()
        stage.type("/withdraw\n")
        asked = await connection.expect(Op.LITIGE_STATEMENT)
        assert asked["d"]["withdraw"] is True

    await stage.play(step)


async def test_who_is_banned_leaves_with_the_reasons(stage: Stage) -> None:
    """They come before the close, and nobody comes back."""

    async def step(connection: Connection) -> None:
        await greet(connection)
        await connection.send(Op.SANCTION, sanction("banned"))
        await connection.socket.close(4403, "banned")

    with pytest.raises(CommandError, match=r"4403 \(banned\)"):
        await stage.play(step, step)
    assert '-- you are banned\n   "Insulted the other."\n   Terms 4.2' in stage.shown()


async def test_who_is_banned_already_is_told_why(stage: Stage) -> None:
    """There is no socket then, and the refusal of the handshake has the reasons."""
    standing = {"user": "alice", "banned": True, "sanctions": [sanction("banned")]}
    with pytest.raises(CommandError, match="403: This user is banned"):
        await stage.play(
            greet, refuse=(403, "This user is banned."), problem={"standing": standing}
        )
    assert '-- you are banned\n   "Insulted the other."' in stage.shown()

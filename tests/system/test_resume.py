"""Clients catch up: nothing is missing, in order, and never more than can be proven."""

import asyncio

import pytest
from msgspec import convert

from edge.cursors import Cursors, Position
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AlertNewMsg
from service_kit.authentication.callers import Caller
from tests.support.client import Client
from tests.support.device import Device
from tests.support.inbox import Inbox
from tests.support.system import System
from tests.system.conftest import Connect, Join, Rounds


async def write_many(writer: Inbox, conversation: str, first: int, count: int) -> list[str]:
    """Pipeline numbered messages; their texts in the order in which they are stored."""
    messages = [
        {"conversation": conversation, "text": str(number), "idempotency_key": f"w{number}"}
        for number in range(first, first + count)
    ]
    for message in messages:
        await writer.send(Op.CREATE_MSG, message, id=message["idempotency_key"])
    seqs = {one["text"]: await _seq_of(writer, one) for one in messages}
    return sorted(seqs, key=seqs.__getitem__)


async def _seq_of(writer: Inbox, message: dict[str, str]) -> int:
    """Where a message that was sent is stored; under load it is refused for the moment."""
    id_ = message["idempotency_key"]
    while (reply := await writer.take_reply(id_))["op"] == Op.ERROR:
        assert reply["d"]["retryable"], reply
        await asyncio.sleep(reply["d"].get("retry_after_ms", 0) / 1000)
        await writer.send(Op.CREATE_MSG, message, id=id_)
    return int(reply["d"]["seq"])


@pytest.mark.parametrize(
    ("rounds", "missed"),
    [("quiet", 1), ("quiet", 100), ("quiet", 5_000), ("killed", 1), ("killed", 100)],
    indirect=["rounds"],
)
async def test_resume_after_missed_messages(rounds: Rounds, missed: int) -> None:
    """All that was missed, once, in order, then RESUMED with complete=true, then live ones."""
    async for connect, alice, bob, quiet in rounds:
        writer = await connect(alice)
        reader = await connect(bob)
        conversation = (await writer.write(bob, "0"))["conversation"]
        await reader.expect(Op.ALERT_NEW_MSG)
        await reader.drop()
        written = await write_many(writer, conversation, 1, missed)

        back = await connect(bob, resume=reader.cursor)
        resumed = await back.take(lambda packet: packet["op"] == Op.RESUMED, seconds=60)
        replayed = [packet for packet in back.packets if packet["op"] == Op.ALERT_NEW_MSG]
        assert [packet["d"]["message"]["text"] for packet in replayed] == written
        assert replayed[-1]["d"]["unread"] == missed + 1
        assert resumed["d"]["complete"] is True
        if quiet:
            # Of a resume that was broken off and begun anew, RESUMED tells the last part alone.
            assert back.hello["d"]["resumed"] is True
            assert resumed["d"] == {"replayed": missed, "complete": True, "cur": resumed["cur"]}
        back.packets.clear()
        await writer.ask(Op.CREATE_MSG, {"conversation": conversation, "text": "live"})
        assert (await back.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] == "live"


async def test_resume_while_the_other_goes_on_writing(rounds: Rounds) -> None:
    """Replay and live stream meet without a gap, without a repetition and in order."""
    async for connect, alice, bob, quiet in rounds:
        writer = await connect(alice)
        reader = await connect(bob)
        conversation = (await writer.write(bob, "0"))["conversation"]
        await reader.expect(Op.ALERT_NEW_MSG)
        await reader.drop()
        written = await write_many(writer, conversation, 1, 1_000 if quiet else 100)

        async def come_back(user: str, cursor: str | None, connect: Join = connect) -> Inbox:
            client = await connect(user, resume=cursor)
            await client.expect(Op.RESUMED, complete=True)
            return client

        coming_back = asyncio.create_task(come_back(bob, reader.cursor))
        while not coming_back.done():
            written += await write_many(writer, conversation, len(written) + 1, 20)
        back = await coming_back
        alerts = [(await back.expect(Op.ALERT_NEW_MSG))["d"]["message"] for _ in written]
        assert [alert["seq"] for alert in alerts] == list(range(2, len(written) + 2))
        assert [alert["text"] for alert in alerts] == written


async def test_any_cursor_on_the_way_resumes_without_a_gap(rounds: Rounds) -> None:
    """Dropping off after any packet, also in the middle of one commit, loses nothing."""
    async for connect, alice, bob, _quiet in rounds:
        writer = await connect(alice)
        reader = await connect(bob)
        conversation = (await writer.write(bob, "0"))["conversation"]
        await write_many(writer, conversation, 1, 60)
        alerts = [await reader.expect(Op.ALERT_NEW_MSG) for _ in range(61)]
        # What a resume brought has no cursor of its own.
        for position in [one for one in range(0, 61, 7) if "cur" in alerts[one]]:
            back = await connect(bob, resume=alerts[position]["cur"])
            await back.expect(Op.RESUMED, complete=True)
            found = {p["d"]["message"]["seq"] for p in back.packets if p["op"] == Op.ALERT_NEW_MSG}
            assert found >= set(range(position + 2, 62))
            await back.close()


async def test_a_resume_brings_the_latest_watermarks(
    writer: Client, reader: Client, shared_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """The author who was away learns how far the other has read, once, however often it moved."""
    conversation = (await writer.write(bob, "0"))["conversation"]
    await write_many(writer, conversation, 1, 4)
    await writer.settle()
    cursor = (
        await reader.take(lambda p: p["op"] == Op.ALERT_NEW_MSG and p["d"]["message"]["seq"] == 5)
    )["cur"]
    await writer.drop()
    for seq in (1, 2, 3):
        await reader.ask(Op.OPENED_CONVERSATION, {"conversation": conversation, "seq": seq})
    await reader.send(Op.PONG, {"cur": cursor})
    back = await connect(shared_system, alice)
    reply = await back.ask(Op.RESUME, {"cur": cursor})
    assert (reply["op"], reply["d"]["complete"]) == (Op.RESUMED, True)
    seen = [packet["d"]["seq"] for packet in back.packets if packet["op"] == Op.MSG_SEEN]
    assert seen == [3]
    delivered = await back.expect(Op.STATUS_MSG, status="delivered")
    assert delivered["d"]["seq"] == 5


async def test_a_cursor_of_another_database_is_not_complete(
    client: Client, shared_system: System
) -> None:
    """Another epoch, a revision not reached yet, and an empty cursor prove nothing."""
    cursors = Cursors(shared_system.credentials[Caller.EDGE])
    (service, now), *_ = cursors.decode(client.hello["d"]["cur"]).items()
    unproven = [
        cursors.encode({service: Position("another", 1)}),
        cursors.encode({service: Position(now.epoch, 999_999_999)}),
        Cursors("another secret").encode({service: now}),
        "",
    ]
    for cursor in unproven:
        reply = await client.ask(Op.RESUME, {"cur": cursor})
        assert (reply["op"], reply["d"]["complete"], reply["d"]["replayed"]) == (
            Op.RESUMED,
            False,
            0,
        )
        assert reply["d"]["cur"]
    cut = client.hello["d"]["cur"][:-4]
    for nonsense in ("%%%", "é", cut, "a:b", "x" * 1025, 7):
        reply = await client.ask(Op.RESUME, {"cur": nonsense})
        assert (reply["op"], reply["d"]["code"]) == (Op.ERROR, "INVALID_ARGUMENT")
        assert reply["d"]["fields"][0]["field"] == "cur"


async def test_a_bad_cursor_in_the_url_is_told_and_harms_nothing(
    shared_system: System, connect: Connect, alice: str, bob: str
) -> None:
    """The connection lives on after an ERROR."""
    client = await connect(shared_system, alice, resume="non.sense")
    assert (await client.expect(Op.ERROR))["d"]["code"] == "INVALID_ARGUMENT"
    assert (await client.write(bob, "still here"))["seq"] == 1
    writer = await connect(shared_system, bob)
    await writer.write(alice, "and heard")
    await client.expect(Op.ALERT_NEW_MSG)


async def test_resume_is_bounded(own_system: System, connect: Connect) -> None:
    """Beyond the limit of replayed changes, complete=false says so instead of an endless replay."""
    own_system.start("messaging", resume_changes=50)
    writer = await connect(own_system, "alice")
    reader = await connect(own_system, "bob")
    conversation = (await writer.write("bob", "0"))["conversation"]
    await reader.expect(Op.ALERT_NEW_MSG)
    await reader.drop()
    for number in range(60):
        await writer.ask(Op.CREATE_MSG, {"conversation": conversation, "text": str(number)})
    back = await connect(own_system, "bob", resume=reader.cursor)
    assert (await back.expect(Op.RESUMED))["d"]["complete"] is False


async def test_hello_is_the_first_packet_and_tells_the_terms(client: Client, alice: str) -> None:
    """Its fields, and the defaults of the heartbeat: every 5 s, 30 s of silence."""
    d = client.hello["d"]
    assert client.hello["op"] == Op.HELLO
    assert (d["user"], d["resumed"]) == (alice, False)
    assert (d["ping_interval_ms"], d["pong_timeout_ms"]) == (5_000, 30_000)
    assert d["max_packet_bytes"] == 65_536
    assert d["token_expires_at"].endswith("Z")
    assert d["session"]
    assert d["cur"]


async def test_a_device_that_was_reset_tells_what_it_loads_as_an_alert_has_it(
    shared_system: System, client: Client, alice: str, bob: str
) -> None:
    """The app of the tests begins anew with a cursor that no server knows, as an app should."""
    await client.write(bob, "missed")
    device = await Device.join(
        shared_system.urls, shared_system.token(bob), resume="of-another-server"
    )
    try:
        alert = convert((await device.expect(Op.ALERT_NEW_MSG))["d"], AlertNewMsg)
    finally:
        await device.close()
    assert (alert.message.sender, alert.message.text, alert.unread) == (alice, "missed", 1)

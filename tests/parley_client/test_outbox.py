"""The outbox: each command once, in order, whatever sockets do, and nothing said is lost."""

import asyncio
import time
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from parley_client import Client, MemoryStore
from parley_client.entries import Entry, EntryState
from parley_client.errors import (
    CancelledCommandError,
    ClientClosedError,
    ConflictError,
    ExpiredError,
    InvalidArgumentError,
    OutboxFullError,
    ProtocolError,
    RejectedError,
    SanctionedError,
    UnavailableError,
)
from parley_client.events import OutboxChanged
from parley_client.outbox.commands import fields_of_words
from parley_client.outbox.lanes import Lanes, of_conversation, of_person
from parley_protocol.packets import OP_OF, Op
from parley_protocol.payloads.fields import Money
from parley_protocol.payloads.messaging import (
    AskBlocks,
    BlockUser,
    CreateMsg,
    DeleteMsg,
    EditMsg,
    SendTyping,
)
from parley_protocol.payloads.negotiation import NegotiationEnd, ServiceTerminated
from tests.parley_client.scripted import (
    CONVERSATION,
    PATIENCE,
    Packet,
    Peer,
    Server,
    drain,
    fast,
    take_failure,
)
from tests.support.waiting import until


def client(server: Server, **more: Any) -> Client:
    return Client(server.url, **{"token": "t", "options": fast(), **more})


def message(text: str, conversation: str = CONVERSATION) -> CreateMsg:
    return CreateMsg(text, conversation=conversation)


async def nothing_more(peer: Peer) -> None:
    """Assert that the client has sent nothing else: a question after it comes first."""
    await peer.send(Op.PING, cur="probe")
    assert (await peer.expect(Op.PONG))["op"] == Op.PONG


def texts(ann: Client) -> list[str]:
    return [getattr(entry.payload, "text", "") for entry in ann.outbox.entries()]


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(server: Server) -> None:
    """Over any number of sockets; the caller notices nothing but time."""
    async with client(server) as ann:
        command = asyncio.create_task(ann.command(message("Hello")))
        keys = set()
        for _ in range(3):
            peer = await server.greeted()
            keys.add((await peer.expect(Op.CREATE_MSG))["d"]["idempotency_key"])
            await peer.cut()
        peer = await server.greeted()
        keys.add((await peer.store(1, duplicate=True))["d"]["idempotency_key"])
        assert (await command).data["seq"] == 1
        assert len(keys) == 1
        assert ann.outbox.entries() == []


async def test_no_answer_in_time_is_asked_for_again_on_the_same_socket(server: Server) -> None:
    """And the answer to any of the packets is the answer."""
    async with client(server, options=fast(answer_timeout_seconds=0.1)) as ann:
        peer = await server.greeted()
        command = ann.submit(message("Hello"))
        first = await peer.expect(Op.CREATE_MSG)
        second = await peer.expect(Op.CREATE_MSG)
        assert first["d"] == second["d"]
        assert first["id"] != second["id"]
        await peer.answer_stored(first, 1)
        assert (await command).data["seq"] == 1


async def test_messages_of_a_conversation_go_one_after_the_other(server: Server) -> None:
    """The second is not sent before the first is answered, also on the next socket."""
    async with client(server) as ann:
        commands = [ann.submit(message(text)) for text in ("one", "two", "three")]
        peer = await server.greeted()
        assert (await peer.store(1))["d"]["text"] == "one"
        assert (await peer.expect(Op.CREATE_MSG))["d"]["text"] == "two"
        await nothing_more(peer)
        await peer.cut()
        peer = await server.greeted()
        assert (await peer.store(2))["d"]["text"] == "two"
        assert (await peer.store(3))["d"]["text"] == "three"
        assert [(await command).data["seq"] for command in commands] == [1, 2, 3]


async def test_lanes_run_side_by_side_up_to_a_limit(server: Server) -> None:
    """Each conversation by itself, and not more at once than the options say."""
    async with client(server, options=fast(max_in_flight=3)) as ann:
        commands = [ann.submit(message("Hello", f"c{number}")) for number in range(5)]
        peer = await server.greeted()
        asked = [await peer.expect(Op.CREATE_MSG) for _ in range(3)]
        await nothing_more(peer)
        assert [one["d"]["conversation"] for one in asked] == ["c0", "c1", "c2"]
        await peer.answer_stored(asked[1], 1)
        asked.append(await peer.expect(Op.CREATE_MSG))
        assert asked[3]["d"]["conversation"] == "c3"
        for one in (asked[0], asked[2], asked[3]):
            await peer.answer_stored(one, 1)
        await peer.store(1)
        await asyncio.gather(*commands)


async def test_what_is_written_to_a_person_and_in_the_conversation_is_one_lane(
    server: Server,
) -> None:
    """Once the answer has told which conversation it is; edits and deletions belong to it too."""
    async with client(server) as ann:
        peer = await server.greeted()
        first = ann.submit(CreateMsg("one", to="bob", subject="roof"))
        await peer.store(1)
        await first
        commands = [
            ann.submit(CreateMsg("two", to="bob", subject="roof")),
            ann.submit(message("three")),
            ann.submit(EditMsg("m1", "one!")),
            ann.submit(DeleteMsg("m1")),
        ]
        await peer.store(2)
        await peer.store(3)
        for _ in range(2):
            asked = await peer.expect(Op.EDIT_MSG if _ == 0 else Op.DELETE_MSG)
            await nothing_more(peer)
            changed = {
                "conversation": CONVERSATION,
                "message": "m1",
                "seq": 1,
                "change": "edited",
                "changed_at": "2026-01-01T00:00:00Z",
                "version": 2 + _,
            }
            await peer.send(Op.MSG_CHANGED, changed, re=asked["id"])
        await asyncio.gather(*commands)


async def test_a_person_and_a_conversation_that_may_be_one_wait_for_each_other(
    server: Server,
) -> None:
    """After a restart nobody knows with whom a conversation is: it stays in order all the same."""
    store = MemoryStore()
    async with client(server, store=store) as ann:
        ann.submit(CreateMsg("one", to="bob"))
        ann.submit(message("two"))
        ann.submit(CreateMsg("three", to="bob"))
        ann.submit(message("other", "c2"))
    async with client(server, store=store) as ann:
        peer = await server.greeted()
        first = await peer.expect(Op.CREATE_MSG)
        assert first["d"]["text"] == "one"
        await nothing_more(peer)
        await peer.answer_stored(first, 1)
        # Now it is known which conversation is bob's, and so that the other is not.
        asked = {one["d"]["text"]: one for one in [await peer.expect(Op.CREATE_MSG) for _ in "ab"]}
        assert set(asked) == {"two", "other"}
        await peer.answer_stored(asked["two"], 2)
        assert (await peer.store(3))["d"]["text"] == "three"


async def test_a_refusal_for_the_moment_is_tried_again_with_the_same_key(server: Server) -> None:
    """After the time that the server says; what comes behind it waits."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted()
        first, second = ann.submit(message("one")), ann.submit(message("two"))
        asked = await peer.expect(Op.CREATE_MSG)
        began = time.monotonic()
        await peer.refuse(asked, "RATE_LIMITED", retryable=True, retry_after_ms=200)
        again = await peer.store(1)
        assert time.monotonic() - began >= 0.2
        assert again["d"] == asked["d"]
        await peer.store(2)
        await asyncio.gather(first, second)
        changes = [one.change for one in drain(events) if isinstance(one, OutboxChanged)]
        assert changes.count("deferred") == 1


@pytest.mark.parametrize(
    ("code", "kind", "more"),
    [
        ("INVALID_ARGUMENT", InvalidArgumentError, {"fields": [{"field": "text", "problem": "x"}]}),
        ("SANCTIONED", SanctionedError, {"current": {"user": "ann", "banned": False}}),
        ("UNAVAILABLE", UnavailableError, {}),
        ("SOMETHING_NEW", RejectedError, {}),
    ],
)
async def test_a_refusal_is_raised_and_the_words_stay_until_a_person_decides(
    server: Server, code: str, kind: type[RejectedError], more: dict[str, Any]
) -> None:
    """The entry has the error; discarded it is gone, tried again it has another key."""
    async with client(server) as ann:
        peer = await server.greeted()
        command = ann.submit(message("precious"))
        await peer.refuse(await peer.expect(Op.CREATE_MSG), code, **more)
        with pytest.raises(kind) as raised:
            await command
        assert raised.value.code == code
        (entry,) = ann.outbox.entries()
        assert (entry.state, entry.key) == (EntryState.FAILED, command.key)
        assert entry.error is not None
        assert entry.error["code"] == code
        # It holds up nobody.
        other = ann.submit(message("next"))
        await peer.store(1)
        await other
        retried = await ann.outbox.retry(command.key)
        asked = await peer.store(2)
        assert asked["d"]["text"] == "precious"
        assert asked["d"]["idempotency_key"] == retried.key != command.key
        await retried
        assert ann.outbox.entries() == []
        with pytest.raises(KeyError):
            await ann.outbox.retry(command.key)


async def test_a_refusal_of_what_has_no_words_leaves_nothing_behind(server: Server) -> None:
    """Such as an acceptance of an offer that is not the live one: the error says how it stands."""
    async with client(server) as ann:
        peer = await server.greeted()
        accept = NegotiationEnd("s1", "agreed", 1, Money(100, "EUR"))
        command = ann.submit(accept)
        asked = await peer.expect(Op.NEGOTIATION_END)
        await peer.refuse(asked, "STALE_OFFER")
        with pytest.raises(RejectedError) as raised:
            await command
        assert raised.value.code == "STALE_OFFER"
        assert ann.outbox.entries() == []


async def test_what_was_never_sent_can_be_cancelled_and_what_was_cannot(server: Server) -> None:
    """`cancel` says which; who awaits it is told."""
    async with client(server) as ann:
        first, second = ann.submit(message("one")), ann.submit(message("two"))
        peer = await server.greeted()
        asked = await peer.expect(Op.CREATE_MSG)
        assert not await ann.outbox.cancel(first.key)
        assert await ann.outbox.cancel(second.key)
        assert not await ann.outbox.cancel(second.key)
        assert not await ann.outbox.cancel("nothing of the kind")
        with pytest.raises(CancelledCommandError):
            await second
        await peer.answer_stored(asked, 1)
        await first
        await nothing_more(peer)


async def test_what_was_discarded_is_not_sent_again(server: Server) -> None:
    """Also one that was sent: its answer is passed over, and the next of its lane goes."""
    async with client(server) as ann:
        peer = await server.greeted()
        first, second = ann.submit(message("one")), ann.submit(message("two"))
        asked = await peer.expect(Op.CREATE_MSG)
        assert await ann.outbox.discard(first.key)
        with pytest.raises(CancelledCommandError):
            await first
        assert (await peer.store(2))["d"]["text"] == "two"
        await peer.answer_stored(asked, 1)
        await second
        assert not await ann.outbox.discard(first.key)


async def test_to_cancel_the_wait_does_not_cancel_the_command(server: Server) -> None:
    """CancelledError is raised on; the message is stored all the same."""
    async with client(server) as ann:
        peer = await server.greeted()
        waiting = asyncio.create_task(ann.command(message("one")))
        asked = await peer.expect(Op.CREATE_MSG)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ann.command(message("two"))
        await peer.answer_stored(asked, 1)
        assert (await peer.store(2))["d"]["text"] == "two"
        await nothing_more(peer)
        assert ann.outbox.entries() == []


async def test_the_same_command_with_the_same_key_is_one(server: Server) -> None:
    """Another one with that key is a conflict, before anything is sent; done, it may go again."""
    async with client(server) as ann:
        peer = await server.greeted()
        both = [ann.submit(message("one"), key="k1") for _ in range(2)]
        with pytest.raises(ConflictError):
            ann.submit(message("another"), key="k1")
        await peer.store(1)
        assert [(await one).data["seq"] for one in both] == [1, 1]
        once_more = ann.submit(CreateMsg("one", conversation=CONVERSATION, idempotency_key="k1"))
        assert once_more.key == "k1"
        await peer.store(1, duplicate=True)
        await once_more


async def test_the_life_of_a_command_is_told(server: Server) -> None:
    """It is durable before it is sent, and an entry of before is told when it is found."""
    store = MemoryStore()
    async with client(server, store=store) as ann:
        events = ann.events()
        peer = await server.greeted()
        await ann.wait_for("live")
        command = ann.submit(message("one"))
        await peer.store(1)
        await command
        later = ann.submit(message("two"))
        await peer.expect(Op.CREATE_MSG)
        changes = [one for one in drain(events) if isinstance(one, OutboxChanged)]
        assert [one.change for one in changes if one.entry.key == command.key] == [
            "queued",
            "durable",
            "sent",
            "done",
        ]
        assert changes[3].reply is not None
    async with client(server, store=store) as ann:
        restored = [one for one in drain(ann.events()) if isinstance(one, OutboxChanged)]
        assert [(one.change, one.entry.key) for one in restored] == [("restored", later.key)]
        assert restored[0].entry.state is EntryState.SENT


async def test_a_full_outbox_says_so_and_keeps_what_it_has(server: Server) -> None:
    """Nothing is stored of the one too many."""
    store = MemoryStore()
    async with client(server, store=store, options=fast(max_entries=2)) as ann:
        kept = [ann.submit(message(text)) for text in ("one", "two")]
        with pytest.raises(OutboxFullError):
            ann.submit(message("three"))
        with pytest.raises(OutboxFullError):
            await ann.command(message("three"))
        assert texts(ann) == ["one", "two"]
        peer = await server.greeted()
        await peer.store(1)
        await peer.store(2)
        await asyncio.gather(*kept)
        third = ann.submit(message("three"))
        await peer.store(3)
        await third


async def test_failed_ones_give_way_when_they_are_too_many(server: Server) -> None:
    """The oldest, and not without a word."""
    async with client(server, options=fast(max_entries=2)) as ann:
        events = ann.events()
        peer = await server.greeted()
        for text in ("one", "two", "three"):
            command = ann.submit(message(text))
            await peer.refuse(await peer.expect(Op.CREATE_MSG), "NOT_FOUND")
            with pytest.raises(RejectedError):
                await command
        fourth = ann.submit(message("four"))
        await peer.store(4)
        await fourth
        assert texts(ann) == ["two", "three"]
        gone = [one for one in drain(events) if isinstance(one, OutboxChanged)]
        assert [
            getattr(one.entry.payload, "text", "") for one in gone if one.change == "discarded"
        ] == ["one"]


async def test_what_is_too_old_is_not_sent_and_the_person_decides(server: Server) -> None:
    """The server would take its key for a new one."""
    store = MemoryStore()
    await store.open(server.url, "ann")
    day = 86_400_000
    old = Entry("k1", message("yesterday"), "lane", round(time.time() * 1000) - day - 1000, 1)
    young = Entry("k2", message("just now"), "lane", round(time.time() * 1000) - day + 60_000, 2)
    await store.put(old)
    await store.put(young)
    async with client(server, store=store) as ann:
        events = ann.events()
        peer = await server.greeted()
        assert (await peer.store(1))["d"]["text"] == "just now"
        await nothing_more(peer)
        (entry,) = ann.outbox.entries()
        assert (entry.key, entry.state) == ("k1", EntryState.FAILED)
        assert entry.error is not None
        assert entry.error["code"] == "EXPIRED"
        assert any(
            isinstance(one, OutboxChanged) and one.change == "failed" for one in drain(events)
        )
        retried = await ann.outbox.retry("k1")
        await peer.store(2)
        await retried


async def test_who_awaits_what_grew_too_old_is_told(server: Server) -> None:
    """The typed error, and not a wait for ever."""
    async with client(server, options=fast(max_age_seconds=0.05)) as ann:
        command = ann.submit(message("slow"))
        await asyncio.sleep(0.1)
        await server.greeted()
        with pytest.raises(ExpiredError):
            await command


@pytest.mark.parametrize("text", ["half a pair \ud800", "\udfff"])
async def test_what_cannot_be_sent_is_said_at_once(server: Server, text: str) -> None:
    """Nothing is stored that would fail for ever."""
    async with client(server) as ann:
        with pytest.raises(InvalidArgumentError):
            ann.submit(message(text))
        with pytest.raises(InvalidArgumentError):
            ann.submit(message("fine"), key="")
        with pytest.raises(InvalidArgumentError):
            ann.submit(message("fine"), key="k" * 65)
        assert ann.outbox.entries() == []


async def test_what_is_larger_than_the_server_takes_is_not_sent(server: Server) -> None:
    """It would end the socket for good (4413); the words stay."""
    async with client(server) as ann:
        peer = await server.greeted()
        command = ann.submit(message("long " * 20_000))
        with pytest.raises(InvalidArgumentError, match="65536"):
            await command
        assert len(ann.outbox.entries()) == 1
        with pytest.raises(InvalidArgumentError):
            await ann.ask(AskBlocks(page="p" * 70_000))
        other = ann.submit(message("short"))
        await peer.store(1)
        await other


async def test_a_block_is_a_command_without_a_key(server: Server) -> None:
    """Repeated it changes nothing, so that it is sent again like any other."""
    async with client(server) as ann:
        command = ann.submit(BlockUser("bob", blocked=True))
        peer = await server.greeted()
        asked = await peer.expect(Op.BLOCK_USER)
        assert asked["d"] == {"user": "bob", "blocked": True}
        await peer.cut()
        peer = await server.greeted()
        asked = await peer.expect(Op.BLOCK_USER)
        await peer.send(
            Op.BLOCK_USER, {"user": "bob", "blocked": True, "version": 1}, re=asked["id"]
        )
        assert (await command).data["version"] == 1


async def test_an_answer_of_another_kind_is_nonsense_and_the_command_goes_again(
    server: Server,
) -> None:
    """The caller is not given what it did not ask for."""
    async with client(server) as ann:
        events = ann.events()
        command = ann.submit(message("Hello"))
        for op, data in ((Op.RETURN_BLOCKS, {"blocks": []}), (Op.STATUS_MSG, {"seq": "first"})):
            peer = await server.greeted()
            asked = await peer.expect(Op.CREATE_MSG)
            await peer.send(op, data, re=asked["id"])
            await take_failure(events, ProtocolError)
        peer = await server.greeted()
        await peer.store(1)
        await command


async def test_answers_that_nobody_waits_for_are_passed_over(server: Server) -> None:
    """Such as one that comes twice, or to a packet that never was."""
    async with client(server) as ann:
        peer = await server.greeted()
        command = ann.submit(message("Hello"))
        asked = await peer.store(1)
        await peer.answer_stored(asked, 1)
        await peer.answer_stored({"id": 99_999, "d": {}}, 7)
        await peer.answer_stored({"id": "text", "d": {}}, 7)
        await command
        await nothing_more(peer)
        assert ann.state == "live"


async def test_questions_are_asked_over_any_number_of_sockets(server: Server) -> None:
    """Until they are answered, refused for good, or cancelled."""
    async with client(server, options=fast(answer_timeout_seconds=0.2)) as ann:
        asking = asyncio.create_task(ann.ask(AskBlocks()))
        for _ in range(2):
            peer = await server.greeted()
            await peer.expect(Op.ASK_BLOCKS)
            await peer.cut()
        peer = await server.greeted()
        await peer.expect(Op.ASK_BLOCKS)
        asked = await peer.expect(Op.ASK_BLOCKS)
        await peer.refuse(asked, "UNAVAILABLE", retryable=True)
        asked = await peer.expect(Op.ASK_BLOCKS)
        await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked["id"])
        assert (await asking).data == {"blocks": []}
        refused = asyncio.create_task(ann.ask(AskBlocks()))
        await peer.refuse(await peer.expect(Op.ASK_BLOCKS), "PERMISSION_DENIED")
        with pytest.raises(RejectedError):
            await refused
        cancelled = asyncio.create_task(ann.ask(AskBlocks()))
        await peer.expect(Op.ASK_BLOCKS)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await nothing_more(peer)


async def test_questions_are_not_more_at_once_than_the_options_say(server: Server) -> None:
    """The rest waits for a turn."""
    async with client(server, options=fast(max_in_flight=2)) as ann:
        peer = await server.greeted()
        asking = [asyncio.create_task(ann.ask(AskBlocks())) for _ in range(3)]
        asked: list[Packet] = [await peer.expect(Op.ASK_BLOCKS) for _ in range(2)]
        await nothing_more(peer)
        await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=asked[0]["id"])
        asked.append(await peer.expect(Op.ASK_BLOCKS))
        for one in asked[1:]:
            await peer.send(Op.RETURN_BLOCKS, {"blocks": []}, re=one["id"])
        await asyncio.gather(*asking)


async def test_typing_is_sent_if_it_can_be_and_forgotten(server: Server) -> None:
    """Nobody waits for it, and nothing of it is kept for later."""
    async with client(server) as ann:
        assert not ann.tell(SendTyping(CONVERSATION, typing=True))
        peer = await server.greeted()
        await ann.wait_for("live")
        assert ann.tell(SendTyping(CONVERSATION, typing=True))
        assert "id" not in await peer.expect(Op.TYPING)
        told = sum(ann.tell(SendTyping(CONVERSATION, typing=True)) for _ in range(1000))
        assert told < 100
        for _ in range(told):
            await peer.expect(Op.TYPING)


async def test_a_thousand_commands_of_many_lanes_are_each_stored_once_and_in_order(
    server: Server,
) -> None:
    """While the socket is cut again and again, at any moment."""
    stored: dict[str, list[str]] = {}
    keys: dict[str, int] = {}

    async def serve() -> None:
        while True:
            peer = await server.greeted()
            try:
                for _ in range(97):
                    asked = await peer.expect(Op.CREATE_MSG)
                    key, lane = asked["d"]["idempotency_key"], asked["d"]["conversation"]
                    if key not in keys:
                        stored.setdefault(lane, []).append(asked["d"]["text"])
                        keys[key] = len(stored[lane])
                    await peer.answer_stored(asked, keys[key], conversation=lane, message=key)
                await peer.cut()
            except ConnectionClosed:
                # By the client, when it is done.
                return

    serving = asyncio.create_task(serve())
    async with client(server) as ann:
        commands = [ann.submit(message(f"{n}", f"c{n % 7}")) for n in range(1000)]
        async with asyncio.timeout(6 * PATIENCE):
            await asyncio.gather(*commands)
    serving.cancel()
    for lane in range(7):
        assert stored[f"c{lane}"] == [f"{n}" for n in range(1000) if n % 7 == lane]


def test_an_entry_can_be_written_down() -> None:
    """As other stores than those of the library may."""
    entry = Entry("k", message("Hello"), "lane", 1, 1)
    assert msgspec.json.decode(msgspec.json.encode(entry))["payload"]["text"] == "Hello"
    assert entry.op is Op.CREATE_MSG


WORDS = {
    "CREATE_MSG": {"text", "subject"},
    "EDIT_MSG": {"text"},
    "SERVICE_CREATED": {"title", "description"},
    "PRICE_EDITED": {"note"},
    "SERVICE_TERMINATED": {"reason"},
    "NOTE_SUBMITTED": {"comment"},
    "LITIGE_CREATED": {"statement"},
    "LITIGE_STATEMENT": {"text"},
    "REPORT_MSG": {"comment"},
    "REPORT_CONVERSATIONS": {"comment"},
    "REPORT_STATEMENT": {"comment"},
    "APPEAL": {"text"},
}
NO_WORDS = {
    *("conversation", "to", "message", "service", "dispute", "decision"),
    *("role", "outcome", "reason"),
}


def test_no_field_in_which_a_person_says_something_is_overlooked() -> None:
    """Each text of each command is a person's words, or is known to be none."""
    found = {}
    for structure, op in OP_OF.items():
        texts = {
            name: hint
            for name, hint in get_type_hints(structure).items()
            if str in {hint, *get_args(hint)} or "Literal" in str(hint)
        }
        if "idempotency_key" not in texts:
            continue
        words = set(fields_of_words(structure))
        if words:
            found[op.name] = words
        assert set(texts) - words - {"idempotency_key"} <= NO_WORDS, op.name
    assert found == WORDS


async def test_the_reason_of_a_step_is_kept_when_it_is_refused(server: Server) -> None:
    """A person has written it."""
    async with client(server) as ann:
        peer = await server.greeted()
        command = ann.submit(ServiceTerminated("s1", "cancelled", reason="because of the rain"))
        await peer.refuse(await peer.expect(Op.SERVICE_TERMINATED), "NOT_FOUND")
        with pytest.raises(RejectedError):
            await command
        assert [entry.key for entry in ann.outbox.entries()] == [command.key]


def test_lanes_are_remembered_up_to_a_limit() -> None:
    """What was learned first is forgotten first; then its person and it wait for each other."""
    lanes = Lanes(2)
    for number in range(3):
        lanes.opened(CreateMsg("x", to=f"p{number}"), f"c{number}")
    assert [lanes.of(of_person(f"p{number}", None)) for number in range(3)] == [
        of_person("p0", None),
        of_conversation("c1"),
        of_conversation("c2"),
    ]
    waits = set(lanes.holds(of_person("p0", None)))
    assert not waits.isdisjoint(lanes.held_by(of_conversation("c0")))
    assert waits.isdisjoint(lanes.held_by(of_conversation("c1")))


class Slow(MemoryStore):
    """A store that takes its time with a position, if it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.saving = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def save_cursor(self, cursor: str) -> None:
        self.saving.set()
        await self.may_go_on.wait()
        await super().save_cursor(cursor)


async def handle_all(ann: Client) -> None:
    async for _ in ann.events():
        pass


async def test_an_answer_that_comes_while_closing_is_for_the_next_process(server: Server) -> None:
    """Nobody would be told of it any more; so the command is kept, and its repeat is answered."""
    store = Slow()
    ann = client(server, store=store, options=fast(confirm_interval_seconds=PATIENCE))
    await ann.connect()
    peer = await server.greeted()
    await peer.alert(1, cur="first")
    handling = asyncio.create_task(handle_all(ann))
    command = asyncio.create_task(ann.command(message("Hello")))
    asked = await peer.expect(Op.CREATE_MSG)
    await until(lambda: ann.confirmed == "first")
    store.saving.clear()
    store.may_go_on.clear()
    closing = asyncio.create_task(ann.close())
    await store.saving.wait()
    await peer.answer_stored(asked, 2)
    await nothing_more(peer)
    store.may_go_on.set()
    await closing
    await handling
    with pytest.raises(ClientClosedError):
        await command
    (kept,) = (await store.open(server.url, "ann")).entries
    assert (kept.state, kept.key) == (EntryState.SENT, asked["d"]["idempotency_key"])

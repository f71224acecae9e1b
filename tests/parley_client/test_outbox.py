"""The outbox: each command once, in order, whatever sockets do, and nothing said is lost."""

import asyncio
import time
from typing import get_args, get_type_hints

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from parley_client import Client, MemoryStore
from parley_client.entries import Entry, EntryState
from parley_client.errors import (
    ClientClosedError,
    RejectedError,
)
from parley_client.events import OutboxChanged
from parley_client.outbox.commands import fields_of_words
from parley_client.outbox.lanes import Lanes, of_conversation, of_person
from parley_protocol.packets import OP_OF, Op
from parley_protocol.payloads.messaging import (
    CreateMsg,
    DeleteMsg,
    EditMsg,
)
from parley_protocol.payloads.negotiation import ServiceTerminated
from tests.parley_client.scripted import (
    CONVERSATION,
    Server,
    client,
    drain,
    fast,
    message,
    nothing_more,
)
from tests.support.waiting import PATIENCE, until


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

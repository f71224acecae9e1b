"""The entries of an outbox: refused, cancelled, discarded, expired, too many."""

import asyncio
import time
from typing import Any

import pytest

from parley_client import MemoryStore
from parley_client.entries import Entry, EntryState
from parley_client.errors import (
    CancelledCommandError,
    ConflictError,
    ExpiredError,
    InvalidArgumentError,
    OutboxFullError,
    RejectedError,
    SanctionedError,
    UnavailableError,
)
from parley_client.events import OutboxChanged
from parley_protocol.packets import Op
from parley_protocol.payloads.fields import Money
from parley_protocol.payloads.messaging import (
    AskBlocks,
    BlockUser,
    CreateMsg,
)
from parley_protocol.payloads.negotiation import NegotiationEnd
from tests.parley_client.scripted import (
    CONVERSATION,
    Server,
    client,
    drain,
    fast,
    message,
    nothing_more,
    texts,
)


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

"""Positions: what is told once, in order, and from where a socket or a process goes on."""

import asyncio
import gc
from typing import Any

from parley_client import Client, MemoryStore, State
from parley_client.connection.resumption import in_order
from parley_client.errors import ConsumerBehindError
from parley_client.events import Pushed, Reset, StateChanged
from parley_client.packets import Packet
from parley_protocol.objects import Kind
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskMessages, CreateMsg
from tests.parley_client.scripted import (
    CONVERSATION,
    Server,
    drain,
    fast,
    take,
    take_message,
    take_state,
)
from tests.support.waiting import until


def client(server: Server, **more: Any) -> Client:
    options = {"confirm_interval_seconds": 0.01, **more.pop("options", {})}
    return Client(server.url, **{"token": "t", "options": fast(**options), **more})


def seqs(events: list[Any]) -> list[int]:
    return [
        event.data["message"]["seq"]
        for event in events
        if isinstance(event, Pushed) and event.op == Op.ALERT_NEW_MSG
    ]


def is_reset(event: Any) -> bool:
    return isinstance(event, Reset)


async def test_what_was_missed_is_told_between_resuming_and_live(server: Server) -> None:
    """And the next socket begins at the last position of the one before."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await peer.alert(1, "c1")
        assert await take_message(events) == 1
        await peer.cut()
        peer = await server.accept()
        assert peer.resumes_from == "c1"
        await peer.hello("c1")
        await peer.alert(2, "c2")
        await peer.alert(3, "c3")
        await take_state(events, "resuming")
        await peer.resumed("c3")
        await ann.wait_for("live")
        told = drain(events)
        assert seqs(told) == [2, 3]
        assert isinstance(told[-1], StateChanged)
        assert ann.seen == "c3"


async def test_a_resume_that_is_cut_is_told_once_when_it_is_complete(server: Server) -> None:
    """Before RESUMED no cursor counts: the next socket asks from the same place again."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await ann.wait_for("live")
        for count in (1, 2, 3):
            await peer.cut()
            peer = await server.accept()
            assert peer.resumes_from == "c0"
            await peer.hello("c0")
            for seq in range(1, count + 1):
                await peer.alert(seq, f"c{seq}")
            # Read before the cut.
            await peer.send(Op.PING)
            await peer.pong(None)
        await peer.resumed("c3")
        await ann.wait_for("live")
        assert seqs(drain(events)) == [1, 2, 3]


async def test_what_is_told_twice_by_the_server_is_told_once(server: Server) -> None:
    """Pushes are delivered at least once; also with other counts beside the message."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        for _ in range(2):
            await peer.alert(1, "c1")
            await peer.alert(2, "c2", text="edited meanwhile", version=2)
            seen = {"conversation": CONVERSATION, "reader": "bob", "seq": 1, "message": "m1"}
            await peer.send(Op.MSG_SEEN, {**seen, "seen_at": None}, cur="c3")
        await peer.send(Op.PING, cur="c4")
        await peer.pong("c0")
        told = [event for event in drain(events) if isinstance(event, Pushed)]
        assert [event.op for event in told] == [Op.ALERT_NEW_MSG, Op.ALERT_NEW_MSG, Op.MSG_SEEN]


async def test_no_cursor_is_told_while_resuming(server: Server) -> None:
    """PONG proves life, and nothing else."""
    async with client(server) as ann:
        peer = await server.greeted("c0")
        await peer.cut()
        peer = await server.accept()
        await peer.hello("")
        await peer.send(Op.PING)
        assert "cur" not in (await peer.expect(Op.PONG))["d"]
        await peer.resumed("c1")
        await peer.send(Op.PING, cur="c1")
        # Nobody handles what is told: the position is that of the beginning.
        await peer.pong("c0")
        assert ann.state is State.LIVE


async def test_pong_tells_what_was_handled_and_not_what_was_read(server: Server) -> None:
    """An event is handled when the next one is asked for; that is told without a PING as well."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await peer.alert(1, "c1")
        await peer.alert(2, "c2")
        assert await take_message(events) == 1
        await peer.send(Op.PING, cur="c3")
        await peer.pong("c0")
        assert await take_message(events) == 2
        await peer.pong("c1")
        asking = asyncio.ensure_future(anext(events))
        await peer.pong("c3")
        asking.cancel()
        assert ann.confirmed == "c3"


async def test_a_new_process_resumes_from_what_was_handled(server: Server) -> None:
    """What was read and not handled is told again there."""
    store = MemoryStore()
    async with client(server, store=store) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        for seq in (1, 2, 3):
            await peer.alert(seq, f"c{seq}")
        assert [await take_message(events) for _ in range(3)] == [1, 2, 3]
    async with client(server, store=store) as ann:
        events = ann.events()
        peer = await server.accept()
        assert peer.resumes_from == "c2"
        await peer.hello("c2")
        await peer.alert(3, "c3")
        await peer.resumed("c3")
        assert await take_message(events) == 3


async def test_the_first_position_is_stored_before_anything_is_handled(server: Server) -> None:
    """Or a process that ends at once would leave a hole behind."""
    store = MemoryStore()
    async with client(server, store=store, options={"confirm_interval_seconds": 60}) as ann:
        await server.greeted("c0")
        await ann.wait_for("live")
        await until(lambda: store._kept.cursor == "c0")


async def test_close_tells_and_stores_what_was_handled_last(server: Server) -> None:
    """A program that takes one message and ends has got it delivered."""
    store = MemoryStore()
    async with client(server, store=store, options={"confirm_interval_seconds": 60}) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await peer.alert(1, "c1")
        assert await take_message(events) == 1
        asking = asyncio.ensure_future(anext(events))
        await until(lambda: ann.confirmed == "c1")
        asking.cancel()
        closing = asyncio.create_task(ann.close())
        await peer.pong("c1")
        await closing
    assert store._kept.cursor == "c1"


async def test_a_database_that_is_another_one_is_a_reset(server: Server) -> None:
    """All versions are forgotten; a lower one of the new database is news, and so is its seq."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await peer.alert(7, "c7", version=9)
        assert await take_message(events) == 7
        await peer.cut()
        peer = await server.accept()
        await peer.hello("")
        await peer.resumed("other", complete=False)
        # It is not asked for: the client tries its own place first.
        asked = await peer.expect(Op.RESUME)
        assert asked["d"]["cur"] == "c7"
        await peer.resumed("other", complete=False, re=asked["id"])
        reset = await take(events, is_reset)
        assert isinstance(reset, Reset)
        assert reset.reason == "incomplete"
        assert ann.seen == "other"
        assert ann.objects.of(Kind.MESSAGE, "m7") is None
        await peer.alert(7, "other7", version=1)
        assert await take_message(events) == 7


async def test_a_place_that_the_server_has_lost_is_found_again(server: Server) -> None:
    """RESUMED unasked and not complete: the client resumes on the same socket, without a reset.
    What came before it was asked is told in its place.
    """
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await peer.alert(1, "c1")
        await peer.resumed("c9", complete=False)
        asked = await peer.expect(Op.RESUME)
        assert asked["d"]["cur"] == "c1"
        assert ann.state is State.RESUMING
        await peer.alert(4, "c4")
        await peer.alert(2, "c2")
        await peer.alert(3, "c3")
        await peer.resumed("c4", re=asked["id"])
        await ann.wait_for("live")
        told = drain(events)
        assert seqs(told) == [1, 2, 3, 4]
        assert not any(is_reset(event) for event in told)
        assert ann.seen == "c4"


async def test_a_cursor_that_the_server_does_not_know_is_a_reset_and_no_end(server: Server) -> None:
    """Of another server, or rubbish: it goes on with the server's."""
    store = MemoryStore()
    await store.open(server.url, "ann")
    await store.save_cursor("rubbish & more?")
    async with client(server, store=store) as ann:
        events = ann.events()
        peer = await server.accept()
        assert peer.resumes_from == "rubbish & more?"
        await peer.hello("fresh", resumed=False)
        error = {"code": "INVALID_ARGUMENT", "message": "cur: is none", "retryable": False}
        await peer.send(Op.ERROR, error)
        asked = await peer.expect(Op.RESUME)
        await peer.refuse(asked, "INVALID_ARGUMENT")
        reset = await take(events, is_reset)
        assert isinstance(reset, Reset)
        assert reset.reason == "cursor"
        await ann.wait_for("live")
        assert ann.seen == "fresh"
        # Nothing of the old server is told to the new one.
        await peer.send(Op.PING, cur="later")
        assert "cur" not in (await peer.expect(Op.PONG))["d"]


async def test_a_service_that_is_down_is_waited_for(server: Server) -> None:
    """UNAVAILABLE: it is asked again; RESUMED unasked says that it is back."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await peer.cut()
        peer = await server.accept()
        await peer.hello("", resumed=False)
        first = await peer.expect(Op.RESUME)
        await peer.refuse(first, "UNAVAILABLE", retryable=True, retry_after_ms=1)
        again = await peer.expect(Op.RESUME)
        assert (first["d"], ann.state) == (again["d"], State.RESUMING)
        await peer.alert(1, "c1")
        await peer.resumed("c1", re=again["id"])
        assert await take_message(events) == 1
        await ann.wait_for("live")


async def test_a_first_connection_while_the_service_is_down_ends_in_a_reset(server: Server) -> None:
    """HELLO has no cursor then; what happened before it came back is nobody's to tell."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.accept()
        await peer.hello("")
        await take_state(events, "resuming")
        await peer.resumed("c5", complete=False)
        await take(events, is_reset)
        await ann.wait_for("live")
        assert ann.seen == "c5"


async def test_a_resume_that_brings_nothing_but_pings_is_given_up(server: Server) -> None:
    """The server lives, but no state is without an exit."""
    options = {"resume_timeout_seconds": 0.2}
    async with client(server, options=options) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await peer.cut()
        peer = await server.accept()
        await peer.hello("")
        for _ in range(4):
            await peer.send(Op.PING)
        await take_state(events, "resuming")
        await take_state(events, "waiting")
        assert (await server.accept()).resumes_from == "c0"


async def test_a_resume_with_more_than_may_come_is_a_reset(server: Server) -> None:
    """It is too much was missed, said by the client."""
    async with client(server, options={"max_resumed_packets": 3}) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        await peer.cut()
        peer = await server.accept()
        await peer.hello("")
        for seq in range(1, 6):
            await peer.alert(seq)
        await peer.resumed("c5")
        await take(events, is_reset)
        await ann.wait_for("live")
        assert ann.seen == "c5"


async def test_an_own_message_is_told_in_its_place_and_once(server: Server) -> None:
    """Of its answer, or of a push that a resume brings first."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        command = ann.submit(CreateMsg("mine", to="bob"))
        asked = await peer.expect(Op.CREATE_MSG)
        await peer.cut()
        peer = await server.accept()
        await peer.hello("c0")
        again = await peer.expect(Op.CREATE_MSG)
        assert again["d"] == asked["d"]
        await peer.answer_stored(again, 2, duplicate=True)
        assert (await command).data["duplicate"] is True
        await peer.alert(1, "c1")
        await peer.alert(2, "c2", sender="ann", text="mine")
        await peer.resumed("c2")
        await ann.wait_for("live")
        told = drain(events)
        assert seqs(told) == [1, 2]
        await peer.alert(2, "c3", sender="ann", text="mine")
        await peer.send(Op.PING, cur="c4")
        await peer.pong("c0")
        assert seqs(drain(events)) == []


async def test_an_own_message_without_a_resume_is_told_of_its_answer(server: Server) -> None:
    """It is marked as own, and known as an object."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        command = ann.submit(CreateMsg("mine", to="bob"))
        await peer.store(1)
        await command
        told = [event for event in drain(events) if isinstance(event, Pushed)]
        assert [event.own for event in told] == [True]
        known = ann.objects.of(Kind.MESSAGE, "m1")
        assert known is not None
        assert (known.content["text"], known.content["sender"]) == ("mine", "ann")


async def test_a_page_of_history_moves_the_position_as_a_push_does(server: Server) -> None:
    """RETURN MESSAGES bears a cursor, by which its messages become delivered."""
    async with client(server) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        asking = asyncio.create_task(ann.ask(AskMessages(CONVERSATION)))
        asked = await peer.expect(Op.ASK_MESSAGES)
        page = {"conversation": CONVERSATION, "messages": [], "more": False}
        await peer.send(Op.RETURN_MESSAGES, page, re=asked["id"], cur="c0+1")
        await asking
        assert ann.seen == "c0+1"
        drain(events)
        handled = asyncio.ensure_future(anext(events))
        await peer.pong("c0+1")
        handled.cancel()


async def test_a_command_inside_a_handler_is_answered(server: Server) -> None:
    """The consumer holds up nothing that it waits for itself."""
    async with client(server) as ann:

        async def echo() -> int:
            async for event in ann.events():
                if isinstance(event, Pushed) and not event.own:
                    reply = await ann.command(CreateMsg("echo", conversation=CONVERSATION))
                    return int(reply.data["seq"])
            raise AssertionError

        echoing = asyncio.create_task(echo())
        peer = await server.greeted("c0")
        await peer.alert(1, "c1")
        await peer.store(2)
        assert await echoing == 2


async def test_who_falls_behind_loses_nothing(server: Server) -> None:
    """The socket is left, and the next one resumes when half of it is handled."""
    async with client(server, options={"max_queued_events": 10}) as ann:
        events = ann.events()
        peer = await server.greeted("c0")
        for seq in range(1, 31):
            await peer.alert(seq, f"c{seq}")
        waited = await ann.wait_for("waiting")
        assert waited is State.WAITING
        assert isinstance(ann.reason, ConsumerBehindError)
        assert server.waiting == 0
        told = [await take_message(events) for _ in range(int((ann.seen or "c0")[1:]))]
        peer = await server.accept()
        assert peer.resumes_from == ann.seen == f"c{told[-1]}"
        await peer.hello("")
        for seq in range(told[-1] + 1, 31):
            await peer.alert(seq, f"c{seq}")
        await peer.resumed("c30")
        while told[-1] < 30:
            told.append(await take_message(events))
        assert told == list(range(1, 31))


async def test_without_a_consumer_a_client_stays_connected(server: Server) -> None:
    """A program that only sends: what it does not take gives way to one reset."""
    async with client(server, options={"max_queued_events": 5}) as ann:
        peer = await server.greeted("c0")
        for seq in range(1, 21):
            await peer.alert(seq, f"c{seq}")
        command = ann.submit(CreateMsg("mine", to="bob"))
        await peer.store(21)
        await command
        assert ann.state is State.LIVE
        assert ann.confirmed == "c0"
        assert is_reset(await take(ann.events(), is_reset))


async def test_iterators_outlive_sockets(server: Server) -> None:
    """One loop for the whole life of the client."""
    async with client(server) as ann:
        told: list[int] = []
        done = asyncio.Event()

        async def listen() -> None:
            async for event in ann.events():
                if isinstance(event, Pushed):
                    told.append(event.data["message"]["seq"])
                if len(told) == 5:
                    done.set()

        listening = asyncio.create_task(listen())
        peer = await server.greeted("c0")
        for seq in range(1, 6):
            await peer.alert(seq, f"c{seq}")
            await peer.send(Op.PING)
            await peer.expect(Op.PONG)
            await peer.cut()
            peer = await server.greeted(f"c{seq}")
        await done.wait()
        assert told == [1, 2, 3, 4, 5]
    await listening
    gc.collect()


def test_messages_and_deals_are_put_in_order_among_their_own() -> None:
    """All else keeps its place."""

    def alert(conversation: str, seq: int) -> Packet:
        message = {"conversation": conversation, "seq": seq}
        return Packet(Op.ALERT_NEW_MSG, {"message": message})

    def deal(version: int) -> Packet:
        return Packet(
            Op.UPDATE_CONVERSATION_DATAS, {"service": {"service": "s", "version": version}}
        )

    other = Packet(Op.PRESENCE, {})
    mixed = [alert("a", 3), other, deal(2), alert("b", 1), alert("a", 1), deal(1), alert("a", 2)]
    assert in_order(mixed) == [
        alert("a", 1),
        other,
        deal(1),
        alert("b", 1),
        alert("a", 2),
        deal(2),
        alert("a", 3),
    ]

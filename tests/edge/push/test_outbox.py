"""The bounded queue of packets to one socket."""

import asyncio
from typing import Any

import pytest

from edge.push.outbox import Outbox
from parley_protocol.packets import Frame


class Peer:
    """Takes frames while it reads."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.taken: list[int] = []
        self.took = asyncio.Event()
        self.gone = False

    async def send(self, event: dict[str, Any]) -> None:
        await self.reads.wait()
        if self.gone:
            raise ConnectionError("the client is gone")
        self.taken.append(int(event["text"].rstrip()))
        self.took.set()


class Holder:
    """Counts what is held."""

    def __init__(self) -> None:
        self.bytes = 0

    def hold(self, size: int) -> None:
        self.bytes += size

    def let_go(self, size: int) -> None:
        self.bytes -= size


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def overflows() -> list[None]:
    return []


@pytest.fixture
def outbox(peer: Peer, overflows: list[None], holder: Holder) -> Outbox:
    """Of 100 bytes."""
    return Outbox(peer.send, 100, lambda: overflows.append(None), holder)


def frame(number: int, size: int = 10) -> Frame:
    return Frame(str(number).ljust(size).encode(), text=True)


async def test_frames_leave_in_order(outbox: Outbox, peer: Peer) -> None:
    """First in, first out, whoever is sending."""
    for number in range(5):
        outbox.put(frame(number))
    await outbox.close()
    assert peer.taken == [0, 1, 2, 3, 4]


async def test_an_idle_outbox_costs_no_task(outbox: Outbox, peer: Peer) -> None:
    """20,000 silent sockets are 20,000 tasks less."""
    before = asyncio.all_tasks()
    outbox.put(frame(1))
    assert len(asyncio.all_tasks() - before) == 1
    outbox.put(frame(2))
    (sender,) = asyncio.all_tasks() - before
    await sender
    assert peer.taken == [1, 2]
    assert asyncio.all_tasks() == before


async def test_what_a_connection_takes_at_once_waits_for_nothing(
    peer: Peer, holder: Holder, overflows: list[None]
) -> None:
    """No task, nothing held; and what it does not take goes before all that follows."""
    written: list[int] = []
    takes = True

    def write_now(frame: Frame, *, alone: bool = False) -> bool:
        if takes:
            written.append(int(frame.data))
        return takes

    outbox = Outbox(peer.send, 100, lambda: overflows.append(None), holder, write_now)
    before = asyncio.all_tasks()
    for number in range(50):
        outbox.put(frame(number))
    assert written == list(range(50))
    assert asyncio.all_tasks() == before
    takes = False
    outbox.put(frame(50))
    assert holder.bytes == 10
    takes = True
    outbox.put(frame(51))
    assert written == list(range(50))
    await outbox.close()
    assert peer.taken == [50, 51]
    outbox.put(frame(52))
    assert (written, peer.taken, overflows) == (list(range(50)), [50, 51], [])


async def test_overflow_is_told_once_and_ends_the_outbox(
    outbox: Outbox, peer: Peer, overflows: list[None]
) -> None:
    """A reader that is too slow is told so once; nothing is kept for it."""
    peer.reads.clear()
    for number in range(11):
        outbox.put(frame(number))
    assert overflows == []
    for number in range(11, 20):
        outbox.put(frame(number))
    assert overflows == [None]
    peer.reads.set()
    await outbox.close()
    assert len(peer.taken) <= 1


async def test_one_frame_may_be_larger_than_the_limit(
    outbox: Outbox, peer: Peer, overflows: list[None]
) -> None:
    """A page of long messages is no sign of a slow reader, and could else never be had."""
    outbox.put(frame(1))
    outbox.put(frame(2, size=10_000))
    await outbox.close()
    assert peer.taken == [1, 2]
    assert overflows == []


async def test_two_frames_may_not(outbox: Outbox, peer: Peer, overflows: list[None]) -> None:
    """What one slow reader costs stays bounded."""
    peer.reads.clear()
    outbox.put(frame(1, size=10_000))
    outbox.put(frame(2, size=10_000))
    assert overflows == [None]


async def test_what_was_sent_makes_room(outbox: Outbox, peer: Peer, overflows: list[None]) -> None:
    """The bound is on what waits, not on what has passed."""
    for number in range(100):
        outbox.put(frame(number))
        await peer.took.wait()
        peer.took.clear()
    assert overflows == []


async def test_room_is_waited_for(outbox: Outbox, peer: Peer) -> None:
    """A replay goes at the pace of the reader: below half of the limit there is room."""
    peer.reads.clear()
    for number in range(5):
        outbox.put(frame(number))
    await asyncio.wait_for(outbox.room(), 5)
    outbox.put(frame(5))
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    peer.reads.set()
    await asyncio.wait_for(waiting, 5)


async def test_of_many_that_wait_for_room_each_finds_it(
    outbox: Outbox, peer: Peer, overflows: list[None]
) -> None:
    """Large answers that were ready together do not overflow the outbox together."""
    peer.reads.clear()
    outbox.put(frame(0, size=60))

    async def answer(number: int) -> None:
        await outbox.room()
        outbox.put(frame(number, size=60))

    answers = [asyncio.create_task(answer(number)) for number in range(1, 10)]
    await asyncio.sleep(0)
    peer.reads.set()
    await asyncio.wait_for(asyncio.gather(*answers), 5)
    await outbox.close()
    assert overflows == []
    assert sorted(peer.taken) == list(range(10))


@pytest.mark.parametrize("end", ["discard", "close"])
async def test_the_end_frees_who_waits_for_room(outbox: Outbox, peer: Peer, end: str) -> None:
    """A replay to a socket that is being closed must not hang."""
    peer.reads.clear()
    outbox.put(frame(1, size=90))
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    ended = None
    if end == "discard":
        outbox.discard()
    else:
        ended = asyncio.create_task(outbox.close())
    await asyncio.wait_for(waiting, 5)
    peer.reads.set()
    if ended is not None:
        await ended


async def test_close_sends_what_waits_and_takes_no_more(outbox: Outbox, peer: Peer) -> None:
    """Nothing follows the close frame."""
    outbox.put(frame(1))
    closing = asyncio.create_task(outbox.close())
    await asyncio.sleep(0)
    outbox.put(frame(2))
    await closing
    outbox.put(frame(3))
    assert peer.taken == [1]


async def test_a_client_that_is_gone_is_no_error(outbox: Outbox, peer: Peer) -> None:
    """The receiving side hears of it as well and ends the session."""
    peer.gone = True
    outbox.put(frame(1))
    outbox.put(frame(2))
    await outbox.close()
    peer.gone = False
    outbox.put(frame(3))
    assert peer.taken == []


@pytest.mark.parametrize("end", ["read", "gone", "discard", "overflow", "cut"])
async def test_what_waits_is_held_until_it_is_sent_or_forgotten(
    outbox: Outbox, peer: Peer, holder: Holder, end: str
) -> None:
    """Every byte once, however it ends. A frame that the connection has not taken still waits."""
    peer.reads.clear()
    for number in range(5):
        outbox.put(frame(number))
    assert (outbox.size, holder.bytes) == (50, 50)
    await asyncio.sleep(0)
    if end == "discard":
        outbox.discard()
        assert (outbox.size, holder.bytes) == (10, 10)
        outbox.discard()
    elif end == "overflow":
        outbox.put(frame(5, size=100))
        outbox.put(frame(6))
        assert (outbox.size, holder.bytes) == (10, 10)
    elif end == "cut":
        assert outbox.cut()
        assert (outbox.size, holder.bytes) == (0, 0)
        assert not outbox.cut()
    peer.gone = end == "gone"
    peer.reads.set()
    await outbox.close()
    assert (outbox.size, holder.bytes) == (0, 0)

"""Waiting in little memory does what asyncio's own classes do."""

import asyncio
import contextlib

from edge.web.serving.waiting import EventQueue, LeanEvent


async def test_an_event_lets_all_go_who_wait() -> None:
    """Also when one of them has given up meanwhile; and whoever comes later does not wait."""
    event = LeanEvent()
    waiting = [asyncio.ensure_future(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting[1]
    event.set()
    assert all(await asyncio.gather(waiting[0], waiting[2], event.wait()))
    event.clear()
    assert not event.is_set()


async def test_a_queue_gives_events_in_order() -> None:
    """Those that were there, and those that are waited for."""
    queue = EventQueue(asyncio.get_running_loop())
    queue.put_nowait(1)
    queue.put_nowait(2)
    assert [await queue.get(), await queue.get()] == [1, 2]
    assert queue.empty()
    getting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.put_nowait(3)
    queue.put_nowait(4)
    assert [await getting, await queue.get()] == [3, 4]


async def test_who_gives_up_takes_no_event() -> None:
    queue = EventQueue(asyncio.get_running_loop())
    getting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    getting.cancel()
    queue.put_nowait(1)
    with contextlib.suppress(asyncio.CancelledError):
        await getting
    assert await queue.get() == 1

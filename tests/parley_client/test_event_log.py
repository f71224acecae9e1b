"""Events that wait to be handled: who is told what, and when a cursor counts as confirmed."""

import asyncio
import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_client.event_log import EventLog, EventStream
from parley_client.events import Event, Reset


class Log(EventLog):
    """A log that writes down what it tells."""

    def __init__(self, limit: int = 100) -> None:
        self.told: list[str] = []
        super().__init__(
            limit,
            self.told.append,
            lambda: self.told.append("behind"),
            lambda: self.told.append("caught up"),
        )

    def add(self, *names: str) -> None:
        """Tell of events, each with a cursor of its name."""
        for name in names:
            self.tell(Reset(name))
            self.move(name)


def name_of(event: Event) -> str:
    assert isinstance(event, Reset)
    return event.reason


async def take(stream: EventStream, count: int) -> list[str]:
    return [name_of(await anext(stream)) for _ in range(count)]


async def test_a_cursor_is_confirmed_when_the_next_event_is_asked_for() -> None:
    """An event that is being handled is not handled yet."""
    log = Log()
    stream = log.stream()
    log.add("a", "b")
    assert await take(stream, 1) == ["a"]
    assert log.told == []
    assert await take(stream, 1) == ["b"]
    assert log.told == ["a"]
    waiting = asyncio.create_task(take(stream, 1))
    await asyncio.sleep(0)
    assert log.told == ["a", "b"]
    log.add("c")
    assert await waiting == ["c"]


async def test_a_cursor_waits_for_the_slowest_of_several_streams() -> None:
    """Each sees all from its start on."""
    log = Log()
    first, second = log.stream(), log.stream()
    log.add("a", "b", "c")
    assert await take(first, 3) == ["a", "b", "c"]
    assert log.told == []
    late = log.stream()
    assert await take(second, 2) == ["a", "b"]
    assert log.told == ["a"]
    log.add("d")
    assert await take(late, 1) == ["d"]


async def test_a_cursor_without_an_event_is_confirmed_with_those_before_it() -> None:
    """As PING has one; at once where nothing waits."""
    log = Log()
    stream = log.stream()
    log.move("start")
    assert log.told == ["start"]
    log.add("a")
    log.move("ping")
    assert await take(stream, 1) == ["a"]
    log.add("b")
    assert await take(stream, 1) == ["b"]
    assert log.told == ["start", "ping"]


async def test_events_wait_for_the_first_stream() -> None:
    """What is told before anybody asks is not lost, nor confirmed."""
    log = Log()
    log.add("a", "b")
    assert log.told == []
    stream = log.stream()
    assert await take(stream, 2) == ["a", "b"]


async def test_after_break_the_next_stream_goes_on_where_the_last_was() -> None:
    """Nothing is told twice, nothing is missed; and the event at which it broke off counts as
    handled when the next one is asked for.
    """
    log = Log()
    log.add("a", "b", "c")
    async for event in log.stream():
        if name_of(event) == "b":
            break
    gc.collect()
    assert log.told == ["a"]
    log.add("d")
    stream = log.stream()
    assert log.told == ["a"]
    assert await take(stream, 2) == ["c", "d"]
    assert log.told == ["a", "b", "c"]


async def test_a_stream_that_nobody_holds_keeps_nobody_waiting() -> None:
    """Also when it is in a circle that the collector has to find."""
    log = Log()
    kept = log.stream()
    dropped = log.stream()
    circle = [dropped]
    circle.append(circle)  # type: ignore[arg-type]  # a circle of its own
    log.add("a", "b")
    assert await take(kept, 2) == ["a", "b"]
    assert log.told == []
    del dropped, circle
    gc.collect()
    log.add("c")
    assert await take(kept, 1) == ["c"]
    assert log.told == ["b"]


async def test_a_closed_stream_ends() -> None:
    """By itself, and while it is awaited elsewhere by the log's end."""
    log = Log()
    stream = log.stream()
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    other = log.stream()
    waiting = asyncio.create_task(take(other, 1))
    await asyncio.sleep(0)
    log.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    log.add("late")
    assert [name async for name in log.stream()] == []


async def test_a_log_that_is_closed_while_an_event_is_handled_ends_its_streams() -> None:
    """What waited is not told any more, and nothing of it is confirmed."""
    log = Log()
    stream, other = log.stream(), log.stream()
    log.add("a", "b")
    assert await take(stream, 1) == ["a"]
    assert await take(other, 1) == ["a"]
    log.close()
    await other.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    # What comes while the socket is being closed is not told, and so it is not handled.
    log.add("c")
    assert log.told == []


async def test_a_cancelled_wait_loses_no_event() -> None:
    """Not even when the event came in the same moment."""
    log = Log()
    stream = log.stream()
    for at_once in (False, True):
        waiting = asyncio.create_task(take(stream, 1))
        await asyncio.sleep(0)
        if at_once:
            log.add("a")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await take(stream, 1) == ["a"]


async def test_one_stream_is_awaited_by_one() -> None:
    """Two would share what each should see."""
    stream = Log().stream()
    waiting = asyncio.create_task(take(stream, 1))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        await anext(stream)
    waiting.cancel()


async def test_a_consumer_that_falls_behind_is_told_of_and_so_is_that_it_caught_up() -> None:
    """With more than the limit, and with half of it; nothing is dropped."""
    log = Log(4)
    stream = log.stream()
    log.add("a", "b", "c", "d", "e", "f")
    assert log.told == ["behind"]
    assert log.is_behind()
    assert await take(stream, 4) == ["a", "b", "c", "d"]
    assert log.is_behind()
    assert await take(stream, 2) == ["e", "f"]
    assert "caught up" in log.told
    assert not log.is_behind()


async def test_who_falls_behind_and_leaves_holds_nobody_up() -> None:
    """The stream is gone, and so is what it did not handle as a cause to wait."""
    log = Log(2)
    stream = log.stream()
    log.add("a", "b", "c")
    assert log.is_behind()
    del stream
    gc.collect()
    assert not log.is_behind()


async def test_events_that_nobody_takes_give_way_to_one_reset() -> None:
    """Bounded without a consumer; whoever comes later loads anew, and confirms all."""
    log = Log(3)
    log.add(*"abcdefgh")
    assert len(log) <= 3
    stream = log.stream()
    assert (await take(stream, 1))[0] == "overflow"
    rest = await take(stream, len(log) - 1) if len(log) > 1 else []
    log.add("z")
    assert await take(stream, 1) == ["z"]
    assert log.told[-1] == (rest[-1] if rest else "h")


@given(
    st.lists(st.sampled_from(["tell", "ping", "take 0", "take 1", "open", "leave"]), max_size=60)
)
def test_confirmed_never_passes_what_somebody_has_not_handled(steps: list[str]) -> None:
    """Whatever the order: cursors rise, and streams see each event once and in order."""

    async def run() -> None:
        log = Log()
        streams: list[EventStream] = []
        seen: dict[int, list[int]] = {}
        number = 0
        for step in steps:
            match step:
                case "tell":
                    number += 1
                    log.add(str(number))
                case "ping":
                    number += 1
                    log.move(str(number))
                case "open" if len(streams) < 2:
                    streams.append(log.stream())
                    seen[id(streams[-1])] = []
                case "leave" if streams:
                    await streams.pop().aclose()
                case "take 0" | "take 1" if len(streams) > int(step[-1]):
                    stream = streams[int(step[-1])]
                    if stream._place.following < log._first + len(log):
                        seen[id(stream)].append(int((await take(stream, 1))[0]))
            told = [int(cursor) for cursor in log.told]
            assert told == sorted(told)
            for stream in streams:
                taken = seen[id(stream)]
                assert taken == sorted(set(taken))
                if taken and told:
                    # The last one is still being handled; PINGs after it count for nothing.
                    assert told[-1] < taken[-1] or stream._place.handled == stream._place.following

    asyncio.run(run())

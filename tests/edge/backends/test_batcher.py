"""One call in flight per kind, and what arrives meanwhile travels together."""

import asyncio

import pytest

from edge.backends.batcher import OVERLOADED, Batcher
from edge.translation.status import TIMED_OUT
from parley_protocol.errors import Error, ErrorCode, refusal

Results = list[str | Error]
REFUSED = refusal(ErrorCode.NOT_FOUND, "no")


class Calls:
    """A call that the test answers."""

    def __init__(self) -> None:
        self.made: asyncio.Queue[list[str]] = asyncio.Queue()
        self._answers: asyncio.Queue[list[str | Error] | Error | Exception] = asyncio.Queue()
        self.in_flight = 0
        self.seconds = 0.0
        self.limits_reached: list[str] = []

    async def __call__(self, items: list[str], seconds: float) -> list[str | Error] | Error:
        self.in_flight += 1
        self.seconds = seconds
        assert self.in_flight == 1
        self.made.put_nowait(items)
        answer = await self._answers.get()
        self.in_flight -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def next(self) -> list[str]:
        return await asyncio.wait_for(self.made.get(), 5)

    def answer(self, answer: list[str | Error] | Error | Exception) -> None:
        self._answers.put_nowait(answer)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def results() -> Results:
    return []


def new_batcher(
    calls: Calls,
    *,
    items: int = 10,
    size: int = 1000,
    waiting: int = 100,
    budget: float = 60,
    linger: float = 0,
    pace: float = 0,
    repeatable: bool = False,
) -> Batcher[str, str]:
    return Batcher(
        calls,
        len,
        batch_items=items,
        batch_bytes=size,
        waiting_items=waiting,
        budget_seconds=budget,
        linger_seconds=linger,
        pace_seconds=pace,
        repeatable=repeatable,
        reached=calls.limits_reached.append,
    )


async def test_alone_an_item_leaves_at_once(calls: Calls, results: Results) -> None:
    """No timer is waited for, and the result comes to its own callback."""
    batcher = new_batcher(calls)
    batcher.submit("a", results.append)
    assert await calls.next() == ["a"]
    calls.answer(["A"])
    await batcher.flush()
    assert results == ["A"]


async def test_what_arrives_in_flight_travels_together_in_order(
    calls: Calls, results: Results
) -> None:
    """One call at a time; the next one takes all that has gathered."""
    batcher = new_batcher(calls)
    batcher.submit("a", results.append)
    await calls.next()
    for item in "bcd":
        batcher.submit(item, results.append)
    assert len(batcher) == 3
    calls.answer(["A"])
    assert await calls.next() == ["b", "c", "d"]
    calls.answer(["B", REFUSED, "D"])
    await batcher.flush()
    assert results == ["A", "B", REFUSED, "D"]


async def test_a_batch_is_bounded_by_items(calls: Calls, results: Results) -> None:
    """More go with the calls after it."""
    batcher = new_batcher(calls, items=2)
    for item in "abc":
        batcher.submit(item, results.append)
    assert await calls.next() == ["a", "b"]
    calls.answer(["A", "B"])
    assert await calls.next() == ["c"]
    assert calls.limits_reached == ["batch_items"]


async def test_a_batch_is_bounded_by_bytes(calls: Calls, results: Results) -> None:
    """An item that is larger than the bound goes alone, rather than never."""
    batcher = new_batcher(calls, size=5)
    for item in ("aaa", "bb", "c", "dddddddd", "e"):
        batcher.submit(item, results.append)
    for expected in (["aaa", "bb"], ["c"], ["dddddddd"], ["e"]):
        assert await calls.next() == expected
        calls.answer([*expected])
    await batcher.flush()
    assert results == ["aaa", "bb", "c", "dddddddd", "e"]
    assert calls.limits_reached == ["batch_bytes"] * 3


async def test_what_waits_is_bounded(calls: Calls, results: Results) -> None:
    """Beyond it an item is refused by name, and those before it are not harmed."""
    batcher = new_batcher(calls, waiting=2)
    refused: list[str | Error] = []
    batcher.submit("a", results.append)
    await calls.next()
    batcher.submit("b", results.append)
    batcher.submit("c", results.append)
    batcher.submit("d", refused.append)
    assert refused == [OVERLOADED]
    assert calls.limits_reached == ["waiting_items"]
    assert OVERLOADED.retryable
    calls.answer(["A"])
    assert await calls.next() == ["b", "c"]
    calls.answer(["B", "C"])
    await batcher.flush()
    assert results == ["A", "B", "C"]


async def test_a_call_that_fails_fails_for_all_its_items(calls: Calls, results: Results) -> None:
    """And for no others."""
    batcher = new_batcher(calls)
    batcher.submit("a", results.append)
    batcher.submit("b", results.append)
    await calls.next()
    batcher.submit("c", results.append)
    calls.answer(REFUSED)
    await calls.next()
    calls.answer(["C"])
    await batcher.flush()
    assert results == [REFUSED, REFUSED, "C"]


async def test_a_failing_callback_harms_only_itself(calls: Calls, results: Results) -> None:
    """A mistake in one answer's handling does not cost the others theirs."""
    batcher = new_batcher(calls)

    def fail(_result: str | Error) -> None:
        raise RuntimeError("a mistake")

    batcher.submit("a", fail)
    batcher.submit("b", results.append)
    await calls.next()
    batcher.submit("c", results.append)
    calls.answer(["A", "B"])
    await calls.next()
    calls.answer(["C"])
    await batcher.flush()
    assert results == ["B", "C"]


@pytest.mark.parametrize(
    "answer", [RuntimeError("a secret"), [], ["A", "B", "C"]], ids=["raises", "none", "too many"]
)
async def test_a_call_that_breaks_its_promise_answers_everyone(
    calls: Calls, results: Results, answer: Exception | list[str | Error]
) -> None:
    """Whoever waits for an answer gets INTERNAL, without the trace, and the batches go on."""
    batcher = new_batcher(calls)
    batcher.submit("a", results.append)
    batcher.submit("b", results.append)
    await calls.next()
    batcher.submit("c", results.append)
    calls.answer(answer)
    assert await calls.next() == ["c"]
    calls.answer(["C"])
    await batcher.flush()
    first, second, third = results
    assert isinstance(first, Error)
    assert first == second
    assert first.code == "INTERNAL"
    assert "secret" not in first.message
    assert third == "C"


async def test_flush_of_nothing_returns(calls: Calls) -> None:
    """An idle edge drains at once."""
    await new_batcher(calls).flush()


async def test_flush_waits_for_what_was_submitted_and_not_for_what_comes(
    calls: Calls, results: Results
) -> None:
    """A busy edge could otherwise never drain: there is always something in flight."""
    batcher = new_batcher(calls)
    batcher.submit("a", results.append)
    await calls.next()
    batcher.submit("b", results.append)
    flushed = asyncio.create_task(batcher.flush())
    calls.answer(["A"])
    await calls.next()
    batcher.submit("c", results.append)
    assert not flushed.done()
    calls.answer(["B"])
    await calls.next()
    await asyncio.wait_for(flushed, 5)
    assert results == ["A", "B"]
    calls.answer(["C"])
    await batcher.flush()


async def test_every_item_is_answered_within_its_budget(calls: Calls, results: Results) -> None:
    """In flight or still waiting, it is told that there is no answer; a late one comes to nobody,
    and what was never sent is not sent any more.
    """
    batcher = new_batcher(calls, budget=0.05)
    answered = asyncio.Event()

    def last(result: str | Error) -> None:
        results.append(result)
        answered.set()

    batcher.submit("a", results.append)
    await calls.next()
    batcher.submit("b", last)
    await asyncio.wait_for(answered.wait(), 5)
    assert results == [TIMED_OUT, TIMED_OUT]
    assert TIMED_OUT.retryable
    assert len(batcher) == 0
    calls.answer(["A"])
    await batcher.flush()
    assert results == [TIMED_OUT, TIMED_OUT]
    batcher.submit("c", results.append)
    assert await calls.next() == ["c"]
    calls.answer(["C"])
    await batcher.flush()
    assert results[2:] == ["C"]


async def test_waiting_for_the_batch_before_it_counts_against_the_budget(calls: Calls) -> None:
    """A call lasts no longer than the time that is left to the newest of its items."""
    batcher = new_batcher(calls, budget=10)
    loop = asyncio.get_running_loop()
    began = loop.time()
    batcher.submit("a", lambda _result: None)
    await calls.next()
    assert calls.seconds <= 10
    batcher.submit("b", lambda _result: None)
    batcher.submit("c", lambda _result: None)
    # Time is what this test is about.
    await asyncio.sleep(0.02)
    calls.answer(["A"])
    await calls.next()
    assert calls.seconds < 10 - 0.015
    assert calls.seconds >= 10 - (loop.time() - began)


async def test_what_may_linger_gathers(calls: Calls) -> None:
    """It leaves together after a while, and never directly after the batch before it."""
    batcher = new_batcher(calls, linger=0.05)
    for item in "ab":
        batcher.submit(item, lambda _result: None)
        await asyncio.sleep(0)
    assert calls.made.empty()
    assert await calls.next() == ["a", "b"]
    batcher.submit("c", lambda _result: None)
    calls.answer(["A", "B"])
    await asyncio.sleep(0)
    batcher.submit("d", lambda _result: None)
    assert await calls.next() == ["c", "d"]


async def test_nothing_lingers_for_whoever_flushes(calls: Calls) -> None:
    """A drain does not wait for the timer, nor for a second one between two batches."""
    batcher = new_batcher(calls, items=1, linger=3600, budget=7200)
    for item in "abc":
        batcher.submit(item, lambda _result: None)
    flushed = asyncio.create_task(batcher.flush())
    for item in "abc":
        assert await calls.next() == [item]
        calls.answer([item])
    await asyncio.wait_for(flushed, 5)


async def test_a_full_batch_does_not_linger(calls: Calls) -> None:
    """What fills the next call goes as soon as the one before it is answered."""
    batcher = new_batcher(calls, items=2, linger=0.01)
    for item in "abcde":
        batcher.submit(item, lambda _result: None)
    for expected in (["a", "b"], ["c", "d"], ["e"]):
        assert await calls.next() == expected
        calls.answer([*expected])
    await batcher.flush()


async def test_many_items_wait_for_as_many(calls: Calls) -> None:
    """After a call with many the next one is made when as many wait, however soon that is."""
    batcher = new_batcher(calls, pace=3600)
    for item in "abcd":
        batcher.submit(item, lambda _result: None)
    assert await calls.next() == [*"abcd"]
    calls.answer([*"ABCD"])
    await batcher.flush()
    for item in "efgh":
        await asyncio.sleep(0)
        assert calls.made.empty()
        batcher.submit(item, lambda _result: None)
    assert await calls.next() == [*"efgh"]


async def test_many_items_wait_for_a_moment(calls: Calls) -> None:
    """When no more come, what waits leaves at the pace; and after few items nothing waits."""
    loop = asyncio.get_running_loop()
    batcher = new_batcher(calls, pace=0.05)
    began = loop.time()
    for item in "abcd":
        batcher.submit(item, lambda _result: None)
    assert await calls.next() == [*"abcd"]
    calls.answer([*"ABCD"])
    batcher.submit("e", lambda _result: None)
    assert await calls.next() == ["e"]
    assert loop.time() - began >= 0.05 - 0.001
    calls.answer(["E"])
    await batcher.flush()
    began = loop.time()
    batcher.submit("f", lambda _result: None)
    assert await calls.next() == ["f"]
    assert loop.time() - began < 0.05


async def test_few_items_wait_for_nobody(calls: Calls) -> None:
    """Where three came together the next one leaves at once."""
    batcher = new_batcher(calls, pace=3600)
    for batch in ("abc", "d", "e"):
        for item in batch:
            batcher.submit(item, lambda _result: None)
        assert await calls.next() == [*batch]
        calls.answer([*batch])
        await batcher.flush()


async def test_nobody_who_flushes_waits_for_the_pace(calls: Calls) -> None:
    batcher = new_batcher(calls, pace=3600, budget=7200)
    for item in "abcd":
        batcher.submit(item, lambda _result: None)
    assert await calls.next() == [*"abcd"]
    calls.answer([*"ABCD"])
    await batcher.flush()
    batcher.submit("e", lambda _result: None)
    await asyncio.sleep(0)
    assert calls.made.empty()
    flushed = asyncio.create_task(batcher.flush())
    assert await calls.next() == ["e"]
    calls.answer(["E"])
    await asyncio.wait_for(flushed, 5)


async def test_what_waits_can_be_withdrawn(calls: Calls) -> None:
    """What is refused is answered at once and never sent; the rest keeps its order, and what has
    left is answered by the service.
    """
    batcher = new_batcher(calls)
    results: dict[str, str | Error] = {}
    for item in ("a", "b1", "c", "b2", "d"):
        batcher.submit(item, lambda result, item=item: results.update({item: result}))  # type: ignore[misc]
        if item == "a":
            assert await calls.next() == ["a"]
    batcher.withdraw(lambda item: REFUSED if item[0] in "ab" else None)
    assert results == {"b1": REFUSED, "b2": REFUSED}
    assert len(batcher) == 2
    calls.answer(["A"])
    assert await calls.next() == ["c", "d"]
    calls.answer(["C", "D"])
    await batcher.flush()
    assert results == {"a": "A", "b1": REFUSED, "c": "C", "b2": REFUSED, "d": "D"}


async def test_a_withdrawal_of_everything_leaves_nobody_waiting(
    calls: Calls, results: Results
) -> None:
    """Whoever flushes meanwhile goes on."""
    batcher = new_batcher(calls)
    batcher.submit("a", results.append)
    await calls.next()
    batcher.submit("b", results.append)
    flushing = asyncio.create_task(batcher.flush())
    await asyncio.sleep(0)
    batcher.withdraw(lambda _item: REFUSED)
    calls.answer(["A"])
    await asyncio.wait_for(flushing, 5)
    assert results == [REFUSED, "A"]


async def test_an_item_that_fails_a_batch_is_found_and_fails_alone(
    calls: Calls, results: Results
) -> None:
    """The batch is halved until it is alone; the others get their results."""
    batcher = new_batcher(calls, repeatable=True)
    for item in "abcd":
        batcher.submit(item, results.append)
    for expected in ("abcd", "ab", "cd", "c", "d"):
        items = await calls.next()
        assert items == [*expected]
        failed = refusal(ErrorCode.INTERNAL, "a defect")
        calls.answer(failed if "d" in items else [item.upper() for item in items])
    await batcher.flush()
    assert [one if isinstance(one, str) else one.code for one in results] == [*"ABC", "INTERNAL"]


async def test_what_may_not_be_repeated_is_sent_once(calls: Calls, results: Results) -> None:
    """Whatever became of a batch of messages, none of them is sent again."""
    batcher = new_batcher(calls)
    for item in "ab":
        batcher.submit(item, results.append)
    assert await calls.next() == ["a", "b"]
    calls.answer(refusal(ErrorCode.INTERNAL, "a defect"))
    await batcher.flush()
    assert calls.made.empty()
    assert [one.code for one in results if not isinstance(one, str)] == ["INTERNAL"] * 2

"""Traces of what people ask of a part: each begins at the part that they are connected to."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import SpanKind

from service_kit.tracing.spans import OK, Active, Tracing, detached, present
from service_kit.tracing.transactions import Traced


class Asked:
    """A packet or a request until it is answered. `active` is its span, if it was sampled."""

    __slots__ = ("_name", "_tracing", "active")

    def __init__(self, tracing: Tracing, name: str) -> None:
        self._tracing = tracing
        self._name = name
        self.active = tracing.root(name, SpanKind.SERVER)

    @contextmanager
    def within(self) -> Iterator[None]:
        """Work on it as long as the context lasts, also by the tasks that are made meanwhile."""
        if self.active is None:
            yield
        else:
            with self._tracing.within(self.active):
                yield

    def end(self, outcome: str, seconds: float) -> None:
        """Note how it was answered, and after how long."""
        if self.active is not None:
            self.active.end(outcome)
        else:
            self._tracing.over(self._name, SpanKind.SERVER, seconds, outcome, failed=outcome != OK)


Answer = Callable[[Any], Awaitable[Any]]


def answering(tracing: Tracing | None, name: str, answer: Answer) -> Answer:
    """Answer requests over HTTP as `answer` does, each in a trace of its own. What a request brings
    says nothing about traces: anybody could have written it.
    """
    if tracing is None:
        return answer

    async def answer_traced(request: Any) -> Any:
        asked, began = Asked(tracing, name), time.perf_counter()
        outcome = "failed"
        try:
            with asked.within():
                response = await answer(request)
            outcome = OK if response.status_code < 400 else str(response.status_code)
            return response
        finally:
            asked.end(outcome, time.perf_counter() - began)

    return answer_traced


@contextmanager
def batching(
    tracing: Tracing | None, name: str, messages: Sequence[Traced], kind: SpanKind
) -> Iterator[None]:
    """A call that `messages` share, as long as the context lasts: below the first that is in a
    trace, with links to all that are. It is in no other trace, whoever caused it to leave.
    """
    if tracing is None:
        yield
        return
    traceparents = [one.traceparent for one in messages if one.traceparent]
    if not traceparents:
        with detached():
            yield
        return
    active = tracing.below(traceparents[0], name, kind, traceparents)
    with tracing.within(active), active.ending():
        yield


def present_traceparent() -> str:
    """The trace in which this task works; empty for none."""
    active = present()
    return "" if active is None else active.traceparent


def pushing(tracing: Tracing, traceparent: str, name: str) -> Active:
    """Begin the span of an event on its way into the sockets of people."""
    return tracing.below(traceparent, name, SpanKind.PRODUCER)

"""Spans of one process: which are made, what stands in them, and which one is the present one.

What is in a span comes from fixed tables: names of packets, methods and outcomes, and numbers. No
ids, no texts and no tokens, so that whoever may read traces learns nothing about people.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, Tracer

from service_kit.tracing import propagation

OUTCOME = "parley.outcome"
# Why there is a span at all, where its beginning was not sampled.
REASON = "parley.sampled_for"
OK = "ok"

Attributes = Mapping[str, str | int]


class Active:
    """A span under way, and the process's `tracing` for what comes of it."""

    __slots__ = ("ended", "span", "traceparent", "tracing")

    def __init__(self, tracing: "Tracing", span: Span) -> None:
        self.tracing = tracing
        self.span = span
        self.traceparent = propagation.write(span.get_span_context())
        self.ended = False

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata by which a call goes on with the trace."""
        return ((propagation.METADATA_KEY, self.traceparent),)

    def end(self, outcome: str = OK, *, failed: bool | None = None) -> None:
        """End the span, once; an outcome other than ok is a failure unless it is said not to be."""
        if self.ended:
            return
        self.ended = True
        _conclude(self.span, outcome, failed=outcome != OK if failed is None else failed)
        self.span.end()

    @contextmanager
    def child(self, name: str, kind: SpanKind) -> Iterator["Active"]:
        """A span below this one, as long as the context lasts; it is the present one meanwhile."""
        made = self.tracing.below(self.traceparent, name, kind)
        with self.tracing.within(made), made.ending():
            yield made

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End it with the context, as failed by what is raised."""
        try:
            yield
        except BaseException:
            self.end("failed")
            raise
        self.end()


_present: ContextVar[Active | None] = ContextVar("parley_span", default=None)


def present() -> Active | None:
    """The span in which this task works; None outside of any, and when it is over."""
    active = _present.get()
    return None if active is None or active.ended else active


class Tracing:
    """Makes the spans of one process. `reached` is told the names of limits.

    The beginning of a trace is sampled at `sample_rate`. What was not sampled and fails, or takes
    longer than `slow_seconds`, gets a span of its own afterwards: `afterwards_per_second` at most.
    """

    def __init__(
        self,
        tracer: Tracer,
        *,
        sample_rate: float,
        slow_seconds: float,
        afterwards_per_second: float,
        reached: Callable[[str], None] = lambda _limit: None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.tracer = tracer
        self.slow_seconds = slow_seconds
        self.close = close
        self._sample_rate = sample_rate
        self._per_second = max(1.0, afterwards_per_second)
        self._reached = reached
        self._left = self._per_second
        self._filled_at = time.monotonic()

    def root(self, name: str, kind: SpanKind) -> Active | None:
        """Begin a trace, or not: one of many is sampled."""
        # The generator keeps no secret.
        if random.random() >= self._sample_rate:  # noqa: S311
            return None
        return Active(self, self.tracer.start_span(name, Context(), kind))

    def below(
        self, traceparent: str, name: str, kind: SpanKind, others: Iterable[str] = ()
    ) -> Active:
        """Begin a span below that of a traceparent that was read, with links to `others`."""
        parent = propagation.read(traceparent)
        links = [one for one in map(propagation.read, others) if one is not None]
        context = Context() if parent is None else propagation.below(parent)
        return Active(
            self, self.tracer.start_span(name, context, kind, links=propagation.links(links))
        )

    @contextmanager
    def within(self, active: Active) -> Iterator[Active]:
        """Make a span the present one as long as the context lasts; it is not ended."""
        before = _present.set(active)
        try:
            yield active
        finally:
            _present.reset(before)

    def over(
        self, name: str, kind: SpanKind, seconds: float, outcome: str, *, failed: bool
    ) -> None:
        """Make a span afterwards of what has just ended and was not sampled, if it failed or was
        slow.
        """
        slow = seconds > self.slow_seconds
        if not (failed or slow) or not self._may_afterwards():
            return
        now = time.time_ns()
        reason = "failure" if failed else "slowness"
        span = self.tracer.start_span(
            name, Context(), kind, {REASON: reason}, start_time=now - int(seconds * 1e9)
        )
        _conclude(span, outcome, failed=failed)
        span.end(now)

    def past(
        self,
        name: str,
        kind: SpanKind,
        parent: SpanContext | None,
        began_ns: int,
        ended_ns: int,
        attributes: Attributes,
        others: list[SpanContext],
    ) -> SpanContext:
        """Make a span of what was; gives its context."""
        context = Context() if parent is None else propagation.below(parent)
        span = self.tracer.start_span(
            name, context, kind, attributes, propagation.links(others), start_time=began_ns
        )
        span.end(ended_ns)
        return span.get_span_context()

    def _may_afterwards(self) -> bool:
        now = time.monotonic()
        self._left = min(self._per_second, self._left + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._left < 1:
            self._reached("traces_afterwards_per_second")
            return False
        self._left -= 1
        return True


def _conclude(span: Span, outcome: str, *, failed: bool) -> None:
    span.set_attribute(OUTCOME, outcome)
    if failed:
        span.set_status(StatusCode.ERROR)


@contextmanager
def detached() -> Iterator[None]:
    """Work in no span as long as the context lasts."""
    before = _present.set(None)
    try:
        yield
    finally:
        _present.reset(before)

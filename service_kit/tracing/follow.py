"""Spans of what a service makes of the events of another one."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry.trace import SpanKind

from service_kit.tracing.spans import Tracing
from service_kit.tracing.transactions import Traced


def following(
    tracing: Tracing | None, source: str, events: Sequence[Traced]
) -> AbstractContextManager[None]:
    """Apply events of `source` as long as the context lasts: below the first that is in a trace,
    with links to all that are.
    """
    if tracing is None or not (traced := [one.traceparent for one in events if one.traceparent]):
        return nullcontext()
    return _following(tracing, source, traced)


@contextmanager
def _following(tracing: Tracing, source: str, traced: Sequence[str]) -> Iterator[None]:
    active = tracing.below(traced[0], f"follow {source}", SpanKind.CONSUMER, traced)
    with tracing.within(active), active.ending():
        yield

"""The context of a trace as it goes from process to process: W3C's `traceparent`."""

import re

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    set_span_in_context,
)

METADATA_KEY = "traceparent"
# Only what is sampled is carried on at all.
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def write(context: SpanContext) -> str:
    """The words by which another process goes on with this trace."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def read(traceparent: str) -> SpanContext | None:
    """The span of another process; None for what is none."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    context = SpanContext(
        int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=_SAMPLED
    )
    return context if context.is_valid else None


def below(parent: SpanContext) -> Context:
    """The context in which a span is a child of this one."""
    return set_span_in_context(NonRecordingSpan(parent), Context())


def links(contexts: list[SpanContext]) -> list[Link]:
    """Links to spans, without attributes."""
    return [Link(one) for one in contexts]

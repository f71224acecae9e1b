"""Spans of write transactions, which many commands share: each command's own trace shows how long
it waited and was written, with a link to the one span of the transaction, which links to them all.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from opentelemetry.trace import SpanContext, SpanKind

from service_kit.tracing import propagation
from service_kit.tracing.spans import OK, OUTCOME, Attributes, Tracing, present

ITEMS = "parley.items"


class Traced(Protocol):
    """A message of a contract that may bear the trace of what made it."""

    @property
    def traceparent(self) -> str: ...


class Caused(NamedTuple):
    """An event, with the trace of the command that caused it."""

    event: object
    traceparent: str


class Noted(NamedTuple):
    """Commands of one submission that are in a trace, by their place, and since when they wait."""

    traceparents: Mapping[int, str]
    since_ns: int


def note(messages: Sequence[Traced], count: int) -> Noted | None:
    """Note which of `count` commands are in a trace: by the messages that brought them, if each has
    one, or by the present span, for all of them. None: none is.
    """
    if messages:
        found = {place: one.traceparent for place, one in enumerate(messages) if one.traceparent}
    else:
        active = present()
        found = {} if active is None else dict.fromkeys(range(count), active.traceparent)
    return Noted(found, time.time_ns()) if found else None


class TransactionTrace:
    """One transaction under way, in the thread that writes."""

    def __init__(self) -> None:
        self._by_item: dict[int, tuple[str, int]] = {}
        self._count = 0
        self._began_ns = time.time_ns()
        self._commit_ns = 0
        self._revision = 0

    def add(self, items: Sequence[Any], noted: Noted | None) -> None:
        """Add the commands of a submission."""
        self._count += len(items)
        if noted is not None:
            for place, traceparent in noted.traceparents.items():
                self._by_item[id(items[place])] = traceparent, noted.since_ns

    def of(self, item: object | None) -> str:
        """The trace of a command; empty for one in none. None is the only one, if there is one."""
        if item is None and self._count == 1:
            (found,) = self._by_item.values() or (("", 0),)
            return found[0]
        return self._by_item.get(id(item), ("", 0))[0]

    def committing(self, revision: int) -> None:
        """Note that all is written but for the commit."""
        self._commit_ns = time.time_ns()
        self._revision = revision

    def end(self, tracing: Tracing, outcome: str) -> None:
        """Make the spans, if there is anybody's trace, or if it failed or was slow."""
        ended_ns = time.time_ns()
        contexts: list[tuple[SpanContext, int]] = []
        for traceparent, since_ns in self._by_item.values():
            if (context := propagation.read(traceparent)) is not None:
                contexts.append((context, since_ns))
        if not contexts:
            seconds = (ended_ns - self._began_ns) / 1e9
            failed = outcome != OK
            tracing.over("transaction", SpanKind.INTERNAL, seconds, outcome, failed=failed)
            return
        first, internal = contexts[0][0], SpanKind.INTERNAL
        attributes: Attributes = {ITEMS: len(contexts), OUTCOME: outcome}
        made = tracing.past(
            "transaction",
            internal,
            first,
            self._began_ns,
            ended_ns,
            attributes,
            [context for context, _ in contexts],
        )
        if self._commit_ns:
            attributes = {"parley.revision": self._revision, OUTCOME: outcome}
            tracing.past("commit", internal, made, self._commit_ns, ended_ns, attributes, [])
        for context, since_ns in contexts:
            told = {OUTCOME: outcome}
            tracing.past("write", internal, context, since_ns, ended_ns, told, [made])


@contextmanager
def tracing_transaction(tracing: Tracing) -> Iterator[TransactionTrace]:
    """Trace a transaction as long as the context lasts; what is raised goes on."""
    trace = TransactionTrace()
    try:
        yield trace
    except BaseException:
        trace.end(tracing, "failed")
        raise
    trace.end(tracing, OK)


Encode = Callable[[tuple[str, ...], object], Any]


def encoding(encode: Encode) -> Encode:
    """Make the message of an event as `encode` does, and put the trace of its cause into it."""

    def encode_caused(recipients: tuple[str, ...], event: object) -> Any:
        if not isinstance(event, Caused):
            return encode(recipients, event)
        message = encode(recipients, event.event)
        message.traceparent = event.traceparent
        return message

    return encode_caused

"""Spans of one process, as the SDK ends them, without a collector."""

from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from service_kit.tracing import propagation
from service_kit.tracing.requests import Asked, answering, batching
from service_kit.tracing.spans import REASON, Tracing, present
from service_kit.tracing.transactions import Caused, TransactionTrace, encoding, note

Ended = Callable[[], dict[str, ReadableSpan]]


class Message:
    """A message of a contract that may bear a trace."""

    def __init__(self, traceparent: str = "") -> None:
        self.traceparent = traceparent


class Made:
    """Makes spans, and keeps them."""

    def __init__(self, **options: float) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.limits: list[str] = []
        given = {"sample_rate": 1.0, "slow_seconds": 1.0, "afterwards_per_second": 5.0, **options}
        self.tracing = Tracing(
            provider.get_tracer("test"),
            sample_rate=given["sample_rate"],
            slow_seconds=given["slow_seconds"],
            afterwards_per_second=given["afterwards_per_second"],
            reached=self.limits.append,
        )

    @property
    def ended(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        (found,) = (one for one in self.ended if one.name == name)
        return found


def test_what_is_sampled_is_there_from_its_beginning() -> None:
    made = Made()
    asked = Asked(made.tracing, "packet X")
    with asked.within():
        active = present()
        assert active is not None
        assert active is asked.active
    assert present() is None
    asked.end("ok", 0.1)
    span = made.named("packet X")
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes == {"parley.outcome": "ok"}
    assert propagation.read(active.traceparent) is not None


def test_of_many_one_is_sampled() -> None:
    made = Made(sample_rate=0.1)
    for _ in range(2_000):
        Asked(made.tracing, "packet X").end("ok", 0)
    assert 100 < len(made.ended) < 320


@pytest.mark.parametrize(
    ("outcome", "seconds", "reason"),
    [("ok", 0.5, ""), ("NOT_FOUND", 0.0, "failure"), ("ok", 1.5, "slowness")],
)
def test_what_fails_or_is_slow_has_a_span_in_any_case(
    outcome: str, seconds: float, reason: str
) -> None:
    """Made afterwards, with the beginning that it had."""
    made = Made(sample_rate=0)
    Asked(made.tracing, "packet X").end(outcome, seconds)
    assert [one.attributes and one.attributes[REASON] for one in made.ended] == [reason] * bool(
        reason
    )
    for one in made.ended:
        assert one.start_time
        assert one.end_time
        assert (one.end_time - one.start_time) / 1e9 == pytest.approx(seconds, abs=1e-3)


def test_a_flood_of_failures_is_no_flood_of_spans() -> None:
    made = Made(sample_rate=0, afterwards_per_second=5)
    for _ in range(1_000):
        Asked(made.tracing, "packet X").end("RATE_LIMITED", 0)
    assert 5 <= len(made.ended) < 20
    assert set(made.limits) == {"traces_afterwards_per_second"}


def test_a_span_that_is_over_is_nobodys_present_one() -> None:
    """A task that was begun in it, and goes on, belongs to no trace."""
    asked = Asked(Made().tracing, "packet X")
    with asked.within():
        asked.end("ok", 0)
        assert present() is None


def test_a_batch_is_below_the_first_and_linked_to_all() -> None:
    made = Made()
    first, second = Asked(made.tracing, "a"), Asked(made.tracing, "b")
    assert first.active
    assert second.active
    messages = [Message(), Message(first.active.traceparent), Message(second.active.traceparent)]
    other = Asked(made.tracing, "other")
    with other.within():
        with batching(made.tracing, "call Many", messages, SpanKind.CLIENT):
            assert present() not in {None, other.active}
        with batching(made.tracing, "call None", messages[:1], SpanKind.CLIENT):
            assert present() is None
    call = made.named("call Many")
    contexts = [one.active.span.get_span_context() for one in (first, second) if one.active]
    assert call.parent
    assert call.parent.span_id == contexts[0].span_id
    assert {one.context.span_id for one in call.links} == {one.span_id for one in contexts}


def test_each_command_of_a_transaction_has_its_own() -> None:
    made = Made()
    first, second = Asked(made.tracing, "a"), Asked(made.tracing, "b")
    assert first.active
    assert second.active
    items = [object(), object(), object()]
    noted = note(
        [Message(first.active.traceparent), Message(), Message(second.active.traceparent)], 3
    )
    trace = TransactionTrace()
    trace.add(items, noted)
    assert trace.of(items[0]) == first.active.traceparent
    assert trace.of(items[1]) == trace.of(object()) == trace.of(None) == ""
    trace.committing(7)
    trace.end(made.tracing, "ok")
    transaction, commit = made.named("transaction"), made.named("commit")
    assert {one.context.span_id for one in transaction.links} == {
        one.active.span.get_span_context().span_id for one in (first, second) if one.active
    }
    assert commit.attributes
    assert commit.attributes["parley.revision"] == 7
    writes = [one for one in made.ended if one.name == "write"]
    assert [one.links[0].context.span_id for one in writes] == [transaction.context.span_id] * 2
    assert len({one.context.trace_id for one in writes}) == 2


def test_a_transaction_without_anybody_is_told_of_when_it_fails() -> None:
    made = Made()
    assert note([], 2) is None
    assert note([Message()], 1) is None
    TransactionTrace().end(made.tracing, "ok")
    assert made.ended == []
    TransactionTrace().end(made.tracing, "failed")
    assert made.named("transaction").status.status_code is StatusCode.ERROR


def test_an_event_bears_the_trace_of_its_cause() -> None:
    encode = encoding(lambda _recipients, event: Message(str(event) * 0))
    assert encode((), "plain").traceparent == ""
    assert encode((), Caused("event", "00-...")).traceparent == "00-..."


@pytest.mark.parametrize(
    "words",
    [
        "",
        "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "1" * 16 + "-00",
        "00-" + "G" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "1" * 16 + "-01 ",
    ],
)
def test_words_that_are_no_trace_are_none(words: str) -> None:
    assert propagation.read(words) is None


async def test_a_request_is_judged_by_its_status() -> None:
    class Response:
        status_code = 503

    async def answer(_request: object) -> Response:
        return Response()

    made = Made(sample_rate=0)
    assert answering(None, "http GET /x", answer) is answer
    await answering(made.tracing, "http GET /x", answer)(None)
    assert made.named("http GET /x").status.status_code is StatusCode.ERROR

"""The way to the collector: bounded, beside the work, and never in it."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from service_kit.tracing.export import SpanQueue, open_tracing
from service_kit.tracing.requests import Asked
from service_kit.tracing.settings import SamplingSettings
from tests.support.collector import Collector


class Settings(SamplingSettings):
    """Those of some part."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_SOME_", frozen=True)


class Exporter:
    """Takes batches when it is let, and says what it is told to."""

    def __init__(self, answer: Any = True) -> None:
        self.answer = answer
        self.open = threading.Event()
        self.began = threading.Event()
        self.taken: list[Any] = []

    def export(self, spans: list[Any], /) -> Any:
        self.began.set()
        self.open.wait(20)
        if isinstance(self.answer, Exception):
            raise self.answer
        self.taken += spans
        return self.answer

    def shutdown(self) -> None:
        self.open.set()


class Queued:
    """A queue with its exporter and its metrics."""

    def __init__(self, exporter: Exporter, most: int = 10) -> None:
        self.registry = CollectorRegistry()
        self.limits: list[str] = []
        self.exporter = exporter
        self.queue = SpanQueue(
            exporter,
            bool,
            waiting_spans=most,
            registry=self.registry,
            reached=self.limits.append,
            gather_seconds=0,
        )

    def dropped(self, reason: str) -> float | None:
        return self.registry.get_sample_value("traces_dropped_spans_total", {"reason": reason})

    @property
    def exported(self) -> float | None:
        return self.registry.get_sample_value("traces_exported_spans_total")


def test_a_collector_that_hangs_holds_up_nobody() -> None:
    """What does not fit is dropped and counted; when it goes on, what waited arrives."""
    queued = Queued(Exporter())
    queued.queue.on_end("first")
    assert queued.exporter.began.wait(20)
    began = time.perf_counter()
    for number in range(100):
        queued.queue.on_end(number)
    assert time.perf_counter() - began < 1
    assert queued.dropped("full") == 90
    assert queued.limits == ["traces_waiting_spans"] * 90
    queued.exporter.open.set()
    queued.queue.shutdown()
    assert queued.exporter.taken == ["first", *range(10)]
    assert queued.exported == 11


@pytest.mark.parametrize("answer", [False, OSError("away")])
def test_what_the_collector_does_not_take_is_dropped_and_counted(answer: Any) -> None:
    queued = Queued(Exporter(answer))
    queued.exporter.open.set()
    queued.queue.on_end("lost")
    queued.queue.shutdown()
    assert queued.dropped("refused") == 1
    assert queued.exported == 0


def test_the_end_does_not_wait_for_a_collector_that_hangs() -> None:
    queued = Queued(Exporter())
    queued.queue.on_end("lost")
    assert queued.exporter.began.wait(20)
    began = time.monotonic()
    queued.queue.shutdown()
    assert time.monotonic() - began < 4


def test_spans_arrive_with_the_part_that_made_them() -> None:
    with Collector() as collector:
        settings = Settings(traces_endpoint=collector.endpoint, traces_sample_rate=1)
        tracing = open_tracing(settings, "some", CollectorRegistry())
        assert tracing is not None
        Asked(tracing, "packet X").end("ok", 0)
        tracing.close()
        assert [(one.part, one.name) for one in collector.spans] == [("some", "packet X")]


def test_a_collector_that_is_away_is_no_failure(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    settings = Settings(
        traces_endpoint="http://127.0.0.1:1", traces_sample_rate=1, traces_timeout_seconds=0.2
    )
    tracing = open_tracing(settings, "some", registry)
    assert tracing is not None
    Asked(tracing, "packet X").end("ok", 0)
    tracing.close()
    assert registry.get_sample_value("traces_exported_spans_total") == 0


def test_without_an_address_nothing_is_made() -> None:
    assert open_tracing(Settings(), "some", CollectorRegistry()) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"traces_endpoint": "collector:4318"}, "http"),
        ({"traces_endpoint": "http://"}, "http"),
        ({"traces_endpoint": "http://host:99999"}, "http"),
        ({"traces_sample_rate": 0.5}, "traces_sample_rate without traces_endpoint"),
        ({"traces_endpoint": "http://host", "traces_sample_rate": 2}, "less than or equal"),
        ({"traces_endpoint": "http://host", "traces_waiting_spans": 0}, "greater than"),
    ],
)
def test_settings_that_say_nothing_good_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings(**given)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://api.example/otlp/v1/traces", "https://api.example/otlp/v1/traces"),
    ],
)
def test_the_path_is_that_of_the_protocol_unless_there_is_one(given: str, meant: str) -> None:
    assert Settings(traces_endpoint=given).traces_endpoint == meant


def test_a_part_without_traces_does_not_even_load_what_makes_them() -> None:
    """So that they need not be installed, and cost neither memory nor the time of a start."""
    program = (
        "import edge.__main__, messaging_service.__main__, desk.__main__, sys;"
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))"
        " for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_part_that_is_to_make_traces_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In words that `python -m edge` writes on one line, with exit code 2."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    settings = Settings(traces_endpoint="http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"PARLEY_SOME_TRACES_ENDPOINT is set, .*tracing\.txt"):
        open_tracing(settings, "some", CollectorRegistry())

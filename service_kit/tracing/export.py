"""The way of spans to a collector, by OTLP over HTTP: beside the work, bounded, and never in it.

The SDK of OpenTelemetry is needed here alone, and only where an address of a collector is set.
"""

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter

from service_kit.tracing.settings import TracingSettings
from service_kit.tracing.spans import Tracing
from service_kit.version import VERSION

_BATCH = 512
# For which spans gather, so that not each is a request.
_GATHER_SECONDS = 0.5
# For which the end of the process waits for what has yet to leave.
_CLOSE_SECONDS = 2.0


class _Exporter(Protocol):
    def export(self, spans: Any, /) -> Any: ...
    def shutdown(self) -> None: ...


class SpanQueue:
    """Ended spans on their way to the collector, by a thread of its own.

    `waiting_spans` of them wait at most. What does not fit, and what the collector did not take, is
    dropped and counted. `took` says of an answer of the exporter whether it took them.
    """

    def __init__(
        self,
        exporter: _Exporter,
        took: Callable[[Any], bool],
        *,
        waiting_spans: int,
        registry: CollectorRegistry,
        prefix: str = "",
        reached: Callable[[str], None] = lambda _limit: None,
        gather_seconds: float = _GATHER_SECONDS,
    ) -> None:
        self._exporter = exporter
        self._took = took
        self._most = waiting_spans
        self._reached = reached
        self._gather_seconds = gather_seconds
        self._exported = Counter(
            f"{prefix}traces_exported_spans", "Spans that the collector took.", registry=registry
        )
        dropped = Counter(
            f"{prefix}traces_dropped_spans",
            "Spans that were dropped: too many waited, or the collector did not take them.",
            ["reason"],
            registry=registry,
        )
        self._overflowed, self._failed = dropped.labels("full"), dropped.labels("refused")
        self._log = structlog.get_logger(__name__)
        self._waiting: deque[Any] = deque()
        self._wake = threading.Condition()
        self._closing = threading.Event()
        self._reachable = True
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    # As the SDK calls a processor of spans.

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Do nothing: a span counts when it has ended."""

    def on_end(self, span: Any) -> None:
        """Queue a span; never waits, in any thread."""
        with self._wake:
            if len(self._waiting) >= self._most:
                self._overflowed.inc()
            else:
                self._waiting.append(span)
                if len(self._waiting) == 1:
                    self._wake.notify()
                return
        self._reached("traces_waiting_spans")

    def shutdown(self) -> None:
        """Send what waits, for a short time, and end."""
        with self._wake:
            self._closing.set()
            self._wake.notify()
        self._thread.join(_CLOSE_SECONDS)
        # Ends a try that is under way as well.
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Return when nothing waits any more, or False after the time."""
        deadline = time.monotonic() + timeout_millis / 1000
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self._waiting

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing.is_set():
                    self._wake.wait()
            if not self._waiting:
                return
            self._closing.wait(self._gather_seconds)
            while self._waiting:
                with self._wake:
                    count = min(len(self._waiting), _BATCH)
                    batch = [self._waiting.popleft() for _ in range(count)]
                self._send(batch)

    def _send(self, batch: list[Any]) -> None:
        cause = ""
        try:
            if not self._took(self._exporter.export(batch)):
                cause = "the collector did not take them"
        except Exception as error:  # noqa: BLE001 - whatever it is, it harms these spans alone
            cause = repr(error)
        if not cause:
            self._exported.inc(len(batch))
        else:
            self._failed.inc(len(batch))
        # Once for each outage, however long.
        if self._reachable and cause:
            self._log.warning("spans can not be exported", cause=cause)
        elif not self._reachable and not cause:
            self._log.info("spans are exported again")
        self._reachable = not cause


def open_tracing(
    settings: TracingSettings,
    part: str,
    registry: CollectorRegistry,
    *,
    prefix: str = "",
    reached: Callable[[str], None] = lambda _limit: None,
) -> Tracing | None:
    """Make what makes spans, as the settings say; None where they ask for none.

    `close` of what is given ends it. Raises ValueError when the packages for it are missing.
    """
    if settings.traces_endpoint is None:
        return None
    try:
        # Where no traces are made they need not be installed, and take no time to be loaded.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import SpanProcessor, TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415
    except ImportError as error:
        variable = f"{settings.model_config.get('env_prefix', '')}TRACES_ENDPOINT"
        raise ValueError(
            f"{variable} is set, and the packages for traces are not installed ({error.name});"
            " requirements/tracing.txt names them"
        ) from None
    # It would tell each failure, with its trace; the queue tells each outage.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    resource = Resource.create(
        {
            "service.name": f"parley-{part}",
            "service.version": VERSION,
            "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        }
    )

    class Processor(SpanQueue, SpanProcessor):
        """The queue, as the SDK knows its processors."""

    processor = Processor(
        OTLPSpanExporter(settings.traces_endpoint, timeout=settings.traces_timeout_seconds),
        lambda answer: answer is SpanExportResult.SUCCESS,
        waiting_spans=settings.traces_waiting_spans,
        registry=registry,
        prefix=prefix,
        reached=reached,
    )
    # The process ends it, not the interpreter: nothing else may delay its end.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return Tracing(
        provider.get_tracer("parley", VERSION),
        sample_rate=getattr(settings, "traces_sample_rate", 0.0),
        slow_seconds=settings.traces_slow_seconds,
        afterwards_per_second=settings.traces_afterwards_per_second,
        reached=reached,
        close=provider.shutdown,
    )

"""Certificates and keys, as the files of the settings have it now: kept while they are bad."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from service_kit.authentication.file_stamps import Stamp, stamp_of

_logger = structlog.get_logger(__name__)


class HasEnd(Protocol):
    """A certificate that is good until a time."""

    @property
    def not_after(self) -> datetime: ...


Value = TypeVar("Value", bound=HasEnd)


class TlsMetrics:
    """The metrics of all files of one process, and of connections that fail by TLS."""

    def __init__(self, registry: CollectorRegistry, prefix: str = "") -> None:
        self.not_after = Gauge(
            f"{prefix}certificate_not_after_seconds",
            "When the certificates of a file expire, the first of them, in Unix time.",
            ["file"],
            registry=registry,
        )
        self.reload_failures = Counter(
            f"{prefix}certificate_reload_failures_total",
            "Changed files of TLS that were bad, so that what was read before stayed in use.",
            ["file"],
            registry=registry,
        )
        self.connection_failures = Counter(
            f"{prefix}tls_connection_failures_total",
            "Findings that a connection to a service fails by its TLS, a minute apart.",
            ["service"],
            registry=registry,
        )


class WatchedMaterial(Generic[Value]):
    """The value that `read` makes of files, made anew when one of them has changed.

    It is looked at when it is asked for, in any thread, and at most every `refresh_seconds`. Files
    that have become bad change nothing and are tried again, for half of them may be written later;
    each problem is told once. `kind` names them in metrics. Raises ValueError when they are bad at
    first.
    """

    def __init__(
        self,
        kind: str,
        files: tuple[Path, ...],
        read: Callable[[], Value],
        refresh_seconds: float,
        metrics: TlsMetrics,
    ) -> None:
        self._files = files
        self._read = read
        self._refresh_seconds = refresh_seconds
        self._not_after = metrics.not_after.labels(kind)
        self._failures = metrics.reload_failures.labels(kind)
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._problem = ""
        self._value = read()
        # A scrape looks as well: nobody else may ask for a while.
        self._not_after.set_function(self._expires)
        self._next_look = time.monotonic() + refresh_seconds

    def __call__(self) -> Value:
        """Give what the files say; the same object until they have changed."""
        if time.monotonic() >= self._next_look:
            with self._lock:
                if time.monotonic() >= self._next_look:
                    self._refresh()
                    self._next_look = time.monotonic() + self._refresh_seconds
        return self._value

    def _expires(self) -> float:
        return self().not_after.timestamp()

    def _refresh(self) -> None:
        stamp = self._look()
        if stamp == self._stamp and not self._problem:
            return
        changed, self._stamp = stamp != self._stamp, stamp
        try:
            self._value = self._read()
        except ValueError as error:
            if changed or str(error) != self._problem:
                self._failures.inc()
                _logger.error("what was read before stays in use", problem=str(error))  # noqa: TRY400 - the words say all
            self._problem = str(error)
        else:
            self._problem = ""
            files = [str(file) for file in self._files]
            end = self._value.not_after.isoformat()
            _logger.info("files of TLS were read anew", files=files, not_after=end)

    def _look(self) -> tuple[Stamp | None, ...]:
        return tuple(stamp_of(file) for file in self._files)

"""Counters of how often each limit of a process was reached, and gauges of its value."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic_settings import BaseSettings


class ReachedLimits:
    """A counter and a gauge, labelled with the names of settings, which are fixed."""

    def __init__(
        self, names: Iterable[str], registry: CollectorRegistry, *, prefix: str = ""
    ) -> None:
        counter = Counter(
            f"{prefix}limit_reached_total",
            "How often a limit was reached, by the name of its setting.",
            ["limit"],
            registry=registry,
        )
        self._values = Gauge(
            f"{prefix}limit_value",
            "What a limit is set to, by the name of its setting.",
            ["limit"],
            registry=registry,
        )
        # Bound once; each shows 0 until it is reached.
        self._counters = {name: counter.labels(limit=name) for name in names}

    def reached(self, name: str) -> None:
        """Count it. Raises KeyError for a name that is none of the limits."""
        self._counters[name].inc()

    def show(self, settings: BaseSettings) -> None:
        """Tell what the limits are set to. Raises AttributeError for a limit without a setting."""
        for name in self._counters:
            self._values.labels(limit=name).set(getattr(settings, name))

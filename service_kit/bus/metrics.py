"""Metrics of what replicas hear of one another."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class BusMetrics:
    """Counters and gauges of one replica."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        connected: Callable[[], float],
        replicas: Callable[[], float],
        early: Callable[[], float],
    ) -> None:
        self.heard = Counter(
            "bus_heard",
            "Revisions of other replicas of which the bus brought word.",
            registry=registry,
        )
        self.read = Counter(
            "bus_read",
            "Revisions of other replicas that were read from the database.",
            registry=registry,
        )
        self.missed = Counter(
            "bus_missed",
            "Revisions of other replicas of which no word came, found by the look at the clock.",
            registry=registry,
        )
        self.lost = Counter(
            "bus_lost",
            "Times at which revisions could not be read any more, so that all streams ended.",
            registry=registry,
        )
        self.unsent = Counter(
            "bus_unsent", "Words for other replicas that could not be sent.", registry=registry
        )
        self.lag_seconds = Histogram(
            "bus_lag_seconds",
            "Time from a transaction on another replica to its events in the streams of this one,"
            " by the clocks of both.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        gauges = (
            ("bus_connected", "1 while words of other replicas can come.", connected),
            ("bus_replicas", "Processes that serve this database.", replicas),
            ("bus_early_revisions", "Revisions that wait for those before them.", early),
        )
        for name, help_, value in gauges:
            Gauge(name, help_, registry=registry).set_function(value)

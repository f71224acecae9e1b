"""Metrics of the desk."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from desk.settings import LIMITS
from service_kit.process.limit_counters import ReachedLimits

PREFIX = "parley_desk_"


class Metrics:
    """All metrics of a desk, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.limits = ReachedLimits(LIMITS, registry, prefix=PREFIX)
        self.requests = Counter(
            f"{PREFIX}requests", "Answered requests.", ["request", "status"], registry=registry
        )
        self.calls = Histogram(
            f"{PREFIX}call_seconds",
            "Time of calls of the moderation service.",
            ["method", "code"],
            registry=registry,
        )
        self.refusals = Counter(
            f"{PREFIX}refusals", "Refused requests.", ["reason"], registry=registry
        )
        self.sessions = Gauge(f"{PREFIX}sessions", "Open sessions.", registry=registry)
        self.streams = Gauge(f"{PREFIX}streams", "Open streams of events.", registry=registry)
        self.watch_live = Gauge(
            f"{PREFIX}watch_live", "1 while moderation's events come.", registry=registry
        )

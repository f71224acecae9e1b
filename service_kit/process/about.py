"""Metrics of the process itself: its CPU, memory, files, start, and version."""

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from service_kit.version import VERSION


def show_process(part: str, registry: CollectorRegistry) -> None:
    """Show what every process shows; it is read when it is asked for."""
    ProcessCollector(registry=registry)
    info = Gauge(
        "parley_build_info",
        "1, with the version that runs.",
        ["part", "version"],
        registry=registry,
    )
    info.labels(part, VERSION).set(1)

"""Metrics of a process, as Prometheus reads them."""

import asyncio
import urllib.request

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families


def read_families(url: str) -> list[Metric]:
    """All that is shown at the address of metrics."""
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own address
        return list(text_string_to_metric_families(response.read().decode()))


def read_metric(url: str, name: str, **labels: str) -> float | None:
    """The present value of one sample at the address of metrics; None when there is none."""
    for family in read_families(url):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


async def read_sample(port: int, name: str, **labels: str) -> float | None:
    """The same, of a process of this machine that shows its metrics on this port."""
    url = f"http://127.0.0.1:{port}/metrics"
    return await asyncio.to_thread(read_metric, url, name, **labels)

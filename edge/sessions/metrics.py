"""Totals over all sessions of an edge, added up when Prometheus asks."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from edge.push.hub import Hub
from edge.sessions.people import People


class SessionMetrics(Collector):
    """One pass over the sessions for all gauges, and nothing to be counted in between."""

    def __init__(self, hub: Hub, people: People) -> None:
        self._hub = hub
        self._people = people

    def collect(self) -> Iterator[GaugeMetricFamily]:
        total = most = unconfirmed = requests = 0
        for session in self._hub:
            waiting = session.waiting_bytes
            total += waiting
            most = max(most, waiting)
            unconfirmed += len(session.unconfirmed)
            requests += len(session.requests)
        for name, help_, value in (
            ("sessions", "Sockets that are attached.", len(self._hub)),
            ("outbox_bytes", "Bytes of packets that wait for their sockets.", total),
            ("outbox_bytes_most", "Bytes that wait for the socket with the most.", most),
            ("held_bytes", "Those, and bytes of what is being answered.", self._people.bytes),
            ("held_bytes_most", "Of these, the user with the most.", self._people.most_bytes),
            ("unconfirmed_alerts", "Alerts that no PONG has confirmed.", unconfirmed),
            ("requests", "Questions that are being answered.", requests),
        ):
            yield GaugeMetricFamily(f"parley_edge_{name}", help_, value=value)

"""Metrics of how far each watcher is behind, computed when Prometheus asks."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service_kit.watch.watcher import Watcher

# Names come from callers; a label with each is kept short, and few of them.
_NAME_LENGTH = 64
_MOST_NAMES = 100


class WatcherMetrics(Collector):
    """Gauges for each open stream, by its watcher's name; they go with the stream."""

    def __init__(
        self, revision: Callable[[], int], watchers: Callable[[], Iterable[Watcher]]
    ) -> None:
        self._revision = revision
        self._watchers = watchers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Show each name by its stream that is furthest behind, and the names furthest behind."""
        revision = self._revision()
        lags: dict[str, int] = {}
        queued: dict[str, int] = {}
        for watcher in self._watchers():
            name = watcher.name[:_NAME_LENGTH]
            # It may have been handed more while this is being asked.
            lags[name] = max(lags.get(name, 0), watcher.lag(revision))
            queued[name] = max(queued.get(name, 0), watcher.queued_events)
        shown = sorted(lags, key=lambda name: lags[name], reverse=True)[:_MOST_NAMES]
        for metric, help_, values in (
            ("watch_lag_revisions", "Revisions published and not handed to the stream yet.", lags),
            ("watch_queued_events", "Events that wait for the stream.", queued),
        ):
            family = GaugeMetricFamily(metric, help_, labels=["watcher"])
            for name in shown:
                family.add_metric([name], values[name])
            yield family

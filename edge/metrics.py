"""What the edge counts, for Prometheus. One registry a process, made by the composition root."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Outcomes:
    """What became of the packets of one opcode."""

    def __init__(self, packets: Counter, opcode: str) -> None:
        self._packets = packets
        self.opcode = opcode
        self.ok = packets.labels(opcode=opcode, outcome="ok")

    def failed(self, code: str) -> None:
        """Count a packet that was answered with an error."""
        self._packets.labels(opcode=self.opcode, outcome=code).inc()


class Metrics:
    """The instruments of one edge; labels take values from fixed tables alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.sockets = Gauge("parley_edge_sockets", "Open sockets.", registry=registry)
        self.handshakes = Counter(
            "parley_edge_handshakes_total",
            "Handshakes by HTTP status.",
            ["status"],
            registry=registry,
        )
        self.closes = Counter(
            "parley_edge_closes_total",
            "Sockets that the edge closed, by code.",
            ["code"],
            registry=registry,
        )
        self._packets = Counter(
            "parley_edge_packets_total",
            "Packets from clients by opcode and outcome: ok, or the code of the error. Counted when"
            " the outcome is known; those unread count as BAD PACKET.",
            ["opcode", "outcome"],
            registry=registry,
        )
        self.bad_packets = self.outcomes("BAD PACKET")
        self.batch_items = Histogram(
            "parley_edge_batch_items",
            "Items of one batch call.",
            ["call"],
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.waiting_items = Gauge(
            "parley_edge_waiting_items",
            "Items that wait for the next batch call.",
            ["call"],
            registry=registry,
        )
        self.call_seconds = Histogram(
            "parley_edge_call_seconds",
            "Duration of calls to services.",
            ["call"],
            registry=registry,
        )
        self.call_failures = Counter(
            "parley_edge_call_failures_total",
            "Calls to services that failed, by status.",
            ["call", "status"],
            registry=registry,
        )
        self.watch_live = Gauge(
            "parley_edge_watch_live",
            "1 while the Watch stream of a service delivers.",
            ["service"],
            registry=registry,
        )
        self.watch_revision = Gauge(
            "parley_edge_watch_revision",
            "The revision of a service up to which alerts were pushed.",
            ["service"],
            registry=registry,
        )

    def outcomes(self, opcode: str) -> Outcomes:
        """What counts the packets of one opcode."""
        return Outcomes(self._packets, opcode)

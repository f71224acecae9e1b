"""The metrics of an edge, for Prometheus. One registry a process, made by the composition root."""

from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from parley_protocol.errors import CloseCode
from service_kit.process.limit_counters import ReachedLimits
from service_kit.process.unknown_words import UnknownWords
from service_kit.tracing import settings as tracing

# The settings that are limits, each counted when it is reached (ARCHITECTURE.md, "Limits").
LIMITS = (
    "handshake_timeout_seconds",
    "accepts_per_second",
    "connections_without_session",
    "max_line_bytes",
    "max_head_bytes",
    "max_header_lines",
    "bytes_per_second",
    "frames_per_second",
    "fragments_per_packet",
    "max_packet_bytes",
    "outbox_bytes",
    "bytes_per_user",
    "bytes_per_edge",
    "packets_per_second",
    "page_bytes_per_second",
    "rate_limited_packets",
    "bad_packets_per_minute",
    "requests_per_socket",
    "sockets_per_user",
    "connections_per_second",
    "sockets_per_edge",
    "pong_timeout_seconds",
    "unconfirmed_alerts",
    "resume_changes",
    "concurrent_replays",
    "waiting_items",
    "batch_items",
    "batch_bytes",
    "call_timeout_seconds",
    "canary_limit_seconds",
    "moderation_timeout_seconds",
    "known_standings",
    "http_requests_per_second",
    *tracing.LIMITS,
)
_LIMITS_OF_CLOSES = {
    CloseCode.NO_PONG: "pong_timeout_seconds",
    CloseCode.TOO_MANY_SOCKETS: "sockets_per_user",
}
# RFC 6455, 7.4.1, and its registry.
_WEBSOCKET_CLOSES = range(1000, 1016)
# From what a commit takes to what nobody waits for.
_PACKET_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Durations:
    """A histogram for one thread: that of the library takes locks, and costs ten times as much."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.counts = [0] * (len(_PACKET_SECONDS) + 1)

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self.seconds += seconds
        self.counts[bisect_left(_PACKET_SECONDS, seconds)] += 1


class _PacketSeconds(Collector):
    """Shows how long packets of each opcode took to be answered."""

    def __init__(self) -> None:
        self.of: dict[str, Durations] = {}

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "parley_edge_packet_seconds",
            "From a packet's arrival until it is answered, be it with an error.",
            labels=["opcode"],
        )
        for opcode, durations in self.of.items():
            total, buckets = 0, list[tuple[str, float]]()
            for bound, count in zip(
                (*map(str, _PACKET_SECONDS), "+Inf"), durations.counts, strict=True
            ):
                total += count
                buckets.append((bound, total))
            family.add_metric([opcode], buckets, durations.seconds)
        yield family


class Outcomes:
    """Counts the packets of one opcode by outcome, and how long they took to be answered."""

    def __init__(self, packets: Counter, opcode: str, seconds: Durations) -> None:
        self._packets = packets
        self.seconds = seconds
        self.opcode = opcode
        self.ok = packets.labels(opcode=opcode, outcome="ok")

    def failed(self, code: str) -> None:
        """Count a packet that was answered with an error."""
        self._packets.labels(opcode=self.opcode, outcome=code).inc()


class Metrics:
    """The instruments of one edge; labels take values from fixed tables alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.limits = ReachedLimits(LIMITS, registry, prefix="parley_edge_")
        registry.register(UnknownWords("parley_edge_"))
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self.sockets = gauge("parley_edge_sockets", "Open sockets, also those being closed.")
        self.handshakes = counter(
            "parley_edge_handshakes_total", "Handshakes by HTTP status.", ["status"]
        )
        self._refusals = counter(
            "parley_edge_refusals_total",
            "Handshakes and connections that were refused before there was a session.",
            ["status", "reason"],
        )
        self.connections = gauge("parley_edge_connections", "Open connections of all kinds.")
        self.connections_without_session = gauge(
            "parley_edge_connections_without_session", "Open connections without a session."
        )
        self._closes = counter(
            "parley_edge_closes_total",
            "Ends of sockets by close code: the edge's, or what the client said; 1005 is none.",
            ["code"],
        )
        self._packets = counter(
            "parley_edge_packets_total",
            "Packets from clients by opcode and outcome: ok, or the code of the error. Counted when"
            " the outcome is known; those unread count as BAD PACKET.",
            ["opcode", "outcome"],
        )
        self._packet_seconds = _PacketSeconds()
        registry.register(self._packet_seconds)
        self.bad_packets = self.outcomes("BAD PACKET")
        self.batch_items = Histogram(
            "parley_edge_batch_items",
            "Items of one batch call.",
            ["call"],
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.waiting_items = gauge(
            "parley_edge_waiting_items", "Items that wait for the next batch call.", ["call"]
        )
        self.call_seconds = Histogram(
            "parley_edge_call_seconds",
            "Duration of calls to services.",
            ["call"],
            registry=registry,
        )
        self.call_failures = counter(
            "parley_edge_call_failures_total",
            "Calls to services that failed, by status.",
            ["call", "status"],
        )
        self.call_retries = counter(
            "parley_edge_call_retries_total",
            "Calls that were made again because a replica of the service went.",
            ["service"],
        )
        self.canary_seconds = Histogram(
            "parley_edge_canary_seconds",
            "Time until a message of the edge to itself came back.",
            registry=registry,
        )
        self.canary_failures = counter(
            "parley_edge_canary_failures_total",
            "Messages of the edge to itself that were refused, and times it turned deaf.",
            ["reason"],
        )
        self.canary_deaf = gauge(
            "parley_edge_canary_deaf", "1 while a message of the edge to itself is late."
        )
        self.edges = gauge("parley_edge_edges", "Edges whose canaries are heard, with this one.")
        self.fair_share = gauge(
            "parley_edge_fair_share_sockets", "Sockets that each edge would have of all."
        )
        self.given_away = counter(
            "parley_edge_given_away_total",
            "Sockets that were told to reconnect because the edge had more than its share.",
        )
        self.watch_live = gauge(
            "parley_edge_watch_live", "1 while the Watch stream of a service delivers.", ["service"]
        )
        self.watch_revision = gauge(
            "parley_edge_watch_revision",
            "The revision of a service up to which alerts were pushed.",
            ["service"],
        )
        self.untold_events = counter(
            "parley_edge_untold_events_total",
            "Events of a service that could not be made a packet: a defect. Whoever missed one was"
            " told RESUMED with complete=false.",
            ["service"],
        )
        self.admissions = counter(
            "parley_edge_admissions_total",
            "Logins by how it was known what restricts the user: live, read, last_known; or not:"
            " allowed, refused.",
            ["by"],
        )
        self.known_standings = gauge(
            "parley_edge_standings",
            "Users of whom it is known what restricts them, here or away.",
            ["where"],
        )
        self.restricted_users = gauge(
            "parley_edge_restricted_users", "Users here whom a sanction restricts now."
        )
        self.http_requests = counter(
            "parley_edge_http_requests_total",
            "Requests for what is served beside the socket, by HTTP status.",
            ["request", "status"],
        )

    def closed(self, code: CloseCode) -> None:
        """Count a socket that the edge closes."""
        self._closes.labels(code=str(code.value)).inc()
        limit = _LIMITS_OF_CLOSES.get(code)
        if limit is not None:
            self.limits.reached(limit)

    def left(self, code: int, limit: str | None = None) -> None:
        """Count a socket that the client closed, or the server's own protocol for a limit."""
        if limit is not None:
            self.limits.reached(limit)
        # Clients may make up any code.
        known = limit is not None or code in _WEBSOCKET_CLOSES
        self._closes.labels(code=str(code) if known else "other").inc()

    def refused(self, status: HTTPStatus, reason: str) -> None:
        """Count a refusal over HTTP. Whoever says nothing good might have wanted a socket."""
        self.handshakes.labels(status=str(status.value)).inc()
        self._refusals.labels(status=str(status.value), reason=reason).inc()

    def outcomes(self, opcode: str) -> Outcomes:
        """The counter of the packets of one opcode."""
        seconds = self._packet_seconds.of.setdefault(opcode, Durations())
        return Outcomes(self._packets, opcode, seconds)

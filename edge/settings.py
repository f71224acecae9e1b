"""The edge's settings, from environment variables that begin with PARLEY_EDGE_."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from service_kit.authentication.lists import split_list
from service_kit.authentication.settings import TokenSettings
from service_kit.process.targets import Target
from service_kit.tls.settings import CallerTlsSettings
from service_kit.tracing.settings import SamplingSettings

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
PerSecond = Annotated[float, Field(gt=0)]

# An http(s) address, or a path of the same host. Its origin becomes part of a page's policy, where
# spaces, commas and semicolons are marks.
_ADDRESS = re.compile(r"(?:https?://[A-Za-z0-9.:\[\]-]+(?:[/?][!-~]*)?|/(?!/)[!-~]*)")


class Settings(TokenSettings, CallerTlsSettings, SamplingSettings):
    """The settings and limits of an edge; frozen. Those of tokens, TLS and traces are the kit's."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_EDGE_", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    log_level: str = "info"
    # For Prometheus and whoever keeps processes, on a port of their own; 0: none.
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0

    # host:port of the services, or all of their replicas (dns:///name:port, ipv4:a:port,b:port),
    # and the file with the credential by which they know an edge.
    messaging_target: Target = "127.0.0.1:7101"
    # None: that service is not deployed, and its packets are refused.
    negotiation_target: Target | None = None
    moderation_target: Target | None = None
    credential_file: Path
    # After which it is noticed that this file has changed, or one of TLS.
    credentials_refresh_seconds: Seconds = 5
    # Whether people come in of whom it is not known what restricts them, while the moderation
    # service does not answer.
    moderation_down: Literal["allow", "refuse"] = "allow"
    # For which a login waits for the moderation service at most.
    moderation_timeout_seconds: Seconds = 0.5

    # Exact origins of the browsers' pages that may connect, separated by commas.
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    # The built web app, which is served below /app; None: there is none.
    web_app_folder: Path | None = None
    # What the app is told: where the marketplace gives a token to who is signed in there (POST),
    # and its page on which one signs in. http(s) addresses, or paths of the edge's own host.
    web_token_url: str | None = None
    web_sign_in_url: str | None = None

    ping_interval_seconds: Seconds = 5
    pong_timeout_seconds: Seconds = 30
    # Within which a client is answered, or told that the service was too late.
    call_timeout_seconds: Seconds = 2
    # Marks of delivery gather for so long before they leave, for a commit of their own would be in
    # the way of the next message. 0: they leave at once.
    delivered_delay_seconds: Annotated[float, Field(ge=0, le=10)] = 0.05
    # Without a sign of life for this long a Watch stream is opened anew.
    watch_timeout_seconds: Seconds = 5
    # How often the edge writes to itself, to find out whether messages come. 0: never.
    canary_interval_seconds: Annotated[float, Field(ge=0, le=3_600)] = 0
    # Within which such a message has to come back, or the edge is not ready.
    canary_limit_seconds: Seconds = 5
    # Sockets a second that are told to reconnect while this edge has more than its fair share of
    # all edges' sockets, of which their canaries tell. 0: none.
    given_away_per_second: Annotated[float, Field(ge=0, le=1_000)] = 0
    # The part of its fair share that an edge may have beyond it.
    fair_share_tolerance: Annotated[float, Field(gt=0, le=10)] = 0.2
    # From SIGTERM until the last socket is closed, whatever the clients do.
    drain_seconds: Seconds = 5
    # Clients that are told to reconnect spread over this time.
    reconnect_spread_seconds: Annotated[float, Field(ge=0)] = 3
    # A closed socket whose peer does not answer is cut off after this.
    close_timeout_seconds: Seconds = 5

    # From accept until a connection has a session, or its request is answered (408).
    handshake_timeout_seconds: Seconds = 10
    # Connections: so many accepted at once, and so many a second; more wait in the kernel's queue.
    accepts_burst: Count = 1000
    accepts_per_second: PerSecond = 500
    # Open connections without a session; the oldest is closed (503).
    connections_without_session: Count = 2000
    # The request line (414), one header (431), all of them (431), their number (431).
    max_line_bytes: Count = 8192
    max_head_bytes: Count = 32 * 1024
    max_header_lines: Count = 128
    # Bytes of one connection: so many at once, and so many a second; more wait in the kernel. A
    # read counts as 1024 at least.
    bytes_burst: Count = 4 * 1024 * 1024
    bytes_per_second: PerSecond = 1024 * 1024

    max_packet_bytes: Count = 64 * 1024
    # Frames of one socket that bring no packet, PINGs of WebSocket and fragments but the last: so
    # many at once, and so many a second (4400). And frames of one packet (4400).
    frames_burst: Count = 200
    frames_per_second: PerSecond = 50
    fragments_per_packet: Count = 128
    # Encoded packets that wait for one slow reader (4101). More than one commit brings at once, so
    # that a burst does not close a reader who is fast enough.
    outbox_bytes: Count = 4 * 1024 * 1024
    # Requests of one socket that are being answered at the same time; more wait in the socket.
    requests_per_socket: Count = 16
    # Bytes that are held for one user over all sockets: packets that wait to be read or confirmed
    # (the socket with the most is closed with 4101), and packets that are being answered
    # (RESOURCE_EXHAUSTED). More than one outbox with the largest page.
    bytes_per_user: Count = 16 * 1024 * 1024
    # The same for all users; the user with the most goes first (4200).
    bytes_per_edge: Count = 512 * 1024 * 1024
    # Packets of one user over all sockets: so many at once, and so many a second; more are refused
    # (RATE_LIMITED).
    packets_burst: Count = 500
    packets_per_second: PerSecond = 100
    # Bytes of pages and replays of one user over all sockets: so many at once, and so many a
    # second; the next page waits.
    page_bytes_burst: Count = 8 * 1024 * 1024
    page_bytes_per_second: PerSecond = 2 * 1024 * 1024
    # Refused packets of one socket that never waits as it is told (4400).
    rate_limited_packets: Count = 500
    # Undecodable packets of one socket within a minute (4400).
    bad_packets_per_minute: Count = 20
    sockets_per_user: Count = 20
    # Handshakes of one user: so many at once, and so many a second; more are refused (429).
    connections_burst: Count = 100
    connections_per_second: PerSecond = 5
    # Open connections, those without a session included.
    sockets_per_edge: Count = 20_000
    # Users who have left, of whom it is remembered what restricted them; those who left first are
    # forgotten. Also of how many it is remembered how often they asked.
    known_standings: Count = 100_000
    # For which who has left is followed still at moderation and negotiation, so that who comes back
    # meanwhile costs neither a call. 0: not at all.
    follow_linger_seconds: Annotated[float, Field(ge=0, le=3_600)] = 60
    # Of one user over HTTP (reasons, appeals, what is left of deals); more are refused (429).
    http_requests_burst: Count = 10
    http_requests_per_second: PerSecond = 1
    # Alerts of one user whose delivery a client has not confirmed, over all sockets; the oldest of
    # the socket with the most are forgotten.
    unconfirmed_alerts: Count = 10_000
    # Changes that a resume replays before it says that it is not complete.
    resume_changes: Count = 20_000
    # Pages of changes that are asked for at once at each service. When everybody comes back at once
    # the others wait here, where their time for an answer has not begun.
    concurrent_replays: Count = 32
    # Items of one batch call, and items that wait for the next (RESOURCE_EXHAUSTED).
    batch_items: Count = 1000
    batch_bytes: Count = 2 * 1024 * 1024
    waiting_items: Count = 20_000

    _split_origins = field_validator("allowed_origins", mode="before")(split_list)

    @field_validator("web_token_url", "web_sign_in_url")
    @classmethod
    def _check_address(cls, address: str | None) -> str | None:
        if address is not None and not _ADDRESS.fullmatch(address):
            raise ValueError("write an address of http or https, or a path that begins with /")
        return address

    @model_validator(mode="after")
    def _check_fair_share(self) -> Self:
        if self.given_away_per_second and not self.canary_interval_seconds:
            raise ValueError(
                "PARLEY_EDGE_GIVEN_AWAY_PER_SECOND needs PARLEY_EDGE_CANARY_INTERVAL_SECONDS: an"
                " edge knows of the others by their canaries"
            )
        return self

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read and validate the environment. Raises pydantic's ValidationError."""
        return cls.model_validate({})

"""The desk's settings, from environment variables that begin with PARLEY_DESK_."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from service_kit.authentication.lists import split_list
from service_kit.authentication.settings import TokenSettings
from service_kit.process.targets import Target
from service_kit.tls.settings import CallerTlsSettings
from service_kit.tracing import settings as tracing

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
PerSecond = Annotated[float, Field(gt=0)]

LIMITS = (
    "open_requests",
    "max_body_bytes",
    "sessions",
    "sessions_per_user",
    "sign_ins_per_second",
    "requests_per_second",
    "streams_per_session",
    "stream_events",
    "call_timeout_seconds",
    *tracing.LIMITS,
)
"""The settings below that are limits, each counted when it is reached."""


class Settings(TokenSettings, CallerTlsSettings, tracing.SamplingSettings):
    """The settings and limits of a desk; frozen. Those of tokens, TLS and traces are the kit's."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_DESK_", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8090
    log_level: str = "info"
    # For Prometheus, on a port of its own; 0: none.
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0

    # host:port of the moderation service, and the file with the credential by which it knows us.
    # None: it knows us by our certificate.
    moderation_target: Target = "127.0.0.1:7103"
    credential_file: Path | None = None
    # After which it is noticed that this file has changed, or one of TLS.
    credentials_refresh_seconds: Seconds = 5

    # The exact origins under which moderators open the desk, separated by commas. Without any it
    # is that of its own port on this machine.
    origins: Annotated[tuple[str, ...], NoDecode] = ()
    # The built app, which is served below /; None: there is none.
    app_folder: Path | None = None
    # Where moderators sign in and get their token: an http(s) address, which the app shows.
    sign_in_url: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None = None

    # Within which a moderator is answered, or told that the service was too late.
    call_timeout_seconds: Seconds = 10
    # Without a sign of life for this long the Watch stream is opened anew.
    watch_timeout_seconds: Seconds = 5
    # After which a stream of events that has nothing to tell says that it is alive.
    heartbeat_seconds: Seconds = 15
    # From SIGTERM until the last request is cut off.
    drain_seconds: Annotated[int, Field(gt=0)] = 5

    # A session ends with its token, and without a request for so long.
    idle_seconds: Annotated[int, Field(gt=0)] = 1800
    # Sessions of all; one more is refused (503). And of one moderator; the oldest is ended.
    sessions: Count = 1000
    sessions_per_user: Count = 10
    # Attempts to sign in, of all: so many at once, and so many a second; more are refused (429).
    sign_ins_burst: Count = 30
    sign_ins_per_second: PerSecond = 5
    # Requests of one session, as above.
    requests_burst: Count = 200
    requests_per_second: PerSecond = 20
    # The body of a request (413), and the time in which it has to come (408).
    max_body_bytes: Count = 256 * 1024
    body_timeout_seconds: Seconds = 10
    # Line and headers of a request (400), and the time in which they have to come.
    max_head_bytes: Count = 32 * 1024
    head_timeout_seconds: Seconds = 10
    # Requests that are not answered yet, streams of events included; more are refused (503).
    open_requests: Count = 1000
    # Streams of events of one session; the oldest is ended.
    streams_per_session: Count = 6
    # Events that are kept for who comes back, and that wait for one slow reader: more, and what is
    # shown has to be loaded anew.
    stream_events: Count = 500

    _split_origins = field_validator("origins", mode="before")(split_list)

    @model_validator(mode="after")
    def _check_credential(self) -> Self:
        if self.credential_file is None and self.tls_certificate_file is None:
            raise ValueError(
                "CREDENTIAL_FILE is missing, and there is no TLS_CERTIFICATE_FILE by which"
                " moderation could know the desk"
            )
        return self

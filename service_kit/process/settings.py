"""Settings from the environment: frozen, checked at the start, explained in one line when bad."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, NoReturn, Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service_kit.tls.settings import ServerTlsSettings
from service_kit.tracing import settings as tracing

SettingsType = TypeVar("SettingsType", bound="Settings")


class Settings(BaseSettings):
    """The base of every part's settings; each gives its own `env_prefix`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    log_level: str = Field("info", pattern="^(?i:debug|info|warning|error|critical)$")


Address = Annotated[str, Field(pattern=r"^.+:\d{1,5}$")]
Seconds = Annotated[float, Field(gt=0, le=3_600)]
Minutes = Annotated[float, Field(gt=0, le=525_600)]
Hours = Annotated[float, Field(gt=0, le=87_600)]
Days = Annotated[float, Field(gt=0, le=3_650)]
Count = Annotated[int, Field(ge=1)]


class Timeouts(NamedTuple):
    """Timeouts of a database, in seconds. SQLite knows the lock's alone."""

    connect: float = 5.0
    lock: float = 5.0
    statement: float = 10.0
    # A writer that is frozen in its transaction stops all others for so long.
    idle_transaction: float = 2.0


KIT_LIMITS = (
    "max_batch",
    "changes_page",
    "changes_bytes",
    "watch_queue_events",
    "max_transaction_items",
    "max_waiting_items",
    "retention_batch",
    "sqlite_log_bytes",
    "bus_early_revisions",
    "bus_batch_bytes",
    "bus_waiting_signals",
    *tracing.LIMITS,
)
"""The settings below that are limits, each counted when it is reached."""


class ServiceSettings(Settings, ServerTlsSettings, tracing.TracingSettings):
    """Settings that every service has."""

    listen: Address = "127.0.0.1:0"
    database_url: str
    # One line, so that the password stands neither in the address nor in the environment.
    database_password_file: Path | None = None
    # Synchronous when a commit is on a standby before it is told: a promotion loses nothing then.
    database_replication: Literal["asynchronous", "synchronous"] = "asynchronous"
    # For which a start waits until the process before has let go of the database.
    database_handover_seconds: Annotated[float, Field(ge=0, le=3_600)] = 5.0
    database_connect_timeout_seconds: Seconds = Timeouts().connect
    database_lock_timeout_seconds: Seconds = Timeouts().lock
    database_statement_timeout_seconds: Seconds = Timeouts().statement
    database_idle_transaction_timeout_seconds: Seconds = Timeouts().idle_transaction
    # How the processes that serve one database hear of one another's commits; with `none` there is
    # one. By default `postgresql` on PostgreSQL, and `none` on SQLite.
    bus: Literal["none", "postgresql", "nats"] | None = None
    # The address of NATS, `nats://user@host:4222`, several with commas; and a file with the
    # password of its user, or with a token where it names none.
    bus_url: str | None = None
    bus_password_file: Path | None = None
    # How often the clock of the database is read, in case that word did not come; and how often
    # while none can come.
    bus_look_seconds: Seconds = 1.0
    bus_poll_seconds: Seconds = 0.2
    # For which a revision may be missing before it is read.
    bus_hole_seconds: Seconds = 0.02
    # Revisions that wait for those before them.
    bus_early_revisions: Count = 10_000
    # For which the events of a revision can be read by others.
    bus_kept_seconds: Seconds = 30.0
    # The events of a revision that others can be told; beyond it their streams end.
    bus_batch_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024
    # Events that are stored nowhere and wait to be told to others.
    bus_waiting_signals: Count = 1_000
    # The digests of the credentials that are accepted, one a line: `caller: digest`. None where
    # callers are known by their certificates alone.
    credentials_file: Path | None = None
    # After which it is noticed that a file of credentials, or of TLS, has changed.
    credentials_refresh_seconds: Seconds = 5.0
    reflection: bool = False
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    # After which connections are ended, so that a new replica gets its share of them. 0: never;
    # None: 0 on SQLite, which one process serves, and 600 on PostgreSQL.
    max_connection_age_seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    grace_seconds: Annotated[float, Field(ge=0, le=300)] = 5.0
    reader_threads: Annotated[int, Field(ge=1, le=64)] = 2
    max_batch: Count = 1_000
    changes_page: Count = 500
    changes_bytes: Count = 2 * 1024 * 1024
    watch_queue_events: Count = 20_000
    watch_progress_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    max_transaction_items: Count = 2_000
    max_waiting_items: Count = 20_000
    # After which another process does what one did that is gone, or stands still.
    lease_seconds: Annotated[float, Field(ge=1, le=60)] = 4.0
    # For which an idempotency key is remembered.
    idempotency_days: Days = 180
    # Rows that one transaction deletes because they were kept long enough.
    retention_batch: Count = 500
    # Beyond which the writer waits until SQLite's log has moved into the file, to begin it anew.
    sqlite_log_bytes: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024

    @property
    def connection_age_seconds(self) -> float:
        """The seconds after which connections are ended; 0: never."""
        if self.max_connection_age_seconds is not None:
            return self.max_connection_age_seconds
        return 0.0 if self.database_url.startswith("sqlite") else 600.0

    @model_validator(mode="after")
    def _check_callers(self) -> Self:
        self.check_tls(self.listen)
        known_by = self.callers_known_by
        if (self.credentials_file is None) != (known_by == "certificate"):
            raise ValueError(
                f"CREDENTIALS_FILE is {'missing' if self.credentials_file is None else 'set'}, and"
                f" CALLERS_KNOWN_BY is {known_by}"
            )
        return self

    def timeouts(self) -> Timeouts:
        """Give the timeouts of the database."""
        return Timeouts(
            connect=self.database_connect_timeout_seconds,
            lock=self.database_lock_timeout_seconds,
            statement=self.database_statement_timeout_seconds,
            idle_transaction=self.database_idle_transaction_timeout_seconds,
        )


def load(settings: type[SettingsType]) -> SettingsType:
    """Read the settings, or say on one line what is wrong with them and exit with 2."""
    try:
        # The type checker can not know that the fields come from the environment.
        from_environment: Callable[[], SettingsType] = settings
        return from_environment()
    except ValidationError as error:
        stop(problems_of(error, settings.model_config.get("env_prefix", "")))


def problems_of(error: ValidationError, prefix: str) -> str:
    """All problems of settings on one line, each with its variable."""
    # The values stay unsaid: one of them may be a secret.
    return "; ".join(
        f"{prefix}{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    )


def stop(problem: str) -> NoReturn:
    """Say a problem of the settings on one line of standard error, and exit with 2."""
    sys.stderr.write(f"bad settings: {problem}\n")
    raise SystemExit(2)

"""Follows the Watch of another service from a position in one's own database.

Each event is delivered at least once, and takes effect once: `apply` stores the effect and the
position in one transaction. The stream is a doorbell; what it failed to bring is read.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import structlog
from prometheus_client import CollectorRegistry, Gauge

from service_kit.authentication.credentials import Present, presented
from service_kit.channels.connections import Connections
from service_kit.follow.positions import Step, read_followed
from service_kit.leases.leases import LeaseLeft
from service_kit.process.settings import ServiceSettings
from service_kit.rules import Position
from service_kit.storage.readers import Readers
from service_kit.storage.writer import StorageUnavailable, WriterOverloaded
from service_kit.tracing.follow import following
from service_kit.tracing.spans import Tracing

_OPTIONS = (
    # One commit for many may be far more than the 4 MiB of default; the service bounds it.
    ("grpc.max_receive_message_length", 128 * 1024 * 1024),
)
_CHANGES_PAGE = 500
_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0

Apply = Callable[[Position, Sequence[Any]], Awaitable[None]]
Concerns = Callable[[Any], bool]
CaughtUp = Callable[[Position], Awaitable[None]]


class _BrokenOffError(Exception):
    """The stream broke off: the service has to be watched anew."""


@dataclass(frozen=True)
class Source:
    """The service to follow, at `target`, to which `present` tells who follows it, by way of
    `connections`.

    Of its contract: the module of the messages Position, WatchRequest and ListChangesRequest, both
    requests with `everything`; and the stub, which has Watch and ListChanges.
    """

    name: str
    target: str
    present: Present
    messages: Any
    stub: Callable[[grpc.aio.Channel], Any]
    connections: Connections = field(default_factory=Connections)


def read_source(
    settings: ServiceSettings,
    name: str,
    messages: Any,
    stub: Callable[[grpc.aio.Channel], Any],
    connections: Connections,
) -> Source:
    """Make a source from the settings `{name}_target` and `{name}_credential_file`.

    Raises ValueError for a credential that can not be read.
    """
    path = getattr(settings, f"{name}_credential_file")
    if path is None and settings.tls_certificate_file is None:
        prefix = settings.model_config.get("env_prefix")
        raise ValueError(f"{prefix}{name.upper()}_CREDENTIAL_FILE is not set")
    target = getattr(settings, f"{name}_target")
    present = presented(path, settings.credentials_refresh_seconds)
    return Source(name, target, present, messages, stub, connections)


class FollowerMetrics:
    """Metrics of all followers of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, description: str) -> Gauge:
            return Gauge(name, description, ["source"], registry=registry)

        self.live = gauge("follower_live", "1 while the stream of the service is followed.")
        self.revision = gauge("follower_revision", "The revision up to which all is applied.")
        self.lag = gauge("follower_lag_revisions", "Known revisions that are not applied yet.")


class Follower:
    """Brings everything that happens in `source` to `apply`, in order, for as long as `run` runs.

    `apply(position, events)` translates the events and has them stored together with the position,
    by an operation that asks `positions.advance` first and does nothing when it says False. Without
    events the position alone is stored: after many revisions without any, and as revision 0 when
    the source is followed for the first time or has another epoch, which is then applied from its
    beginning. What a service derived from an epoch before is its own to keep or drop: `caught_up`
    is called whenever all is applied up to a position at which a stream began.

    `name` is this service's, for the logs of the other. Times are in seconds: `silence` is when a
    stream without a sign of life is given up. After `progress_revisions` a mere position is stored.
    Each that is stored is a revision here: were it a matter of time, two services that follow each
    other would never come to rest. An event that does not `concern` this service is as none: for a
    service that waits for one kind among many, a transaction for each revision was two thirds
    of what following costs. After `patience` without a stream LeaseLeft is raised, so that
    another process follows; None is never.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        readers: Readers,
        apply: Apply,
        metrics: FollowerMetrics,
        *,
        concerns: Concerns = lambda _event: True,
        caught_up: CaughtUp | None = None,
        call_timeout_seconds: float = 5.0,
        silence_seconds: float = 5.0,
        progress_revisions: int = 1_000,
        patience_seconds: float | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._name = name
        self._tracing = tracing
        self._source = source
        self._readers = readers
        self._apply = apply
        self._concerns = concerns
        self._caught_up = caught_up
        self._call_timeout = call_timeout_seconds
        self._silence = silence_seconds
        self._progress = progress_revisions
        self._patience = patience_seconds
        self._present = source.present
        self._live = metrics.live.labels(source.name)
        self._revision = metrics.revision.labels(source.name)
        self._lag = metrics.lag.labels(source.name)
        self._log = structlog.get_logger("service_kit.follow.follower")
        # Up to where all is applied, up to where that was stored, and what is known to be.
        self._position = Position("", 0)
        self._stored = 0
        self._known = 0
        # How often this database had moved when it was asked how far it has followed.
        self._moves = 0
        self._was_live = False

    async def run(self) -> None:
        """Follow until cancelled. Raises what `apply` raises but for an unavailable database."""
        try:
            await self._keep_following()
        finally:
            # Another process goes on, and this one knows nothing of it.
            self._lag.set(0)

    async def _keep_following(self) -> None:
        source = self._source
        retry, failing_since = _FIRST_RETRY_SECONDS, time.monotonic()
        while True:
            try:
                # Each attempt has a connection of its own: the replica before may be frozen.
                async with source.connections.open(
                    source.name, source.target, _OPTIONS, keeps=True
                ) as channel:
                    await self._follow(source.stub(channel))
            except (
                grpc.aio.AioRpcError,
                TimeoutError,
                _BrokenOffError,
                StorageUnavailable,
                WriterOverloaded,
            ) as error:
                self._log.warning("following ended", source=source.name, cause=_cause(error))
                source.connections.failed(source.name, source.target, error)
                if self._was_live:
                    retry, failing_since = _FIRST_RETRY_SECONDS, time.monotonic()
                elif self._patience and time.monotonic() - failing_since > self._patience:
                    raise LeaseLeft(_cause(error)) from error
            finally:
                self._live.set(0)
                self._was_live = False
            # All that follow one service must not come back in the same instant.
            await asyncio.sleep(retry * random.uniform(0.5, 1))  # noqa: S311, no secret
            retry = min(retry * 2, _LAST_RETRY_SECONDS)

    async def _follow(self, stub: Any) -> None:
        """Watch once: catch up with where the stream begins, then go along with it."""
        stream = stub.Watch(
            self._source.messages.WatchRequest(watcher_name=self._name, everything=True),
            metadata=self._present(),
        )
        self._moves = self._readers.moves
        try:
            now, _ = await self._next(stream)
            await self._catch_up(stub, now)
            self._was_live = True
            self._live.set(1)
            self._log.info("following", source=self._source.name, revision=now.revision)
            while True:
                await self._advance(*await self._next(stream))
        finally:
            stream.cancel()

    async def _next(self, stream: Any) -> tuple[Position, Sequence[Any]]:
        async with asyncio.timeout(self._silence):
            response = await stream.read()
        if response is grpc.aio.EOF:
            raise _BrokenOffError("the service ended the stream")
        if self._moves != self._readers.moves:
            raise _BrokenOffError("this database is another one, and may lack what was followed")
        position = Position(response.position.epoch, response.position.revision)
        self._known = position.revision
        self._measure()
        return position, response.events

    async def _catch_up(self, stub: Any, now: Position) -> None:
        """Read and apply what happened since the stored position."""
        stored = await self._readers.run(read_followed, self._source.name)
        if stored is None or stored.epoch != now.epoch:
            self._log.warning("following from the beginning", source=self._source.name)
            stored = Position(now.epoch, 0)
            await self._apply(stored, ())
        if stored.revision > now.revision:
            # This replica may be behind. A database that went back learns it by this and gets
            # another epoch.
            await self._list(stub, stored, now, "")
            raise _BrokenOffError(f"at {now.revision}, and it was followed to {stored.revision}")
        self._note_stored(stored)
        token, more = "", stored.revision < now.revision
        while more:
            page = await self._list(stub, stored, now, token)
            if not page.complete:
                raise _BrokenOffError("the service can not tell what happened")
            for change in page.changes:
                await self._advance(Position(now.epoch, change.revision), change.events)
            token = page.next_page_token
            more = bool(token)
        await self._advance(now, ())
        if self._caught_up is not None:
            await self._caught_up(now)

    async def _list(self, stub: Any, after: Position, until: Position, token: str) -> Any:
        messages = self._source.messages
        request = messages.ListChangesRequest(
            everything=True,
            after=messages.Position(epoch=after.epoch, revision=after.revision),
            until=messages.Position(epoch=until.epoch, revision=until.revision),
            page_size=_CHANGES_PAGE,
            page_token=token,
        )
        return await stub.ListChanges(request, metadata=self._present(), timeout=self._call_timeout)

    async def _advance(self, position: Position, events: Sequence[Any]) -> None:
        """Apply what leads to `position`, unless that was done before."""
        if position.epoch != self._position.epoch:
            raise _BrokenOffError("another epoch")
        ahead = position.revision - self._position.revision
        if ahead < 0 or (ahead == 0 and events):
            return
        events = [one for one in events if self._concerns(one)]
        if events or position.revision - self._stored >= self._progress:
            with following(self._tracing, self._source.name, events):
                await self._apply(Step.beyond(self._stored, position), events)
            self._note_stored(position)
        self._position = position
        self._measure()

    def _note_stored(self, position: Position) -> None:
        self._position = position
        self._stored = position.revision
        self._measure()

    def _measure(self) -> None:
        self._revision.set(self._position.revision)
        self._lag.set(max(0, self._known - self._position.revision))


def _cause(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__

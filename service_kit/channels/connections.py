"""Connections of a part to the services that it calls, with TLS or without, as its settings say."""

import asyncio
import time
from collections.abc import Mapping, Set

import grpc
import structlog

from service_kit.channels.opening import Options, open_channel, options_of
from service_kit.channels.reloading import ReloadingChannel
from service_kit.tls.diagnosis import Shown, problem_of_connection
from service_kit.tls.own_files import Files
from service_kit.tls.settings import CallerTlsSettings

_logger = structlog.get_logger(__name__)

# Whoever can not connect tries again every second or two.
_BETWEEN_FINDINGS_SECONDS = 60.0
_BETWEEN_LOOKS_SECONDS = 5.0


class Connections:
    """Opens channels, and finds out why one fails. Without files there is no TLS."""

    def __init__(
        self,
        files: Files | None = None,
        names: Mapping[str, str] | None = None,
        plain: Set[str] = frozenset(),
    ) -> None:
        self._files = files or Files()
        self._names = names or {}
        self._plain = plain
        self._looked: dict[str, float] = {}
        self._looking: set[asyncio.Task[None]] = set()
        # The credentials of what the files said last.
        self._made: tuple[object, object] = (None, None)
        self._credentials: grpc.ChannelCredentials | None = None

    def open(
        self, name: str, target: str, options: Options = (), *, keeps: bool = False
    ) -> grpc.aio.Channel:
        """Open a channel to the service of that name, as `open_channel` does."""
        if not self._secure(name):
            return open_channel(target, options, keeps=keeps)
        options = options_of(options, keeps=keeps)
        if name in self._names:
            options = [*options, ("grpc.ssl_target_name_override", self._names[name])]
        return ReloadingChannel(target, self._present_credentials, options)

    def _secure(self, name: str) -> bool:
        return self._files.authorities is not None and name not in self._plain

    def _present_credentials(self) -> grpc.ChannelCredentials:
        identity = self._files.identity and self._files.identity()
        authorities = self._files.authorities and self._files.authorities()
        made = (identity, authorities)
        if (
            self._credentials is None
            or made[0] is not self._made[0]
            or made[1] is not self._made[1]
        ):
            self._made = made
            self._credentials = grpc.ssl_channel_credentials(
                authorities.pem if authorities else None,
                identity.key if identity else None,
                identity.chain if identity else None,
            )
        return self._credentials

    def failed(self, name: str, target: str, error: BaseException) -> None:
        """Note that a call failed: when the connection did, find out why, and tell the log."""
        if not isinstance(error, grpc.aio.AioRpcError):
            return
        # One that the service itself gave has trailing metadata.
        if error.code() is not grpc.StatusCode.UNAVAILABLE or error.trailing_metadata():
            return
        now = time.monotonic()
        if now < self._looked.get(name, now - 1):
            return
        self._looked[name] = now + _BETWEEN_FINDINGS_SECONDS
        task = asyncio.create_task(self._find_out(name, target))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _find_out(self, name: str, target: str) -> None:
        problem = await asyncio.to_thread(problem_of_connection, target, self._shown(name))
        if not problem:
            # It may only have been away; what comes in its place is looked at sooner.
            self._looked[name] = time.monotonic() + _BETWEEN_LOOKS_SECONDS
            return
        if self._files.metrics is not None:
            self._files.metrics.connection_failures.labels(name).inc()
        _logger.error("no connection by TLS", service=name, target=target, problem=problem)

    def _shown(self, name: str) -> Shown | None:
        if not self._secure(name) or self._files.authorities is None:
            return None
        return Shown(
            self._files.authorities().pem,
            self._names.get(name),
            self._files.certificate_file,
            self._files.key_file,
        )


def connections(settings: CallerTlsSettings, files: Files) -> Connections:
    """Make the connections of a part, whose files have been read."""
    return Connections(files, settings.target_names(), frozenset(settings.tls_plain_targets))

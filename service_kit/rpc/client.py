"""A client of another service: connection, credential, deadline, and the reason of a failure."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import grpc

from service_kit.authentication.credentials import Present, presented
from service_kit.channels.connections import Connections
from service_kit.channels.retries import Retries, is_repeatable
from service_kit.channels.statuses import info_of, status_of
from service_kit.process.settings import ServiceSettings
from service_kit.tracing.calls import calling

_OPTIONS = (
    # A refusal may bear how things stand.
    ("grpc.max_metadata_size", 64 * 1024),
    # More than any answer holds; the caller bounds it.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)


class Client:
    """Calls another service, as the caller that `present` tells it.

    Each call waits for `timeout_seconds` at most, and no longer than the caller's own caller does.
    `timed_out` is called when the former was not enough, and `failed` with each failure.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        stub: Callable[[grpc.aio.Channel], Any],
        present: Present,
        timeout_seconds: float,
        timed_out: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._stub = stub(channel)
        self._present = present
        self._timeout_seconds = timeout_seconds
        self._timed_out = timed_out
        self._failed = failed
        self._retries = Retries(
            lambda: channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE
        )

    async def call(self, method: str, request: Any, seconds_left: float | None = None) -> Any:
        """Call the method of that name within `seconds_left`. Raises AioRpcError."""
        timeout = self._timeout_seconds
        if seconds_left is not None:
            timeout = max(0.0, min(timeout, seconds_left))
        call = getattr(self._stub, method)
        try:
            with calling(method) as span:
                return await self._retries.run(
                    lambda seconds: call(
                        request, metadata=(*self._present(), *span.metadata), timeout=seconds
                    ),
                    timeout,
                    lambda: is_repeatable(method, request),
                )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._timed_out()
            self._failed(error)
            raise


@asynccontextmanager
async def dial(
    target: str,
    stub: Callable[[grpc.aio.Channel], Any],
    present: Present,
    timeout_seconds: float,
    timed_out: Callable[[], None],
    connections: Connections | None = None,
    name: str = "",
) -> AsyncIterator[Client]:
    """Keep a connection while the context lasts; it is made with the first call.

    `connections` opens it as the settings say of the service of that `name`; without TLS if there
    are none.
    """
    connections = connections or Connections()
    async with connections.open(name, target, _OPTIONS) as channel:
        failed = partial(connections.failed, name, target)
        yield Client(channel, stub, present, timeout_seconds, timed_out, failed)


def dial_by_settings(
    settings: ServiceSettings,
    name: str,
    stub: Callable[[grpc.aio.Channel], Any],
    reached: Callable[[str], None],
    connections: Connections,
) -> AbstractAsyncContextManager[Client]:
    """Dial a service by the settings that begin with its name: its target, the file with this
    service's credential, and its timeout, whose name is told to `reached`.
    """
    timeout = f"{name}_timeout_seconds"
    return dial(
        getattr(settings, f"{name}_target"),
        stub,
        presented(
            getattr(settings, f"{name}_credential_file"), settings.credentials_refresh_seconds
        ),
        getattr(settings, timeout),
        partial(reached, timeout),
        connections,
        name,
    )


def reason_of(error: grpc.aio.AioRpcError, domain: str) -> str:
    """Give the reason that a service names for its refusal; empty if it is none of this domain."""
    status = status_of(error)
    info = None if status is None else info_of(status)
    return info.reason if info is not None and info.domain == domain else ""

"""A gRPC server as every service has it: admission, boundary, health, reflection, signals."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from service_kit.authentication.callers import HEALTH, REFLECTION, Methods
from service_kit.authentication.credentials import AcceptedCredentials
from service_kit.rpc.admission import AdmissionInterceptor
from service_kit.rpc.instruments import CallInstruments
from service_kit.rpc.interceptors import BoundaryInterceptor
from service_kit.tls.server import CertificateNames
from service_kit.tracing.spans import Tracing

_logger = structlog.get_logger(__name__)

OPTIONS: tuple[tuple[str, int], ...] = (
    # A second process on the same port is a mistake that must be seen.
    ("grpc.so_reuseport", 0),
    # After an interruption an edge names all of its users in one call: 20,000 of the longest names,
    # each twice when it is invisible, are 19 MiB.
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    # The longest token of a moderator, beside a credential.
    ("grpc.max_metadata_size", 16 * 1024),
    # Clients keep their idle connections alive by pings, which a server forbids by default.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # A connection that says nothing is not kept.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # A watcher whose machine or network is gone sends no word of it.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # No ping for each message, to find out how much fits into the line: for these and their answers
    # the threads of an idle process woke up twice as often. So the window is a fixed one.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1024 * 1024),
)

# What is still open then on a connection that was told to go is cut off. An edge renews its stream
# of requests every thirty seconds, and streams of events end by themselves.
_AGED_GRACE_MS = 90_000


class Server:
    """A service's gRPC server, not listening yet. `callers` says who may call which method.

    They are known by credentials, certificates or both, and by what is None not. `transport` is how
    it listens, without TLS if there is none.
    """

    def __init__(
        self,
        contract: ServiceDescriptor,
        callers: Methods,
        domain: str,
        credentials: AcceptedCredentials | None,
        translate: Callable[[Exception], status_pb2.Status | None],
        instruments: CallInstruments,
        *,
        certificates: CertificateNames | None = None,
        transport: grpc.ServerCredentials | None = None,
        max_connection_age_seconds: float = 0,
        tracing: Tracing | None = None,
    ) -> None:
        options = list(OPTIONS)
        if max_connection_age_seconds:
            options += (
                ("grpc.max_connection_age_ms", int(max_connection_age_seconds * 1000)),
                ("grpc.max_connection_age_grace_ms", _AGED_GRACE_MS),
            )
        permissions = {
            f"/{service}/{method}": admitted
            for service, methods in (
                (contract.full_name, callers),
                (health.SERVICE_NAME, HEALTH),
                (reflection.SERVICE_NAME, REFLECTION),
            )
            for method, admitted in methods.items()
        }
        admission = AdmissionInterceptor(
            credentials, permissions, domain, instruments, certificates
        )
        self.grpc = grpc.aio.server(
            interceptors=[
                admission,
                BoundaryInterceptor(
                    domain,
                    translate,
                    instruments,
                    admission,
                    # gRPC ends connections when they are up to a tenth older than that.
                    max_connection_age_seconds * 1.1,
                    tracing,
                ),
            ],
            options=options,
        )
        self._transport = transport
        self._instruments = instruments
        self._service_name = contract.full_name
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.grpc)

    def add_reflection(self) -> None:
        """Let tools list the contract."""
        names = (self._service_name, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self.grpc)

    async def start(self, listen: str) -> int:
        """Listen on `host:port` (0: any free one) and serve; gives the port. Raises OSError."""
        try:
            if self._transport is None:
                port = self.grpc.add_insecure_port(listen)
            else:
                port = self.grpc.add_secure_port(listen, self._transport)
        except RuntimeError as error:
            raise OSError(f"can not listen on {listen}") from error
        await self.grpc.start()
        for name in ("", self._service_name):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def drain(self) -> None:
        """Say NOT_SERVING, so that no new calls are sent here; what runs goes on."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_seconds: float, end_streams: Callable[[], None]) -> None:
        """Take no more calls; let those that run end, and then the streams, within the grace."""
        stopping = asyncio.ensure_future(self.grpc.stop(grace_seconds))
        try:
            # Half of the grace, so that a call that hangs leaves the streams time to be drained.
            async with asyncio.timeout(grace_seconds / 2):
                await self._instruments.idle()
        except TimeoutError:
            _logger.warning("calls did not end in time", calls=self._instruments.under_way)
        end_streams()
        self._instruments.end_exchanges()
        await stopping


async def wait_for_signal(stopping: asyncio.Event) -> None:
    """Return at the first SIGTERM or SIGINT, or when something else sets the event."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()


async def probe_health(
    target: str, timeout_seconds: float = 2.0, channel: grpc.aio.Channel | None = None
) -> bool:
    """Ask the health of the server at `target`, on a channel to it if that is not to be one without
    TLS; False when it can not be reached either.
    """
    async with channel or grpc.aio.insecure_channel(target) as opened:
        stub: Any = health_pb2_grpc.HealthStub(opened)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_seconds)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

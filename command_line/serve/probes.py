"""Probes with bounded time: free ports, and the health of parts."""

import asyncio
import errno
import http.client
import json
import random
import socket
from itertools import islice
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from command_line.display.console import CommandError

SECONDS_PER_PROBE = 2.0
# Below the range from which the system takes ports for outgoing connections: a part that starts
# again must find its port free, and a client that dials it meanwhile must not meet itself.
LOOPBACK_PORTS = range(20_000, 32_000)


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now; CommandError when the host is not this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(address)
            except PermissionError as error:
                raise CommandError(f"port {port} needs rights that you do not have") from error
            # Two sockets may be bound alike under SO_REUSEADDR; only one of them may listen.
            candidate.listen(1)
    except socket.gaierror as error:
        raise CommandError(f"cannot listen on {host!r}: {error.strerror}", 2) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise CommandError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return True


def free_port(host: str) -> int:
    """A port on which nothing listens now."""
    (port,) = free_ports(1, host)
    return port


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """So many different ports on which nothing listens now."""
    candidates = random.SystemRandom().sample(LOOPBACK_PORTS, 100 + count)
    found = list(islice((port for port in candidates if port_is_free(host, port)), count))
    if len(found) < count:
        raise CommandError(f"found no free port on {host}")
    return found


async def grpc_is_healthy(target: str) -> bool:
    """Whether the health service at this target answers SERVING."""
    async with grpc.aio.insecure_channel(target) as channel:
        # By its path, since the published stubs of the health service know no methods.
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await check(health_pb2.HealthCheckRequest(), timeout=SECONDS_PER_PROBE)
        except grpc.aio.AioRpcError:
            # Not listening yet or refusing: not healthy, and the part's own log says why.
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def http_is_ready(host: str, port: int) -> bool:
    """Whether GET /readyz says that the edge there is ready."""
    return bool((await asyncio.to_thread(_get_readyz, host, port)).get("ready"))


async def services_reached(host: str, port: int) -> set[str]:
    """The services that the edge there reaches, by GET /readyz."""
    state = await asyncio.to_thread(_get_readyz, host, port)
    return {name for name, reached in state.items() if reached is True}


def _get_readyz(host: str, port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS_PER_PROBE)
    try:
        connection.request("GET", "/readyz")
        state: dict[str, Any] = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        # Not listening yet, or still busy: nothing is known.
        return {}
    else:
        return state
    finally:
        connection.close()

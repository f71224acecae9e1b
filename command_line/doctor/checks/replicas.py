"""Replicas: what each service says of itself beside its calls, and whether word of a commit comes
from one to the other by the bus that its settings name.
"""

import asyncio
import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from shlex import quote
from typing import Any

from nats.aio.client import Client as Nats
from nats.errors import Error as NatsError
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from command_line.doctor.checks.clocks import of_clock
from command_line.doctor.checks.readiness import ask_readiness
from command_line.doctor.checks.versions import of_version, version_in
from command_line.doctor.deployment import Deployment, Part, variable
from command_line.doctor.findings import Finding, Findings, in_thread
from command_line.doctor.kinds import Kind
from command_line.doctor.replicas import addresses_of, host_of
from command_line.serve.parts import LOOPBACKS, WILDCARDS
from service_kit.bus.nats import options_of
from service_kit.bus.opening import bus_of
from service_kit.process.settings import Timeouts
from service_kit.storage.engines import address_of, open_engine

# For an answer, and for a word that a bus is to pass on.
_SECONDS = 3.0
_HEARD_SECONDS = 3.0
_TIMEOUTS = Timeouts(connect=5, lock=2, statement=5, idle_transaction=10)
# Below it most transactions do not go with the word of them, and each is read by all replicas.
LEAST_PAYLOAD = 64 * 1024


@dataclass(frozen=True)
class ReplicaState:
    """The words of one replica on its port for metrics."""

    name: str
    url: str
    ready: bool
    problems: Mapping[str, str] = field(default_factory=dict)
    bus_connected: float | None = None
    bus_replicas: float | None = None
    version: str = ""
    ahead_seconds: float = 0.0
    uncertain_seconds: float = 0.0


async def check_replicas(deployment: Deployment) -> Findings:
    """Ask each replica that can be asked, and send a word by each bus."""
    for part in deployment.services:
        async for finding in _check_bus(deployment, part):
            yield finding
    if not deployment.running:
        return
    for part in deployment.services:
        urls = await _urls_of(deployment, part)
        looked = await asyncio.gather(*(in_thread(look, part.name, url) for url in urls))
        states = [state for state in looked if state is not None]
        for finding in judge(deployment, part, states):
            yield finding


async def _urls_of(deployment: Deployment, part: Part) -> list[str]:
    """Where the replicas of a service tell their metrics, as far as can be known."""
    settings = part.settings
    if not settings.metrics_port:
        return []
    hosts = set()
    if settings.metrics_host in LOOPBACKS:
        hosts.add(settings.metrics_host)
    else:
        for other in deployment.usable:
            for service, target, _ in other.calls():
                if service == part.name:
                    hosts |= {host_of(one) for one in await addresses_of(target)}
        own = WILDCARDS.get(settings.metrics_host, settings.metrics_host)
        hosts = hosts or {own}
    return [
        f"http://[{host}]:{settings.metrics_port}"
        if ":" in host
        else f"http://{host}:{settings.metrics_port}"
        for host in sorted(hosts)
    ]


def look(name: str, url: str) -> ReplicaState | None:
    """Ask one replica; None where that port cannot be reached from here, which may be meant."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=_SECONDS)
    try:
        found = ask_readiness(connection)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    gauges = {
        family.name: family.samples[0].value
        for family in text_string_to_metric_families(found.metrics)
        if family.name in {"bus_connected", "bus_replicas"} and family.samples
    }
    problems = found.state.get("problems")
    return ReplicaState(
        name,
        url,
        ready=found.ready,
        problems=problems if isinstance(problems, dict) else {},
        bus_connected=gauges.get("bus_connected"),
        bus_replicas=gauges.get("bus_replicas"),
        version=version_in(found.metrics),
        ahead_seconds=found.ahead_seconds,
        uncertain_seconds=found.uncertain_seconds,
    )


def judge(deployment: Deployment, part: Part, states: list[ReplicaState]) -> Iterator[Finding]:
    """Faults of the replicas of a service, each by itself and all together."""
    for state in states:
        if not state.ready:
            wrong = "; ".join(f"{name}: {says}" for name, says in state.problems.items())
            yield Finding(
                Kind.REPLICA_NOT_READY,
                part.name,
                f"{state.url}/readyz says that it is not ready: {wrong or 'it is draining'}",
                (f"curl -s '{state.url}/readyz?verbose'",),
            )
        if state.bus_connected == 0:
            yield Finding(
                Kind.REPLICA_DEAF,
                part.name,
                f"{state.url} hears nothing by its bus: it looks into the database again and again",
                (
                    f"curl -s {state.url}/metrics | grep ^bus_",
                    f"# look at {variable(part.name, 'bus')} and at what is between",
                ),
            )
        yield from of_version(f"{part.name} at {state.url}", state.version)
        whose = f"{part.name} at {state.url}"
        yield from of_clock(deployment, whose, state.ahead_seconds, state.uncertain_seconds)
    counts = {int(state.bus_replicas) for state in states if state.bus_replicas is not None}
    if len(counts) > 1:
        urls = " ".join(f"{state.url}/metrics" for state in states)
        yield Finding(
            Kind.REPLICAS_APART,
            part.name,
            f"its replicas count {', '.join(map(str, sorted(counts)))} of themselves: they are not"
            " on the same database",
            (f"curl -s {urls} | grep ^bus_replicas",),
        )


# --- The bus itself ------------------------------------------------------------------------------


async def _check_bus(deployment: Deployment, part: Part) -> Findings:
    try:
        kind = bus_of(part.settings)
    except ArgumentError:
        # Found at the database.
        return
    except ValueError as error:
        cure = deployment.unsetting(variable(part.name, "bus"))
        yield Finding(Kind.SETTINGS_CONTRADICT, part.name, str(error), (cure,))
        return
    if kind == "postgresql":
        for finding in await in_thread(of_notifications, deployment, part):
            yield finding
    elif kind == "nats":
        async for finding in of_nats(deployment, part):
            yield finding


def of_notifications(deployment: Deployment, part: Part) -> list[Finding]:
    """Notify the doctor's own channel, and hear it on another connection."""
    channel = f"parley_doctor_{token_hex(8)}"
    engine = open_engine(address_of(part.settings), "writer", 2, _TIMEOUTS)
    try:
        with engine.connect() as listening, engine.connect() as telling:
            driver: Any = listening.connection.driver_connection
            listening.exec_driver_sql(f"LISTEN {channel}")
            listening.commit()
            telling.exec_driver_sql(f"NOTIFY {channel}, 'word'")
            telling.commit()
            heard = list(driver.notifies(timeout=_HEARD_SECONDS, stop_after=1))
            listening.exec_driver_sql(f"UNLISTEN {channel}")
            listening.commit()
    except (SQLAlchemyError, ValueError):
        # Found at the database, which cannot be had, or writes nothing.
        return []
    finally:
        engine.dispose()
    if heard:
        return []
    url = make_url(part.settings.database_url).render_as_string()
    return [
        Finding(
            Kind.NOTIFICATIONS_LOST,
            part.name,
            f"{url}: a notification did not come within {_HEARD_SECONDS:g} s",
            (
                "sed -i 's/^pool_mode *=.*/pool_mode = session/' /etc/pgbouncer/pgbouncer.ini",
                "psql -p 6432 pgbouncer -c RELOAD",
                f"# or by NATS: {deployment.setting(variable(part.name, 'bus'), 'nats')}",
            ),
        )
    ]


async def of_nats(deployment: Deployment, part: Part) -> Findings:
    """Publish to a subject of the doctor's own, and hear it on another connection."""
    name = variable(part.name, "bus_url")
    problems: list[str] = []

    async def note(error: Exception) -> None:
        problems.append(str(error) or type(error).__name__)

    tried: dict[str, Any] = {
        "allow_reconnect": False,
        "max_reconnect_attempts": 0,
        "error_cb": note,
        "connect_timeout": _SECONDS,
    }
    subject = f"parley.doctor.{token_hex(8)}"
    telling, listening = Nats(), Nats()
    heard = asyncio.Event()

    async def hear(_message: Any) -> None:
        heard.set()

    try:
        options = {**options_of(part.settings), **tried}
        async with asyncio.timeout(_SECONDS * 2):
            await telling.connect(**options)
            await listening.connect(**options)
            await listening.subscribe(subject, cb=hear)
            # The first PING of a flush may pass the subscription, which another task writes.
            await listening.flush()
            await listening.flush()
            await telling.publish(subject, b"word")
            await telling.flush()
    except (NatsError, OSError, TimeoutError, ValueError) as error:
        cause = problems[-1] if problems else str(error) or type(error).__name__
        yield _of_nats_failure(deployment, part, cause)
        return
    else:
        try:
            async with asyncio.timeout(_HEARD_SECONDS):
                await heard.wait()
        except TimeoutError:
            yield Finding(
                Kind.NATS_DEAF,
                name,
                f"a word to {subject} did not come within {_HEARD_SECONDS:g} s",
                ("# let the user publish and subscribe to parley.>", "nats-server --signal reload"),
            )
        if telling.max_payload < LEAST_PAYLOAD:
            yield Finding(
                Kind.NATS_PAYLOAD_SMALL,
                name,
                f"NATS takes messages of {telling.max_payload} bytes",
                (
                    "sed -i 's/^max_payload.*/max_payload: 1MB/' nats.conf",
                    "nats-server -c nats.conf",
                ),
            )
    finally:
        for client in (telling, listening):
            if client.is_connected:
                await client.close()


def _of_nats_failure(deployment: Deployment, part: Part, cause: str) -> Finding:
    name = variable(part.name, "bus_url")
    refused = "authorization" in cause.lower() or "password file" in cause
    if refused:
        setting = variable(part.name, "bus_password_file")
        password = part.settings.bus_password_file
        cure = (
            f"(umask 077 && cat > {quote(str(password))}) # the password of NATS, one line"
            if password is not None
            else deployment.setting(setting, "secrets/nats_password")
        )
        return Finding(Kind.NATS_REFUSES, name, cause, (cure,))
    return Finding(
        Kind.NATS_UNREACHABLE,
        name,
        f"{_without_password(part.settings.bus_url)}: {cause}",
        ("nats-server -c nats.conf", deployment.setting(name, "nats://HOST:4222")),
    )


def _without_password(urls: str | None) -> str:
    return ",".join(
        one if "@" not in one else f"{one.partition('://')[0]}://***@{one.rpartition('@')[2]}"
        for one in (urls or "").split(",")
    )

"""The edge as a load balancer asks it: whether it is ready, and what it does not reach."""

import http.client
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from command_line.doctor.checks.clocks import of_clock
from command_line.doctor.checks.readiness import ask_readiness
from command_line.doctor.checks.versions import of_version, version_in
from command_line.doctor.deployment import Deployment, variable
from command_line.doctor.findings import Finding, Findings, in_thread
from command_line.doctor.kinds import Kind
from command_line.doctor.replicas import addresses_of
from command_line.serve.parts import HTTP_PORT, SERVICES, WILDCARDS

_SECONDS = 3.0
_STALE_SECONDS = 3600.0


@dataclass(frozen=True)
class EdgeState:
    """The answer of an edge. `problem` is why it did not."""

    url: str
    problem: str = ""
    ready: bool = False
    state: Mapping[str, Any] = field(default_factory=dict)
    ahead_seconds: float = 0.0
    uncertain_seconds: float = 0.0
    # When it last fetched the issuer's keys, in Unix seconds; None where it fetches none.
    keys_fetched_at: float | None = None
    version: str = ""


async def check_edges(deployment: Deployment, address: str) -> Findings:
    """Ask the edge whether it is ready, at its own address or at the one that is named."""
    edge = deployment.parts.get("edge")
    if not deployment.running or (edge is None and not address):
        return
    url = address.rstrip("/")
    if not url:
        if edge is None or edge.settings is None:
            return
        host = WILDCARDS.get(edge.settings.host, edge.settings.host)
        url = f"http://[{host}]" if ":" in host else f"http://{host}"
        url = f"{url}:{edge.settings.port}"
    for one in await _replicas_of(url):
        for finding in of_edge(deployment, await in_thread(look, one)):
            yield finding


async def _replicas_of(url: str) -> list[str]:
    """The addresses of all edges of a name; the name itself where TLS has to be spoken with it."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return [url]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    found = await addresses_of(f"dns:///{host}:{parts.port or HTTP_PORT}")
    # Where one name has an address of each kind, as localhost has, it is one edge.
    of_kind = [one for one in found if one.startswith("[")] or list(found)
    plain = [one for one in found if not one.startswith("[")]
    return [f"http://{one}" for one in plain or of_kind]


def look(url: str) -> EdgeState:
    """Ask an edge for its readiness and its metrics."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        found = ask_readiness(connection)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return EdgeState(url, problem=f"{type(error).__name__}: {error}")
    return EdgeState(
        url,
        ready=found.ready,
        state=found.state,
        ahead_seconds=found.ahead_seconds,
        uncertain_seconds=found.uncertain_seconds,
        version=version_in(found.metrics),
        keys_fetched_at=_gauge(found.metrics, "parley_edge_key_set_fetched_timestamp_seconds"),
    )


def _gauge(metrics: str, name: str) -> float | None:
    """The value of a metric without labels."""
    for family in text_string_to_metric_families(metrics):
        if family.name == name:
            return float(family.samples[0].value)
    return None


def of_edge(deployment: Deployment, state: EdgeState) -> Iterator[Finding]:
    """Findings about an edge that does not answer, or is not ready."""
    if state.problem:
        cure = "python -m edge"
        if deployment.folder is not None:
            cure = f"tail {quote(str(deployment.folder.log('edge')))}"
        yield Finding(
            Kind.EDGE_UNREACHABLE, "edge", f"{state.url}/readyz: {state.problem}", (cure,)
        )
        return
    missing = [name for name in SERVICES if state.state.get(name) is False]
    if state.state.get("canary") is False:
        problems = state.state.get("problems")
        said = problems.get("canary", "") if isinstance(problems, dict) else ""
        yield Finding(
            Kind.EDGE_DEAF,
            "edge",
            f"{state.url}/readyz says of its canary: {said or 'it does not come back'}",
            (
                f"curl -s '{state.url}/readyz?verbose'",
                "# restart this edge, and look whether replicas of messaging hear one another",
            ),
        )
    elif not state.ready:
        reason = "it is draining" if state.state.get("draining") else f"without {missing}"
        yield Finding(
            Kind.EDGE_NOT_READY,
            "edge",
            f"{state.url}/readyz says that it is not ready: {reason}",
            (f"curl -s {state.url}/readyz", f"# look at {variable('edge', 'messaging_target')}"),
        )
    for name in missing:
        yield Finding(
            Kind.EDGE_MISSES_SERVICE,
            "edge",
            f"{state.url}/readyz says that it does not reach {name}",
            (f"curl -s {state.url}/readyz", f"python -m {name}_service health"),
        )
    yield from of_version(f"the edge at {state.url}", state.version)
    yield from of_clock(deployment, "the edge", state.ahead_seconds, state.uncertain_seconds)
    fetched = state.keys_fetched_at
    if fetched is not None and time.time() - fetched > _STALE_SECONDS:
        ago = "never" if not fetched else f"{(time.time() - fetched) / 3600:.1f} h ago"
        yield Finding(
            Kind.JWKS_STALE,
            "edge",
            f"{state.url} fetched the issuer's keys {ago}",
            (f"curl -s {state.url}/metrics | grep key_fetches_total",),
        )

"""Calls to each target: it is called with the credential of who is to call it, and changes
nothing there.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from prometheus_client import CollectorRegistry

from command_line.doctor.deployment import Deployment, Part, variable
from command_line.doctor.findings import Finding, Findings, in_thread
from command_line.doctor.kinds import Kind
from command_line.doctor.replicas import addresses_of, host_of
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import Metadata, present, read_credential
from service_kit.channels.connections import connections
from service_kit.tls.diagnosis import Shown, problem_of_connection
from service_kit.tls.own_files import open_files

_SECONDS = 3.0
_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.2
_SERVING = health_pb2.HealthCheckResponse.SERVING
# By its path, since the published stubs of the health service know no methods.
_HEALTH = "/grpc.health.v1.Health/Check"
# A method that there is not: before anything else a service says who is not permitted to call it.
_WHO_AM_I = "WhoAmI"
_NAMED = re.compile(r"the caller ([a-z]+) may not")


@dataclass(frozen=True)
class Answer:
    """The answer of a target: a status of gRPC, its words, and whether it says that it serves."""

    code: grpc.StatusCode
    words: str = ""
    serving: bool = False
    tls_problem: str = ""


@dataclass(frozen=True)
class Target:
    """A replica of a service as one part has it: where it is, and what it is shown."""

    part: Part
    service: str
    address: str
    credential: Path | None
    # The name under which all replicas are called.
    name: str = ""

    @property
    def variable(self) -> str:
        """The setting that says where it is."""
        return variable(self.part.name, f"{self.service}_target")


async def check_targets(deployment: Deployment) -> Findings:
    """Call each service of each part that is described, if it is expected to run."""
    if not deployment.running:
        return
    targets = [
        Target(part, service, address, credential, host_of(target))
        for part in deployment.usable
        for service, target, credential in part.calls()
        for address in await addresses_of(target)
    ]
    looked = await asyncio.gather(*map(look, targets))
    for target, answers in zip(targets, looked, strict=True):
        if answers is None:
            continue
        for finding in judge(deployment, target, *answers):
            yield finding


async def look(target: Target) -> tuple[Answer, Answer, Answer | None] | None:
    """Ask whether the target serves, whether it is the service, and as whom it knows the part.

    None where the part has files of TLS that cannot be used, which is found there.
    """
    settings = target.part.settings
    try:
        files = open_files(settings, CollectorRegistry(), settings.credentials_refresh_seconds)
    except ValueError:
        return None
    shown, options = None, []
    if files.authorities is not None and target.service not in settings.tls_plain_targets:
        name = settings.target_names().get(target.service, target.name)
        shown = Shown(files.authorities().pem, name, files.certificate_file, files.key_file)
        options.append(("grpc.ssl_target_name_override", name))
    opened = connections(settings, files).open(target.service, target.address, options)
    async with opened as channel:
        health = await _ask_health(channel, "")
        if health.code is grpc.StatusCode.UNAVAILABLE:
            problem = await in_thread(problem_of_connection, target.address, shown)
            if problem:
                return replace(health, tls_problem=problem), health, None
            health = await _ask_again(channel, health)
        if health.code is not grpc.StatusCode.OK:
            return health, health, None
        named = await _ask_health(channel, full_name(target.service))
        known = None
        metadata = _metadata(target.credential)
        if named.code is grpc.StatusCode.OK and metadata is not None:
            method = f"/{full_name(target.service)}/{_WHO_AM_I}"
            known = await _call(channel, method, b"", metadata)
    return health, named, known


def full_name(service: str) -> str:
    """The name of the contract of a service."""
    return f"parley.{service}.v1.{service.capitalize()}Service"


def _metadata(path: Path | None) -> Metadata | None:
    """A credential shown beside a certificate; None for a file that cannot be used, which is found
    there.
    """
    try:
        return () if path is None else present(read_credential(path))
    except ValueError:
        return None


async def _ask_health(channel: grpc.aio.Channel, name: str) -> Answer:
    request = health_pb2.HealthCheckRequest(service=name)
    return await _call(channel, _HEALTH, request.SerializeToString(), ())


async def _ask_again(channel: grpc.aio.Channel, answer: Answer) -> Answer:
    """Ask for some moments more: a connection is tried for a tenth of a second, and then anew,
    within which a busy machine may not have shaken hands.
    """
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while answer.code is grpc.StatusCode.UNAVAILABLE and "refused" not in answer.words:
        if asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(_PAUSE_SECONDS)
        answer = await _ask_health(channel, "")
    return answer


async def _call(channel: Any, method: str, request: bytes, metadata: Metadata) -> Answer:
    """Call a method by its path; the answer, if there is one, is that of the health."""
    call = channel.unary_unary(method)
    try:
        body = await call(request, metadata=metadata, timeout=_SECONDS)
    except grpc.aio.AioRpcError as error:
        return Answer(error.code(), error.details() or "")
    status = health_pb2.HealthCheckResponse.FromString(body).status
    return Answer(grpc.StatusCode.OK, serving=status == _SERVING)


def judge(
    deployment: Deployment, target: Target, health: Answer, named: Answer, known: Answer | None
) -> Iterator[Finding]:
    """Findings from the answers of one target."""
    at = f"{target.service} at {target.address}"
    if health.tls_problem:
        yield Finding(
            Kind.TARGET_TLS_FAILS,
            target.variable,
            f"{at}: {health.tls_problem}",
            (
                "parley certificates secrets --renew",
                f"env | grep {variable(target.part.name, 'TLS_')}",
            ),
        )
        return
    if health.code is not grpc.StatusCode.OK:
        yield Finding(
            Kind.TARGET_UNREACHABLE,
            target.variable,
            f"{at} does not answer: {health.words or health.code.name}",
            (
                *_starting(deployment, target),
                deployment.setting(target.variable, f"HOST:{_port(target.service)}"),
            ),
        )
        return
    if named.code is grpc.StatusCode.NOT_FOUND:
        yield Finding(
            Kind.TARGET_OTHER_SERVICE,
            target.variable,
            f"at {target.address} another service answers than {target.service}",
            (deployment.setting(target.variable, f"HOST:{_port(target.service)}"),),
        )
        return
    if not named.serving:
        yield Finding(
            Kind.TARGET_NOT_SERVING,
            target.variable,
            f"{at} says that it is not serving",
            _starting(deployment, target),
        )
    if known is not None:
        yield from _of_caller(deployment, target, known)


def _of_caller(deployment: Deployment, target: Target, known: Answer) -> Iterator[Finding]:
    file = quote(str(target.credential))
    called = deployment.parts.get(target.service)
    accepted = "ACCEPTED"
    if called is not None and called.settings is not None:
        accepted = quote(str(called.settings.credentials_file))
    caller = target.part.caller
    accept = f"parley credentials digest {caller} {file} >> {accepted}"
    if known.code is grpc.StatusCode.UNAUTHENTICATED:
        yield Finding(
            Kind.TARGET_REFUSES,
            target.variable,
            f"{target.service} at {target.address} does not accept {target.part.name}:"
            f" {known.words}",
            (accept,),
        )
        return
    match = _NAMED.search(known.words)
    if known.code is grpc.StatusCode.PERMISSION_DENIED and match and match[1] != caller:
        other = match[1] if match[1] in {*Caller} else "somebody else"
        yield Finding(
            Kind.TARGET_OTHER_CALLER,
            target.variable,
            f"{target.service} at {target.address} takes {target.part.name} for {other}",
            (f"parley credentials make {caller} {file}.new", f"mv {file}.new {file}", accept),
        )


def _starting(deployment: Deployment, target: Target) -> tuple[str, ...]:
    """The commands that start a service, or say why it does not run."""
    if deployment.folder is not None:
        folder = deployment.folder
        return (f"tail {quote(str(folder.log(target.service)))}",)
    return (f"python -m {target.service}_service serve",)


def _port(service: str) -> int:
    return {"messaging": 7101, "negotiation": 7102, "moderation": 7103}[service]

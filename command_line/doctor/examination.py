"""The examination: all checks at the same time, each within its time."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from command_line.display.console import CommandError
from command_line.doctor.address import SocketAddress, public_url, token_for
from command_line.doctor.checks.certificates import check_certificates
from command_line.doctor.checks.credentials import check_credentials
from command_line.doctor.checks.database.check import check_databases
from command_line.doctor.checks.edges import check_edges
from command_line.doctor.checks.files import check_files
from command_line.doctor.checks.machine import LOW_BYTES, check_machine
from command_line.doctor.checks.public_url import check_public_url
from command_line.doctor.checks.replicas import check_replicas
from command_line.doctor.checks.settings import check_settings
from command_line.doctor.checks.sockets import check_message, check_silence
from command_line.doctor.checks.targets import check_targets
from command_line.doctor.checks.tokens import check_tokens
from command_line.doctor.checks.versions import check_versions
from command_line.doctor.deployment import Deployment
from command_line.doctor.findings import Finding, Findings
from command_line.doctor.kinds import Kind

_SAY_EVERY = 3.0


@dataclass(frozen=True)
class Options:
    """The options of the examination beside what is examined."""

    edge: str = ""
    low_bytes: int = LOW_BYTES
    url: str = ""
    origins: tuple[str, ...] = ()
    token: str = ""
    patient_seconds: float = 0.0
    probe: bool = False


@dataclass(frozen=True)
class Check:
    """A check: its name, and the seconds that it may take."""

    name: str
    seconds: float
    look: Callable[[], Findings]


@dataclass
class Outcome:
    """The findings of a check, and how long it took."""

    check: Check
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    done: bool = False


def checks_of(deployment: Deployment, options: Options) -> tuple[Check, ...]:
    """The checks in the order in which their findings are told."""
    return (
        Check("settings", 5, partial(check_settings, deployment)),
        Check("files", 10, partial(check_files, deployment)),
        Check("credentials", 5, partial(check_credentials, deployment)),
        Check("certificates", 10, partial(check_certificates, deployment)),
        Check("tokens", 15, partial(check_tokens, deployment)),
        Check("versions", 10, partial(check_versions, deployment)),
        Check("databases", 30, partial(check_databases, deployment, options.low_bytes)),
        Check("targets", 15, partial(check_targets, deployment)),
        Check("replicas", 45, partial(check_replicas, deployment)),
        Check("edge", 15, partial(check_edges, deployment, options.edge)),
        Check("machine", 10, partial(check_machine, deployment, options.low_bytes)),
        *_socket_checks(deployment, options),
    )


def _socket_checks(deployment: Deployment, options: Options) -> Iterator[Check]:
    """The checks of the address to which people connect. Raises CommandError for none."""
    url, token = public_url(deployment, options.url), token_for(deployment, options.token)
    if options.url or deployment.served is not None:
        address = SocketAddress.of(url)
        edge = deployment.parts.get("edge")
        allowed = () if edge is None or edge.settings is None else edge.settings.allowed_origins
        origins = options.origins or tuple(one for one in allowed if one.startswith("http"))
        look = partial(check_public_url, deployment, address, origins, token)
        yield Check("public-url", 30, look)
    if not options.probe and not options.patient_seconds:
        return
    if not url or not token:
        raise CommandError("--probe and --patient need --url and --token", 2)
    if options.probe:
        yield Check("message", 45, partial(check_message, url, token))
    if options.patient_seconds:
        seconds = options.patient_seconds
        yield Check("silence", seconds + 30, partial(check_silence, url, token, seconds))


async def examine(checks: Sequence[Check], say: Callable[[str], None]) -> list[Outcome]:
    """Carry out the checks, and say every few seconds which are still under way."""
    outcomes = [Outcome(check) for check in checks]
    saying = asyncio.create_task(_say_progress(outcomes, say))
    try:
        await asyncio.gather(*map(_carry_out, outcomes))
    finally:
        saying.cancel()
    return outcomes


async def _carry_out(outcome: Outcome) -> None:
    check = outcome.check
    began = time.monotonic()
    try:
        async with asyncio.timeout(check.seconds):
            async for finding in check.look():
                outcome.findings.append(finding)
    except TimeoutError:
        outcome.findings.append(
            Finding(
                Kind.CHECK_TIMED_OUT,
                check.name,
                f"it did not end within {check.seconds:g} s",
                ("parley doctor --json # again: what hung may have come back",),
            )
        )
    except Exception as error:  # noqa: BLE001 - a defect of one check must not hide the others
        outcome.findings.append(
            Finding(
                Kind.CHECK_FAILED,
                check.name,
                f"{type(error).__name__}: {error}{_place(error)}",
                ("# tell whoever develops Parley; the other checks are complete",),
            )
        )
    outcome.seconds = time.monotonic() - began
    outcome.done = True


def _place(error: Exception) -> str:
    """Where it was raised: a defect cannot be found without that."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return ""
    return f" ({Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno})"


async def _say_progress(outcomes: Sequence[Outcome], say: Callable[[str], None]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_SAY_EVERY)
        waiting = [one.check for one in outcomes if not one.done]
        names = ", ".join(f"{check.name} (at most {check.seconds:g} s)" for check in waiting)
        say(f"after {time.monotonic() - began:.0f} s still looking at: {names}")

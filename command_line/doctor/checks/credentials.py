"""Credentials: what each caller shows, and what each service accepts, as the files say."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from shlex import quote

from command_line.doctor.deployment import Deployment, Part, variable
from command_line.doctor.findings import Finding, Findings
from command_line.doctor.kinds import Kind
from service_kit.authentication.credentials import Accepted, read_accepted, read_credential


async def check_credentials(deployment: Deployment) -> Findings:
    """Read the files of credentials, and look whether who is called accepts who calls."""
    for part in deployment.services:
        for finding in of_accepted(part):
            yield finding
    for part in deployment.usable:
        for finding in of_caller(deployment, part):
            yield finding


def of_accepted(part: Part) -> Iterator[Finding]:
    """The file of accepted credentials of a service."""
    path = part.settings.credentials_file
    if path is None:
        # Callers are known by their certificates.
        return
    try:
        read_accepted(path)
    except ValueError as error:
        if not path.is_file():
            # Found among the files.
            return
        yield Finding(
            Kind.ACCEPTED_UNUSABLE,
            variable(part.name, "credentials_file"),
            str(error),
            (
                f"mv {quote(str(path))} {quote(f'{path}.bad')}",
                f"parley credentials digest edge secrets/edge_credential >> {quote(str(path))}",
            ),
        )


def of_caller(deployment: Deployment, part: Part) -> Iterator[Finding]:
    """The credentials that a part shows, against what is accepted where it calls."""
    bad = set()
    for service, _, path in part.calls():
        if path is None or path in bad or not path.is_file():
            continue
        try:
            credential = read_credential(path)
        except ValueError as error:
            bad.add(path)
            yield Finding(
                Kind.CREDENTIAL_UNUSABLE,
                part.name,
                str(error),
                (
                    f"rm {quote(str(path))}",
                    f"parley credentials make {part.caller} {quote(str(path))}",
                ),
            )
            continue
        called = deployment.parts.get(service)
        if called is None or called.settings is None:
            continue
        accepting = called.settings.credentials_file
        accepted = None if accepting is None else _accepted(accepting)
        if accepted is None:
            continue
        digest = sha256(credential.encode()).digest()
        names = {one.caller for one in accepted if one.digest == digest}
        if names == {part.caller}:
            continue
        file = quote(str(called.settings.credentials_file))
        taken = f"as {', '.join(names)}, and not as {part.caller}" if names else "not at all"
        yield Finding(
            Kind.CREDENTIAL_NOT_ACCEPTED,
            part.name,
            f"{service} accepts the credential in {path} {taken}",
            (
                *((f"sed -i '/{digest.hex()}/d' {file}",) if names else ()),
                f"parley credentials digest {part.caller} {quote(str(path))} >> {file}",
            ),
        )


def _accepted(path: Path) -> tuple[Accepted, ...] | None:
    try:
        return read_accepted(path)
    except ValueError:
        return None

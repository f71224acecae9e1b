"""Certificates between the parts, as their files say: good, of this name, and known to others."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from command_line.doctor.deployment import Deployment, Part, variable
from command_line.doctor.findings import Finding, Findings
from command_line.doctor.kinds import Kind
from command_line.doctor.replicas import host_of
from service_kit.tls.files import Authorities, Identity, names_of, read_authorities, read_identity
from service_kit.tls.peers import caller_of, read_peers
from service_kit.tls.settings import ServerTlsSettings

DAYS = 14
_DAY = 86_400


async def check_certificates(deployment: Deployment) -> Findings:
    """Read the files of TLS, and compare what callers and services have of one another."""
    files = {part.name: _Files(part) for part in deployment.usable}
    for part in deployment.usable:
        for finding in of_files(part, files[part.name], time.time()):
            yield finding
    for part in deployment.usable:
        for service, target, _ in part.calls():
            called = deployment.parts.get(service)
            if called is None or called.settings is None:
                continue
            for finding in between(
                deployment, part, files[part.name], called, files[service], host_of(target)
            ):
                yield finding


class _Files:
    """The files of TLS of one part, and the problems of those that cannot be used."""

    def __init__(self, part: Part) -> None:
        settings = part.settings
        self.problems: list[tuple[str, Path, str]] = []
        self.identity: Identity | None = None
        certificate, key = settings.tls_certificate_file, settings.tls_key_file
        if certificate is not None and key is not None:
            try:
                self.identity = read_identity(
                    certificate,
                    key,
                    serves=part.is_service,
                    calls=settings.tls_ca_file is not None,
                )
            except ValueError as error:
                self.problems.append(("tls_certificate_file", certificate, str(error)))
        self.believed = self._authorities("tls_ca_file", settings.tls_ca_file)
        clients = getattr(settings, "tls_client_ca_file", None)
        self.clients = self._authorities("tls_client_ca_file", clients)

    def _authorities(self, setting: str, path: Path | None) -> Authorities | None:
        if path is None:
            return None
        try:
            return read_authorities(path)
        except ValueError as error:
            self.problems.append((setting, path, str(error)))
            return None


def of_files(part: Part, files: _Files, now: float) -> Iterator[Finding]:
    """Files that cannot be used, and certificates that are good for some days only."""
    for setting, path, problem in files.problems:
        folder = quote(str(path.parent))
        _, found, command = problem.partition(": chmod ")
        cure = f"chmod {command}" if found else f"parley certificates {folder} --renew"
        yield Finding(Kind.CERTIFICATE_UNUSABLE, variable(part.name, setting), problem, (cure,))
    for setting, held in (
        ("tls_certificate_file", files.identity),
        ("tls_ca_file", files.believed),
        ("tls_client_ca_file", files.clients),
    ):
        if held is None:
            continue
        days = (held.not_after.timestamp() - now) / _DAY
        if days < DAYS:
            path = getattr(part.settings, setting)
            renew = "--renew" if held is files.identity else "--replace-authority"
            yield Finding(
                Kind.CERTIFICATE_EXPIRES,
                variable(part.name, setting),
                f"{path} expires in {days:.1f} days",
                (f"parley certificates {quote(str(path.parent))} {renew}",),
            )


def between(
    deployment: Deployment,
    part: Part,
    own: _Files,
    called: Part,
    theirs: _Files,
    host: str,
) -> Iterator[Finding]:
    """Reasons that keep a caller and a service from speaking TLS with one another."""
    settings, service = part.settings, called.settings
    secure = settings.tls_ca_file is not None and called.name not in settings.tls_plain_targets
    serves = service.tls_certificate_file is not None
    name = variable(part.name, "tls_ca_file")
    if secure != serves:
        says = (
            f"{part.name} calls {called.name} with TLS, which that does not speak"
            if secure
            else f"{called.name} speaks TLS, and {part.name} calls it without"
        )
        cure = (
            deployment.setting(variable(part.name, "tls_plain_targets"), called.name)
            if secure
            else deployment.setting(name, "secrets/ca_certificate")
        )
        yield Finding(Kind.TLS_DISAGREES, name, says, (cure,))
        return
    if not secure or own.believed is None or theirs.identity is None:
        return
    certificate = theirs.identity.certificate
    folder = quote(str(service.tls_certificate_file.parent))
    if not signed_by(theirs.identity, own.believed):
        yield Finding(
            Kind.TLS_DISAGREES,
            name,
            f"no authority in {settings.tls_ca_file} has signed the certificate of {called.name}",
            (
                f"parley certificates {folder} --renew",
                f"cp {folder}/ca_certificate {quote(str(settings.tls_ca_file))}",
            ),
        )
    expected = settings.target_names().get(called.name, host)
    if not covers(names_of(certificate), expected):
        yield Finding(
            Kind.TLS_DISAGREES,
            variable(part.name, "tls_target_names"),
            f"the certificate of {called.name} is for {', '.join(names_of(certificate))}, and"
            f" {part.name} calls {expected}",
            (
                f"parley certificates {folder} --renew --host {called.name}={expected}",
                "# or name what it is for: "
                + deployment.setting(
                    variable(part.name, "tls_target_names"),
                    f"{called.name}={next(iter(names_of(certificate)), 'NAME')}",
                ),
            ),
        )
    if isinstance(service, ServerTlsSettings):
        yield from _of_caller(deployment, part, own, called, theirs)


def _of_caller(
    deployment: Deployment, part: Part, own: _Files, called: Part, theirs: _Files
) -> Iterator[Finding]:
    """The judgement of a service about the certificate of a caller."""
    service = called.settings
    if theirs.clients is None:
        return
    name = variable(part.name, "tls_certificate_file")
    if own.identity is None:
        if part.settings.tls_certificate_file is None:
            yield Finding(
                Kind.TLS_DISAGREES,
                name,
                f"{called.name} asks for a certificate, and {part.name} has none to show",
                (
                    "parley certificates secrets",
                    deployment.setting(name, f"secrets/{part.name}_certificate"),
                    deployment.setting(
                        variable(part.name, "tls_key_file"), f"secrets/{part.name}_key"
                    ),
                ),
            )
        return
    if not signed_by(own.identity, theirs.clients):
        authority = part.settings.tls_certificate_file.parent / "ca_certificate"
        yield Finding(
            Kind.TLS_DISAGREES,
            variable(called.name, "tls_client_ca_file"),
            f"no authority in {service.tls_client_ca_file} has signed the certificate of"
            f" {part.name}",
            (f"cp {quote(str(authority))} {quote(str(service.tls_client_ca_file))}",),
        )
    if not service.tls_allowed_peers:
        return
    uris = _uris_of(own.identity.certificate)
    known = caller_of(uris, read_peers(service.tls_allowed_peers))
    if known != part.caller:
        allowed = variable(called.name, "tls_allowed_peers")
        meant = [*service.tls_allowed_peers, *(f"{uri}={part.caller}" for uri in uris)]
        yield Finding(
            Kind.TLS_DISAGREES,
            allowed,
            f"{called.name} does not know {part.name} by its certificate: {known}",
            (deployment.setting(allowed, ",".join(meant)),),
        )


def signed_by(identity: Identity, authorities: Authorities) -> bool:
    """Whether one of the authorities has signed the certificate, or the last of its chain."""
    chain = x509.load_pem_x509_certificates(identity.chain)
    for authority in x509.load_pem_x509_certificates(authorities.pem):
        for certificate in (chain[0], chain[-1]):
            try:
                certificate.verify_directly_issued_by(authority)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return True
    return False


def covers(names: Sequence[str], host: str) -> bool:
    """Whether one of the names of a certificate is a host, or the star before its domain."""
    _, _, domain = host.partition(".")
    return host in names or (bool(domain) and f"*.{domain}" in names)


def _uris_of(certificate: x509.Certificate) -> list[str]:
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return list(value.get_values_for_type(x509.UniformResourceIdentifier))

"""TLS of a service: credentials that are read anew, and who calls by the certificate shown."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import grpc
from cryptography import x509

from service_kit.authentication.callers import Caller
from service_kit.tls.files import names_of, read_authorities
from service_kit.tls.material import WatchedMaterial
from service_kit.tls.own_files import Files
from service_kit.tls.peers import caller_of, read_peers
from service_kit.tls.settings import ServerTlsSettings

# A service is called by a few dozens of processes, each with a certificate at a time.
_KNOWN_CERTIFICATES = 1_000


def server_credentials(
    settings: ServerTlsSettings, files: Files, refresh_seconds: float
) -> grpc.ServerCredentials | None:
    """Make the credentials by which a service listens, None for no TLS.

    Each connection gets what the files say then. Raises ValueError for what is wrong with one.
    """
    identity, ca = files.identity, settings.tls_client_ca_file
    if identity is None or files.metrics is None:
        return None
    client_authorities = None
    if ca is not None:
        client_authorities = WatchedMaterial(
            "client_ca", (ca,), partial(read_authorities, ca), refresh_seconds, files.metrics
        )
    seen: tuple[object, object] = (None, None)

    def configure() -> grpc.ServerCertificateConfiguration:
        nonlocal seen
        seen = own, others = identity(), client_authorities and client_authorities()
        return grpc.ssl_server_certificate_configuration(
            [(own.key, own.chain)], root_certificates=others.pem if others else None
        )

    def configure_anew() -> grpc.ServerCertificateConfiguration | None:
        """Give another configuration when the files have changed; None keeps the last."""
        if identity() is seen[0] and (client_authorities and client_authorities()) is seen[1]:
            return None
        return configure()

    return grpc.dynamic_ssl_server_credentials(
        configure(),
        configure_anew,  # type: ignore[arg-type]  # gRPC's documentation has it give None.
        require_client_authentication=client_authorities is not None,
    )


def probe_channel(settings: ServerTlsSettings, files: Files, target: str) -> grpc.aio.Channel:
    """Open a channel of a service to itself, by whose certificate it knows itself."""
    if files.identity is None:
        return grpc.aio.insecure_channel(target)
    identity = files.identity()
    # The address is that of all networks, and in no certificate.
    name, *_ = (*names_of(identity.certificate), target.rpartition(":")[0])
    shown = settings.tls_client_ca_file is not None
    credentials = grpc.ssl_channel_credentials(
        identity.chain,
        identity.key if shown else None,
        identity.chain if shown else None,
    )
    return grpc.aio.secure_channel(
        target, credentials, options=[("grpc.ssl_target_name_override", name)]
    )


class _Known(NamedTuple):
    """A certificate as read: a caller, or why it is of none; and when it expires, Unix time."""

    caller: Caller | str
    expires: float


class CertificateNames:
    """The callers by the URIs in their certificates, which gRPC has verified."""

    def __init__(self, peers: Mapping[str, Caller]) -> None:
        self._peers = peers
        self._known: dict[bytes, _Known] = {}

    def find(self, context: Any) -> Caller | str:
        """Find the caller of a call, or say why it is none.

        A connection may outlive the certificate by which it was made; its calls do not.
        """
        known = self._look(context)
        if time.time() > known.expires:
            return "the certificate of the caller has expired since it connected"
        return known.caller

    def expires(self, context: Any) -> float:
        """Give when the certificate of a call expires, in Unix time."""
        return self._look(context).expires

    def _look(self, context: Any) -> _Known:
        found: Mapping[str, list[bytes]] = context.auth_context()
        (pem,) = found.get("x509_pem_cert") or (b"",)
        if (known := self._known.get(pem)) is None:
            if not pem:
                return _Known("the caller shows no certificate", float("inf"))
            certificate = x509.load_pem_x509_certificate(pem)
            uris = [uri.decode("utf-8", "replace") for uri in found.get("peer_uri", ())]
            known = _Known(
                caller_of(uris, self._peers), certificate.not_valid_after_utc.timestamp()
            )
            if len(self._known) >= _KNOWN_CERTIFICATES:
                self._known.clear()
            self._known[pem] = known
        return known


def certificate_names(settings: ServerTlsSettings) -> CertificateNames | None:
    """Make what knows callers by their certificates; None when they are known by credentials."""
    if settings.callers_known_by == "credential":
        return None
    return CertificateNames(read_peers(settings.tls_allowed_peers))

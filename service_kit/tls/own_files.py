"""The files of TLS of one part: its own certificate, and the authorities that it believes."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from service_kit.tls.files import Authorities, Identity, read_authorities, read_identity
from service_kit.tls.material import TlsMetrics, WatchedMaterial
from service_kit.tls.settings import CallerTlsSettings


@dataclass(frozen=True)
class Files:
    """The files of a part, as they are now: its own certificate, and the authorities it believes.

    Made once for each process, which calls and serves with the same certificate.
    """

    identity: WatchedMaterial[Identity] | None = None
    authorities: WatchedMaterial[Authorities] | None = None
    metrics: TlsMetrics | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


def open_files(
    settings: CallerTlsSettings,
    registry: CollectorRegistry,
    refresh_seconds: float,
    *,
    prefix: str = "",
    serves: bool = False,
) -> Files:
    """Read the files that the settings name. Raises ValueError for what is wrong with one."""
    metrics = TlsMetrics(registry, prefix)
    certificate, key, ca = (
        settings.tls_certificate_file,
        settings.tls_key_file,
        settings.tls_ca_file,
    )
    identity = authorities = None
    if certificate is not None and key is not None:
        read = partial(read_identity, certificate, key, serves=serves, calls=ca is not None)
        identity = WatchedMaterial(
            "certificate", (certificate, key), read, refresh_seconds, metrics
        )
    if ca is not None:
        authorities = WatchedMaterial(
            "ca", (ca,), partial(read_authorities, ca), refresh_seconds, metrics
        )
    return Files(identity, authorities, metrics, certificate, key)

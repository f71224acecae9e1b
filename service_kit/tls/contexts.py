"""TLS of connections that are not gRPC's: to NATS, with the files of the part."""

import ssl
from pathlib import Path
from typing import Any

import structlog

from service_kit.tls.files import read_authorities, read_identity
from service_kit.tls.settings import CallerTlsSettings


class ClientContext(ssl.SSLContext):
    """A context of clients that reads its files for each connection. What is bad changes nothing.

    Without authorities the system's are believed, and without a certificate none is shown.
    """

    _files: tuple[Path | None, Path | None, Path | None] = (None, None, None)

    @classmethod
    def of(cls, settings: CallerTlsSettings) -> "ClientContext":
        """Make it of the settings of a part. Raises ValueError for what is wrong with a file."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._files = (
            settings.tls_ca_file,
            settings.tls_certificate_file,
            settings.tls_key_file,
        )
        if settings.tls_ca_file is None:
            context.load_default_certs()
        context._load()
        return context

    def _load(self) -> None:
        authorities, certificate, key = self._files
        if authorities is not None:
            found = read_authorities(authorities)
            self.load_verify_locations(cadata=found.pem.decode("ascii", "replace"))
        if certificate is not None and key is not None:
            read_identity(certificate, key, calls=True)
            self.load_cert_chain(certificate, key)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """As asyncio calls it for a new connection."""
        try:
            self._load()
        except (OSError, ValueError) as error:
            problem = str(error)
            structlog.get_logger(__name__).error(
                "what was read before stays in use", problem=problem
            )
        return super().wrap_bio(*arguments, **options)

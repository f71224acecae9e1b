"""Certificates of all parts, as `parley certificates` makes them, and the settings to use them."""

import socket
import ssl
from pathlib import Path
from typing import Any

from command_line.certificates.authority import Authority, Pair
from command_line.certificates.program import command
from tests.support.system import SERVICES

DOMAIN = "test.example"


class Certificates:
    """A folder of certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.make()

    def make(self, **options: Any) -> None:
        """Run the command on the folder."""
        command(self.folder, domain=DOMAIN, **options)

    def file(self, name: str) -> Path:
        return self.folder / name

    @property
    def ca(self) -> Path:
        return self.file("ca_certificate")

    @property
    def authority(self) -> Authority:
        return Authority(self.ca.read_bytes(), self.file("ca_key").read_bytes())

    def write(self, name: str, pair: Pair) -> dict[str, Path]:
        """Write a pair of the test's own, and give the settings that name it."""
        certificate, key = self.file(f"{name}_certificate"), self.file(f"{name}_key")
        for file, pem in ((certificate, pair.certificate), (key, pair.key)):
            file.touch(mode=0o600)
            file.write_bytes(pem)
        return self.own(name)

    def own(self, name: str) -> dict[str, Path]:
        """The settings of the certificate of a part."""
        return {
            "tls_certificate_file": self.file(f"{name}_certificate"),
            "tls_key_file": self.file(f"{name}_key"),
        }

    def calling(self, name: str) -> dict[str, Any]:
        """The settings of a part that calls services."""
        return {**self.own(name), "tls_ca_file": self.ca}

    def serving(self, name: str, known_by: str = "both") -> dict[str, Any]:
        """The settings of a service."""
        peers = (f"spiffe://{DOMAIN}/parley/*",) if known_by != "credential" else ()
        return {
            **self.calling(name),
            "tls_client_ca_file": self.ca,
            "tls_allowed_peers": peers,
            "callers_known_by": known_by,
        }

    def environment(self, known_by: str = "both") -> dict[str, str]:
        """The settings of all parts, as their environment."""
        settings = {name: self.serving(name, known_by) for name in SERVICES}
        settings |= {name: self.calling(name) for name in ("edge", "desk")}
        return {
            f"PARLEY_{part.upper()}_{name.upper()}": ",".join(value)
            if isinstance(value, tuple)
            else str(value)
            for part, told in settings.items()
            for name, value in told.items()
        }

    def shown_by(self, port: int) -> bytes:
        """The certificate that a service shows on a port of this machine, DER."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.file("operator_certificate"), self.file("operator_key"))
        address = ("127.0.0.1", port)
        with (
            socket.create_connection(address, 5) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1") as secure,
        ):
            found = secure.getpeercert(binary_form=True)
        assert found is not None
        return found

"""The settings of TLS, and what contradicts what among them: alike for every part.

With a certificate of its own a service speaks TLS with whoever calls it; with an authority
(`tls_ca_file`) a part speaks TLS with the services that it calls.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from service_kit.authentication.lists import split_list
from service_kit.tls.peers import PeerList

KnownBy = Literal["credential", "certificate", "both"]
_TARGET = "_target"


class CallerTlsSettings(BaseSettings):
    """The base of the settings of a part that calls services."""

    # The certificate of this part with those between it and the authority, and its key: PEM.
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    # The authorities that may have signed the certificates of the services that are called. With it
    # they are called with TLS.
    tls_ca_file: Path | None = None
    # Names that certificates bear when they are not those of the targets: `messaging=host`.
    tls_target_names: Annotated[tuple[str, ...], NoDecode] = ()
    # Services that are called without TLS all the same.
    tls_plain_targets: Annotated[tuple[str, ...], NoDecode] = ()

    _split_tls_lists = field_validator("tls_target_names", "tls_plain_targets", mode="before")(
        split_list
    )

    @model_validator(mode="after")
    def _check_tls_of_calls(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS_CERTIFICATE_FILE and TLS_KEY_FILE go together")
        known = {
            name.removesuffix(_TARGET) for name in type(self).model_fields if name.endswith(_TARGET)
        }
        names, plain = self.target_names(), set(self.tls_plain_targets)
        for setting, given in (("TLS_TARGET_NAMES", {*names}), ("TLS_PLAIN_TARGETS", plain)):
            if unknown := given - known:
                raise ValueError(
                    f"{setting} names {', '.join(sorted(unknown))}, and there are"
                    f" {', '.join(sorted(known)) or 'none'}"
                )
        if both := plain & names.keys():
            raise ValueError(f"TLS_PLAIN_TARGETS and TLS_TARGET_NAMES both name {both.pop()}")
        if names and self.tls_ca_file is None:
            raise ValueError("TLS_TARGET_NAMES is of no use without TLS_CA_FILE")
        called = {name for name in known if getattr(self, f"{name}{_TARGET}")} - plain
        if self.tls_certificate_file is not None and self.tls_ca_file is None and called:
            raise ValueError(
                "TLS_CERTIFICATE_FILE is set and TLS_CA_FILE is not, so that"
                f" {', '.join(sorted(called))} would be called without TLS; if that is meant,"
                " TLS_PLAIN_TARGETS says so"
            )
        return self

    def check_shown(self, target: str, credential_file: Path | None) -> None:
        """Raise ValueError when nothing says to a service who calls it."""
        if credential_file is None and self.tls_certificate_file is None:
            raise ValueError(
                f"{target.upper()}_CREDENTIAL_FILE is missing, and there is no TLS_CERTIFICATE_FILE"
                f" by which {target} could know this part"
            )

    def target_names(self) -> dict[str, str]:
        """Give the names that certificates bear, by the target. Raises ValueError."""
        found = {}
        for item in self.tls_target_names:
            target, _, name = item.partition("=")
            if not target or not name:
                raise ValueError(f"TLS_TARGET_NAMES: {item} is not `target=name`")
            found[target] = name
        return found


class ServerTlsSettings(CallerTlsSettings):
    """The base of the settings of a service, which is called as well."""

    # The authorities that may have signed the certificates of callers. With it each has to show
    # one.
    tls_client_ca_file: Path | None = None
    # The URIs in certificates by which callers are known.
    tls_allowed_peers: PeerList = ()
    # By what callers are known: their credential, their certificate, or both, of the same caller.
    callers_known_by: KnownBy = "credential"
    # Without TLS a service listens on other addresses than the loopback's only if this says that
    # nobody listens in.
    trusted_network: bool = False

    _split_peers = field_validator("tls_allowed_peers", mode="before")(split_list)

    def check_tls(self, listen: str) -> None:
        """Raise ValueError when the settings of TLS contradict one another, or `host:port`."""
        by_certificate = self.callers_known_by != "credential"
        if self.tls_client_ca_file and not self.tls_certificate_file:
            raise ValueError("TLS_CLIENT_CA_FILE is of no use without TLS_CERTIFICATE_FILE")
        if self.tls_allowed_peers and not self.tls_client_ca_file:
            raise ValueError("TLS_ALLOWED_PEERS is of no use without TLS_CLIENT_CA_FILE")
        if by_certificate and not self.tls_allowed_peers:
            raise ValueError(
                f"CALLERS_KNOWN_BY is {self.callers_known_by}, and TLS_ALLOWED_PEERS says of no"
                " certificate whose it is"
            )
        if self.tls_allowed_peers and not by_certificate:
            raise ValueError(
                "TLS_ALLOWED_PEERS is of no use while CALLERS_KNOWN_BY is credential; there are"
                " certificate and both"
            )
        if self.tls_certificate_file and self.trusted_network:
            raise ValueError(
                "TRUSTED_NETWORK allows doing without TLS, and TLS_CERTIFICATE_FILE is set"
            )
        if not (self.tls_certificate_file or self.trusted_network or is_loopback(listen)):
            raise ValueError(
                f"LISTEN is {listen}, which others can reach, and there is no"
                " TLS_CERTIFICATE_FILE; TRUSTED_NETWORK=true says that nobody listens in there"
            )


def is_loopback(address: str) -> bool:
    """Whether `host:port` can be reached from this machine alone."""
    host = address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # A name that somebody else explains.
        return False

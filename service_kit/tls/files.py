"""Certificates, keys and authorities in PEM files, and all that can be wrong with them.

Every function raises ValueError in words for the operator, which hold nothing of a key.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

_LARGEST_BYTES = 1024 * 1024
_PURPOSES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "servers",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clients",
}


@dataclass(frozen=True)
class Identity:
    """A certificate with its chain, and its key: PEM, and the first one read."""

    chain: bytes
    key: bytes
    certificate: x509.Certificate

    @property
    def not_after(self) -> datetime:
        return self.certificate.not_valid_after_utc


@dataclass(frozen=True)
class Authorities:
    """The certificates of authorities: PEM, and until when all of them are good."""

    pem: bytes
    not_after: datetime


def read_identity(
    certificate_file: Path,
    key_file: Path,
    now: datetime | None = None,
    *,
    serves: bool = False,
    calls: bool = False,
) -> Identity:
    """Read a certificate and its key, which are good now and made for what they are used for."""
    now = now or datetime.now(UTC)
    chain = _read(certificate_file)
    certificate, *_ = _certificates(certificate_file, chain)
    _check_time(f"the certificate in {certificate_file}", certificate, now)
    purposes = {ExtendedKeyUsageOID.SERVER_AUTH: serves, ExtendedKeyUsageOID.CLIENT_AUTH: calls}
    for purpose, needed in purposes.items():
        if needed and not _allows(certificate, purpose):
            raise ValueError(
                f"the certificate in {certificate_file} is not for {_PURPOSES[purpose]}, says its"
                " extended key usage"
            )
    key = _read(key_file, private=True)
    if _public_of(key_file, key) != _public_bytes(certificate.public_key()):
        raise ValueError(f"the key in {key_file} is not that of the certificate in"
                         f" {certificate_file}")  # fmt: skip
    return Identity(chain, key, certificate)


def read_authorities(path: Path, now: datetime | None = None) -> Authorities:
    """Read the certificates of authorities, of which one at least is good now."""
    now = now or datetime.now(UTC)
    pem = _read(path)
    found = _certificates(path, pem)
    problems = []
    for one in found:
        name = f"the certificate of an authority in {path}"
        try:
            constraints = one.extensions.get_extension_for_class(x509.BasicConstraints)
        except x509.ExtensionNotFound:
            # So old ones were made; whoever verifies says more.
            constraints = None
        try:
            if constraints is not None and not constraints.value.ca:
                raise ValueError(f"{name} is of no authority: it may sign no other")  # noqa: TRY301
            _check_time(name, one, now)
        except ValueError as problem:
            problems.append(problem)
    if len(problems) == len(found):
        raise problems[0]
    return Authorities(pem, min(one.not_valid_after_utc for one in found))


def names_of(certificate: x509.Certificate) -> Sequence[str]:
    """Give the hosts and addresses that a certificate is for."""
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = [str(one) for one in value.get_values_for_type(x509.IPAddress)]
    return (*value.get_values_for_type(x509.DNSName), *addresses)


def _read(path: Path, *, private: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{path} is no file")
            if private:
                _check_mode(path, status)
            return file.read(_LARGEST_BYTES)
    except OSError as error:
        raise ValueError(f"the file {path} can not be read: {error.strerror}") from None


def _check_mode(path: Path, status: os.stat_result) -> None:
    """A key is its owner's alone. One that belongs to another user, as volumes of secrets bring
    it, is read by way of its group; so libpq has it as well.
    """
    mode = stat.S_IMODE(status.st_mode)
    own = status.st_uid == os.geteuid()
    if mode & (0o077 if own else 0o027):
        raise ValueError(
            f"the key in {path} can be read or changed by others (mode {mode:04o}):"
            f" chmod {'600' if own else '640'} {path}"
        )


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError(f"{path} holds no certificate in PEM") from None
    return found


def _check_time(name: str, certificate: x509.Certificate, now: datetime) -> None:
    if now > certificate.not_valid_after_utc:
        raise ValueError(f"{name} expired at {_moment(certificate.not_valid_after_utc)}")
    if now < certificate.not_valid_before_utc:
        raise ValueError(
            f"{name} is not valid before {_moment(certificate.not_valid_before_utc)}, and the clock"
            f" of this machine says {_moment(now)}"
        )


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def _allows(certificate: x509.Certificate, purpose: x509.ObjectIdentifier) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return purpose in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


def _public_of(path: Path, pem: bytes) -> bytes:
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError(f"the key in {path} is encrypted; one without a password is needed") from (
            None
        )
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{path} holds no private key in PEM") from None
    return _public_bytes(key.public_key())


def _public_bytes(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]  # Of every kind of key.
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return encoded

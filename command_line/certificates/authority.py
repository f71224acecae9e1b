"""An authority of one's own: makes its certificate, and signs those of the parts.

Keys are of the curve P-256. Names are as SPIFFE has them, `spiffe://<domain>/parley/<name>`.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Clocks that are behind find a new certificate good all the same.
_EARLIER = timedelta(minutes=5)


class Pair(NamedTuple):
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A signer of certificates. Raises ValueError for a key that it can not sign with."""

    def __init__(self, certificates: bytes, key: bytes) -> None:
        try:
            found = load_pem_private_key(key, None)
        except (ValueError, TypeError):
            raise ValueError("the key of the authority is none in PEM") from None
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise ValueError("the key of the authority is not one that was made here")  # noqa: TRY004
        self._key = found
        own = [
            one
            for one in x509.load_pem_x509_certificates(certificates)
            if one.public_key() == found.public_key()
        ]
        if not own:
            raise ValueError("the key of the authority is not that of its certificate")
        self.certificate = own[0]

    def sign(
        self,
        uri: str,
        hosts: Sequence[str],
        days: float,
        *,
        serves: bool,
        now: datetime | None = None,
    ) -> Pair:
        """Make a certificate for the one whom a URI names, for these hosts if it serves.

        Raises ValueError for hosts that are none, and for more days than the authority has left.
        """
        now = now or datetime.now(UTC)
        end = now + timedelta(days=days)
        if end > self.certificate.not_valid_after_utc:
            raise ValueError(
                "the authority itself is good until"
                f" {self.certificate.not_valid_after_utc:%Y-%m-%d}, and no certificate of it for"
                " longer"
            )
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
        if serves:
            usages.insert(0, ExtendedKeyUsageOID.SERVER_AUTH)
            names += map(_host, hosts)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(x509.Name([]), self.certificate.subject, key, now - _EARLIER, end)
            # Critical, for there is no other name (RFC 5280, 4.2.1.6).
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        return _pair(builder.sign(self._key, SHA256()), key)


def make_authority(domain: str, days: float, now: datetime | None = None) -> Pair:
    """Make the certificate and the key of a new authority."""
    now = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    # No two of them have the same name, so that who verifies finds the right one at once.
    common = f"Parley {now:%Y-%m-%d} {token_hex(4)}, {domain}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])
    builder = (
        _builder(name, name, key, now - _EARLIER, now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
    )
    return _pair(builder.sign(key, SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(identifier, critical=False)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError as error:
        raise ValueError(f"{host!r} is no host: {error}") from None

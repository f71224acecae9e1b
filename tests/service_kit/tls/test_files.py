"""Certificates, keys and authorities: what is wrong with them is said in words."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from service_kit.tls.files import names_of, read_authorities, read_identity
from tests.support.certificates import Certificates

NOW = datetime.now(UTC)
Spoil = Callable[[Path, Path], object]


def test_a_certificate_with_its_key(certificates: Certificates) -> None:
    """Good for 90 days, for the name of the service and the loopback."""
    own = certificates.own("messaging")
    found = read_identity(own["tls_certificate_file"], own["tls_key_file"], serves=True, calls=True)
    assert timedelta(days=89) < found.not_after - NOW < timedelta(days=91)
    assert names_of(found.certificate) == ("messaging", "localhost", "127.0.0.1", "::1")


def _encrypt(_certificate: Path, key: Path) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    secret = BestAvailableEncryption(b"word")
    key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))


def _make_folder(certificate: Path, _key: Path) -> None:
    certificate.unlink()
    certificate.mkdir()


def _swap(certificate: Path, key: Path) -> None:
    key.write_bytes(certificate.with_name("edge_key").read_bytes())


SPOILT: dict[str, tuple[Spoil, str]] = {
    "no certificate": (lambda c, _: c.unlink(), "can not be read: No such file"),
    "no key": (lambda _, k: k.unlink(), "can not be read: No such file"),
    "a folder": (_make_folder, "can not be read: Is a directory"),
    "not PEM": (lambda c, _: c.write_text("rubbish"), "holds no certificate in PEM"),
    "binary": (lambda c, _: c.write_bytes(os.urandom(99)), "holds no certificate in PEM"),
    "empty": (lambda c, _: c.write_text(""), "holds no certificate in PEM"),
    "a key in its place": (
        lambda c, k: c.write_bytes(k.read_bytes()),
        "holds no certificate in PEM",
    ),
    "no key in PEM": (lambda _, k: k.write_text("rubbish"), "holds no private key in PEM"),
    "encrypted": (_encrypt, "is encrypted; one without a password is needed"),
    "the key of another": (_swap, "is not that of the certificate"),
    "for its group": (lambda _, k: k.chmod(0o640), "by others .mode 0640.: chmod 600"),
    "for everybody": (lambda _, k: k.chmod(0o604), "by others .mode 0604.: chmod 600"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_wrong_with_a_pair(certificates: Certificates, what: str) -> None:
    """One line, which names the file and shows nothing of a key."""
    spoil, words = SPOILT[what]
    own = certificates.own("messaging")
    certificate, key = own["tls_certificate_file"], own["tls_key_file"]
    secret = key.read_text().splitlines()[1]
    spoil(certificate, key)
    with pytest.raises(ValueError, match=words) as caught:
        read_identity(certificate, key)
    assert "\n" not in str(caught.value)
    assert secret not in str(caught.value)
    assert str(certificates.folder) in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_of_another_user_is_read_by_its_group(certificates: Certificates) -> None:
    """So volumes of secrets bring it; changed by the group or read by others it may not be."""
    own = certificates.own("messaging")
    certificate, key = own["tls_certificate_file"], own["tls_key_file"]
    os.chown(key, 10001, 10001)
    key.chmod(0o440)
    read_identity(certificate, key)
    for mode in (0o460, 0o444):
        key.chmod(mode)
        with pytest.raises(ValueError, match="can be read or changed by others"):
            read_identity(certificate, key)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (NOW + timedelta(days=91), "expired at 20"),
        (NOW - timedelta(days=1), "is not valid before 20.* the clock of this machine says 20"),
    ],
)
def test_a_certificate_has_its_time(certificates: Certificates, now: datetime, words: str) -> None:
    own = certificates.own("messaging")
    with pytest.raises(ValueError, match=words):
        read_identity(own["tls_certificate_file"], own["tls_key_file"], now)


def test_a_certificate_has_its_purpose(certificates: Certificates) -> None:
    """One of a client serves nobody."""
    own = certificates.own("edge")
    read_identity(own["tls_certificate_file"], own["tls_key_file"], calls=True)
    with pytest.raises(ValueError, match="is not for servers"):
        read_identity(own["tls_certificate_file"], own["tls_key_file"], serves=True)


@pytest.mark.parametrize(
    ("name", "now", "words"),
    [
        ("missing", NOW, "can not be read"),
        ("edge_key", NOW, "holds no certificate"),
        ("edge_certificate", NOW, "is of no authority: it may sign no other"),
        ("ca_certificate", NOW + timedelta(days=4000), "expired at"),
        ("ca_certificate", NOW - timedelta(days=1), "is not valid before"),
    ],
)
def test_what_is_wrong_with_authorities(
    certificates: Certificates, name: str, now: datetime, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read_authorities(certificates.file(name), now)

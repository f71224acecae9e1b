"""The key source that the settings name: a secret, a public key file, or a JWKS address."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from service_kit.authentication.key_set import JsonWebKeySet
from service_kit.authentication.key_source import KeySource
from service_kit.authentication.verification_keys import (
    VerificationKey,
    read_public_key,
    read_secret,
)


class _SingleKey:
    """One key that never changes. It answers to every `kid`, for there is no other."""

    def __init__(self, key: VerificationKey) -> None:
        self._key = key

    @property
    def algorithms(self) -> frozenset[str]:
        return self._key.algorithms

    async def start(self) -> None:
        """Do nothing: the key is there."""

    async def close(self) -> None:
        """Do nothing: nothing runs."""

    async def find(self, key_id: str | None, algorithm: str) -> VerificationKey:  # noqa: ARG002 - the protocol's
        return self._key


class SecretKey(_SingleKey):
    """A secret shared with the issuer: HS256 from 32 bytes on, HS384 from 48, HS512 from 64.

    Raises KeyDocumentError (a ValueError) for a shorter one.
    """

    def __init__(self, secret: bytes) -> None:
        super().__init__(read_secret(secret))


class PublicKey(_SingleKey):
    """The issuer's public key in PEM form: RSA, P-256, P-384, P-521 or Ed25519.

    Raises KeyDocumentError (a ValueError) for everything else.
    """

    def __init__(self, pem: bytes) -> None:
        super().__init__(read_public_key(pem))


def open_key_source(
    *,
    secret_file: Path | None = None,
    public_key_file: Path | None = None,
    jwks_url: str | None = None,
    registry: CollectorRegistry | None = None,
    metrics_prefix: str = "",
) -> KeySource:
    """Make the one key source that the settings name.

    A secret file holds the secret itself, as bytes; newlines at its end do not count, because
    editors and `echo` add one. `registry` takes the metrics of a JWKS address, whose names begin
    with `metrics_prefix`.
    Raises ValueError when not exactly one source is named, and when it cannot be used.
    """
    named = [source for source in (secret_file, public_key_file, jwks_url) if source is not None]
    if len(named) != 1:
        raise ValueError(
            "name exactly one source of token keys: a secret file, a public key file"
            f" or a JWKS address; {len(named)} are named"
        )
    if secret_file is not None:
        return SecretKey(_read_file(secret_file).rstrip(b"\r\n"))
    if public_key_file is not None:
        return PublicKey(_read_file(public_key_file))
    return JsonWebKeySet(str(jwks_url), registry=registry, metrics_prefix=metrics_prefix)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"the key file {path} cannot be read: {error.strerror}") from None

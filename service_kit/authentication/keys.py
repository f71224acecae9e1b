"""The key source that the settings name: secrets, public keys, or a JWKS address."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from service_kit.authentication.file_stamps import Stamp, stamp_of
from service_kit.authentication.key_set import JsonWebKeySet
from service_kit.authentication.key_source import MAXIMUM_TRIED_KEYS, KeyNotFoundError, KeySource
from service_kit.authentication.verification_keys import (
    VerificationKey,
    read_public_key,
    read_secret,
)

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


class FixedKeys:
    """Keys that never change. They have no `kid`, so each answers to every one."""

    def __init__(self, keys: Sequence[VerificationKey]) -> None:
        self._keys = tuple(keys)

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset().union(*(key.algorithms for key in self._keys))

    async def start(self) -> None:
        """Do nothing: the keys are there."""

    async def close(self) -> None:
        """Do nothing: nothing runs."""

    async def find(self, key_id: str | None, algorithm: str) -> tuple[VerificationKey, ...]:  # noqa: ARG002 - the protocol's
        found = tuple(key for key in self._keys if algorithm in key.algorithms)
        if not found:
            raise KeyNotFoundError
        return found


class KeyFiles(FixedKeys):
    """Keys of files, a key in each, of which each may be the token's: so keys can be changed one
    after the other, and nobody is signed out.

    Who asks for a key has changed files read again, at most once a second. Files that cannot be
    used are logged, and the keys that were read last stay. `read` makes a key of a file's content.
    Raises ValueError for what cannot be used at first.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        read: Callable[[bytes], VerificationKey],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = tuple(paths)
        self._read = read
        self._monotonic = monotonic
        self._look_at = monotonic() + _LOOK_SECONDS
        self._seen = self._look()
        super().__init__(self._read_all())

    async def find(self, key_id: str | None, algorithm: str) -> tuple[VerificationKey, ...]:
        self._refresh()
        return await super().find(key_id, algorithm)

    def _refresh(self) -> None:
        now = self._monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._keys = self._read_all()
        except ValueError as error:
            logger.error("the keys of tokens stay as they were: %s", error)  # noqa: TRY400 - no trace needed
        else:
            logger.info("the keys of tokens were read again")

    def _look(self) -> list[Stamp | None]:
        """The marks by which a changed or replaced file is told; None for one that is not there."""
        return [stamp_of(path) for path in self._paths]

    def _read_all(self) -> tuple[VerificationKey, ...]:
        return tuple(self._read_one(path) for path in self._paths)

    def _read_one(self, path: Path) -> VerificationKey:
        try:
            return self._read(path.read_bytes())
        except OSError as error:
            raise ValueError(f"the key file {path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise ValueError(f"the key file {path} cannot be used: {error}") from None


def secret_of(content: bytes) -> bytes:
    """Give the secret that a file holds: all of it but the newlines at its end, which editors and
    `echo` add. Who signs and who verifies read it alike.
    """
    return content.rstrip(b"\r\n")


def open_key_source(
    *,
    secret_files: Sequence[Path] = (),
    public_key_files: Sequence[Path] = (),
    jwks_url: str | None = None,
    registry: CollectorRegistry | None = None,
    metrics_prefix: str = "",
) -> KeySource:
    """Make the one key source that the settings name.

    A secret file holds what `secret_of` takes from it. `registry` takes the metrics of a JWKS
    address, whose names begin with `metrics_prefix`.
    Raises ValueError when not exactly one source is named, and when it cannot be used.
    """
    named = sum(map(bool, (secret_files, public_key_files, jwks_url)))
    if named != 1:
        raise ValueError(
            "name exactly one source of token keys: secret files, public key files"
            f" or a JWKS address; {named} are named"
        )
    if max(len(secret_files), len(public_key_files)) > MAXIMUM_TRIED_KEYS:
        raise ValueError(f"name at most {MAXIMUM_TRIED_KEYS} files of token keys")
    if secret_files:
        return KeyFiles(secret_files, lambda content: read_secret(secret_of(content)))
    if public_key_files:
        return KeyFiles(public_key_files, read_public_key)
    return JsonWebKeySet(str(jwks_url), registry=registry, metrics_prefix=metrics_prefix)

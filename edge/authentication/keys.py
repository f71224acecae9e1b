"""Where the keys that verify tokens come from: a secret, a public key file, or a JWKS address."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from edge.authentication.key_download import Downloader, DownloadError
from edge.authentication.verification_keys import (
    ASYMMETRIC_ALGORITHMS,
    KeyDocumentError,
    VerificationKey,
    read_key_set,
    read_public_key,
    read_secret,
)

logger = logging.getLogger(__name__)


class KeyNotFoundError(Exception):
    """No key answers to what a token asks for.

    `source_is_empty` is true when there is no key at all, because the issuer could not be asked
    yet. Then the token may well be good.
    """

    def __init__(self, *, source_is_empty: bool = False) -> None:
        super().__init__("no such key")
        self.source_is_empty = source_is_empty


class KeySource(Protocol):
    """What an authenticator needs of its keys. `start` comes before the first `find`."""

    @property
    def algorithms(self) -> frozenset[str]:
        """All algorithms that any key of this source could have."""

    async def start(self) -> None:
        """Make the keys ready, as far as they can be had."""

    async def close(self) -> None:
        """Stop whatever runs in the background."""

    async def find(self, key_id: str | None, algorithm: str) -> VerificationKey:
        """Return the key for a token with this `kid` and `alg`. Raises KeyNotFoundError.

        A key may come back that does not allow `algorithm`: then none of that name does.
        """


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


class JsonWebKeySet:
    """The keys that an issuer publishes at an address (RFC 7517), kept fresh in the background.

    They are fetched at `start` and every `refresh_seconds`. When the issuer fails, the last good
    keys stay, however old, and the fetch is tried again: after 1 s, then ever later. A token with
    an unknown `kid` causes a fetch at once, so that new keys work without delay, but only one in
    `demand_seconds`: a flood of invented ones neither hammers the issuer nor waits for it.
    Sizes are in bytes, times in seconds; `monotonic` is replaced in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        refresh_seconds: float = 300.0,
        demand_seconds: float = 30.0,
        timeout_seconds: float = 5.0,
        maximum_bytes: int = 1_048_576,
        maximum_keys: int = 100,
        maximum_waiting: int = 256,
        registry: CollectorRegistry | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._downloader = Downloader(
            url, timeout_seconds=timeout_seconds, maximum_bytes=maximum_bytes
        )
        self._refresh_seconds = refresh_seconds
        self._demand_seconds = demand_seconds
        self._maximum_keys = maximum_keys
        self._maximum_waiting = maximum_waiting
        self._monotonic = monotonic
        self._keys: tuple[VerificationKey, ...] = ()
        self._consecutive_failures = 0
        self._waiting = 0
        self._next_demand_at = float("-inf")
        self._flight: asyncio.Task[None] | None = None
        self._refresher: asyncio.Task[None] | None = None
        self._fetches = Counter(
            "parley_edge_key_fetches",
            "Fetches of the issuer's key set, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._fetched_at = Gauge(
            "parley_edge_key_set_fetched_timestamp_seconds",
            "When the issuer's key set was last fetched, in Unix seconds; 0 means never.",
            registry=registry,
        )

    @property
    def algorithms(self) -> frozenset[str]:
        """Those with public keys: a published secret would be none."""
        return ASYMMETRIC_ALGORITHMS

    async def start(self) -> None:
        """Fetch once, and go on in the background. An issuer that is down does not stop the start.

        Returns after the time of one fetch at most.
        """
        await asyncio.wait({self._begin_fetch()})
        self._refresher = asyncio.create_task(self._refresh_for_ever())

    async def close(self) -> None:
        """Stop the refresh and a fetch in flight; the keys stay usable."""
        tasks = [task for task in (self._refresher, self._flight) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def find(self, key_id: str | None, algorithm: str) -> VerificationKey:
        """Return the key, after a fetch of the set if that may bring it.

        A token without a `kid` is served when exactly one key has its algorithm.
        """
        key = self._look_up(key_id, algorithm)
        if key is None:
            await self._wait_for_fetch()
            key = self._look_up(key_id, algorithm)
        if key is None:
            raise KeyNotFoundError(source_is_empty=not self._keys)
        return key

    def _look_up(self, key_id: str | None, algorithm: str) -> VerificationKey | None:
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        if key_id is None:
            return fitting[0] if len(fitting) == 1 else None
        # Keys of different types may share a kid (RFC 7517, 4.5), so those that fit come first.
        named = [key for key in (*fitting, *self._keys) if key.key_id == key_id]
        return named[0] if named else None

    async def _wait_for_fetch(self) -> None:
        """Wait for the fetch in flight, or for a new one if the window allows it, or not at all."""
        flight = self._flight
        if flight is None or flight.done():
            if self._monotonic() < self._next_demand_at:
                return
            self._next_demand_at = self._monotonic() + self._demand_seconds
            flight = self._begin_fetch()
        if self._waiting >= self._maximum_waiting:
            return
        self._waiting += 1
        try:
            # Unlike awaiting the task, this leaves it running when one who waits goes away.
            await asyncio.wait({flight})
        finally:
            self._waiting -= 1

    def _begin_fetch(self) -> asyncio.Task[None]:
        """Start a fetch, or join the one in flight."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fetch())
        return self._flight

    async def _fetch(self) -> None:
        try:
            document = await self._downloader.download()
            keys = read_key_set(document, maximum_keys=self._maximum_keys)
        except (DownloadError, KeyDocumentError) as error:
            self._note_failure(str(error))
        except Exception:
            # Nothing that an issuer answers may end the refreshing for good.
            logger.exception("The issuer's keys could not be read")
            self._note_failure("unexpected error")
        else:
            if self._consecutive_failures:
                logger.info("The issuer's keys are available again")
            self._consecutive_failures = 0
            self._keys = keys
            self._fetches.labels("success").inc()
            self._fetched_at.set_to_current_time()

    def _note_failure(self, problem: str) -> None:
        self._consecutive_failures += 1
        self._fetches.labels("failure").inc()
        # An issuer that stays down is worth one line; the metric counts the rest.
        level = logging.WARNING if self._consecutive_failures == 1 else logging.DEBUG
        logger.log(
            level,
            "The issuer's keys could not be fetched, %d earlier ones stay in use: %s",
            len(self._keys),
            problem,
        )

    async def _refresh_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._seconds_until_refresh())
            await asyncio.wait({self._begin_fetch()})

    def _seconds_until_refresh(self) -> float:
        if not self._consecutive_failures:
            return self._refresh_seconds
        # The exponent is bounded because an outage may last longer than a float can count.
        retry_seconds = 2.0 ** min(self._consecutive_failures - 1, 16)
        return min(retry_seconds, self._refresh_seconds)


def open_key_source(
    *,
    secret_file: Path | None = None,
    public_key_file: Path | None = None,
    jwks_url: str | None = None,
    registry: CollectorRegistry | None = None,
) -> KeySource:
    """Make the one key source that the settings name.

    A secret file holds the secret itself, as bytes; newlines at its end do not count, because
    editors and `echo` add one. `registry` takes the metrics of a JWKS address.
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
    return JsonWebKeySet(str(jwks_url), registry=registry)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"the key file {path} cannot be read: {error.strerror}") from None

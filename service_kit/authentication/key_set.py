"""The keys that an issuer publishes at an address, fetched in the background."""

import asyncio
import logging
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from service_kit.authentication import verification_keys
from service_kit.authentication.key_download import Downloader, DownloadError
from service_kit.authentication.key_source import MAXIMUM_TRIED_KEYS, KeyNotFoundError

logger = logging.getLogger(__name__)


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
        metrics_prefix: str = "",
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
        self._keys: tuple[verification_keys.VerificationKey, ...] = ()
        self._consecutive_failures = 0
        self._waiting = 0
        self._next_demand_at = float("-inf")
        self._flight: asyncio.Task[None] | None = None
        self._refresher: asyncio.Task[None] | None = None
        self._fetches = Counter(
            f"{metrics_prefix}key_fetches",
            "Fetches of the issuer's key set, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._fetched_at = Gauge(
            f"{metrics_prefix}key_set_fetched_timestamp_seconds",
            "When the issuer's key set was last fetched, in Unix seconds; 0 means never.",
            registry=registry,
        )

    @property
    def algorithms(self) -> frozenset[str]:
        """Those with public keys: a published secret would be none."""
        return verification_keys.ASYMMETRIC_ALGORITHMS

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

    async def find(
        self, key_id: str | None, algorithm: str
    ) -> tuple[verification_keys.VerificationKey, ...]:
        """Return the keys, after a fetch of the set if that may bring them.

        A token without a `kid` may be of any key with its algorithm, unless too many have it.
        """
        keys = self._look_up(key_id, algorithm)
        if not keys:
            await self._wait_for_fetch()
            keys = self._look_up(key_id, algorithm)
        if not keys:
            raise KeyNotFoundError(source_is_empty=not self._keys)
        return keys

    def _look_up(
        self, key_id: str | None, algorithm: str
    ) -> tuple[verification_keys.VerificationKey, ...]:
        named = tuple(key for key in self._keys if key_id in {None, key.key_id})
        # Keys of different types may share a kid (RFC 7517, 4.5), so those that fit come first.
        found = tuple(key for key in named if algorithm in key.algorithms)
        if not found and key_id is not None:
            found = named
        return found if len(found) <= MAXIMUM_TRIED_KEYS else ()

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
            keys = verification_keys.read_key_set(document, maximum_keys=self._maximum_keys)
        except (DownloadError, verification_keys.KeyDocumentError) as error:
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

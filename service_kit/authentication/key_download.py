"""Download of a small document from an operator's address, without stopping the event loop.

`urllib` blocks, and its time-out counts for each read alone. So each download runs in a daemon
thread that is given up when its time is over: it can neither hold up the loop nor the exit.
"""

import asyncio
import contextlib
import http.client
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

_CHUNK_BYTES = 65_536
# Threads that were given up, for instance while a name was resolved, end on their own. Until then
# they count, so that a hanging address cannot gather threads without a bound.
_MAXIMUM_THREADS = 4


class DownloadError(Exception):
    """A document could not be fetched; the text says why and may stand in a log."""


class Downloader:
    """Fetches one address, again and again, with a bound on time and size.

    `timeout_seconds` counts for the whole download, `maximum_bytes` for its body. Raises
    ValueError when the address is not http or https, or bears a user name or password.
    """

    def __init__(self, url: str, *, timeout_seconds: float, maximum_bytes: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the address of the keys must begin with https:// or http://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the address of the keys must not bear a user name or password")
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._maximum_bytes = maximum_bytes
        self._opener = _opener_without_redirects()
        self._threads: list[threading.Thread] = []

    async def download(self) -> bytes:
        """Return the body of a 200 answer. Raises DownloadError in every other case."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= _MAXIMUM_THREADS:
            raise DownloadError("earlier downloads still hang")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[bytes] = loop.create_future()

        def settle(body: bytes | None, error: BaseException | None) -> None:
            # Whoever waited may have given up meanwhile, and the future is cancelled then.
            if outcome.done():
                return
            if error is not None:
                outcome.set_exception(error)
            elif body is not None:
                outcome.set_result(body)

        def run() -> None:
            body, error = None, None
            try:
                body = self._read()
            except BaseException as failure:  # noqa: BLE001 - it is raised again in the waiter
                error = failure
            # A closed loop means that the process is stopping and nobody waits any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, body, error)

        thread = threading.Thread(target=run, name="key-download", daemon=True)
        self._threads.append(thread)
        thread.start()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await outcome
        except TimeoutError:
            raise DownloadError(f"no answer within {self._timeout_seconds:g} s") from None

    def _read(self) -> bytes:
        """Fetch the body; runs in a thread of its own."""
        deadline = time.monotonic() + self._timeout_seconds
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked when made
            self._url, headers={"Accept": "application/jwk-set+json, application/json"}
        )
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as response:
                if response.status != http.client.OK:
                    raise DownloadError(f"the answer was {response.status}")
                body = bytearray()
                while chunk := response.read1(_CHUNK_BYTES):
                    body += chunk
                    if len(body) > self._maximum_bytes:
                        raise DownloadError(f"the answer exceeds {self._maximum_bytes} bytes")
                    if time.monotonic() > deadline:
                        raise DownloadError(f"no answer within {self._timeout_seconds:g} s")
                return bytes(body)
        except urllib.error.HTTPError as error:
            error.close()
            raise DownloadError(f"the answer was {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DownloadError(f"{type(error).__name__}: {error}") from error


def _opener_without_redirects() -> urllib.request.OpenerDirector:
    """An opener that follows no redirect, which could leave https and the configured address.

    The proxy settings of the environment count, as everywhere in the standard library.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener

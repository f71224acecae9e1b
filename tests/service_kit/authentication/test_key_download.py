"""The download of keys: bounded in time and in threads, from a fit address."""

import threading

import pytest

from service_kit.authentication.key_download import Downloader, DownloadError
from service_kit.authentication.key_set import JsonWebKeySet
from tests.service_kit.authentication.issuer import Issuer


async def test_slow_download_is_given_up_as_a_whole(issuer: Issuer) -> None:
    """A server that sends a little now and then gets no more time than one that sends nothing."""
    issuer.pieces, issuer.seconds_between_pieces = 20, 0.05
    downloader = Downloader(issuer.url, timeout_seconds=0.2, maximum_bytes=100_000)
    with pytest.raises(DownloadError, match=r"within 0\.2 s"):
        await downloader.download()


async def test_hanging_downloads_do_not_gather(issuer: Issuer) -> None:
    """Threads that were given up but still hang are counted, and there is a limit to them."""
    hanging = threading.Event()
    downloader = Downloader(issuer.url, timeout_seconds=0.01, maximum_bytes=1000)
    downloader._read = lambda: bytes(hanging.wait(10))  # type: ignore[method-assign]
    for _ in range(4):
        with pytest.raises(DownloadError, match="no answer"):
            await downloader.download()
    with pytest.raises(DownloadError, match="still hang"):
        await downloader.download()
    hanging.set()
    for thread in downloader._threads:
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "issuer.example/keys",
        "ftp://issuer.example/keys",
        "file:///etc/passwd",
        "https:///keys",
        "https://user:password@issuer.example/keys",
    ],
)
def test_unsuitable_address_is_refused(url: str) -> None:
    """Only http and https addresses without a password are taken; the text repeats none."""
    with pytest.raises(ValueError, match="address of the keys") as caught:
        JsonWebKeySet(url)
    assert "password@" not in str(caught.value)

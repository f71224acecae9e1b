"""NATS with TLS, by the files of a part."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from service_kit.bus.nats import options_of
from tests.support.certificates import Certificates
from tests.support.nats import Nats
from tests.support.tally.service import TallySettings
from tests.support.waiting import PATIENCE


@pytest.fixture
def nats(certificates: Certificates) -> Iterator[Nats]:
    """One that speaks TLS with those alone who show a certificate of the authority."""
    certificates.make(also=["nats"])
    own = certificates.own("nats")
    server = Nats(
        *("--tlsverify", "--tlscacert", str(certificates.ca)),
        *("--tlscert", str(own["tls_certificate_file"])),
        *("--tlskey", str(own["tls_key_file"])),
    )
    yield server
    server.stop()


def options(nats: Nats, **given: Any) -> dict[str, Any]:
    url = nats.url.replace("nats:", "tls:")
    settings = TallySettings(
        database_url="postgresql+psycopg://h/d",
        credentials_file=Path("accepted"),
        bus_url=url,
        **given,
    )
    return {**options_of(settings), "max_reconnect_attempts": 0, "allow_reconnect": False}


async def connects(given: dict[str, Any]) -> bool:
    client = Client()

    async def note(_error: Exception) -> None:
        """Those that are expected are not printed."""

    try:
        async with asyncio.timeout(PATIENCE):
            await client.connect(**given, error_cb=note)
    except Exception:  # noqa: BLE001 - of many kinds
        return False
    connected = client.is_connected
    await client.close()
    return bool(connected)


async def test_nats_is_reached_with_the_certificate_of_the_part(
    nats: Nats, certificates: Certificates
) -> None:
    """And with another one after a renewal; without one, or by another authority, it is not."""
    own = options(nats, **certificates.calling("messaging"))
    assert await connects(own)
    certificates.make(renew=True)
    assert await connects(own)
    certificates.file("messaging_key").write_text("rubbish")
    assert await connects(own), "what was read before stays in use"
    assert not await connects(options(nats, tls_ca_file=certificates.ca))
    assert not await connects(options(nats))


def test_bad_files_end_a_start(nats: Nats, certificates: Certificates) -> None:
    certificates.file("messaging_key").chmod(0o644)
    with pytest.raises(ValueError, match="can be read or changed by others"):
        options(nats, **certificates.calling("messaging"))

"""An issuer that serves on a free port."""

from collections.abc import Iterator

import pytest

from tests.service_kit.authentication.issuer import Issuer, jwk


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    server = Issuer()
    server.keys = [jwk("first")]
    yield server
    server.close()

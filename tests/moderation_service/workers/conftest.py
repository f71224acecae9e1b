"""Moderation's database, and a proxy before negotiation."""

from collections.abc import AsyncIterator

import pytest

from tests.moderation_service.peers import Peers
from tests.moderation_service.sagas import Sagas, migrated, sagas
from tests.support.proxy import Proxy, proxy


@pytest.fixture
async def between(peers: Peers) -> AsyncIterator[Proxy]:
    async with proxy(peers.negotiation_target) as made:
        yield made


@pytest.fixture
async def stored(empty_database: str) -> AsyncIterator[Sagas]:
    async with sagas(migrated(empty_database)) as made:
        yield made

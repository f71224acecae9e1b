"""Evidence takers between proxies."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from parley.messaging.v1.messaging_pb2_grpc import MessagingServiceStub
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub

from moderation_service.clients.evidence import Bounds, EvidenceTaker
from moderation_service.clients.messaging import Messaging
from moderation_service.clients.negotiation import Negotiation
from tests.moderation_service.clients.taking import BOUNDS, Make
from tests.moderation_service.peers import Peers, dial_peer
from tests.support.proxy import Proxy, proxy


@pytest.fixture
async def between(peers: Peers) -> AsyncIterator[dict[str, Proxy]]:
    async with proxy(peers.messaging_target) as words, proxy(peers.negotiation_target) as deals:
        yield {"messaging": words, "negotiation": deals}


@pytest.fixture
def reached() -> list[str]:
    return []


@pytest.fixture
async def make(between: dict[str, Proxy], reached: list[str]) -> AsyncIterator[Make]:
    """Make a taker with other bounds, or one that has no negotiation."""
    async with AsyncExitStack() as stack:

        async def made(
            bounds: Bounds = BOUNDS, *, negotiates: bool = True, timeout_seconds: float = 5
        ) -> EvidenceTaker:
            words, deals = [
                await stack.enter_async_context(
                    dial_peer(between[name].target, stub, timeout_seconds)
                )
                for name, stub in (
                    ("messaging", MessagingServiceStub),
                    ("negotiation", NegotiationServiceStub),
                )
            ]
            negotiation = Negotiation(deals) if negotiates else None
            return EvidenceTaker(Messaging(words), negotiation, bounds, reached.append)

        yield made


@pytest.fixture
async def taker(make: Make) -> EvidenceTaker:
    return await make()

"""A negotiation service beside a messaging service, and a client of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2, messaging_pb2_grpc
from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc

from messaging_service.__main__ import SERVICE as MESSAGING
from messaging_service.settings import MessagingSettings
from negotiation_service.__main__ import SERVICE
from negotiation_service.settings import NegotiationSettings
from service_kit.authentication.callers import Caller
from service_kit.service import migrate, running
from tests.support.callers import metadata_of, write_accepted, write_credential
from tests.support.serving import Described, Serve, ServiceClient, quick_settings
from tests.support.waiting import PATIENCE


def settings_of(folder: Path, database_url: str) -> NegotiationSettings:
    return NegotiationSettings(
        **quick_settings(folder, database_url),
        messaging_credential_file=write_credential(folder, Caller.NEGOTIATION),
    )


class Client(ServiceClient):
    """Calls the service, some methods in one word."""

    messages = pb
    new_stub = negotiation_pb2_grpc.NegotiationServiceStub
    callers = SERVICE.callers
    # What the contract asks of a client.
    options = (("grpc.max_metadata_size", 64 * 1024),)
    open_conversation: Any

    async def _service(self, name: str, request: Any = None, **fields: Any) -> pb.Service:
        response = await self.call(name, request, **fields)
        assert type(response).__name__ == f"{name}Response"
        assert isinstance(response.service, pb.Service)
        return response.service

    def creation(self, actor: str = "ann", **fields: Any) -> pb.CreateServiceRequest:
        """A request of a provider; a field that is None is left out."""
        given = {
            "role": pb.ROLE_PROVIDER,
            "title": "A garden fence",
            "price": pb.Money(amount_minor=10_000, currency="EUR"),
            "actor": actor,
            **fields,
        }
        return pb.CreateServiceRequest(**given)

    async def create(self, actor: str = "ann", other: str = "bob", **fields: Any) -> pb.Service:
        """Propose a service as its provider, in a conversation of two people."""
        conversation = fields.pop("conversation", None)
        conversation = conversation or await self.open_conversation(actor, other)
        request = self.creation(actor, conversation_id=conversation, **fields)
        return await self._service("CreateService", request)

    async def edit(
        self, actor: str, service: str, amount: int, base: int, **fields: Any
    ) -> pb.Service:
        """Name another price in euros."""
        price = pb.Money(amount_minor=amount, currency="EUR")
        asked = {"actor": actor, "service_id": service, "price": price, "base_offer": base}
        return await self._service("EditPrice", **asked, **fields)

    async def note(self, actor: str, service: str, comment: str, **fields: Any) -> pb.Service:
        """Rate the other."""
        asked = {"actor": actor, "service_id": service, "score": 5, "comment": comment}
        return await self._service("SubmitNote", **asked, **fields)

    async def accept(self, actor: str, shown: pb.Service, **fields: Any) -> pb.Service:
        """Accept the live offer of a service as it was shown."""
        live = shown.offer if shown.HasField("offer") else shown.amendment
        given = {"offer": live.number, "price": live.price, **fields}
        asked = {"actor": actor, "service_id": shown.id, "outcome": pb.NEGOTIATION_OUTCOME_AGREED}
        return await self._service("EndNegotiation", **asked, **given)

    async def terminate(self, actor: str, service: str, outcome: str, **fields: Any) -> pb.Service:
        """Deliver, complete, reopen or cancel."""
        value = pb.TerminationOutcome.Value(f"TERMINATION_OUTCOME_{outcome}")
        asked = {"actor": actor, "service_id": service, "outcome": value}
        return await self._service("TerminateService", **asked, **fields)


DESCRIBED = Described(SERVICE, settings_of, Client)


@pytest.fixture
def described() -> Described:
    return DESCRIBED


@pytest.fixture
async def messaging(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a running messaging service."""
    settings = MessagingSettings(
        listen="127.0.0.1:0",
        database_url=f"sqlite:///{tmp_path / 'messaging.sqlite3'}",
        credentials_file=write_accepted(tmp_path / "accepted"),
        grace_seconds=0,
        log_level="info",
    )
    migrate(MESSAGING, settings)
    async with running(MESSAGING, settings) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
async def open_conversation(messaging: str) -> AsyncIterator[Any]:
    """Open a conversation of two people about a subject; gives its id."""
    async with grpc.aio.insecure_channel(messaging) as channel:
        stub: Any = messaging_pb2_grpc.MessagingServiceStub(channel)
        metadata = metadata_of(Caller.BACKEND)

        async def opened(one: str, other: str, subject: str = "") -> str:
            request = messaging_pb2.CreateConversationRequest(
                participants=[one, other], subject=subject
            )
            answer = await stub.CreateConversation(request, metadata=metadata, timeout=PATIENCE)
            return str(answer.conversation.id)

        yield opened


@pytest.fixture
async def block(messaging: str) -> AsyncIterator[Any]:
    """Let one person block another, or no longer."""
    async with grpc.aio.insecure_channel(messaging) as channel:
        stub: Any = messaging_pb2_grpc.MessagingServiceStub(channel)
        metadata = metadata_of(Caller.EDGE)

        async def blocked(blocker: str, other: str, *, active: bool = True) -> None:
            request = messaging_pb2.SetBlockRequest(actor=blocker, user=other, blocked=active)
            await stub.SetBlock(request, metadata=metadata, timeout=PATIENCE)

        yield blocked


@pytest.fixture
def beside(messaging: str) -> dict[str, Any]:
    return {"messaging_target": messaging}


@pytest.fixture
def serve(serve: Serve, open_conversation: Any) -> Serve:
    """The same, with a client that opens conversations beside it."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Client]:
        async with serve(**changes) as client:
            client.open_conversation = open_conversation
            yield client

    return start

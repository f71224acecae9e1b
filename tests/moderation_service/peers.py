"""Messaging and negotiation as they serve, for the calls of moderation."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from parley.messaging.v1 import messaging_pb2 as words
from parley.messaging.v1.messaging_pb2_grpc import MessagingServiceStub
from parley.negotiation.v1 import negotiation_pb2 as deals
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub

from messaging_service.__main__ import SERVICE as MESSAGING
from messaging_service.settings import MessagingSettings
from negotiation_service.__main__ import SERVICE as NEGOTIATION
from negotiation_service.settings import NegotiationSettings
from service_kit.authentication.callers import Caller
from service_kit.service import migrate, running
from tests.support.callers import dial_as_any, write_accepted, write_credential


@dataclass
class Peers:
    """Clients of both services, for the acts of people there."""

    folder: Path
    messaging_target: str
    negotiation_target: str
    messaging: Any
    negotiation: Any

    async def say(
        self, sender: str, to: str, text: str = "hello", subject: str = ""
    ) -> words.StoredMessage:
        request = words.CreateMessageRequest(actor=sender, to=to, text=text, subject=subject)
        stored: words.StoredMessage = (await self.messaging.call("CreateMessage", request)).stored
        return stored

    async def edit(self, sender: str, message: str, text: str) -> None:
        request = words.EditMessageRequest(actor=sender, message_id=message, text=text)
        await self.messaging.call("EditMessage", request)

    async def delete(self, sender: str, message: str) -> None:
        request = words.DeleteMessageRequest(actor=sender, message_id=message)
        await self.messaging.call("DeleteMessage", request)

    async def propose(self, provider: str = "ann", client: str = "bob") -> deals.Service:
        """Propose a service for 100 euros, in the conversation of the two."""
        opened = words.CreateConversationRequest(participants=[provider, client])
        conversation = (await self.messaging.call("CreateConversation", opened)).conversation.id
        request = deals.CreateServiceRequest(
            actor=provider,
            conversation_id=conversation,
            role=deals.ROLE_PROVIDER,
            title="A garden fence",
            price=deals.Money(amount_minor=10_000, currency="EUR"),
        )
        service: deals.Service = (await self.negotiation.call("CreateService", request)).service
        return service

    async def agree(self, provider: str = "ann", client: str = "bob") -> deals.Service:
        """Agree on a service for 100 euros."""
        proposed = await self.propose(provider, client)
        request = deals.EndNegotiationRequest(
            actor=client,
            service_id=proposed.id,
            outcome=deals.NEGOTIATION_OUTCOME_AGREED,
            offer=proposed.offer.number,
            price=proposed.offer.price,
        )
        service: deals.Service = (await self.negotiation.call("EndNegotiation", request)).service
        return service

    async def look(self, service: str) -> deals.Service:
        request = deals.GetServiceRequest(service_id=service)
        found: deals.Service = (await self.negotiation.call("GetService", request)).service
        return found

    async def causes(self, service: str) -> list[str]:
        request = deals.ListServiceEventsRequest(service_id=service)
        page = await self.negotiation.call("ListServiceEvents", request)
        return [one.cause for one in page.events]


def messaging_settings(folder: Path, **changes: Any) -> MessagingSettings:
    made = MessagingSettings(
        listen="127.0.0.1:0",
        database_url=f"sqlite:///{folder / 'messaging.sqlite3'}",
        credentials_file=write_accepted(folder / "accepted"),
        grace_seconds=0,
        **changes,
    )
    migrate(MESSAGING, made)
    return made


def negotiation_settings(folder: Path, messaging: str, **changes: Any) -> NegotiationSettings:
    made = NegotiationSettings(
        **{
            "listen": "127.0.0.1:0",
            "database_url": f"sqlite:///{folder / 'negotiation.sqlite3'}",
            "credentials_file": write_accepted(folder / "accepted"),
            "messaging_target": messaging,
            "messaging_credential_file": write_credential(folder, Caller.NEGOTIATION),
            "grace_seconds": 0,
            "watch_progress_seconds": 0.05,
            **changes,
        }
    )
    migrate(NEGOTIATION, made)
    return made


def serve_negotiation(settings: NegotiationSettings) -> Any:
    """Serve negotiation while the context lasts; gives the port."""
    return running(NEGOTIATION, settings)


@asynccontextmanager
async def serve_peers(
    folder: Path, moderation: str | None = None, **negotiation: Any
) -> AsyncIterator[Peers]:
    """Serve both while the context lasts; messaging follows a moderation if it is told where."""
    follows: dict[str, Any] = {}
    if moderation is not None:
        credential = write_credential(folder, Caller.MESSAGING)
        follows = {"moderation_target": moderation, "moderation_credential_file": credential}
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            running(MESSAGING, messaging_settings(folder, **follows))
        )
        messaging = f"127.0.0.1:{port}"
        settings = negotiation_settings(folder, messaging, **negotiation)
        target = f"127.0.0.1:{await stack.enter_async_context(serve_negotiation(settings))}"
        said = await stack.enter_async_context(dial_peer(messaging, MessagingServiceStub))
        dealt = await stack.enter_async_context(dial_peer(target, NegotiationServiceStub))
        yield Peers(folder, messaging, target, said, dealt)


def dial_peer(target: str, stub: Any, timeout_seconds: float = 5.0) -> Any:
    service = MESSAGING if stub is MessagingServiceStub else NEGOTIATION
    return dial_as_any(service.callers, target, stub, timeout_seconds)


async def code_of(awaitable: Any) -> grpc.StatusCode:
    try:
        await awaitable
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK

"""A migrated database of each kind, and a negotiation service beside a messaging service."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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
from service_kit.service import migrate, running
from tests.support.serving import METADATA, SECRET, Described, Stream, check_refused

# What the contract asks of a client.
OPTIONS = (("grpc.max_metadata_size", 64 * 1024),)
MESSAGING_SECRET = "what-messaging-accepts"


def settings_of(folder: Path, database_url: str) -> NegotiationSettings:
    """Settings with which tests do not wait for long."""
    credentials = folder / "service.key"
    credentials.write_text(f"{SECRET}\nthe-next-credential\n")
    (folder / "messaging.key").write_text(MESSAGING_SECRET)
    return NegotiationSettings(
        listen="127.0.0.1:0",
        database_url=database_url,
        database_lock_timeout_seconds=1,
        credentials_file=credentials,
        messaging_credential_file=folder / "messaging.key",
        grace_seconds=0,
        log_level="info",
        watch_progress_seconds=0.05,
    )


DESCRIBED = Described(SERVICE, settings_of)


@pytest.fixture
def described() -> Described:
    """The service whose databases and settings tests get."""
    return DESCRIBED


@pytest.fixture
async def messaging(tmp_path: Path) -> AsyncIterator[Any]:
    """A running messaging service, as its stub with `target`."""
    credentials = tmp_path / "messaging.accepted"
    credentials.write_text(MESSAGING_SECRET)
    settings = MessagingSettings(
        listen="127.0.0.1:0",
        database_url=f"sqlite:///{tmp_path / 'messaging.sqlite3'}",
        credentials_file=credentials,
        grace_seconds=0,
        log_level="info",
    )
    migrate(MESSAGING, settings)
    async with running(MESSAGING, settings) as port:
        yield f"127.0.0.1:{port}"


class Client:
    """Calls a service with its credential."""

    def __init__(self, channel: grpc.aio.Channel, port: int, open_conversation: Any) -> None:
        self.channel = channel
        self.port = port
        self.stub: Any = negotiation_pb2_grpc.NegotiationServiceStub(channel)
        self.open_conversation = open_conversation

    @asynccontextmanager
    async def another(self) -> AsyncIterator["Client"]:
        """Another client of the same service, on a connection of its own."""
        options = (*OPTIONS, ("grpc.use_local_subchannel_pool", 1))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options) as channel:
            yield Client(channel, self.port, self.open_conversation)

    async def call(self, name: str, request: Any) -> Any:
        """Call the method of that name."""
        return await getattr(self.stub, name)(request, metadata=METADATA, timeout=10)

    async def _service(self, name: str, request: Any) -> pb.Service:
        response = await self.call(name, request)
        assert type(response).__name__ == f"{name}Response"
        assert isinstance(response.service, pb.Service)
        return response.service

    async def watch(self, users: Sequence[str] = (), *, everything: bool = False) -> Stream:
        """Watch users, or everything."""
        request = pb.WatchRequest(watcher_name="test", everything=everything)
        call = self.stub.Watch(request, metadata=METADATA)
        stream = Stream(call, await call.read(), self._update_watch)
        await stream.update(add_users=users)
        return stream

    async def _update_watch(self, **fields: Any) -> Any:
        return await self.call("UpdateWatch", pb.UpdateWatchRequest(**fields))

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
        request = pb.EditPriceRequest(
            actor=actor, service_id=service, price=price, base_offer=base, **fields
        )
        return await self._service("EditPrice", request)

    async def note(self, actor: str, service: str, comment: str, **fields: Any) -> pb.Service:
        """Rate the other."""
        request = pb.SubmitNoteRequest(
            actor=actor, service_id=service, score=5, comment=comment, **fields
        )
        return await self._service("SubmitNote", request)

    async def accept(self, actor: str, shown: pb.Service, **fields: Any) -> pb.Service:
        """Accept the live offer of a service as it was shown."""
        live = shown.offer if shown.HasField("offer") else shown.amendment
        given = {"offer": live.number, "price": live.price, **fields}
        request = pb.EndNegotiationRequest(
            actor=actor, service_id=shown.id, outcome=pb.NEGOTIATION_OUTCOME_AGREED, **given
        )
        return await self._service("EndNegotiation", request)

    async def terminate(self, actor: str, service: str, outcome: str, **fields: Any) -> pb.Service:
        """Deliver, complete, reopen or cancel."""
        request = pb.TerminateServiceRequest(
            actor=actor,
            service_id=service,
            outcome=pb.TerminationOutcome.Value(f"TERMINATION_OUTCOME_{outcome}"),
            **fields,
        )
        return await self._service("TerminateService", request)


Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
async def open_conversation(messaging: str) -> AsyncIterator[Any]:
    """Open a conversation of two people about a subject; gives its id."""
    async with grpc.aio.insecure_channel(messaging) as channel:
        stub: Any = messaging_pb2_grpc.MessagingServiceStub(channel)
        metadata = (("authorization", f"Bearer {MESSAGING_SECRET}"),)

        async def opened(one: str, other: str, subject: str = "") -> str:
            request = messaging_pb2.CreateConversationRequest(
                participants=[one, other], subject=subject
            )
            answer = await stub.CreateConversation(request, metadata=metadata, timeout=10)
            return str(answer.conversation.id)

        yield opened


@pytest.fixture
def serve(settings: NegotiationSettings, messaging: str, open_conversation: Any) -> Serve:
    """Start a service with changed settings."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Client]:
        changed = settings.model_copy(update={"messaging_target": messaging, **changes})
        async with (
            running(SERVICE, changed) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel,
        ):
            yield Client(channel, port, open_conversation)

    return start


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[Client]:
    """A running service with the settings as they are."""
    async with serve() as started:
        yield started


@pytest.fixture
def refused() -> Callable[..., Any]:
    """Check that a call is refused with a code and reason; gives the details."""

    async def check(awaitable: Any, code: grpc.StatusCode, reason: str, field: str = "") -> Any:
        return await check_refused(
            awaitable, "negotiation.parley", code, reason, field, (pb.Service,)
        )

    return check

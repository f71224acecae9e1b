"""A migrated database of each kind, and a messaging service on a free port of this process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc
from sqlalchemy import Engine

from messaging_service import change_operations, operations
from messaging_service.__main__ import SERVICE
from messaging_service.domain import Limits
from messaging_service.settings import MessagingSettings
from service_kit.clock import take_revision
from service_kit.database import open_engine
from service_kit.service import migrate, running
from service_kit.writer import Operation, Transaction
from tests.support.postgresql import Postgresql

SECRET = "the-service-credential"
METADATA = (("authorization", f"Bearer {SECRET}"),)


def settings_of(folder: Path, database_url: str) -> MessagingSettings:
    """Settings with which tests do not wait for long."""
    credentials = folder / "service.key"
    credentials.write_text(f"{SECRET}\nthe-next-credential\n")
    return MessagingSettings(
        listen="127.0.0.1:0",
        database_url=database_url,
        database_lock_timeout_seconds=1,
        credentials_file=credentials,
        grace_seconds=0,
        log_level="info",
        watch_progress_seconds=0.05,
        # Otherwise whoever is watched would spend revisions; the tests of presence turn it on.
        presence=False,
    )


@pytest.fixture(scope="session")
def migrated(postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a migrated database on PostgreSQL, to make others from."""
    with postgresql.database() as name:
        migrate(SERVICE, settings_of(tmp_path_factory.mktemp("migrated"), postgresql.url(name)))
        yield name


@pytest.fixture
def settings(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[MessagingSettings]:
    """Settings of a migrated database of the test's own."""
    if kind == "sqlite":
        made = settings_of(tmp_path, f"sqlite:///{tmp_path / 'messaging.sqlite3'}")
        migrate(SERVICE, made)
        yield made
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    with server.database(template=request.getfixturevalue("migrated")) as name:
        yield settings_of(tmp_path, server.url(name))


@pytest.fixture
def engine(settings: MessagingSettings) -> Iterator[Engine]:
    """The writing engine of the database, for tests without a server."""
    opened = open_engine(settings.database_url, "writer")
    yield opened
    opened.dispose()


@dataclass
class Database:
    """Runs operations as the writer does, each in a transaction, and keeps their events."""

    engine: Engine
    now: int = 1_000_000

    def __post_init__(self) -> None:
        self.events: list[tuple[int, tuple[str, ...], Any]] = []

    def run(self, operation: Operation[Any, Any], *commands: Any) -> list[Any]:
        """Run one operation in one transaction."""
        with self.engine.connect() as connection, connection.begin() as transaction:
            self.now += 1
            work = Transaction(connection, take_revision(connection), self.now)
            outcomes = operation(work, commands)
            if work.changed:
                self.events += [(work.revision, *event) for event in work.events]
            else:
                transaction.rollback()
        return outcomes

    def read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run one query in one transaction."""
        with self.engine.connect() as connection, connection.begin():
            return function(connection, *arguments)

    def say(self, *commands: operations.CreateMessage, limits: Limits | None = None) -> list[Any]:
        """Create messages in one transaction."""
        bound = operations.Commands(limits or Limits())
        return self.run(bound.create_messages, *commands)

    def change(
        self, *commands: change_operations.ChangeMessage, limits: Limits | None = None
    ) -> list[Any]:
        """Edit and delete messages in one transaction."""
        return self.run(change_operations.operation(limits or Limits()), *commands)


@pytest.fixture
def database(engine: Engine) -> Database:
    """A database to run operations on."""
    return Database(engine)


class Client:
    """Calls a service with its credential."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.stub: Any = messaging_pb2_grpc.MessagingServiceStub(channel)

    async def call(self, name: str, request: Any) -> Any:
        """Call the method of that name."""
        return await getattr(self.stub, name)(request, metadata=METADATA, timeout=10)

    async def say(self, actor: str, text: str = "hello", **fields: Any) -> pb.StoredMessage:
        """Create one message."""
        request = pb.CreateMessageRequest(actor=actor, text=text, **fields)
        response = await self.call("CreateMessage", request)
        assert isinstance(response, pb.CreateMessageResponse)
        return response.stored

    async def watch(self, users: Sequence[str], **fields: Any) -> "Stream":
        """Watch users."""
        call = self.stub.Watch(pb.WatchRequest(watcher_name="test"), metadata=METADATA)
        stream = Stream(self, call, await call.read())
        await stream.update(add_users=users, **fields)
        return stream


class Stream:
    """An open Watch."""

    def __init__(self, client: Client, call: Any, first: pb.WatchResponse) -> None:
        self.client = client
        self.call = call
        self.first = first
        self._surplus: list[tuple[int, pb.Event]] = []

    async def update(self, **fields: Any) -> None:
        """Follow, and no longer follow."""
        request = pb.UpdateWatchRequest(watcher_id=self.first.watcher_id, **fields)
        await self.client.call("UpdateWatch", request)

    async def events(self, count: int) -> list[tuple[int, pb.Event]]:
        """Read until `count` events have come, each with its revision; the rest is kept."""
        found = self._surplus
        async with asyncio.timeout(10):
            while len(found) < count:
                response = await self.call.read()
                found += [(response.position.revision, event) for event in response.events]
        self._surplus = found[count:]
        return found[:count]


Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def serve(settings: MessagingSettings) -> Serve:
    """Start a service with changed settings."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Client]:
        async with (
            running(SERVICE, settings.model_copy(update=changes)) as port,
            connected(port) as client,
        ):
            yield client

    return start


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client of the service on a port of this machine."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Client(channel)


@pytest.fixture
def connect() -> Callable[[int], AbstractAsyncContextManager[Client]]:
    """Connect to a service that the test itself runs."""
    return connected


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[Client]:
    """A running service with the settings as they are."""
    async with serve() as started:
        yield started


def details(error: grpc.aio.AioRpcError) -> tuple[status_pb2.Status, dict[str, Any]]:
    """Unpack the status of a failed call, and its details by the name of their type."""
    trailing = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    return status, unpack(status)


def unpack(status: status_pb2.Status) -> dict[str, Any]:
    """Unpack the details of a status by the name of their type."""
    kinds = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.RetryInfo,
    )
    found: dict[str, Any] = {}
    for detail in status.details:
        for kind in kinds:
            if detail.Is(kind.DESCRIPTOR):
                message = kind()
                detail.Unpack(message)
                found[kind.__name__] = message
    return found


@pytest.fixture
def refused() -> Callable[..., Any]:
    """Check that a call is refused with a code and reason; gives the details."""

    async def check(awaitable: Any, code: grpc.StatusCode, reason: str, field: str = "") -> Any:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await awaitable
        status, found = details(caught.value)
        assert (caught.value.code(), found["ErrorInfo"].reason) == (code, reason)
        assert status.code == code.value[0]
        assert found["ErrorInfo"].domain == "messaging.parley"
        if field:
            assert [one.field for one in found["BadRequest"].field_violations] == [field]
        return found

    return check

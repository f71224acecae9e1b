"""A migrated database of each kind, and a messaging service on a free port of this process."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc
from sqlalchemy import Engine

from messaging_service.__main__ import SERVICE
from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.limits import Limits
from messaging_service.domain.message_changes import ChangeMessage
from messaging_service.domain.messages import CreateMessage
from messaging_service.operations.blocks import set_block
from messaging_service.operations.changes import list_changes
from messaging_service.operations.message_changes import change_messages
from messaging_service.operations.messages import create_message, list_messages
from messaging_service.settings import MessagingSettings
from service_kit.rules import Position
from service_kit.service import running
from service_kit.storage.clock import read_position
from service_kit.storage.writer import Operation
from tests.messaging_service.views import as_shown
from tests.support.serving import METADATA, SECRET, Database, Described, Stream, check_refused


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


DESCRIBED = Described(SERVICE, settings_of)


@pytest.fixture
def described() -> Described:
    """The service whose databases and settings tests get."""
    return DESCRIBED


class TalkingDatabase(Database):
    """Runs operations, some in one word, and shows messages as their readers are shown them."""

    def run(self, operation: Operation[Any, Any], *commands: Any) -> list[Any]:
        """Run one operation in one transaction."""
        before = len(self.events)
        outcomes = super().run(operation, *commands)
        for number, (revision, to, event) in enumerate(self.events[before:], start=before):
            self.events[number] = (revision, to, as_shown(event, to[0] if to else ""))
        return [
            as_shown(outcome, getattr(command, "actor", ""))
            for command, outcome in zip(commands, outcomes, strict=True)
        ]

    def read(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run one query in one transaction; the reader is its first argument, if anybody."""
        reader = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        return as_shown(super().read(function, *arguments, **options), reader)

    def history(self, user: str, conversation: str) -> list[Any]:
        """Read the newest messages of a conversation."""
        return list(self.read(list_messages, user, conversation, None, None, 200, 200).messages)

    def missed(self, user: str, after: Position, size: int = 500) -> list[tuple[int, Any]]:
        """Read all that was missed since a position, in pages of a size: (revision, event)."""
        found: list[tuple[int, Any]] = []
        token, now = "", self.read(read_position)
        while True:
            page = self.read(list_changes, user, after, now, size, token, 500, 500)
            assert page.complete
            revisions = [change.revision for change in page.changes]
            assert revisions == sorted(set(revisions))
            assert not found or not revisions or revisions[0] > found[-1][0]
            found += [(one.revision, event) for one in page.changes for event in one.events]
            token = page.next_page_token
            if not token:
                return found

    def missed_events(self, user: str, after: Position) -> list[Any]:
        """Read the events that were missed since a position."""
        return [event for _, event in self.missed(user, after)]

    def say(self, *commands: CreateMessage, limits: Limits | None = None) -> list[Any]:
        """Create messages in one transaction."""
        return self.run(partial(create_message, limits or Limits()), *commands)

    def change(self, *commands: ChangeMessage, limits: Limits | None = None) -> list[Any]:
        """Edit and delete messages in one transaction."""
        return self.run(partial(change_messages, limits or Limits()), *commands)

    def block(
        self,
        *commands: SetBlock,
        limits: Limits | None = None,
        presence: bool = True,
    ) -> list[Any]:
        """Begin and end blocks in one transaction."""
        bound = partial(set_block, limits or Limits(), presence=presence)
        return self.run(bound, *commands)


@pytest.fixture
def database(engine: Engine) -> TalkingDatabase:
    """A database to run operations on."""
    return TalkingDatabase(engine)


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

    async def watch(self, users: Sequence[str], **fields: Any) -> Stream:
        """Watch users."""
        call = self.stub.Watch(pb.WatchRequest(watcher_name="test"), metadata=METADATA)
        stream = Stream(call, await call.read(), self._update_watch)
        await stream.update(add_users=users, **fields)
        return stream

    async def _update_watch(self, **fields: Any) -> Any:
        return await self.call("UpdateWatch", pb.UpdateWatchRequest(**fields))


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


@pytest.fixture
def refused() -> Callable[..., Any]:
    """Check that a call is refused with a code and reason; gives the details."""

    async def check(awaitable: Any, code: grpc.StatusCode, reason: str, field: str = "") -> Any:
        return await check_refused(awaitable, "messaging.parley", code, reason, field)

    return check

"""A database of messaging with its operations in one word, and a client of the service."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

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
from service_kit.storage.clock import read_position
from service_kit.storage.writer import Operation
from tests.messaging_service.views import as_shown
from tests.support.serving import Database, Described, ServiceClient, quick_settings, replay


def settings_of(folder: Path, database_url: str) -> MessagingSettings:
    # Otherwise whoever is watched would spend revisions; the tests of presence turn it on.
    return MessagingSettings(**quick_settings(folder, database_url), presence=False)


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
        read = partial(self.read, list_changes, user, after, self.read(read_position), size)
        return replay(lambda token: read(token, 500, 500))

    def missed_events(self, user: str, after: Position) -> list[Any]:
        return [event for _, event in self.missed(user, after)]

    def say(self, *commands: CreateMessage, limits: Limits | None = None) -> list[Any]:
        return self.run(partial(create_message, limits or Limits()), *commands)

    def change(self, *commands: ChangeMessage, limits: Limits | None = None) -> list[Any]:
        return self.run(partial(change_messages, limits or Limits()), *commands)

    def block(
        self,
        *commands: SetBlock,
        limits: Limits | None = None,
        presence: bool = True,
    ) -> list[Any]:
        bound = partial(set_block, limits or Limits(), presence=presence)
        return self.run(bound, *commands)


@pytest.fixture
def database(engine: Engine) -> TalkingDatabase:
    """A database to run operations on."""
    return TalkingDatabase(engine)


class Client(ServiceClient):
    """Calls the service, some methods in one word."""

    messages = pb
    new_stub = messaging_pb2_grpc.MessagingServiceStub
    callers = SERVICE.callers

    async def say(self, actor: str, text: str = "hello", **fields: Any) -> pb.StoredMessage:
        """Create one message."""
        request = pb.CreateMessageRequest(actor=actor, text=text, **fields)
        response = await self.call("CreateMessage", request)
        assert isinstance(response, pb.CreateMessageResponse)
        return response.stored


DESCRIBED = Described(SERVICE, settings_of, Client)


@pytest.fixture
def described() -> Described:
    return DESCRIBED


@pytest.fixture
def connect(described: Described) -> Callable[[int], AbstractAsyncContextManager[Client]]:
    """Connect to a service that the test itself runs."""
    return described.connected

"""Helpers for the tests of every service: a database without a server, streams and refusals."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.rpc import status_pb2
from sqlalchemy import URL, Connection, Engine

from service_kit.authentication.callers import Caller, Methods
from service_kit.authentication.credentials import Metadata
from service_kit.process.settings import Timeouts
from service_kit.service import Service
from service_kit.storage.clock import take_position
from service_kit.storage.engines import Role, open_engine
from service_kit.storage.writer import Operation, Transaction
from tests.support.callers import caller_for, metadata_of, secret_of, write_accepted
from tests.support.waiting import PATIENCE

SECRET = secret_of(Caller.EDGE)
METADATA = metadata_of(Caller.EDGE)


def quick_settings(folder: Path, database_url: str) -> dict[str, Any]:
    """Settings of any service with which tests do not wait for long."""
    return {
        "listen": "127.0.0.1:0",
        "database_url": database_url,
        "database_lock_timeout_seconds": 1,
        "credentials_file": write_accepted(folder / "accepted"),
        "grace_seconds": 0,
        "lease_seconds": 1,
        "log_level": "info",
        "watch_progress_seconds": 0.05,
    }


@contextmanager
def opened(database_url: str | URL, role: Role = "writer", **options: Any) -> Iterator[Engine]:
    """An engine of a database for the length of a block."""
    engine = open_engine(database_url, role, **options)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def locked(database_url: str, **options: Any) -> Iterator[Connection]:
    """The write lock of a database, held as by another process; what it writes is rolled back."""
    # For as long as the test likes.
    held = {"timeouts": Timeouts(idle_transaction=3600), **options}
    with opened(database_url, **held) as engine, engine.connect() as holder:
        take_position(holder)
        yield holder


@dataclass
class Database:
    """Runs operations as the writer does, each in a transaction, and keeps their events."""

    engine: Engine
    now: int = 1_000_000
    events: list[tuple[int, tuple[str, ...], Any]] = field(default_factory=list)

    def run(self, operation: Operation[Any, Any], *commands: Any) -> list[Any]:
        """Run one operation in one transaction."""
        with self.engine.connect() as connection, connection.begin() as transaction:
            self.now += 1
            work = Transaction(connection, take_position(connection).revision, self.now)
            outcomes = operation(work, commands)
            if work.changed:
                self.events += [(work.revision, *event) for event in work.events]
            else:
                transaction.rollback()
        return outcomes

    def read(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run one query in one transaction."""
        with self.engine.connect() as connection, connection.begin():
            return function(connection, *arguments, **options)


class Stream:
    """An open Watch."""

    def __init__(self, call: Any, first: Any, update_watch: Callable[..., Awaitable[Any]]) -> None:
        self.call = call
        self.first = first
        self._update_watch = update_watch
        self._surplus: list[tuple[int, Any]] = []

    async def update(self, **fields: Any) -> None:
        """Follow, and no longer follow."""
        await self._update_watch(watcher_id=self.first.watcher_id, **fields)

    async def events(self, count: int) -> list[tuple[int, Any]]:
        """Read until `count` events have come, each with its revision; the rest is kept."""
        found = self._surplus
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                response = await self.call.read()
                found += [(response.position.revision, event) for event in response.events]
        self._surplus = found[count:]
        return found[:count]


def pages(read: Callable[[str], Any]) -> Iterator[Any]:
    """All pages that are read by their tokens, of which the first one is empty."""
    token = ""
    while True:
        page = read(token)
        yield page
        if not (token := page.next_page_token):
            return


def replay(read: Callable[[str], Any]) -> list[tuple[int, Any]]:
    """All that pages of changes tell, each event with its revision; complete, and in order."""
    found: list[tuple[int, Any]] = []
    for page in pages(read):
        assert page.complete
        revisions = [change.revision for change in page.changes]
        assert revisions == sorted(set(revisions))
        assert not found or not revisions or revisions[0] > found[-1][0]
        found += [(one.revision, event) for one in page.changes for event in one.events]
    return found


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Unpack the status of a failed call."""
    trailing = dict(error.trailing_metadata() or ())
    return status_pb2.Status.FromString(trailing["grpc-status-details-bin"])


def unpack(status: status_pb2.Status) -> dict[str, Any]:
    """Unpack the details of a status by the name of their type."""
    found: dict[str, Any] = {}
    for detail in status.details:
        kind = descriptor_pool.Default().FindMessageTypeByName(detail.TypeName())
        message = found[kind.name] = message_factory.GetMessageClass(kind)()
        detail.Unpack(message)
    return found


async def check_refused(
    awaitable: Awaitable[Any], domain: str, code: grpc.StatusCode, reason: str, field: str = ""
) -> dict[str, Any]:
    """Check that a call is refused with a code and reason; gives the details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    status = status_of(caught.value)
    found = unpack(status)
    assert (caught.value.code(), found["ErrorInfo"].reason) == (code, reason)
    assert status.code == code.value[0]
    assert found["ErrorInfo"].domain == domain
    if field:
        assert [one.field for one in found["BadRequest"].field_violations] == [field]
    return found


class ServiceClient:
    """Calls a service, each method as a caller who may."""

    messages: Any
    new_stub: Any
    callers: Methods
    options: Sequence[tuple[str, int]] = ()

    def __init__(self, channel: grpc.aio.Channel, port: int) -> None:
        self.channel = channel
        self.port = port
        self.stub: Any = self.new_stub(channel)

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Self]:
        """Another client of the same service, on a connection of its own."""
        options = (*self.options, ("grpc.use_local_subchannel_pool", 1))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options) as channel:
            made = copy(self)
            made.channel, made.stub = channel, self.new_stub(channel)
            yield made

    async def call(
        self, name: str, request: Any = None, metadata: Metadata | None = None, /, **fields: Any
    ) -> Any:
        """Call the method of that name with a request, or with the fields of one; with metadata as
        that says, otherwise as a caller who may.
        """
        request = request or getattr(self.messages, f"{name}Request")(**fields)
        metadata = metadata or metadata_of(caller_for(self.callers, name))
        return await getattr(self.stub, name)(request, metadata=metadata, timeout=PATIENCE)

    async def watch(
        self, users: Sequence[str] = (), *, everything: bool = False, **fields: Any
    ) -> Stream:
        """Watch users, or everything."""
        request = self.messages.WatchRequest(watcher_name="test")
        if everything:
            request.everything = True
        call = self.stub.Watch(request, metadata=METADATA)
        stream = Stream(call, await call.read(), partial(self.call, "UpdateWatch"))
        await stream.update(add_users=users, **fields)
        return stream

    async def changes(self, user: str, after: Any, revision: int, **fields: Any) -> Any:
        """Read what a user has missed between a position and a revision of the same epoch."""
        until = self.messages.Position(epoch=after.epoch, revision=revision)
        return await self.call("ListChanges", user=user, after=after, until=until, **fields)


async def check_batch_list_changes(client: ServiceClient, users: Sequence[str], after: Any) -> None:
    """Each request has the page that ListChanges gives it; one that is refused harms no other."""
    until = (await client.watch(users)).first.position
    ask = client.messages.ListChangesRequest
    requests = [ask(user=user, after=after, until=until) for user in users]
    wrong = ask(user=users[0], after=after, until=until, page_token="no token")
    answer = await client.call("BatchListChanges", requests=[wrong, *requests])
    refused, *pages = answer.results
    assert refused.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    alone = [
        await client.call("ListChanges", user=user, after=after, until=until) for user in users
    ]
    assert [one.page for one in pages] == alone
    assert any(page.changes for page in alone)


async def check_stream_update_watch(client: ServiceClient, users: Sequence[str]) -> None:
    """Each request is answered as UpdateWatch does; one that names no open stream ends this one."""
    messages = client.messages
    watching = client.stub.Watch(messages.WatchRequest(watcher_name="test"), metadata=METADATA)
    first = await watching.read()
    updating = client.stub.StreamUpdateWatch(metadata=METADATA)
    for watcher_id in (first.watcher_id, first.watcher_id, "unknown"):
        update = messages.UpdateWatchRequest(watcher_id=watcher_id, add_users=users)
        await updating.write(messages.StreamUpdateWatchRequest(update=update))
        if watcher_id != "unknown":
            # Others may write meanwhile.
            position = (await updating.read()).answer.position
            assert position.epoch == first.position.epoch
            assert position.revision >= first.position.revision
    with pytest.raises(grpc.aio.AioRpcError, match="no stream of this watcher"):
        await updating.read()
    watching.cancel()


Serve = Callable[..., AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, eq=False)
class Described:
    """A service, how tests make its settings of a folder and a database's address, its client."""

    service: Service[Any]
    settings_of: Callable[[Path, str], Any]
    client: type[ServiceClient]

    @asynccontextmanager
    async def connected(self, port: int) -> AsyncIterator[Any]:
        """A client of the service on a port of this machine."""
        target, options = f"127.0.0.1:{port}", list(self.client.options)
        async with grpc.aio.insecure_channel(target, options) as channel:
            yield self.client(channel, port)

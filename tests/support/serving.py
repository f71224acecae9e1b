"""Helpers for the tests of every service: a database without a server, streams and refusals."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from sqlalchemy import Engine

from service_kit.service import Service
from service_kit.storage.clock import take_revision
from service_kit.storage.writer import Operation, Transaction

SECRET = "the-service-credential"
METADATA = (("authorization", f"Bearer {SECRET}"),)


@dataclass(frozen=True, eq=False)
class Described:
    """A service, and how tests make its settings of a folder and the address of a database."""

    service: Service[Any]
    settings_of: Callable[[Path, str], Any]


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
            work = Transaction(connection, take_revision(connection), self.now)
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
        async with asyncio.timeout(10):
            while len(found) < count:
                response = await self.call.read()
                found += [(response.position.revision, event) for event in response.events]
        self._surplus = found[count:]
        return found[:count]


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Unpack the status of a failed call."""
    trailing = dict(error.trailing_metadata() or ())
    return status_pb2.Status.FromString(trailing["grpc-status-details-bin"])


def unpack(status: status_pb2.Status, *more: type[Message]) -> dict[str, Any]:
    """Unpack the details of a status by the name of their type."""
    kinds = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.RetryInfo,
        *more,
    )
    found: dict[str, Any] = {}
    for detail in status.details:
        for kind in kinds:
            if detail.Is(kind.DESCRIPTOR):
                message = kind()
                detail.Unpack(message)
                found[kind.__name__] = message
    return found


async def check_refused(
    awaitable: Awaitable[Any],
    domain: str,
    code: grpc.StatusCode,
    reason: str,
    field: str = "",
    more: tuple[type[Message], ...] = (),
) -> dict[str, Any]:
    """Check that a call is refused with a code and reason; gives the details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    status = status_of(caught.value)
    found = unpack(status, *more)
    assert (caught.value.code(), found["ErrorInfo"].reason) == (code, reason)
    assert status.code == code.value[0]
    assert found["ErrorInfo"].domain == domain
    if field:
        assert [one.field for one in found["BadRequest"].field_violations] == [field]
    return found

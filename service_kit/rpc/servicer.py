"""The steps that all servicers share: one write, pages, batches, times, and Watch."""

# The contracts give the names of methods, and a context that none of them needs.
# ruff: noqa: N802, ARG002

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from service_kit.process.limit_counters import ReachedLimits
from service_kit.process.settings import ServiceSettings
from service_kit.rpc.failures import BATCH_TOO_LARGE, Failures, Refused
from service_kit.rules import Position, Refusal
from service_kit.storage.writer import Operation, StorageUnavailable, Writer
from service_kit.watch.changes import ChangedUsers, ChangePage, page_token_after
from service_kit.watch.hub import WatchHub

Result = TypeVar("Result")


@lru_cache(maxsize=256)
def timestamp(milliseconds: int) -> Timestamp:
    """Give a time. It is shared: whatever takes it copies it, as fields of messages do."""
    made = Timestamp()
    set_time(made, milliseconds)
    return made


def set_time(target: Timestamp, milliseconds: int) -> None:
    """Set a time in its place in a message."""
    seconds, rest = divmod(milliseconds, 1000)
    target.seconds, target.nanos = seconds, rest * 1_000_000


def optional_timestamp(milliseconds: int | None) -> Timestamp | None:
    """Give a time, or none: for fields that may be missing."""
    return None if milliseconds is None else timestamp(milliseconds)


def accepted(outcome: Result | Refusal | Exception) -> Result:
    """Give a success; end the call with anything else."""
    if isinstance(outcome, Refusal):
        raise Refused(outcome)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def write_one(
    writer: Writer,
    operation: Operation[Any, Result | Refusal],
    command: object,
    heard: Callable[[Result], None] | None = None,
) -> Result:
    """Run an operation on one command; a refusal ends the call.

    `heard` is told of a success, also when the caller has gone meanwhile.
    """

    def hear(outcomes: Sequence[Result | Refusal | Exception]) -> None:
        for one in outcomes:
            if heard is not None and not isinstance(one, Refusal | Exception):
                heard(one)

    (outcome,) = await writer.submit(operation, (command,), hear)
    return accepted(outcome)


def check_batch(field: str, items: Sequence[object], most: int) -> None:
    """End the call if a list is longer than a call may bring."""
    if len(items) > most:
        problem = f"{len(items)} in one call, at most {most} are taken"
        raise Refused(Refusal(BATCH_TOO_LARGE, problem, field, limit="max_batch"))


def page_limit(settings: ServiceSettings, limits: ReachedLimits, name: str, asked: int) -> int:
    """Give the most items of a page, a setting; asking for more is no mistake, but counted."""
    most: int = getattr(settings, name)
    if asked > most:
        limits.reached(name)
    return most


def fitting(messages: Sequence[Any], most_bytes: int) -> int:
    """Count those at the beginning that fit into so many bytes; the first one always does."""
    left = most_bytes
    for number, message in enumerate(messages):
        left -= message.ByteSize()
        if left < 0 and number:
            return number
    return len(messages)


class WatchMixin(ABC):
    """Serves Watch, UpdateWatch, ListChanges and ListChangedUsers, and what does the same for many,
    whose messages have one shape in all contracts.

    `_contract` is the module of these messages, `_hub` tells what happens, and `_most_users` is how
    many users one call may ask about. A page of changes has about `_changes_bytes`, but at least
    one revision; `_reached` counts limits. `_writer` learns what others have seen of the database.
    `_failures` makes statuses.
    """

    _contract: Any
    _hub: WatchHub
    _writer: Writer
    _most_users: int
    _changes_bytes: int
    _reached: ReachedLimits
    _failures: Failures

    @abstractmethod
    async def _read_changes(
        self, request: Any, after: Position, until: Position
    ) -> ChangePage[Any] | Refusal:
        """Read a page of what happened between two positions, for a ListChangesRequest."""

    @abstractmethod
    async def _find_changed_users(
        self, users: Sequence[str], after: Position, until: Position
    ) -> ChangedUsers | Refusal:
        """Find those of many users for whom something may have happened between two positions."""

    @abstractmethod
    def _encode_changes(self, events: list[Any], user: str) -> list[Any]:
        """Make the contract's events of one revision, for a user; empty for a service."""

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Tell the watcher its id and the present position, then what happens, until it goes."""
        contract, hub = self._contract, self._hub
        # Whoever comes from another replica finds nothing less here than there.
        await hub.look()
        # Not every contract lets a watcher ask for everything.
        watcher = hub.open(request.watcher_name, everything=getattr(request, "everything", False))
        try:
            epoch = hub.position.epoch
            position = contract.Position(epoch=epoch, revision=hub.position.revision)
            yield contract.WatchResponse(watcher_id=watcher.id, position=position)
            async for revision, events in watcher:
                position = contract.Position(epoch=epoch, revision=revision)
                yield contract.WatchResponse(
                    watcher_id=watcher.id, position=position, events=events
                )
        finally:
            hub.forget(watcher)

    async def UpdateWatch(self, request: Any, context: Any) -> Any:
        """Change whom a watcher follows; answered with the position from which it is told."""
        # Who is added may have been told more already, by another replica. While the database is
        # away nobody is. What the look finds is covered by the answer, and so it comes before the
        # update: otherwise the stream would tell it as well.
        with suppress(StorageUnavailable):
            await self._hub.look()
        position = self._hub.update(
            request.watcher_id,
            request.add_users,
            request.remove_users,
            getattr(request, "invisible_users", ()),
        )
        return self._contract.UpdateWatchResponse(
            position=self._contract.Position(epoch=position.epoch, revision=position.revision)
        )

    async def StreamUpdateWatch(
        self, request_iterator: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[Any]:
        """Do the same for each request of a stream."""
        async for request in request_iterator:
            answer = await self.UpdateWatch(request.update, context)
            yield self._contract.StreamUpdateWatchResponse(answer=answer)

    async def ListChanges(self, request: Any, context: Any) -> Any:
        """Give a page of what happened after one position up to another, by revision."""
        return accepted(await self._page_of_changes(request, self._changes_bytes))

    async def BatchListChanges(self, request: Any, context: Any) -> Any:
        """Do the same for each of many requests, whose pages together have as many bytes."""
        check_batch("requests", request.requests, self._most_users)
        most_bytes = self._changes_bytes // max(1, len(request.requests))
        pages = await asyncio.gather(
            *(self._page_of_changes(one, most_bytes) for one in request.requests),
            return_exceptions=True,
        )
        for page in pages:
            if isinstance(page, BaseException):
                raise page
        response = self._contract.BatchListChangesResponse
        return response(
            results=[
                response.Result(status=self._failures.status(page))
                if isinstance(page, Refusal)
                else response.Result(page=page)
                for page in pages
            ]
        )

    async def _page_of_changes(self, request: Any, most_bytes: int) -> Any:
        """Make a ListChangesResponse, or a Refusal."""
        after = Position(request.after.epoch, request.after.revision)
        until = Position(request.until.epoch, request.until.revision)
        page = await self._read_changes(request, after, until)
        if isinstance(page, Refusal):
            return page
        if not page.complete:
            self._look_for(after)
        response = self._contract.ListChangesResponse
        answer = response(complete=page.complete, next_page_token=page.next_page_token)
        left = most_bytes
        for revision, events in page.changes:
            try:
                encoded = self._encode_changes(events, request.user)
            except Exception:  # noqa: BLE001, to ask again would only find it again
                self._hub.note_untold()
                return response(complete=False)
            change = response.Change(revision=revision, events=encoded)
            left -= change.ByteSize()
            if left < 0 and answer.changes:
                self._reached.reached("changes_bytes")
                answer.next_page_token = page_token_after(answer.changes[-1].revision)
                break
            answer.changes.append(change)
        return answer

    async def ListChangedUsers(self, request: Any, context: Any) -> Any:
        """Give those of many users for whom ListChanges may have something."""
        check_batch("users", request.users, self._most_users)
        after = Position(request.after.epoch, request.after.revision)
        until = Position(request.until.epoch, request.until.revision)
        found = accepted(await self._find_changed_users(request.users, after, until))
        if not found.complete:
            self._look_for(after)
        return self._contract.ListChangedUsersResponse(complete=found.complete, users=found.users)

    def _look_for(self, seen: Position) -> None:
        """Have the writer look whether the database has come to what a caller was told of it: if it
        has not, it went back.
        """
        now = self._hub.position
        if seen.epoch == now.epoch and seen.revision > now.revision:
            self._writer.learn(seen)

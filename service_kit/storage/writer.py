"""The writer thread, the only one that writes: all that waits is committed together (group commit).

Nobody waits for a timer. While one transaction is under way new work gathers, and travels
together in the next one: alone it goes at once, under load batches grow by themselves.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Gauge, Histogram
from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

from service_kit.rules import Position
from service_kit.storage.engines import is_read_only, why_unavailable
from service_kit.storage.fence import Fence
from service_kit.storage.writer_state import (
    StorageUnavailable,
    UnexpectedFailure,
    WriterOverloaded,
    WriterState,
)
from service_kit.tracing.spans import Tracing
from service_kit.tracing.transactions import (
    Caused,
    Noted,
    Traced,
    TransactionTrace,
    note,
    tracing_transaction,
)

# Whoever submits work meets these.
__all__ = ("StorageUnavailable", "UnexpectedFailure", "WriterOverloaded")

_PROBE_SECONDS = 1.0

Events = list[tuple[tuple[str, ...], object]]
"""The events of one revision, each with its recipients."""

CommandType = TypeVar("CommandType")
OutcomeType = TypeVar("OutcomeType")


@dataclass(slots=True)
class Transaction:
    """A write transaction, as an operation uses it.

    `now` is in milliseconds UTC, the same for all in it.
    """

    connection: Connection
    revision: int
    now: int
    changed: bool = False
    events: Events = field(default_factory=list)
    trace: TransactionTrace | None = None

    def touch(self) -> None:
        """Say that a row was written; without this or an event nothing is committed."""
        self.changed = True

    def emit(self, recipients: tuple[str, ...], event: object, cause: object | None = None) -> None:
        """Tell the recipients of an event, after the commit. `cause` is the command that led to it,
        whose trace goes on with the event.
        """
        self.changed = True
        if self.trace is not None and (traceparent := self.trace.of(cause)):
            event = Caused(event, traceparent)
        self.events.append((recipients, event))


Operation = Callable[[Transaction, Sequence[CommandType]], list[OutcomeType]]
"""Decides and stores commands; one outcome for each. Refusals are outcomes, not exceptions."""


@dataclass(slots=True, eq=False)
class _Submission:
    operation: Operation[Any, Any]
    items: Sequence[Any]
    future: asyncio.Future[list[Any]]
    outcome: list[Any] | Exception = field(default_factory=list)
    heard: Callable[[list[Any]], None] | None = None
    noted: Noted | None = None


class Writer:
    """Owns the writing connection of a database; made and used on one event loop.

    `deliver(position, events)` is called on the loop after each commit, before the answers.
    After a commit of which nobody knows whether it happened, and when an epoch has begun,
    `catch_up(position)` tells where the database was found, before anything later is delivered.
    `announce(transaction, epoch)` is called in the writer's thread before a commit, and may write;
    `reached(name)`, in any thread, when a limit is. Every `probe_seconds` without work the database
    is looked at. `fence` is told where each connection leads; with `tracing` there are spans.
    """

    def __init__(
        self,
        engine: Engine,
        deliver: Callable[[Position, Events], None],
        catch_up: Callable[[Position], None],
        *,
        fence: Fence | None = None,
        max_transaction_items: int = 2_000,
        max_waiting_items: int = 20_000,
        registry: CollectorRegistry | None = None,
        reached: Callable[[str], None] = lambda _limit: None,
        probe_seconds: float | None = None,
        tracing: Tracing | None = None,
        announce: Callable[[Transaction, str], None] | None = None,
    ) -> None:
        self._engine = engine
        self._tracing, self._announce = tracing, announce
        self._probe_seconds = probe_seconds
        # Kept between transactions: a checkout from the pool costs, and on PostgreSQL a ping.
        self._connection: Connection | None = None
        self._deliver, self._catch_up = deliver, catch_up
        self._reached = reached
        self._uncertain = False
        self._fence = fence or Fence()
        self._told_epoch = self._fence.epoch
        self._max_transaction_items = max_transaction_items
        self._max_waiting_items = max_waiting_items
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Submission] = deque()
        self._waiting_items = self._last_now = 0
        self._closing = self._look = False
        self._wake = threading.Condition()
        self._log = structlog.get_logger("service_kit.storage.writer")
        registry = registry or CollectorRegistry()
        self._commit_seconds = Histogram(
            "writer_commit_seconds", "Time of a commit.", registry=registry
        )
        self._transaction_items = Histogram(
            "writer_transaction_items",
            "Commands in one transaction.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
            registry=registry,
        )
        waiting = Gauge("writer_waiting_items", "Commands that wait.", registry=registry)
        waiting.set_function(lambda: float(self._waiting_items))
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.state = WriterState(self._thread)
        self._thread.start()

    async def submit(
        self,
        operation: Operation[CommandType, OutcomeType],
        items: Sequence[CommandType],
        heard: Callable[[list[OutcomeType | Exception]], None] | None = None,
        messages: Sequence[Traced] = (),
    ) -> list[OutcomeType | Exception]:
        """Run `operation` on `items` in the next transaction; one result for each item.

        An item that fails unexpectedly has an UnexpectedFailure or StorageUnavailable as its
        result. Raises WriterOverloaded, and StorageUnavailable when nothing was stored at all.
        `heard` is given the results also when nobody waits for them any more: it is for what has to
        follow from what was stored. `messages` are those that brought the items, one each, where
        each may be in a trace of its own.
        """
        if not items:
            return []
        submission = _Submission(operation, items, self._loop.create_future(), heard=heard)
        if self._tracing is not None:
            submission.noted = note(messages, len(items))
        with self._wake:
            if self._closing:
                raise StorageUnavailable("the writer is closed")
            if self._waiting_items + len(items) > self._max_waiting_items:
                self._reached("max_waiting_items")
                raise WriterOverloaded(f"{self._waiting_items} commands wait")
            self._waiting.append(submission)
            self._waiting_items += len(items)
            self._wake.notify()
        return await submission.future

    def learn(self, position: Position) -> None:
        """Hear of a position that the database has reached, and look whether it has."""
        self._fence.learn(position)
        with self._wake:
            self._look = True
            self._wake.notify()

    async def close(self) -> None:
        """Finish what waits, then end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (submissions := self._take()) is not None:
            position, events = None, list[tuple[tuple[str, ...], object]]()
            self.state.begin()
            try:
                position, events = self._together(submissions)
            except StorageUnavailable as error:
                # With each try, so without its trace: an outage must not fill a disk.
                self._log.error("the database is unavailable", cause=str(error))
                self.state.fail(str(error))
                for submission in submissions:
                    submission.outcome = error
            except Exception:  # noqa: BLE001, whatever a command does, the thread lives on
                self._log.exception("a transaction failed; its commands are run one by one")
                self._apart(submissions)
            self._hand_over(self._finish, position, events, submissions)
            self.state.end()
        self._disconnect()
        self._fence.close()

    def _take(self) -> list[_Submission] | None:
        """Wait for work and take what one transaction may hold; None at the end.

        An empty list is time to look at the database: what became of an uncertain commit, whether
        it is there, or whether it has gone back.
        """
        taken: list[_Submission] = []
        count = 0
        with self._wake:
            while not self._waiting and not self._closing:
                if self._look or not self._wake.wait(
                    _PROBE_SECONDS if self._uncertain else self._probe_seconds
                ):
                    self._look = False
                    return []
            if not self._waiting:
                return None
            while self._waiting:
                following = len(self._waiting[0].items)
                if taken and count + following > self._max_transaction_items:
                    self._reached("max_transaction_items")
                    break
                taken.append(self._waiting.popleft())
                count += following
            self._waiting_items -= count
        return taken

    def _together(self, submissions: list[_Submission]) -> tuple[Position | None, Events]:
        """Run all in one transaction; without a position nothing was written."""
        if self._tracing is None or not submissions:
            return self._transact(submissions, None)
        with tracing_transaction(self._tracing) as trace:
            for one in submissions:
                trace.add(one.items, one.noted)
            return self._transact(submissions, trace)

    def _transact(
        self, submissions: list[_Submission], trace: TransactionTrace | None
    ) -> tuple[Position | None, Events]:
        by_operation: dict[Operation[Any, Any], list[_Submission]] = {}
        for submission in submissions:
            by_operation.setdefault(submission.operation, []).append(submission)
        try:
            connection, transaction, position = self._begin()
            try:
                return self._run_operations(connection, transaction, position, by_operation, trace)
            finally:
                if transaction.is_active:
                    transaction.rollback()
        except Exception as error:
            if self._connection is not None and is_read_only(error):
                # What is kept would lead to the same server again.
                self._connection.invalidate()
            self._disconnect()
            cause = why_unavailable(error)
            if cause is None:
                raise
            raise StorageUnavailable(cause) from error

    def _begin(self) -> tuple[Connection, RootTransaction, Position]:
        """Begin a transaction and take its revision, on the connection of the one before.

        If that broke meanwhile, nothing has been done on it yet and another takes its place.
        """
        if self._connection is not None:
            try:
                return self._connection, *self._fence.begin(self._connection)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                self._disconnect()
        self._connection = self._engine.connect()
        self._fence.enter(self._connection)
        return self._connection, *self._fence.begin(self._connection)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _run_operations(
        self,
        connection: Connection,
        transaction: RootTransaction,
        position: Position,
        by_operation: dict[Operation[Any, Any], list[_Submission]],
        trace: TransactionTrace | None,
    ) -> tuple[Position | None, Events]:
        # Wall clocks step back now and then; the times of one process do not.
        self._last_now = max(self._last_now, time.time_ns() // 1_000_000)
        work = Transaction(connection, position.revision, self._last_now, trace=trace)
        if self._uncertain or self._told_epoch not in {"", position.epoch}:
            self._hand_over(self._catch_up, position._replace(revision=position.revision - 1))
            self._uncertain = False
        self._told_epoch = position.epoch
        count = 0
        for operation, group in by_operation.items():
            items = [item for submission in group for item in submission.items]
            outcomes = operation(work, items)
            if len(outcomes) != len(items):
                raise RuntimeError(f"{len(outcomes)} outcomes for {len(items)} commands")
            count += len(items)
            start = 0
            for submission in group:
                end = start + len(submission.items)
                submission.outcome = outcomes[start:end]
                start = end
        if not work.changed:
            # Refusals and repeats spend no revision.
            transaction.rollback()
            self._fence.saw(position._replace(revision=position.revision - 1))
            return None, []
        if self._announce is not None:
            self._announce(work, position.epoch)
        if trace is not None:
            trace.committing(position.revision)
        began = time.perf_counter()
        try:
            transaction.commit()
        except Exception as error:
            # The database may have committed before its word got lost. It must not be done twice.
            self._uncertain = True
            raise StorageUnavailable("the commit was not confirmed") from error
        self._fence.saw(position)
        self._commit_seconds.observe(time.perf_counter() - began)
        self._transaction_items.observe(count)
        return position, work.events

    def _apart(self, submissions: list[_Submission]) -> None:
        """Run each command in a transaction of its own, so that a bad one harms only itself."""
        for submission in submissions:
            submission.outcome = [
                self._alone(submission.operation, item, submission.future)
                for item in submission.items
            ]

    def _alone(
        self, operation: Operation[Any, Any], item: Any, future: asyncio.Future[list[Any]]
    ) -> Any:
        single = _Submission(operation, [item], future)
        try:
            position, events = self._together([single])
        except StorageUnavailable as error:
            self._log.error("the database is unavailable", cause=str(error))
            return error
        except Exception:  # noqa: BLE001, it is logged and harms this command alone
            incident = uuid4().hex
            self._log.exception("a command failed", incident=incident)
            return UnexpectedFailure(incident)
        self._hand_over(self._finish, position, events, [])
        return single.outcome[0] if isinstance(single.outcome, list) else single.outcome

    def _hand_over(self, callback: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(partial(callback, *arguments))
        except RuntimeError:
            # The loop ended without close(): there is nobody left to be told.
            self._log.warning("the event loop ended before the writer", position=arguments[0])

    def _finish(self, at: Position | None, events: Events, submissions: list[_Submission]) -> None:
        try:
            if at is not None:
                self._deliver(at, events)
            for submission in submissions:
                if submission.heard is not None and isinstance(submission.outcome, list):
                    submission.heard(submission.outcome)
        finally:
            for submission in submissions:
                # What was committed stays so, whether or not its caller was cancelled.
                settle(submission.future, submission.outcome)


def settle(future: asyncio.Future[OutcomeType], outcome: OutcomeType | Exception) -> None:
    """Give a future its result or its failure, unless whoever waited for it was cancelled."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)

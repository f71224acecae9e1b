"""The leases of one process: takes and renews them, and lets work go on while it has its lease.

Where the database is one that a single process serves, everything is its own and this costs
nothing. Elsewhere one statement for all of them is renewed a few times in the length of a lease,
on a connection of its own: a process that is killed, or stands still, loses its leases in seconds.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from service_kit.leases import table
from service_kit.process.background import Work
from service_kit.storage.readers import Readers
from service_kit.storage.writer import (
    CommandType,
    Operation,
    OutcomeType,
    StorageUnavailable,
    Transaction,
)

# How often a lease is renewed in its length.
_RENEWALS = 4
# For which work that gets nowhere keeps its lease.
_PATIENCE_SECONDS = 10.0


class LeaseLost(Exception):  # noqa: N818, the name says what is the case
    """Another process has the lease now: nothing of the work was stored."""


class LeaseLeft(Exception):  # noqa: N818, the name says what is the case
    """The work gets nowhere here: another process may be better off."""


class _Wish:
    """A lease that is wished for, which metrics show by its kind: the first word of its name."""

    def __init__(self, name: str) -> None:
        self.kind = name.partition(" ")[0]
        self.held = asyncio.Event()
        self.lost = asyncio.Event()
        self.lost.set()
        # Before this moment it is left to others, for here the work fails.
        self.not_before = 0.0

    def set(self, *, held: bool) -> None:
        (self.held if held else self.lost).set()
        (self.lost if held else self.held).clear()


class Leases:
    """The leases that this process, the replica, wishes for. Used on one event loop.

    `engine` is None where one process alone serves the database. Times are in seconds: a lease that
    is not renewed ends after `seconds`, on the database's clock and, no later, on this one's.
    """

    def __init__(
        self, engine: Engine | None, seconds: float, registry: CollectorRegistry | None = None
    ) -> None:
        self.replica = "" if engine is None else uuid4().hex
        # One thread, on a connection that may write.
        self._database = None if engine is None else Readers(engine, 1)
        self._seconds = seconds
        self._wishes: dict[str, _Wish] = {}
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None
        # When what is held ends unless it is renewed; and since when there was no gap.
        self._end: asyncio.TimerHandle | None = None
        self._ends_at = 0.0
        self._renewed_since: float | None = None
        self._log = structlog.get_logger(__name__)
        registry = registry or CollectorRegistry()
        self._held = Gauge(
            "lease_held",
            "1 while this process has the lease, and so does the work of that name.",
            ["lease"],
            registry=registry,
        )
        self._lost = Counter(
            "leases_lost",
            "Leases that ended because they were not renewed in time.",
            ["lease"],
            registry=registry,
        )
        self._failed = Counter(
            "lease_renewals_failed", "Renewals that failed or came too late.", registry=registry
        )

    @property
    def alone(self) -> bool:
        """Whether this process alone serves the database."""
        return self._database is None

    @property
    def seconds(self) -> float:
        """The length of a lease."""
        return self._seconds

    @property
    def patience_seconds(self) -> float | None:
        """After which work that gets nowhere is to raise LeaseLeft; None where it has no choice."""
        return None if self.alone else _PATIENCE_SECONDS

    @property
    def steady(self) -> bool:
        """Whether all was renewed in time for the length of a lease: then every process that lives
        has renewed its own meanwhile, and stored what it wanted to.
        """
        since = self._renewed_since
        return self.alone or (since is not None and self._loop.time() - since >= self._seconds)

    def wish(self, name: str) -> None:
        """Have a lease whenever nobody else has it, from now on."""
        if name not in self._wishes:
            wish = self._wishes[name] = _Wish(name)
            self._held.labels(wish.kind).set(float(self.alone))
            self._lost.labels(wish.kind)
            if self._database is not None:
                self._wake.set()
                if self._renewing is None:
                    self._renewing = self._loop.create_task(self._renew(self._database))

    def under(self, name: str, work: Work) -> Work:
        """Let work go on while this process has the lease of that name. Several works may share it.

        When it is lost the work is cancelled, and begun again with the lease. Work that fails, or
        raises LeaseLeft, lets go of it for a while: another process may be better off.
        """
        self.wish(name)
        if self.alone:
            return work
        wish = self._wishes[name]

        async def go_on() -> None:
            while True:
                await wish.held.wait()
                try:
                    if await self._until_lost(wish, work):
                        return
                except LeaseLost:
                    self._lose(name, wish)
                except LeaseLeft as left:
                    self._log.warning("lease left to others", lease=name, cause=str(left))
                    # In which every other process looks, and not much longer.
                    wish.not_before = self._loop.time() + self._seconds / 2
                    await self._let_go([name])
                except Exception:
                    wish.not_before = self._loop.time() + self._seconds
                    await self._let_go([name])
                    raise

        return go_on

    def fenced(
        self, name: str, operation: Operation[CommandType, OutcomeType]
    ) -> Operation[CommandType, OutcomeType]:
        """Make an operation that does nothing once another process has taken the lease.

        The outcomes are LeaseLost then. It is asked in the transaction: what a process had under
        way when it stood still never comes after what was done in its place.
        """
        if self.alone:
            return operation

        def run(transaction: Transaction, commands: Sequence[CommandType]) -> list[OutcomeType]:
            if not table.is_held(transaction.connection, name, self.replica):
                # The writer knows exceptions among the outcomes.
                lost: list[OutcomeType] = [LeaseLost(name)] * len(commands)  # type: ignore[list-item]
                return lost
            return operation(transaction, commands)

        return run

    async def close(self) -> None:
        """Let go of everything, so that others need not wait for its end."""
        renewing, self._renewing = self._renewing, None
        if renewing is None or self._database is None:
            return
        renewing.cancel()
        await asyncio.wait({renewing})
        if self._end is not None:
            self._end.cancel()
        await self._let_go([*self._wishes])
        await self._database.close()

    async def _until_lost(self, wish: _Wish, work: Work) -> bool:
        """Work until it is done, which is told, or the lease is lost."""
        working = asyncio.ensure_future(work())
        losing = asyncio.ensure_future(wish.lost.wait())
        try:
            await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            losing.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait({working})
        if working.cancelled():
            return False
        working.result()
        return not wish.lost.is_set()

    # --- Renewing ------------------------------------------------------------------------------

    async def _renew(self, database: Readers) -> None:
        """Take and renew until cancelled."""
        while True:
            self._wake.clear()
            began = self._loop.time()
            names = {name for name, one in self._wishes.items() if one.not_before <= began}
            try:
                held = await database.run(table.take_leases, names, self.replica, self._seconds)
            except (StorageUnavailable, SQLAlchemyError) as error:
                self._failed.inc()
                self._renewed_since = None
                self._log.error("leases are not renewed", cause=_cause(error))
            else:
                self._note_renewed(began, held)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds / _RENEWALS):
                    await self._wake.wait()

    def _note_renewed(self, began: float, held: set[str]) -> None:
        now = self._loop.time()
        if self._ends_at and now > self._ends_at:
            # Whoever looked meanwhile may have taken them, or taken this process for gone.
            self._failed.inc()
            self._expire()
        if now > began + self._seconds:
            return
        if self._renewed_since is None:
            self._renewed_since = began
        self._ends_at = began + self._seconds
        if self._end is not None:
            self._end.cancel()
        self._end = self._loop.call_at(self._ends_at, self._expire)
        for name, wish in self._wishes.items():
            if name in held and not wish.held.is_set():
                self._log.info("lease taken", lease=name)
                self._held.labels(wish.kind).set(1)
                wish.set(held=True)
            elif name not in held and wish.held.is_set():
                self._lose(name, wish)

    def _expire(self) -> None:
        """Stop what was not renewed in time."""
        self._renewed_since = None
        for name, wish in self._wishes.items():
            if wish.held.is_set():
                self._lose(name, wish)

    def _lose(self, name: str, wish: _Wish) -> None:
        if wish.held.is_set():
            self._log.warning("lease lost", lease=name)
            self._lost.labels(wish.kind).inc()
            self._held.labels(wish.kind).set(0)
            wish.set(held=False)

    async def _let_go(self, names: list[str]) -> None:
        for name in names:
            self._held.labels(self._wishes[name].kind).set(0)
            self._wishes[name].set(held=False)
        if self._database is None:
            return
        try:
            await self._database.run(table.let_go, names, self.replica)
        except (StorageUnavailable, SQLAlchemyError) as error:
            # They end by themselves.
            self._log.warning("leases end by themselves", cause=_cause(error))


def _cause(error: Exception) -> str:
    return str(error).partition("\n")[0]

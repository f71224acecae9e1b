"""Faults of a system with several of each part: what is struck, for how long, and how it ends."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from random import Random

import psycopg

from tests.crash.replicas.cluster import Cluster
from tests.crash.replicas.line import Line, State
from tests.crash.replicas.restarts import restart
from tests.support.freezing import freeze
from tests.support.killer import Strike
from tests.support.nats import Nats
from tests.support.postgresql import Postgresql
from tests.support.system import Part

_SHARE_WHEN_READY = 0.75
_LONGEST_PAUSE_SECONDS = 0.8
_LONGEST_KILLED_SECONDS = 1.5
# Also for longer than a lease, and than a server waits for a transaction that idles.
_FROZEN_SECONDS = (0.5, 6.0)
_NATS_SECONDS = (0.5, 3.0)
_AWAY_SECONDS = (0.0, 1.5)
# As of a part that finds no database at its start, and of one that finds no bus.
_NOT_THERE = frozenset({1, 2})
_LOOK_SECONDS = 0.1
# To stop somebody in the middle of a transaction.
_TRIES = 300
_IN_TRANSACTION = (
    "SELECT 1 FROM pg_stat_activity WHERE application_name = %s"
    " AND state = 'idle in transaction' AND backend_xid IS NOT NULL"
)


class Fault(StrEnum):
    """What is done to a system."""

    KILLED = "killed"
    TWO_KILLED = "two killed"
    FROZEN = "frozen"
    FROZEN_IN_TRANSACTION = "frozen in a transaction"
    POSTGRESQL_RESTARTED = "restarted"
    NATS_STOPPED = "stopped"
    NATS_CUT = "cut"
    NATS_SLOW = "slow"
    NATS_REPEATING = "repeating"
    NATS_DEAF = "deaf"


_LINE = {
    Fault.NATS_CUT: State.CUT,
    Fault.NATS_SLOW: State.SLOW,
    Fault.NATS_REPEATING: State.REPEATING,
    Fault.NATS_DEAF: State.DEAF,
}
_OF_NATS = {*_LINE, Fault.NATS_STOPPED}
# Those that strike one process come more often.
_OFTEN = (Fault.KILLED, Fault.KILLED, Fault.TWO_KILLED, Fault.FROZEN, Fault.FROZEN_IN_TRANSACTION)


class Faults:
    """Strikes a cluster, one fault after the other; each kind comes before one comes again.

    `nats` and `line` are None without NATS. `noted` is told when each fault began and ended.
    """

    def __init__(
        self,
        cluster: Cluster,
        server: Postgresql,
        random: Random,
        nats: Nats | None = None,
        line: Line | None = None,
        noted: Callable[[float, float], None] = lambda _began, _ended: None,
    ) -> None:
        self._cluster = cluster
        self._server = server
        self._random = random
        self._nats = nats
        self._line = line
        self._noted = noted
        self.done: list[tuple[Fault, str]] = []
        # Parts that found no bus at their start.
        self.started_again = 0
        self._down: set[Part] = set()

    async def run(self, count: int, struck: Callable[[Strike], None]) -> None:
        """Strike so many times; return when everything is in service again."""
        supervising = asyncio.create_task(self._supervise())
        try:
            await self._run(count, struck)
            await self._cluster.all_ready()
        finally:
            supervising.cancel()
            await asyncio.wait({supervising})
        if not supervising.cancelled():
            # It has found what must not be.
            supervising.result()

    async def _supervise(self) -> None:
        """Start again what ended by itself, as whoever runs the parts does: one that finds no bus
        or no database at its start ends. Raises AssertionError for any other end.
        """
        while True:
            for part in self._cluster.parts:
                status = part.process.poll()
                if part in self._down or status is None:
                    continue
                if status not in _NOT_THERE:
                    raise AssertionError(f"{part.name} ended: {part.read_log()[-4000:]}")
                self.started_again += 1
                part.start()
            # Its end is told to nobody.
            await asyncio.sleep(_LOOK_SECONDS)

    async def _run(self, count: int, struck: Callable[[Strike], None]) -> None:
        before = time.monotonic()
        deck = self.deck()
        for number in range(1, count + 1):
            if self._random.random() < _SHARE_WHEN_READY:
                await self._cluster.all_ready()
            await asyncio.sleep(self._random.uniform(0, _LONGEST_PAUSE_SECONDS))
            fault = next(deck)
            began = time.monotonic()

            def strike(*victims: str) -> None:
                self.done.append((fault, " and ".join(victims)))  # noqa: B023, called at once
                struck(Strike(number, victims, began - before))  # noqa: B023, as above

            await self._strike(fault, strike)
            self._noted(began, time.monotonic())
            before = began

    def deck(self) -> Iterator[Fault]:
        """All kinds in a random order, and again."""
        while True:
            kinds = [one for one in Fault if self._nats is not None or one not in _OF_NATS]
            kinds += _OFTEN
            self._random.shuffle(kinds)
            yield from kinds

    async def _strike(self, fault: Fault, strike: Callable[..., None]) -> None:
        uniform = self._random.uniform
        if fault in _LINE and self._line is not None:
            strike("nats")
            self._line.become(_LINE[fault])
            await asyncio.sleep(uniform(*_NATS_SECONDS))
            self._line.become(State.WHOLE)
        elif fault is Fault.NATS_STOPPED and self._nats is not None:
            strike("nats")
            await asyncio.to_thread(self._nats.stop)
            await asyncio.sleep(uniform(*_NATS_SECONDS))
            await asyncio.to_thread(self._nats.start)
        elif fault is Fault.POSTGRESQL_RESTARTED:
            strike("postgresql")
            mode = self._random.choice(("fast", "immediate"))
            await asyncio.to_thread(restart, self._server, mode, uniform(*_AWAY_SECONDS))
        elif fault in {Fault.FROZEN, Fault.FROZEN_IN_TRANSACTION}:
            await self._freeze(fault, strike)
        else:
            await self._kill(2 if fault is Fault.TWO_KILLED else 1, strike)

    async def _kill(self, count: int, strike: Callable[..., None]) -> None:
        victims = self._choose(count)
        strike(*(one.name for one in victims))
        self._down |= {*victims}
        for part in victims:
            part.process.kill()
        for part in victims:
            await asyncio.to_thread(part.process.wait)
        await asyncio.sleep(self._random.uniform(0, _LONGEST_KILLED_SECONDS))
        for part in victims:
            part.start()
        self._down -= {*victims}

    async def _freeze(self, fault: Fault, strike: Callable[..., None]) -> None:
        (part,) = self._choose(1)
        if fault is Fault.FROZEN_IN_TRANSACTION:
            services = [one for one in self._cluster.parts if one.name != "edge"]
            part = self._random.choice(services)
        seconds = self._random.uniform(*_FROZEN_SECONDS)
        strike(part.name)
        try:
            if fault is Fault.FROZEN_IN_TRANSACTION:
                await asyncio.to_thread(self._stop_in_transaction, part)
            else:
                freeze(part.process.pid)
            await asyncio.sleep(seconds)
        finally:
            part.process.send_signal(signal.SIGCONT)

    def _stop_in_transaction(self, part: Part) -> None:
        """Stop a service while it holds the row of the clock; if that fails, anyhow."""
        with suppress(psycopg.OperationalError), self._server.connect() as connection:
            for _ in range(_TRIES):
                freeze(part.process.pid)
                found = connection.execute(_IN_TRANSACTION, (self._cluster.application(part),))
                if found.fetchone() is not None:
                    self.done[-1] = (self.done[-1][0], f"{part.name} with the clock")
                    return
                part.process.send_signal(signal.SIGCONT)
                # Another moment; nothing tells when a transaction is under way.
                time.sleep(self._random.uniform(0.001, 0.01))
        freeze(part.process.pid)

    def _choose(self, count: int) -> list[Part]:
        """Parts of different kinds, or of one kind."""
        kinds: dict[str, list[Part]] = {}
        for part in self._cluster.parts:
            kinds.setdefault(part.name, []).append(part)
        if count > 1 and self._random.random() < 1 / 3:
            return self._random.sample(kinds[self._random.choice(sorted(kinds))], count)
        names = self._random.sample(sorted(kinds), count)
        return [self._random.choice(kinds[name]) for name in names]

"""The bus of one replica: what it tells others of its commits, and what it hears of theirs.

A replica that is alone tells nothing and pays nothing. Another one says hello when it comes, and is
counted by the right to serve that it shares; from then on each transaction writes its events beside
what it stores, for those who have to read them, and they are told of it.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry

from service_kit.bus.batches import Batches
from service_kit.bus.catching_up import CatchingUp
from service_kit.bus.engine import Engine
from service_kit.bus.metrics import BusMetrics
from service_kit.process.health import Health
from service_kit.process.limit_counters import ReachedLimits
from service_kit.process.settings import ServiceSettings
from service_kit.rules import Position
from service_kit.storage.announcements import Announcement, announce
from service_kit.storage.readers import Readers
from service_kit.storage.writer import Events, Transaction
from service_kit.watch.hub import WatchHub

# Epochs of other databases that are remembered.
_MOST_STRANGE = 64
# At a stop, for what was published already.
_CLOSE_SECONDS = 2.0
# Without a look at the clock for so long, and so many of its intervals, nothing is known.
_DEAF_SECONDS = 10.0
_DEAF_LOOKS = 5


class Bus:
    """Tells and hears, on one event loop; `announce` in the writer's thread."""

    def __init__(
        self,
        hub: WatchHub,
        engine: Engine,
        replica: str,
        readers: Readers,
        batches: Batches,
        settings: ServiceSettings,
        learn: Callable[[Position], None],
        registry: CollectorRegistry,
        limits: ReachedLimits,
    ) -> None:
        self._hub = hub
        self._engine = engine
        self._replica = replica
        self._batches = batches
        self._learn = learn
        self._readers = readers
        self._limits = limits
        self._most_bytes = settings.bus_batch_bytes
        self._most_signals = settings.bus_waiting_signals
        self._look_seconds = settings.bus_look_seconds
        self._catching_up = CatchingUp(hub, engine, readers, batches, settings, learn, limits)
        self._metrics = BusMetrics(
            registry,
            connected=lambda: float(engine.connected),
            replicas=lambda: float(self._catching_up.servers),
            early=lambda: float(hub.waiting),
        )
        self._catching_up.metrics = self._metrics
        # What was announced and is to be published after the commit.
        self._announced: dict[int, Announcement] = {}
        self._strange: deque[str] = deque(maxlen=_MOST_STRANGE)
        self._signals: deque[bytes] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._log = structlog.get_logger(__name__)

    @property
    def alone(self) -> bool:
        """Whether no other process serves the database, as far as can be told."""
        return self._engine.connected and time.monotonic() > self._catching_up.several_until

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear others while the context lasts, and let the hub be one of several."""
        await self._engine.start(self)
        await self._catching_up.begin()
        self._hub.join(self)
        run = asyncio.get_running_loop().create_task(self._catching_up.run())
        try:
            yield
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            if self._sending is not None:
                await asyncio.wait([self._sending], timeout=_CLOSE_SECONDS)
            await self._engine.close()

    def move(self) -> None:
        """Read from where the database is now, for it may be on another server. In any thread."""
        self._readers.move()

    def join_health(self, health: Health) -> None:
        """Add what is known of other replicas to the health of the service."""
        health.ready_if("bus", self.look_at_word)
        # Without it others are heard later.
        health.ready_if("bus_engine", self.look_at_engine, needed=False)

    async def look_at_word(self) -> str | None:
        """Tell whether nothing can be known of other replicas, told or read; for the health."""
        silence = time.monotonic() - self._catching_up.looked_at
        if silence > max(_DEAF_SECONDS, _DEAF_LOOKS * self._look_seconds):
            return f"where the database stands was last read {silence:.0f} s ago"
        return None

    async def look_at_engine(self) -> str | None:
        """Tell whether others are not heard, so that the database is read in the place of that."""
        return None if self._engine.connected else "it is not connected, so the database is read"

    # --- What is told --------------------------------------------------------------------------

    def announce(self, transaction: Transaction, epoch: str) -> None:
        """Write what a transaction has to tell to others, just before its commit."""
        if self.alone:
            return
        told = Announcement(transaction.revision, transaction.now, None, None)
        try:
            made = self._batches.announcement(transaction)
        except Exception:  # noqa: BLE001, whatever it is, the transaction is good
            self._hub.note_untold()
        else:
            if len(made.events or b"") + len(made.everything or b"") <= self._most_bytes:
                told = made
            else:
                self._limits.reached("bus_batch_bytes")
        notification = None
        if self._engine.notifies:
            notification = f"{epoch}:{told.revision}:{self._replica}"
        else:
            self._announced[told.revision] = told
        announce(transaction.connection, told, notification)

    def publish(self, position: Position, events: Events) -> None:
        """Tell the watchers here, and others, of a commit of this replica."""
        self._hub.publish(position, events)
        if self._announced:
            epoch, revision = position
            told = self._announced.pop(revision, None)
            if told is not None and not self._engine.publish(epoch, told):
                self._metrics.unsent.inc()
            # Of what was not committed after all.
            for earlier in [one for one in list(self._announced) if one < revision]:
                del self._announced[earlier]

    def tell(self, events: Events) -> None:
        """Tell others of events that are stored nowhere, as soon as what is being sent is."""
        if self.alone:
            return
        for event in events:
            if len(self._signals) >= self._most_signals:
                self._limits.reached("bus_waiting_signals")
                return
            self._signals.append(self._batches.encode([event]))
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._signals:
                # One after the other they are one batch, of the epoch that stands before it.
                batch = self._hub.position.epoch.encode() + b"\n" + self._signals.popleft()
                while self._signals and (
                    len(batch) + len(self._signals[0]) <= self._engine.signal_bytes
                ):
                    batch += self._signals.popleft()
                try:
                    await self._engine.send_signals(batch)
                except Exception as error:  # noqa: BLE001, they may be lost
                    self._metrics.unsent.inc()
                    self._log.warning("signals could not be told to others", cause=str(error))
        finally:
            self._sending = None

    # --- What is heard -------------------------------------------------------------------------

    def missing(self, *, read_now: bool) -> None:
        """Read what is missing, at once or when it was not heard in a moment."""
        self._catching_up.missing(read_now=read_now)

    async def look(self) -> None:
        """Return when the hub stands at least where the database stood at the call.

        Raises StorageUnavailable.
        """
        if not self.alone:
            await self._catching_up.current()

    def hear_hello(self) -> None:
        """Count on another replica from now on."""
        self._catching_up.expect_others()

    def hear_revision(self, epoch: str, revision: int) -> None:
        """Read a revision that another replica has committed."""
        if self._is_heard(epoch, revision):
            self._hub.expect(revision)

    def hear_batch(self, epoch: str, told: Announcement) -> None:
        """Take a revision that another replica has committed."""
        if self._is_heard(epoch, told.revision):
            self._catching_up.hear(told)

    def _is_heard(self, epoch: str, revision: int) -> bool:
        """Note a word; False for one of another epoch, which has to be looked at."""
        self.hear_hello()
        self._metrics.heard.inc()
        if epoch != self._hub.position.epoch:
            # Of this database in another epoch; or of another one, which is looked for once.
            if epoch not in self._strange:
                self._strange.append(epoch)
                self._catching_up.look_now()
            return False
        self._learn(Position(epoch, revision))
        return True

    def hear_signals(self, batch: bytes) -> None:
        """Tell the watchers here of what is stored nowhere, if it is of this database."""
        epoch, _, told = batch.partition(b"\n")
        if epoch != self._hub.position.epoch.encode():
            return
        try:
            events = self._batches.decode(told)
        except ValueError:
            self._hub.note_untold()
            return
        self._hub.hear_ephemeral(events)

    def hear_again(self) -> None:
        """Look what came meanwhile."""
        self._catching_up.look_now()

"""The fence around an epoch: a database that may have lost commits gets another one.

A standby that is promoted, or a backup that is put back, gives revisions a second time. Whoever
was told of the first would then take the second for them: a client resumes "complete" and misses
messages, a follower passes over deals. So before a connection writes anything, it looks where it
leads; a clock that gives no higher revision than this process has seen is found in the transaction
that takes it. Either begins a new epoch, which all who follow take for another database.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import Connection, RootTransaction

from service_kit.rules import Position
from service_kit.storage.clock import begin_epoch, hold_position, take_position
from service_kit.storage.home import Home, find_postgresql_home, read_home, write_home
from service_kit.storage.sqlite_mark import SqliteMark

RESTORED = "restored"
MOVED = "moved"
PROMOTED = "promoted"
WENT_BACK = "went back"

_WHY = {
    RESTORED: "it was put back from a dump, or copied from another server",
    MOVED: "its files are not those that were here before: they were copied or put back",
    PROMOTED: "its server was promoted or recovered, and may lack the last commits",
    WENT_BACK: "it lacks commits that were seen",
}

# Epochs that are remembered to have been left.
_MOST_LEFT = 64
_NOWHERE = Position("", -1)


class Fence:
    """Remembers the newest position that this process knows of, and begins epochs.

    All is called by the thread that writes, but `learn`. With `synchronous` a commit is on the
    standby before it is told, so that a promotion alone loses nothing. `moved()` is called when a
    new connection leads elsewhere than the one before, and when an epoch has begun: what others
    have open may lead to the server of before, and what was read may be lost.
    """

    def __init__(
        self,
        *,
        synchronous: bool = False,
        registry: CollectorRegistry | None = None,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self._synchronous = synchronous
        self._tell_moved = moved
        # What this process has committed or read, and what it has heard of from others.
        self._seen = _NOWHERE
        self._heard = _NOWHERE
        self._left: deque[str] = deque(maxlen=_MOST_LEFT)
        # Where the connection before has led; None at the start.
        self._home: Home | None = None
        self._mark: SqliteMark | None = None
        self._untold: set[str] = set()
        self._log = structlog.get_logger("service_kit.storage.fence")
        self._begun = Counter(
            "clock_epochs_begun",
            "New epochs that were given to the database because it may have lost something.",
            ["cause"],
            registry=registry or CollectorRegistry(),
        )
        for cause in _WHY:
            self._begun.labels(cause)

    @property
    def epoch(self) -> str:
        """The epoch in which this process has last been."""
        return self._seen.epoch

    def learn(self, position: Position) -> None:
        """Hear of a position that the database has reached. In any thread."""
        heard = self._heard
        if heard.epoch != position.epoch or heard.revision < position.revision:
            self._heard = position

    def enter(self, connection: Connection) -> Position:
        """Look where a new connection leads, in a transaction of its own; gives the position there.

        Raises ReadOnlyDatabase when that is a standby.
        """
        with connection.begin():
            home = self._find_home(connection)
            position = hold_position(connection)
            remembered, intact = read_home(connection)
            cause = ""
            if remembered is not None:
                home = home.supplemented(remembered)
                cause = self._why_another(home, remembered) if intact else RESTORED
            if cause or self._has_seen(position, position.revision + 1):
                position = self._begin_epoch(connection, position, cause or WENT_BACK)
            if home != remembered or not intact:
                write_home(connection, home)
        before, self._home = self._home, home
        was_in = self._seen.epoch
        self.saw(position)
        if before is not None and (home != before or position.epoch != was_in):
            self._tell_moved()
        return position

    def begin(self, connection: Connection) -> tuple[RootTransaction, Position]:
        """Begin a transaction and take its revision, in a new epoch if that was there before."""
        transaction = connection.begin()
        position = take_position(connection)
        while self._has_seen(position, position.revision):
            # By itself, for what is to be written may yet fail and be rolled back.
            begun = self._begin_epoch(connection, position, WENT_BACK)
            transaction.commit()
            self.saw(begun)
            self._tell_moved()
            transaction = connection.begin()
            position = take_position(connection)
        return transaction, position

    def saw(self, position: Position) -> None:
        """Note a position that was committed or read."""
        if position.epoch != self._seen.epoch:
            if self._seen is not _NOWHERE:
                self._left.append(self._seen.epoch)
            if self._mark is not None:
                self._mark.begin(position)
        elif self._mark is not None:
            self._mark.note(position.revision)
        self._seen = position

    def close(self) -> None:
        """Let go of what stands beside the database."""
        if self._mark is not None:
            self._mark.close()
            self._mark = None

    def _has_seen(self, position: Position, revision: int) -> bool:
        """Whether this revision was there before, on the clock of `position`."""
        seen, heard = self._seen, self._heard
        if position.epoch == seen.epoch and revision <= seen.revision:
            return True
        if position.epoch == heard.epoch and revision <= heard.revision:
            return True
        return position.epoch in self._left

    def _why_another(self, home: Home, remembered: Home) -> str:
        """Say why this may be another database than it was; empty when it is not."""
        if (home.system, home.database) != (remembered.system, remembered.database):
            return RESTORED
        if remembered.timeline and home.timeline != remembered.timeline:
            # Told to recover up to a point, it has left out what came after.
            recovered = home.recovery_target != remembered.recovery_target
            return "" if self._synchronous and not recovered else PROMOTED
        # Who was here before knows by itself whether anything is missing.
        moved = (home.port, home.files) != (remembered.port, remembered.files)
        return MOVED if moved and self._home is None else ""

    def _begin_epoch(self, connection: Connection, position: Position, cause: str) -> Position:
        begun = Position(begin_epoch(connection), position.revision)
        self._begun.labels(cause).inc()
        self._log.error(
            "the database gets a new epoch: all who follow it start over",
            cause=_WHY[cause],
            revision=position.revision,
            seen=max(self._seen.revision, self._heard.revision),
            epoch=begun.epoch,
        )
        return begun

    def _find_home(self, connection: Connection) -> Home:
        if connection.dialect.name == "postgresql":
            return find_postgresql_home(connection, self._note_untold)
        database = connection.engine.url.database
        if not database or database == ":memory:":
            return Home()
        if self._mark is None:
            self._mark = SqliteMark(Path(database).resolve())
            noted = self._mark.read()
            if noted.epoch:
                self._seen = noted
        return Home(files=self._mark.place)

    def _note_untold(self, name: str) -> None:
        if name not in self._untold:
            self._untold.add(name)
            self._log.warning(
                "the server does not tell this role its " + name + ": a promotion or a backup is"
                " noticed only by who has seen more"
            )

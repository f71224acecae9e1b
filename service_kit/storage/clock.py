"""The clock of a database: one row of (epoch, revision).

Every write transaction takes the next revision as its first statement and stamps it on every row
it writes. The epoch is a random id made with the database, and another one is given to a database
that may have lost something (`fence`). The contract is that of etcd's revisions: ordered and
contiguous. The row is held until the commit, so that transactions of several processes commit in
its order.
"""

import uuid

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, select, text, update

from service_kit.rules import Position
from service_kit.storage.bulk_statements import Lookup, fetch, look_up
from service_kit.storage.engines import TEXT
from service_kit.storage.home import add_home
from service_kit.storage.plain_statements import run

_metadata = MetaData()
_clock = Table(
    "clock",
    _metadata,
    Column("epoch", TEXT, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
_TAKE = str(
    update(_clock)
    .values(revision=text("revision + 1"))
    .returning(_clock.c.epoch, _clock.c.revision)
)
_READ = select(_clock.c.epoch, _clock.c.revision)
_HOLD = _READ.with_for_update()


def add_clock(metadata: MetaData) -> Table:
    """Make the clock a table of `metadata`, the tables of a service, and its home another."""
    add_home(metadata)
    return _clock.to_metadata(metadata)


def take_position(connection: Connection) -> Position:
    """Take the next revision; it is spent only if the transaction commits."""
    ((epoch, revision),) = run(connection, _TAKE).fetchall()
    return Position(epoch, revision)


def read_position(connection: Connection) -> Position:
    """Tell the position that this transaction sees."""
    return look_up(connection, position())


def position() -> Lookup[Position]:
    """Look at the position that a transaction sees."""
    return Lookup(_READ, {}, lambda rows: Position(*rows[0]))


def hold_position(connection: Connection) -> Position:
    """Tell the position, which nobody else changes until the transaction ends."""
    (row,) = fetch(connection, _HOLD, {})
    return Position(row.epoch, row.revision)


def begin_epoch(connection: Connection) -> str:
    """Give the clock a new epoch, at the revision where it stands."""
    epoch = uuid.uuid4().hex
    connection.execute(update(_clock).values(epoch=epoch))
    return epoch

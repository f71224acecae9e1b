"""Positions on the clocks of other services, up to which this database has followed them.

The position moves in the transaction that stores what led there. So what is delivered twice,
because of a crash or a broken stream, takes effect once.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from service_kit.rules import Position
from service_kit.storage.engines import TEXT
from service_kit.storage.writer import Transaction

_metadata = MetaData()
_positions = Table(
    "positions",
    _metadata,
    Column("source", TEXT, primary_key=True),
    Column("epoch", TEXT, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
_READ = select(_positions.c.epoch, _positions.c.revision).where(
    _positions.c.source == bindparam("the_source")
)
_MOVE = (
    update(_positions)
    .where(_positions.c.source == bindparam("the_source"))
    .values(epoch=bindparam("epoch"), revision=bindparam("revision"))
)


def add_positions(metadata: MetaData) -> Table:
    """Make the positions a table of `metadata`, the tables of a service that follows others."""
    return _positions.to_metadata(metadata)


def read_followed(connection: Connection, source: str) -> Position | None:
    """Tell how far `source` was followed; None if it never was."""
    row = connection.execute(_READ, {"the_source": source}).one_or_none()
    return None if row is None else Position(row.epoch, row.revision)


def advance(transaction: Transaction, source: str, position: Position) -> bool:
    """Move on to `position`; False if what led there took effect before and must not do so again.

    Revision 0 begins an epoch. Raises ValueError for a later one of an epoch that is not followed.
    """
    connection = transaction.connection
    stored = read_followed(connection, source)
    if stored is None or stored.epoch != position.epoch:
        if position.revision != 0:
            raise ValueError(f"no beginning of this epoch of {source} was followed")
    elif position.revision <= stored.revision:
        return False
    transaction.touch()
    if stored is None:
        connection.execute(insert(_positions).values(source=source, **position._asdict()))
    else:
        connection.execute(_MOVE, {"the_source": source, **position._asdict()})
    return True

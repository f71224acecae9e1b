"""Positions on the clocks of other services, up to which this database has followed them.

The position moves in the transaction that stores what led there. So what is delivered twice,
because of a crash or a broken stream, takes effect once. This database may go back as well, and
then lacks what it had followed: so each step says up to where all was stored before.
"""

from typing import Self

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
from service_kit.storage.bulk_statements import change, fetch
from service_kit.storage.engines import TEXT
from service_kit.storage.writer import StorageUnavailable, Transaction


class Step(Position):
    """A position to move on to. Whoever follows believes that all up to revision `after` of its
    epoch is stored, and knows of nothing in between.
    """

    after = 0

    @classmethod
    def beyond(cls, after: int, position: Position) -> Self:
        """Make the step from a revision to a position."""
        step = cls(*position)
        step.after = after
        return step


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
    found = fetch(connection, _READ, {"the_source": source})
    return Position(*found[0]) if found else None


def advance(transaction: Transaction, source: str, position: Position) -> bool:
    """Move on to `position`; False if what led there took effect before and must not do so again.

    Revision 0 begins an epoch. Raises StorageUnavailable when this database lacks what was stored
    before the step: it has gone back, and has to be followed for anew.
    """
    connection = transaction.connection
    stored = read_followed(connection, source)
    if stored is None or stored.epoch != position.epoch:
        if position.revision != 0:
            raise StorageUnavailable(f"no beginning of this epoch of {source} was followed here")
    elif position.revision <= stored.revision:
        return False
    elif isinstance(position, Step) and stored.revision < position.after:
        raise StorageUnavailable(
            f"{source} was followed to {position.after}, and here is no more than {stored.revision}"
        )
    transaction.touch()
    if stored is None:
        connection.execute(insert(_positions).values(source=source, **position._asdict()))
    else:
        change(connection, _MOVE, {"the_source": source, **position._asdict()})
    return True

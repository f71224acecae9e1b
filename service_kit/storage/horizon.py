"""The horizon of a service: up to which revision changes were deleted and can no longer be told."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, bindparam, select, update

from service_kit.rules import Position
from service_kit.storage.bulk_statements import Lookup, look_up
from service_kit.storage.retention import Row

_metadata = MetaData()
_horizon = Table("forgotten_changes", _metadata, Column("revision", BigInteger, nullable=False))
_FIND = select(_horizon.c.revision)
_MOVE = (
    update(_horizon)
    .where(_horizon.c.revision < bindparam("now", type_=BigInteger))
    .values(revision=bindparam("now", type_=BigInteger))
)


def add_horizon(metadata: MetaData) -> Table:
    """Make the horizon a table of `metadata`: one row, the last revision that was deleted."""
    return _horizon.to_metadata(metadata)


def is_beyond_horizon(connection: Connection, after: Position) -> bool:
    """Tell whether of what came after a position some was deleted."""
    return look_up(connection, beyond_horizon(after))


def beyond_horizon(after: Position) -> Lookup[bool]:
    """Look whether of what came after a position some was deleted."""
    return Lookup(_FIND, {}, lambda rows: 0 <= after.revision < int(rows[0][0]))


def move_horizon(connection: Connection, rows: Sequence[Row]) -> None:
    """Note what was deleted: the last column of each row is the revision of its change."""
    connection.execute(_MOVE, {"now": max(row[-1] for row in rows)})

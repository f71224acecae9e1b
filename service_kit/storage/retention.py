"""Rules of what ends the rows of each table, and the statements that delete what is kept no longer.

A service declares it beside its tables; a test holds that none is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    TextClause,
    bindparam,
    delete,
    select,
)

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Retention:
    """The bound of the rows of a table; `days` are the settings after which a worker deletes them,
    the shortest of them if there are several.
    """

    bound: str
    days: tuple[str, ...] = ()


def kept(bound: str) -> Retention:
    """Say what bounds rows that nothing deletes with time."""
    return Retention(bound)


def forgotten(bound: str, *days: str) -> Retention:
    """Say which rows are deleted after how many days."""
    return Retention(bound, days)


_OF_THE_KIT = {
    "announcements": kept("the revisions of the last `BUS_KEPT_SECONDS`, while there are replicas"),
    "clock": kept("one row"),
    "forgotten_changes": kept("one row"),
    "leases": kept("a row for each kind of work that is done once, and for each process"),
    "positions": kept("a row for each service that is followed"),
    "clock_home": kept("one row"),
    "served_by": kept("the newest migrations of the programs that may serve it"),
    "restrictions": kept("what moderation restricts now; what has expired goes with the next news"),
}


def declare(metadata: MetaData, retention: Mapping[str, Retention]) -> None:
    """Say what ends the rows of the tables of a service; the kit does so for its own."""
    for name, table in metadata.tables.items():
        if name in (found := {**_OF_THE_KIT, **retention}):
            table.info["retention"] = found[name]


def retention_of(table: Table) -> Retention:
    """Give what a table says. Raises KeyError for one that says nothing."""
    found: Retention = table.info["retention"]
    return found


@dataclass(frozen=True)
class Forgetting:
    """How the old rows of a table are deleted: `find` gives, by a statement, the first `count` of
    those from before a time (milliseconds UTC), and `remove` deletes such.
    """

    table: Table
    statement: Select[Any]
    find: Callable[[Connection, int, int], Sequence[Row]]
    remove: Callable[[Connection, Sequence[Row]], None]

    @property
    def days(self) -> tuple[str, ...]:
        """The settings that say how long."""
        return retention_of(self.table).days


def by_age(
    table: Table,
    when: Column[int],
    *conditions: ColumnElement[bool] | TextClause,
    also: Sequence[Column[Any]] = (),
    after: Callable[[Connection, Sequence[Row]], None] = lambda _connection, _rows: None,
) -> Forgetting:
    """Forget the rows of a table by the time in a column, those alone that meet conditions.

    An index begins with that column, of such rows. `after` is called with what was deleted: the
    primary key, then the columns in `also`.
    """
    key = [*table.primary_key.columns]
    found = (
        select(*key, *also)
        .where(when < bindparam("before", type_=BigInteger), *conditions)
        .order_by(when)
        .limit(bindparam("count", type_=BigInteger))
    )
    names = [f"key_{number}" for number in range(len(key))]
    removed = delete(table).where(
        *(column == bindparam(name) for column, name in zip(key, names, strict=True))
    )

    def find(connection: Connection, before: int, count: int) -> Sequence[Row]:
        rows = connection.execute(found, {"before": before, "count": count})
        return [tuple(row) for row in rows]

    def remove(connection: Connection, rows: Sequence[Row]) -> None:
        given: list[Mapping[str, Any]] = [
            dict(zip(names, row[: len(names)], strict=True)) for row in rows
        ]
        connection.execute(removed, given)
        after(connection, rows)

    return Forgetting(table, found, find, remove)

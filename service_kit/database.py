"""Engines and bulk statements; the one place that knows one database from another.

SQLite runs in WAL with synchronous=FULL: what was committed survives a loss of power. PostgreSQL
is added here: its engine, and its form of `given_values` and `given_rows`.
"""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import String, TypeEngine

BUSY_TIMEOUT_MILLISECONDS = 5_000


class UnsupportedDatabase(ValueError):  # noqa: N818, the name says what is the case
    """The address names a database that Parley does not run on."""


def open_engine(url: str, role: Literal["writer", "reader"], connections: int = 1) -> Engine:
    """Open an engine for one writer thread or for a pool of readers.

    A writer's transactions take the write lock when they begin, because a transaction that reads
    first and writes later fails at once when another wrote in between. Raises
    UnsupportedDatabase for anything but SQLite.
    """
    if make_url(url).get_backend_name() != "sqlite":
        raise UnsupportedDatabase(f"not a SQLite address: {make_url(url).render_as_string()}")
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MILLISECONDS / 1000},
    )
    begin = "BEGIN IMMEDIATE" if role == "writer" else "BEGIN"

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # Python's own driver would begin transactions late, by the first word of a statement.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            # One commit under load touches hundreds of pages, and most of them change again soon:
            # they move from the log to the file after 16 MB instead of 4, and the cache holds what
            # one transaction changes.
            "wal_autocheckpoint=4000",
            "cache_size=-16384",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def bulk_insert(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert `rows`, whose values stand in the order of `columns`, by the driver's executemany."""
    if rows:
        connection.exec_driver_sql(_insert_sql(table, columns, connection.dialect), list(rows))


def bulk_update(
    connection: Connection,
    table: Table,
    key: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Update one row of `table` for each of `rows`: the values of `columns`, then that of `key`."""
    if rows:
        connection.exec_driver_sql(_update_sql(table, key, columns, connection.dialect), list(rows))


@lru_cache(maxsize=64)
def _insert_sql(table: Table, columns: tuple[str, ...], dialect: Dialect) -> str:
    statement = insert(table).values({name: bindparam(name) for name in columns})
    return _positional_sql(statement.compile(dialect=dialect), columns)


@lru_cache(maxsize=64)
def _update_sql(table: Table, key: str, columns: tuple[str, ...], dialect: Dialect) -> str:
    statement = (
        update(table)
        .where(table.c[key] == bindparam("the_key"))
        .values({name: bindparam(name) for name in columns})
    )
    return _positional_sql(statement.compile(dialect=dialect), (*columns, "the_key"))


def _positional_sql(compiled: Any, names: tuple[str, ...]) -> str:
    # A compiled statement has its parameters in the order of the table's columns.
    if tuple(compiled.positiontup) != names:
        raise ValueError(f"columns must stand in the order of the table: {compiled.positiontup}")
    return str(compiled)


# --- Values given as one JSON parameter -----------------------------------------------------
#
# The text of such a statement is the same for any number of values, so that it is prepared once,
# and every lookup goes through an index. A list of row values, `(a, b) IN ((1, 2), ...)`, would
# scan the whole table on SQLite.


class _each(GenericFunction[Any]):  # noqa: N801, the name of the SQL function
    inherit_cache = True
    name = "parley_each"


class _item(GenericFunction[Any]):  # noqa: N801, the name of the SQL function
    inherit_cache = True
    name = "parley_item"


@compiles(_each, "sqlite")
def _each_on_sqlite(element: _each, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_item, "sqlite")
def _item_on_sqlite(element: _item, compiler: SQLCompiler, **options: Any) -> str:
    value, index = element.clauses.clauses
    place = index.value if isinstance(index, BindParameter) else None
    return f"json_extract({compiler.process(value, **options)}, '$[{place}]')"


def given_values(parameter: str) -> Select[Any]:
    """Select the values of the list in `parameter` (see `as_given`), for `column.in_(...)`."""
    return select(func.parley_each(bindparam(parameter, type_=String)).table_valued("value").c[0])


def given_rows(
    parameter: str, columns: Iterable[Column[Any]]
) -> tuple[TableValuedAlias, ColumnElement[bool]]:
    """Join a list of rows in `parameter`: what to select from, and the condition of the join.

    Each row of the list holds the values that `columns` must equal, in their order.
    """
    each = func.parley_each(bindparam(parameter, type_=String)).table_valued("value", name="given")
    condition: ColumnElement[bool] | None = None
    for index, column in enumerate(columns):
        kind: TypeEngine[Any] = column.type
        equal = column == func.parley_item(each.c.value, index, type_=kind)
        condition = equal if condition is None else condition & equal
    if condition is None:
        raise ValueError("rows without columns can not be joined")
    return each, condition


def as_given(values: Iterable[Any]) -> str:
    """Encode a list of values, or of tuples of values, for a parameter of given values."""
    return json.dumps(list(values), separators=(",", ":"))

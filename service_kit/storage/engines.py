"""Engines, bulk statements and failures; the one place that knows one database from another.

SQLite runs in WAL with synchronous=FULL: what was committed survives a loss of power. On PostgreSQL
that is the server's own setting, and text is compared as SQLite compares it, by code points.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    URL,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Select,
    String,
    Table,
    and_,
    bindparam,
    column,
    create_engine,
    event,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import TableValuedAlias

from service_kit.process.settings import ServiceSettings, Timeouts

Role = Literal["writer", "reader", "migrator"]

TEXT = String().with_variant(String(collation="C"), "postgresql")
"""The type of every text column: compared by code points, as Python compares."""

STORED_BY_KEY: Mapping[str, Any] = {"sqlite_with_rowid": False}
"""For a table whose rows are read in the order of its key: they lie so on the disk, if possible."""


class UnsupportedDatabase(ValueError):  # noqa: N818, the name says what is the case
    """The address names a database that Parley does not run on."""


def address_of(settings: ServiceSettings) -> URL:
    """Give the address of the database with its password, which the address shows as `***`.

    Raises ValueError for a password file that can not be used; nothing of it is in the error.
    """
    url, path = make_url(settings.database_url), settings.database_password_file
    if path is None:
        return url
    if url.get_backend_name() != "postgresql" or url.password:
        raise ValueError("a password file goes with a PostgreSQL address that has no password")
    return url.set(password=_read_password(path))


def _read_password(path: Path) -> str:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"the password file {path} can not be read: {error}") from error
    except UnicodeDecodeError:
        # Its own words would tell a byte of the password.
        raise ValueError(f"the password file {path} is not UTF-8") from None
    if len(lines) != 1 or not lines[0]:
        raise ValueError(f"the password file {path} does not hold one line with the password")
    return lines[0]


def open_engine(
    url: str | URL, role: Role, connections: int = 1, timeouts: Timeouts | None = None
) -> Engine:
    """Open an engine for one writer thread, for a pool of readers, or for a migration.

    A reader's transaction sees one state of the database and writes nothing. Raises
    UnsupportedDatabase for an address that is neither SQLite's nor PostgreSQL's.
    """
    address = make_url(url)
    match address.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _open_sqlite(address, role, connections, timeouts or Timeouts())
        case "postgresql" | "postgresql+psycopg":
            return _open_postgresql(address, role, connections, timeouts or Timeouts())
    raise UnsupportedDatabase(
        f"neither a SQLite nor a PostgreSQL address: {address.render_as_string()}"
    )


def why_unavailable(error: Exception) -> str | None:
    """Name what keeps the database from working now; None for a failure of another kind."""
    if not isinstance(error, DBAPIError):
        return None
    unavailable = (
        isinstance(error, OperationalError | InterfaceError)
        or error.connection_invalidated
        or getattr(error.orig, "sqlstate", None) in _UNAVAILABLE_STATES
    )
    if not unavailable:
        return None
    # What follows the first line is where the server was at it.
    problem = str(error.orig).partition("\n")[0]
    return f"{type(error.orig).__name__}: {problem}"


def lock_migrations(connection: Connection) -> None:
    """Wait until no other process migrates this database; held until the transaction ends."""
    if connection.dialect.name == "postgresql":
        # A migration may last longer than other locks are waited for.
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


# --- SQLite ------------------------------------------------------------------------------------


def _open_sqlite(url: URL, role: Role, connections: int, timeouts: Timeouts) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": timeouts.lock},
    )
    # A transaction that reads first and writes later fails at once when another wrote in between:
    # those that write take the write lock when they begin.
    begin = "BEGIN" if role == "reader" else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # Python's own driver would begin transactions late, by the first word of a statement.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={int(timeouts.lock * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            # What is deleted, and what is written over, is gone from the file as well. Whether it
            # is without this word was chosen when SQLite was built.
            "secure_delete=ON",
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


# --- PostgreSQL --------------------------------------------------------------------------------

# Read-only server, and transactions that the server ended because they idled or lasted too long:
# the driver counts these among the defects of a program.
_UNAVAILABLE_STATES = frozenset({"25006", "25P03", "25P04"})

# Of this database alone; any number will do that is always the same.
_MIGRATION_LOCK = 0x7061726C6579

# A writer sees what was committed before it got the clock's row, and not only what was committed
# before it began to wait for that row. A reader's queries all see the same.
_POSTGRESQL_TRANSACTIONS: dict[Role, dict[str, str]] = {
    "writer": {"default_transaction_isolation": r"read\ committed"},
    "migrator": {
        "default_transaction_isolation": r"read\ committed",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
    },
    "reader": {
        "default_transaction_isolation": r"repeatable\ read",
        "default_transaction_read_only": "on",
    },
}


def _open_postgresql(url: URL, role: Role, connections: int, timeouts: Timeouts) -> Engine:
    session = {
        "lock_timeout": f"{int(timeouts.lock * 1000)}ms",
        "statement_timeout": f"{int(timeouts.statement * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{int(timeouts.idle_transaction * 1000)}ms",
        **_POSTGRESQL_TRANSACTIONS[role],
    }
    # What the address says itself comes later, and so wins.
    options = [f"-c {name}={value}" for name, value in session.items()]
    given = url.query.get("options", ())
    query = {
        "application_name": f"parley {role}",
        "connect_timeout": str(max(1, round(timeouts.connect))),
        # A server whose machine is gone sends no word of it.
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": f"{int(timeouts.statement * 1000)}",
        **url.query,
        "options": " ".join((*options, *((given,) if isinstance(given, str) else given))),
    }
    return create_engine(
        url.set(drivername="postgresql+psycopg", query=query),
        pool_size=connections,
        max_overflow=0,
        # After a restart of the server the first transaction gets a connection that works.
        pool_pre_ping=True,
        hide_parameters=True,
        # Parameters by their places, as the bulk statements give them.
        paramstyle="format",
    )


# --- Hot statements ----------------------------------------------------------------------------


def fetch(
    connection: Connection, statement: Select[Any], given: Mapping[str, Any]
) -> Sequence[Any]:
    """Run a query with the parameters in `given`; gives all rows, as the driver has them.

    The statement is compiled once for each kind of database; what SQLAlchemy does at each execution
    beyond that would cost a short query more than the database does.
    """
    sql, parameters = _query_sql(statement, connection.dialect)
    values = [given.get(name, fixed) for name, fixed in parameters]
    return connection.exec_driver_sql(sql, tuple(values)).fetchall()


@lru_cache(maxsize=64)
def _query_sql(statement: Select[Any], dialect: Dialect) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """The text of a query, and its parameters in order with the values that the statement fixes."""
    compiled: Any = statement.compile(dialect=dialect)
    return str(compiled), tuple((name, compiled.params[name]) for name in compiled.positiontup)


# --- Bulk statements ---------------------------------------------------------------------------


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


# --- Lists of values as parameters ----------------------------------------------------------
#
# The text of such a statement is the same for any number of values, so that it is prepared once,
# and every lookup goes through an index. A list of row values, `(a, b) IN ((1, 2), ...)`, would
# scan the whole table on SQLite. There a list is one JSON parameter, and on PostgreSQL an array:
# of values, or one array for each column of the rows.


class _Among(FunctionElement[bool]):
    """A column, the list as JSON, the list as an array."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002, the signature is given
        """Stand as a condition: without `= 1`, which would keep SQLite from using the index."""
        return self


class _Each(FunctionElement[Any]):
    """The rows as JSON, and an array for each of their columns."""

    inherit_cache = True


class _Item(FunctionElement[Any]):
    """The row as JSON, the same value as a column of its own, and which one it is."""

    inherit_cache = True

    def __init__(self, index: int, value: ColumnElement[Any], item: ColumnElement[Any]) -> None:
        super().__init__(value, item, literal_column(str(index)))
        self.type = item.type


def _processed(element: FunctionElement[Any], compiler: SQLCompiler, *which: int) -> list[str]:
    clauses = element.clauses.clauses
    return [compiler.process(clauses[index]) for index in which]


@compiles(_Among, "sqlite")
def _among_on_sqlite(element: _Among, compiler: SQLCompiler, **_options: Any) -> str:
    wanted, values = _processed(element, compiler, 0, 1)
    # Both are SQL that the compiler made; the values are parameters.
    return f"{wanted} IN (SELECT value FROM json_each({values}))"  # noqa: S608


@compiles(_Among, "postgresql")
def _among_on_postgresql(element: _Among, compiler: SQLCompiler, **_options: Any) -> str:
    wanted, values = _processed(element, compiler, 0, 2)
    return f"{wanted} = ANY ({values})"


@compiles(_Each, "sqlite")
def _each_on_sqlite(element: _Each, compiler: SQLCompiler, **_options: Any) -> str:
    return f"json_each({_processed(element, compiler, 0)[0]})"


@compiles(_Each, "postgresql")
def _each_on_postgresql(element: _Each, compiler: SQLCompiler, **_options: Any) -> str:
    arrays = _processed(element, compiler, *range(1, len(element.clauses)))
    names = ", ".join(_item_name(index) for index in range(len(arrays)))
    return f"(SELECT * FROM unnest({', '.join(arrays)}) AS items ({names}))"  # noqa: S608, as above


@compiles(_Item, "sqlite")
def _item_on_sqlite(element: _Item, compiler: SQLCompiler, **_options: Any) -> str:
    value, index = _processed(element, compiler, 0, 2)
    return f"json_extract({value}, '$[{index}]')"


@compiles(_Item, "postgresql")
def _item_on_postgresql(element: _Item, compiler: SQLCompiler, **_options: Any) -> str:
    return _processed(element, compiler, 1)[0]


def _item_name(index: int) -> str:
    return f"item_{index}"


def _array_name(parameter: str, index: int) -> str:
    return f"{parameter}_{index}"


def among_given(wanted: Column[Any], parameter: str) -> ColumnElement[bool]:
    """Say that a column has one of the values in `parameter` (see `give_values`)."""
    return _Among(
        wanted, bindparam(parameter, type_=String()), bindparam(parameter, type_=ARRAY(wanted.type))
    )


def give_values(connection: Connection, parameter: str, values: Iterable[Any]) -> dict[str, Any]:
    """Make the parameter of `among_given`."""
    found = list(values)
    return {parameter: _json(found) if connection.dialect.name == "sqlite" else found}


def given_items(
    parameter: str, columns: Sequence[Column[Any]]
) -> tuple[TableValuedAlias, list[ColumnElement[Any]]]:
    """Select from a list of rows in `parameter`: what to select from, and the values of a row.

    Each row of the list holds values of the types of `columns`, in their order.
    """
    arrays = [
        bindparam(_array_name(parameter, index), type_=ARRAY(wanted.type))
        for index, wanted in enumerate(columns)
    ]
    items = [column(_item_name(index), wanted.type) for index, wanted in enumerate(columns)]
    each = _Each(bindparam(parameter, type_=String()), *arrays).table_valued(
        column("value", String()), *items, name="given"
    )
    return each, [
        _Item(index, each.c.value, each.c[_item_name(index)]) for index in range(len(columns))
    ]


def given_rows(
    parameter: str, columns: Sequence[Column[Any]]
) -> tuple[TableValuedAlias, ColumnElement[bool]]:
    """Join a list of rows in `parameter`: what to select from, and the condition of the join.

    Each row of the list holds the values that `columns` must equal, in their order.
    """
    each, items = given_items(parameter, columns)
    return each, and_(*(wanted == item for wanted, item in zip(columns, items, strict=True)))


def give_rows(
    connection: Connection, parameter: str, rows: Iterable[tuple[Any, ...]]
) -> dict[str, Any]:
    """Make the parameters of `given_rows` or `given_items`, of one row at least."""
    found = list(rows)
    if connection.dialect.name == "sqlite":
        return {parameter: _json(found)}
    return {
        _array_name(parameter, index): list(values)
        for index, values in enumerate(zip(*found, strict=True))
    }


def _json(values: list[Any]) -> str:
    return json.dumps(values, separators=(",", ":"))

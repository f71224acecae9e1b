"""Statements for many rows at once, and lists of values as parameters, on either database.

The text of a statement is the same for any number of values, so that it is prepared once, and every
lookup goes through an index. A list of row values, `(a, b) IN ((1, 2), ...)`, would scan the whole
table on SQLite. A list is one JSON parameter. PostgreSQL has arrays as well, but these cost its
driver several times as much, and so do the rows of its executemany.

What no database can hold, a text with a NUL, equals no row: it is left out of the list, so that one
such value never fails a statement that looks for others as well.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    String,
    Table,
    and_,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from service_kit.storage.plain_statements import run, run_each
from service_kit.text import is_text

Found = TypeVar("Found")

_ENCODER = msgspec.json.Encoder()


def fetch(
    connection: Connection, statement: Select[Any], given: Mapping[str, Any]
) -> Sequence[Any]:
    """Run a query with the parameters in `given`; gives all rows as named tuples.

    The statement is compiled once for each kind of database, and SQLAlchemy is passed by: it would
    cost a short query more than the database does.
    """
    sql, parameters, row = _query_sql(statement, connection.dialect)
    values = [given.get(name, fixed) for name, fixed in parameters]
    return [*map(row, run(connection, sql, values).fetchall())]


def change(connection: Connection, statement: UpdateBase, given: Mapping[str, Any]) -> int:
    """Run a statement that changes or deletes rows, as `fetch` runs a query; counts the rows."""
    sql, parameters = _change_sql(statement, connection.dialect)
    values = [given.get(name, fixed) for name, fixed in parameters]
    return int(run(connection, sql, values).rowcount)


@lru_cache(maxsize=64)
def _change_sql(statement: UpdateBase, dialect: Dialect) -> tuple[str, tuple[tuple[str, Any], ...]]:
    compiled: Any = statement.compile(dialect=dialect)
    return str(compiled), tuple((name, compiled.params[name]) for name in compiled.positiontup)


@lru_cache(maxsize=256)
def _query_sql(
    statement: Select[Any], dialect: Dialect
) -> tuple[str, tuple[tuple[str, Any], ...], Callable[[Iterable[Any]], Any]]:
    """The text of a query; its parameters in order with the values that the statement fixes; and
    the type of its rows.
    """
    compiled: Any = statement.compile(dialect=dialect)
    parameters = tuple((name, compiled.params[name]) for name in compiled.positiontup)
    return str(compiled), parameters, _row_maker(statement, dialect)


def _row_maker(statement: Select[Any], dialect: Dialect) -> Callable[[Iterable[Any]], Any]:
    """Make the function that makes a row of what the driver gives, which is not of the column's
    type everywhere: SQLite knows neither truth nor lists.
    """
    columns = statement.selected_columns
    # What is no column has no name of its own, and no attribute of the row.
    names = [str(getattr(one, "name", "")) for one in columns]
    row: Any = namedtuple("Found", names, rename=True)  # type: ignore[misc]  # not known before
    types = [one.type.dialect_impl(dialect) for one in columns]
    processors = [one.result_processor(dialect, None) for one in types]
    if not any(processors):
        return row._make

    def make(values: Iterable[Any]) -> Any:
        pairs = zip(values, processors, strict=True)
        return row._make(value if process is None else process(value) for value, process in pairs)

    return make


def listed(*columns: ColumnElement[Any]) -> ColumnElement[Any]:
    """Give the rows of a subquery as one value, a list of lists; None or an empty list for no rows.

    For what is looked up for each of the given rows. A join says no order, and PostgreSQL may begin
    it with the table: then it compares each of its rows with each that was given.
    """
    return _Listed(*columns)


class Lookup(NamedTuple, Generic[Found]):
    """A query with its parameters, and the function that makes of its rows what was asked for.
    Without parameters nothing is asked, and there are no rows.
    """

    statement: Select[Any]
    given: Mapping[str, Any] | None
    read: Callable[[Sequence[Any]], Found]


def look_up(connection: Connection, lookup: Lookup[Found]) -> Found:
    """Run one query; gives what is made of its rows."""
    statement, given, read = lookup
    return read(() if given is None else fetch(connection, statement, given))


def look_up_all(connection: Connection, *lookups: Lookup[Any]) -> list[Any]:
    """Run queries whose rows have no order; gives what is made of the rows of each.

    On PostgreSQL they are one statement, for each is a journey to the server and back: three in
    one cost a quarter less. The rows come as JSON, which holds texts, whole numbers and truth as
    they are.
    """
    asked = [one for one in lookups if one.given is not None]
    if connection.dialect.name == "sqlite" or len(asked) < 2:
        return [look_up(connection, one) for one in lookups]
    sql, parts = _joined_sql(tuple(one.statement for one in asked), connection.dialect)
    values = [
        (one.given or {}).get(name, fixed)
        for one, (parameters, _) in zip(asked, parts, strict=True)
        for name, fixed in parameters
    ]
    (found,) = run(connection, sql, values).fetchall()
    rows = iter([[*map(row, listed or ())] for listed, (_, row) in zip(found, parts, strict=True)])
    return [one.read(() if one.given is None else next(rows)) for one in lookups]


@lru_cache(maxsize=64)
def _joined_sql(
    statements: tuple[Select[Any], ...], dialect: Dialect
) -> tuple[str, tuple[tuple[tuple[tuple[str, Any], ...], Callable[[Iterable[Any]], Any]], ...]]:
    """The text of several queries as one of PostgreSQL, whose row has the list of rows of each; and
    for each query its parameters and the type of its rows.
    """
    columns, parts = [], []
    for statement in statements:
        sql, parameters, row = _query_sql(statement, dialect)
        names = ", ".join(_item_name(place) for place in range(len(statement.selected_columns)))
        listed = f"json_agg(json_build_array({names}))"
        # Of what the compiler made; the values are parameters.
        columns.append(f"(SELECT {listed} FROM ({sql}) AS found ({names}))")  # noqa: S608
        parts.append((parameters, row))
    return f"SELECT {', '.join(columns)}", tuple(parts)


class Insertion(NamedTuple):
    """Rows for a table, whose values stand in the order of `columns`."""

    table: Table
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


class Update(NamedTuple):
    """Rows of a table that change: the values of `columns`, then that of `key`, for each."""

    table: Table
    key: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


def bulk_insert(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows."""
    bulk_write(connection, Insertion(table, columns, rows))


def bulk_update(
    connection: Connection,
    table: Table,
    key: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Update rows; of several for one key the last counts."""
    bulk_write(connection, Update(table, key, columns, rows))


def bulk_write(connection: Connection, *writes: Insertion | Update) -> None:
    """Write to different tables, in no order. On PostgreSQL it is one statement, for the same
    reason as in `look_up_all`; of two updates of one row it would lose one.
    """
    dialect = connection.dialect
    pending = [one for one in writes if one.rows]
    if dialect.name == "sqlite":
        for one in pending:
            run_each(connection, _sql_of(one, dialect), one.rows)
    elif pending:
        *before, last = (_sql_of(one, dialect) for one in pending)
        named = ", ".join(f"written_{number} AS ({sql})" for number, sql in enumerate(before))
        sql = f"WITH {named} {last}" if named else last
        run(connection, sql, [_json_of(one) for one in pending])


def _sql_of(write: Insertion | Update, dialect: Dialect) -> str:
    if isinstance(write, Insertion):
        return _insert_sql(write.table, write.columns, dialect)
    return _update_sql(write.table, write.key, write.columns, dialect)


def _json_of(write: Insertion | Update) -> str:
    """The rows as JSON, each an object; bytes are BASE64."""
    if isinstance(write, Insertion):
        return _json([dict(zip(write.columns, row, strict=True)) for row in write.rows])
    names = (*write.columns, write.key)
    # The server takes any of several for the same row.
    last = {row[-1]: row for row in write.rows}
    return _json([dict(zip(names, row, strict=True)) for row in last.values()])


@lru_cache(maxsize=64)
def _insert_sql(table: Table, columns: tuple[str, ...], dialect: Dialect) -> str:
    if dialect.name == "sqlite":
        one = insert(table).values({name: bindparam(name) for name in columns})
        return _positional_sql(one.compile(dialect=dialect), columns)
    rows, values = _recorded(table, columns)
    all_rows = insert(table).from_select(columns, select(*values.values()).select_from(rows))
    return _positional_sql(all_rows.compile(dialect=dialect), ("rows",))


@lru_cache(maxsize=64)
def _update_sql(table: Table, key: str, columns: tuple[str, ...], dialect: Dialect) -> str:
    if dialect.name == "sqlite":
        one = update(table).where(table.c[key] == bindparam("the_key"))
        one = one.values({name: bindparam(name) for name in columns})
        return _positional_sql(one.compile(dialect=dialect), (*columns, "the_key"))
    _, values = _recorded(table, (*columns, key))
    all_rows = update(table).where(table.c[key] == values.pop(key)).values(values)
    return _positional_sql(all_rows.compile(dialect=dialect), ("rows",))


def _recorded(
    table: Table, columns: tuple[str, ...]
) -> tuple[TableValuedAlias, dict[str, ColumnElement[Any]]]:
    """Select from the parameter `rows`, JSON with an object for each row, on PostgreSQL: what to
    select from, and the value of each of these columns of a table.
    """
    binary = {name for name in columns if isinstance(table.c[name].type, LargeBinary)}
    typed = [column(name, String() if name in binary else table.c[name].type) for name in columns]
    given = cast(bindparam("rows", type_=String()), JSON())
    rows = func.json_to_recordset(given).table_valued(*typed)
    rows = rows.render_derived(name="given", with_types=True)
    return rows, {
        name: func.decode(rows.c[name], literal_column("'base64'"))
        if name in binary
        else rows.c[name]
        for name in columns
    }


def _positional_sql(compiled: Any, names: tuple[str, ...]) -> str:
    # A compiled statement has its parameters in the order of the table's columns.
    if tuple(compiled.positiontup) != names:
        raise ValueError(f"columns must stand in the order of the table: {compiled.positiontup}")
    return str(compiled)


class _Among(FunctionElement[bool]):
    """Condition: a column has a value of a list. (Column, list as JSON.)"""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002, the signature is given
        """Stand as a condition: without `= 1`, which would keep SQLite from using the index."""
        return self


class _Each(FunctionElement[Any]):
    """Table: the rows of a list. (Rows as JSON, the items of a row as columns.)"""

    inherit_cache = True


class _Listed(FunctionElement[Any]):
    """Value: all rows of a subquery. (Their columns.)"""

    inherit_cache = True
    type = JSON()


class _Item(FunctionElement[Any]):
    """Value: an item of such a row. (Row as JSON, the same item as a column, its index.)"""

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
    wanted, values = _processed(element, compiler, 0, 1)
    wanted_type = element.clauses.clauses[0].type
    each = _typed(f"json_array_elements_text({values}::json)", wanted_type, compiler)
    return f"{wanted} = ANY (ARRAY(SELECT {each}))"


@compiles(_Each, "sqlite")
def _each_on_sqlite(element: _Each, compiler: SQLCompiler, **_options: Any) -> str:
    return f"json_each({_processed(element, compiler, 0)[0]})"


@compiles(_Each, "postgresql")
def _each_on_postgresql(element: _Each, compiler: SQLCompiler, **_options: Any) -> str:
    rows, *items = element.clauses.clauses
    values = ", ".join(
        f"{_typed(f'(value ->> {index})', item.type, compiler)} AS {_item_name(index)}"
        for index, item in enumerate(items)
    )
    given = f"json_array_elements({compiler.process(rows)}::json)"
    # OFFSET keeps the items apart from the conditions: made anew for each of them, the planner
    # took an index by a key for dearer than to compare all rows of another one.
    return f"(SELECT {values} FROM {given} OFFSET 0)"  # noqa: S608, as above


def _typed(value: str, wanted: TypeEngine[Any], compiler: SQLCompiler) -> str:
    """Cast what is text in JSON to a type of PostgreSQL."""
    if isinstance(wanted, String):
        return value
    return f"({value})::{wanted.compile(dialect=compiler.dialect)}"


@compiles(_Listed, "sqlite")
def _listed_on_sqlite(element: _Listed, compiler: SQLCompiler, **_options: Any) -> str:
    columns = _processed(element, compiler, *range(len(element.clauses)))
    return f"json_group_array(json_array({', '.join(columns)}))"


@compiles(_Listed, "postgresql")
def _listed_on_postgresql(element: _Listed, compiler: SQLCompiler, **_options: Any) -> str:
    columns = _processed(element, compiler, *range(len(element.clauses)))
    return f"json_agg(json_build_array({', '.join(columns)}))"


@compiles(_Item, "sqlite")
def _item_on_sqlite(element: _Item, compiler: SQLCompiler, **_options: Any) -> str:
    value, index = _processed(element, compiler, 0, 2)
    return f"json_extract({value}, '$[{index}]')"


@compiles(_Item, "postgresql")
def _item_on_postgresql(element: _Item, compiler: SQLCompiler, **_options: Any) -> str:
    return _processed(element, compiler, 1)[0]


def _item_name(index: int) -> str:
    return f"item_{index}"


def among_given(wanted: Column[Any], parameter: str) -> ColumnElement[bool]:
    """Say that a column has one of the values in `parameter` (see `give_values`)."""
    return _Among(wanted, bindparam(parameter, type_=String()))


def give_values(parameter: str, values: Iterable[Any]) -> dict[str, Any]:
    """Make the parameter of `among_given`."""
    return {parameter: _json([value for value in values if _can_be_held(value)])}


def given_items(
    parameter: str, columns: Sequence[Column[Any]]
) -> tuple[TableValuedAlias, list[ColumnElement[Any]]]:
    """Select from a list of rows in `parameter`: what to select from, and the values of a row.

    Each row of the list holds values of the types of `columns`, in their order.
    """
    items = [column(_item_name(index), wanted.type) for index, wanted in enumerate(columns)]
    each = _Each(bindparam(parameter, type_=String()), *items).table_valued(
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


def give_rows(parameter: str, rows: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    """Make the parameter of `given_rows` or `given_items`."""
    return {parameter: _json([row for row in rows if all(map(_can_be_held, row))])}


def _can_be_held(value: object) -> bool:
    return not isinstance(value, str) or is_text(value)


def _json(values: list[Any]) -> str:
    return _ENCODER.encode(values).decode()

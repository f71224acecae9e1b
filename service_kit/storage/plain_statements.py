"""Statements that go to the driver past SQLAlchemy, whose failures are SQLAlchemy's nevertheless.

What SQLAlchemy does around each execution, mostly to describe the rows, costs several times what
SQLite needs for a look-up by a key: of a message alone, with nine statements, it was half of the
CPU of its transaction.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection


def run(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """Run a statement in the transaction, which begins with it if need be; gives the cursor.

    Parameters stand by their places, in the way of the driver. Raises what SQLAlchemy raises.
    """
    if not connection.in_transaction():
        connection.begin()
    return run_outside(connection, sql, parameters)


def run_outside(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """As `run`, for what itself begins a transaction."""
    cursor = None
    try:
        cursor = connection.connection.cursor()
        cursor.execute(sql, parameters)
    except BaseException as error:  # noqa: BLE001, it is raised on
        raise_on(connection, error, sql, parameters, cursor)
    return cursor


def run_each(connection: Connection, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run a statement with each of these parameters. One alone is spared what many share."""
    if len(rows) == 1:
        run(connection, sql, rows[0])
        return
    if not connection.in_transaction():
        connection.begin()
    cursor = None
    try:
        cursor = connection.connection.cursor()
        cursor.executemany(sql, rows)
    except BaseException as error:  # noqa: BLE001, it is raised on
        raise_on(connection, error, sql, rows, cursor)


def raise_on(
    connection: Connection, error: BaseException, sql: str, parameters: Any, cursor: Any
) -> None:
    """Raise a failure of the driver as SQLAlchemy does: of its own type, with the parameters hidden
    and a connection that is lost marked as such. There is no public way; each execution of its own
    ends here as well.
    """
    connection._handle_dbapi_exception(error, sql, parameters, cursor, None)  # noqa: SLF001, as above

"""Query plans of a statement on each database."""

import re
from itertools import count

from sqlalchemy import Connection, Engine, text


def explain(engine: Engine, statement: str) -> tuple[list[str], list[str]]:
    """The lines of a plan that search an index, and those that walk a table or sort."""
    plan = plan_on_sqlite if engine.dialect.name == "sqlite" else plan_on_postgresql
    return plan(engine, statement)


def indexes_of(engine: Engine, statement: str) -> set[str]:
    """The names of the indexes that a plan uses."""
    lines = _lines_on_sqlite if engine.dialect.name == "sqlite" else _lines_on_postgresql
    return set(re.findall(r"(?:INDEX|using) (\w+)", "\n".join(lines(engine, statement))))


def plan_on_sqlite(engine: Engine, statement: str) -> tuple[list[str], list[str]]:
    """The lines of a plan that search an index, and those that walk a table or sort."""
    plan = _lines_on_sqlite(engine, statement)
    # The values that were given are walked through.
    walked = ("given", "anon", "VIRTUAL", "json_each")
    bad = [
        line
        for line in plan
        if "TEMP B-TREE" in line
        or (line.startswith("SCAN") and not any(word in line for word in walked))
    ]
    return [line for line in plan if line.startswith("SEARCH")], bad


def _lines_on_sqlite(engine: Engine, statement: str) -> list[str]:
    with engine.connect() as connection:
        question = f"EXPLAIN QUERY PLAN {statement.replace('?', 'NULL')}"
        return [row.detail for row in connection.execute(text(question))]


def plan_on_postgresql(engine: Engine, statement: str) -> tuple[list[str], list[str]]:
    """The same of a plan of PostgreSQL."""
    plan = _lines_on_postgresql(engine, statement)
    bad = [line for line in plan if "Seq Scan" in line or "Sort" in line or "Filter" in line]
    return [line for line in plan if "Index Cond" in line], bad


def _lines_on_postgresql(engine: Engine, statement: str) -> list[str]:
    """The lines of a plan. For a few rows walking through them all is the best one, so what is not
    wanted is made dear: where it still appears the database knows no other way.
    """
    with engine.connect() as connection, connection.begin():
        connection.execute(text("ANALYZE"))
        for unwanted in ("seqscan", "hashjoin", "mergejoin", "sort", "bitmapscan"):
            connection.execute(text(f"SET LOCAL enable_{unwanted} = off"))
        return _explain_generic(connection, statement)


def joins_by_filter(engine: Engine, statement: str) -> list[str]:
    """The lines of PostgreSQL's plan for any parameters that compare each row with each."""
    with engine.connect() as connection, connection.begin():
        return [line for line in _explain_generic(connection, statement) if "Join Filter" in line]


def _explain_generic(connection: Connection, statement: str) -> list[str]:
    numbers = count(1)
    generic = re.sub("%s", lambda _match: f"${next(numbers)}", statement)
    lines = connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {generic}").scalars()
    return [str(line) for line in lines]

"""PostgreSQL: what the server is and how it is set, as the role of the service sees it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from command_line.doctor.checks.database.contents import Contents, read_contents
from command_line.doctor.deployment import Part
from command_line.serve.parts import LOOPBACKS
from service_kit.process.settings import Timeouts
from service_kit.storage.engines import ReadOnlyDatabase, address_of, open_engine
from service_kit.storage.home import Home, find_postgresql_home, read_home

_TIMEOUTS = Timeouts(connect=5, lock=2, statement=5, idle_transaction=10)
# Rows of which each may be looked at.
_SMALL_ROWS = 200_000

_SETTINGS = (
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "default_transaction_read_only",
    "autovacuum",
    "max_connections",
    "superuser_reserved_connections",
    "autovacuum_freeze_max_age",
    "server_version_num",
    # Told to who may read all settings.
    "data_directory",
)
_FACTS = """
SELECT pg_is_in_recovery(), pg_encoding_to_char(d.encoding), age(d.datfrozenxid), d.datconnlimit,
    r.rolconnlimit, r.rolsuper,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid
        AND backend_type = 'client backend'),
    (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid
        AND backend_type = 'client backend')
FROM pg_database d, pg_roles r
WHERE d.datname = current_database() AND r.rolname = current_user
"""
_COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    AND c.relnamespace = current_schema()::regnamespace
"""
_SMALL = f"""
SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples < {_SMALL_ROWS}
    AND relpages < {_SMALL_ROWS // 20} AND relnamespace = current_schema()::regnamespace
"""  # noqa: S608 - numbers of this module
_LONGEST = """
SELECT pid, coalesce(nullif(application_name, ''), usename, 'somebody'), state,
    extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    AND backend_type = 'client backend'
ORDER BY xact_start LIMIT 1
"""
_UNWRITABLE = """
SELECT c.relname FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
    AND NOT has_table_privilege(c.oid, 'SELECT, INSERT')
ORDER BY c.relname LIMIT 1
"""


@dataclass(frozen=True)
class Room:
    """Connections that are open and allowed; a limit below zero is none."""

    used: int
    allowed: int
    of_database: int
    database_limit: int
    of_role: int
    role_limit: int

    @property
    def left(self) -> int:
        """How many more there may be."""
        limits = [
            (self.allowed, self.used),
            (self.database_limit, self.of_database),
            (self.role_limit, self.of_role),
        ]
        return min(limit - used for limit, used in limits if limit >= 0)


@dataclass(frozen=True)
class LongTransaction:
    """The oldest open transaction of others."""

    session: int
    name: str
    state: str
    seconds: float


@dataclass(frozen=True)
class ServerState:
    """The look at a server. `ahead_seconds` is by how much its clock is before this
    machine's, and `uncertain_seconds` how exactly that is known.
    """

    url: URL
    contents: Contents
    settings: dict[str, str]
    standby: bool
    encoding: str
    age: int
    room: Room
    longest: LongTransaction | None
    unwritable: str
    shares_sessions: bool
    ahead_seconds: float
    uncertain_seconds: float
    # Where it was served last, and where it is; None where either is not known.
    homes: tuple[Home, Home] | None = None

    @property
    def folder(self) -> Path | None:
        """Where the server keeps its files, if it is on this machine and tells."""
        hosts = str(self.url.host or self.url.query.get("host") or "/")
        folder = self.settings.get("data_directory")
        here = hosts.startswith("/") or hosts in {*LOOPBACKS, "localhost"}
        return Path(folder) if folder and here and "," not in hosts else None

    @property
    def version(self) -> int:
        """The major version."""
        return int(self.settings["server_version_num"]) // 10_000


def look(part: Part) -> ServerState:
    """Look at the server of a service's database, in transactions that write nothing.

    Raises ValueError for an address or password that cannot be used, and SQLAlchemy's errors.
    """
    address = address_of(part.settings).update_query_dict({"application_name": "parley doctor"})
    engine = open_engine(address, "writer", 2, _TIMEOUTS)
    try:
        with engine.connect() as connection:
            return _read(engine, connection, address)
    finally:
        engine.dispose()


def _read(engine: Engine, connection: Connection, address: URL) -> ServerState:
    # The pool has made sure of the connection before, so this is one way there and back.
    began = time.time()
    ((now,),) = _ask(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    ended = time.time()
    _ask(connection, "SET TRANSACTION READ ONLY", rows=False)
    names = ", ".join(f"'{name}'" for name in _SETTINGS)
    settings = dict(
        # Names of this module.
        _ask(connection, f"SELECT name, setting FROM pg_settings WHERE name IN ({names})")  # noqa: S608
    )
    ((standby, encoding, age, of_database, of_role, superuser, used, here, mine),) = _ask(
        connection, _FACTS
    )
    reserved = 0 if superuser else int(settings["superuser_reserved_connections"])
    allowed = int(settings["max_connections"]) - reserved
    longest = [LongTransaction(*row) for row in _ask(connection, _LONGEST)]
    columns = [(str(table), str(column)) for table, column in _ask(connection, _COLUMNS)]
    unwritable = [str(name) for (name,) in _ask(connection, _UNWRITABLE)]
    contents = Contents(frozenset(table for table, _ in columns))
    if not unwritable:
        small = [str(name) for (name,) in _ask(connection, _SMALL)]
        contents = read_contents(
            lambda statement: _ask(connection, statement), columns, small=small
        )
    return ServerState(
        url=address,
        contents=contents,
        settings=settings,
        standby=bool(standby),
        encoding=str(encoding),
        age=int(age),
        room=Room(used, allowed, here, of_database, mine, -1 if superuser else of_role),
        longest=longest[0] if longest else None,
        unwritable=unwritable[0] if unwritable else "",
        shares_sessions=_shares_sessions(engine, connection),
        homes=None
        if standby or unwritable or "clock_home" not in contents.tables
        else _homes(engine),
        ahead_seconds=now - (began + ended) / 2,
        uncertain_seconds=(ended - began) / 2,
    )


def _shares_sessions(engine: Engine, first: Connection) -> bool:
    """Whether two connections, both open, are one session of the server: then a pooler is between
    that gives sessions away with each transaction.
    """
    ((one,),) = _ask(first, "SELECT pg_backend_pid()")
    # A pooler gives the session away when the transaction is over.
    first.rollback()
    with engine.connect() as second:
        ((other,),) = _ask(second, "SELECT pg_backend_pid()")
    return bool(one == other)


def _homes(engine: Engine) -> tuple[Home, Home] | None:
    """Where the database was served last, and where it is now."""
    with engine.connect() as connection, connection.begin() as transaction:
        try:
            remembered, intact = read_home(connection)
            home = find_postgresql_home(connection, lambda _name: None)
        except ReadOnlyDatabase:
            # Found by itself.
            return None
        finally:
            transaction.rollback()
    if remembered is None:
        return None
    return (remembered if intact else Home()), home.supplemented(remembered)


def _ask(connection: Connection, statement: str, *, rows: bool = True) -> list[Any]:
    result = connection.exec_driver_sql(statement)
    return [tuple(row) for row in result.fetchall()] if rows else []

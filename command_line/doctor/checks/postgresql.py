"""PostgreSQL: what the server is and how it is set, as the role of the service sees it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url

from command_line.doctor.checks.contents import Contents, read_contents
from command_line.doctor.deployment import Deployment, Part, variable
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind
from service_kit.process.settings import Timeouts
from service_kit.storage.engines import address_of, open_engine

# The oldest that still gets mends, and the newest that Parley is tried with.
MAINTAINED, TRIED = 15, 18
# Transactions that began so long ago hold back what clears up, or a lock.
LONG_SECONDS = 300.0
# PostgreSQL stops at about 2.1 thousand million.
OLD_TRANSACTIONS = 1_000_000_000
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
    """What was seen of a server. `ahead_seconds` is by how much its clock is before this
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


def _ask(connection: Connection, statement: str, *, rows: bool = True) -> list[Any]:
    result = connection.exec_driver_sql(statement)
    return [tuple(row) for row in result.fetchall()] if rows else []


# --- What is wrong with it -----------------------------------------------------------------------


def of_failure(deployment: Deployment, part: Part, problem: str) -> Finding:
    """The finding of a connection that could not be made."""
    name = variable(part.name, "database_url")
    url = make_url(part.settings.database_url)
    seen = f"{url.render_as_string()}: {problem}"
    ready = f"pg_isready -h {quote(str(url.host or url.query.get('host', 'localhost')))}"
    lowered = problem.lower()
    if "session is read-only" in lowered or "hot standby" in lowered:
        return Finding(Kind.STANDBY, name, seen, (_to_the_primary(deployment, name, url),))
    if "too many" in lowered or "connection slots" in lowered:
        return Finding(Kind.CONNECTIONS_NONE, name, seen, _more_connections(part))
    if "starting up" in lowered or "shutting down" in lowered:
        return Finding(Kind.DATABASE_UNREACHABLE, name, seen, (ready,))
    if "password" in lowered or "authentication" in lowered or "pg_hba" in lowered:
        file = part.settings.database_password_file
        cure = (
            deployment.setting(
                variable(part.name, "database_password_file"),
                f"secrets/{part.name}_database_password",
            )
            if file is None
            else f"psql -c '\\password {url.username or 'parley'}' # then write it into {file}"
        )
        return Finding(Kind.DATABASE_REFUSES, name, seen, (cure,))
    if "does not exist" in lowered:
        made = (
            "createuser"
            if lowered.partition("does not exist")[0].strip().startswith("role")
            or "role " in lowered
            else "createdb --template=template0 --encoding=UTF8"
        )
        what = url.username if made == "createuser" else url.database
        return Finding(Kind.DATABASE_REFUSES, name, seen, (f"{made} {quote(str(what))}",))
    return Finding(
        Kind.DATABASE_UNREACHABLE,
        name,
        seen,
        (ready, deployment.setting(name, f"postgresql+psycopg://parley@HOST/{part.name}")),
    )


def _to_the_primary(deployment: Deployment, name: str, url: URL) -> str:
    hosts = str(url.host or url.query.get("host") or "ONE")
    address = url.set(host=None, port=None).update_query_dict(
        {"host": f"{hosts},OTHER", "target_session_attrs": "read-write"}
    )
    return deployment.setting(name, address.render_as_string())


def _more_connections(part: Part) -> tuple[str, ...]:
    return (
        "psql -c 'SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2'",
        "psql -c 'ALTER SYSTEM SET max_connections = 200' # then restart the server",
        f"# or fewer of {variable(part.name, 'reader_threads')}",
    )


def of_server(deployment: Deployment, part: Part, state: ServerState) -> Iterator[Finding]:
    """What is wrong with the server, beside what the database holds."""
    name = variable(part.name, "database_url")

    def found(kind: Kind, seen: str, *cure: str) -> Finding:
        return Finding(kind, name, seen, cure)

    if state.standby:
        yield found(
            Kind.STANDBY,
            f"{state.url.render_as_string()} is in recovery, and follows another server",
            _to_the_primary(deployment, name, make_url(part.settings.database_url)),
        )
    elif state.settings["default_transaction_read_only"] == "on":
        yield found(
            Kind.READ_ONLY,
            "default_transaction_read_only is on",
            f"psql -c 'ALTER DATABASE {state.url.database} RESET default_transaction_read_only'",
            "psql -c 'ALTER SYSTEM RESET default_transaction_read_only'",
            "psql -c 'SELECT pg_reload_conf()'",
        )
    yield from _of_version(found, state)
    for setting, kind in (
        ("fsync", Kind.FSYNC_OFF),
        ("full_page_writes", Kind.FULL_PAGE_WRITES_OFF),
        ("synchronous_commit", Kind.SYNCHRONOUS_COMMIT_OFF),
    ):
        if state.settings[setting] == "off":
            yield found(
                kind,
                f"{setting} is off",
                f"psql -c 'ALTER SYSTEM SET {setting} = on'",
                "psql -c 'SELECT pg_reload_conf()'",
            )
    if state.encoding != "UTF8":
        yield found(
            Kind.ENCODING_UNUSABLE,
            f"the encoding of the database is {state.encoding}",
            f"createdb --template=template0 --encoding=UTF8 {part.name}",
            deployment.setting(name, state.url.set(database=part.name).render_as_string()),
        )
    if state.shares_sessions:
        yield found(
            Kind.POOLER_OF_TRANSACTIONS,
            "two connections at a time met the same session of the server",
            "sed -i 's/^pool_mode *=.*/pool_mode = session/' /etc/pgbouncer/pgbouncer.ini",
            "psql -p 6432 pgbouncer -c RELOAD",
        )
    if state.unwritable:
        yield found(
            Kind.PERMISSION_MISSING,
            f"the role {state.url.username} may not write the table {state.unwritable}",
            f"psql -c 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO"
            f' "{state.url.username}"\' {state.url.database}',
        )
    yield from _of_health(part, found, state)


def _of_version(found: Any, state: ServerState) -> Iterator[Finding]:
    if state.version < MAINTAINED:
        yield found(
            Kind.DATABASE_OLD,
            f"PostgreSQL {state.version} gets no mends any more",
            f"pg_upgrade --help # to PostgreSQL {TRIED}, with which Parley is tried",
        )
    elif state.version > TRIED:
        yield found(
            Kind.DATABASE_OLD,
            f"Parley is not tried with PostgreSQL {state.version}",
            f"# run PostgreSQL {TRIED}, or update Parley",
        )


def _of_health(part: Part, found: Any, state: ServerState) -> Iterator[Finding]:
    # One that writes, those that read, and one more for whoever migrates or looks.
    needed = part.settings.reader_threads + 2
    if state.room.left < needed:
        yield found(
            Kind.CONNECTIONS_FEW,
            f"{max(0, state.room.left)} connections are left, and {needed} may be needed",
            *_more_connections(part),
        )
    if state.settings["autovacuum"] == "off":
        yield found(
            Kind.AUTOVACUUM_OFF,
            "autovacuum is off",
            "psql -c 'ALTER SYSTEM SET autovacuum = on'",
            "psql -c 'SELECT pg_reload_conf()'",
        )
    limit = max(OLD_TRANSACTIONS, 2 * int(state.settings["autovacuum_freeze_max_age"]))
    if state.age > limit:
        yield found(
            Kind.TRANSACTIONS_OLD,
            f"the oldest transaction of the database is {state.age} transactions old",
            f"vacuumdb --freeze --jobs=2 {state.url.database}",
        )
    longest = state.longest
    if longest is not None and longest.seconds > LONG_SECONDS:
        yield found(
            Kind.TRANSACTION_HANGS,
            f"{longest.name} (session {longest.session}, {longest.state}) has had a transaction"
            f" open for {longest.seconds:.0f} s",
            f"psql -c 'SELECT pg_terminate_backend({longest.session})'",
        )

"""Engines and their failures: with `bulk_statements` all that knows one database from another.

SQLite runs in WAL with synchronous=FULL: what was committed survives a loss of power. On PostgreSQL
that is the server's own setting, and text is compared as SQLite compares it, by code points.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import URL, Connection, Engine, String, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from service_kit.process.settings import ServiceSettings, Timeouts
from service_kit.storage.plain_statements import run_outside

Role = Literal["writer", "reader", "checkpointer", "migrator", "leases", "bus"]

TEXT = String().with_variant(String(collation="C"), "postgresql")
"""The type of every text column: compared by code points, as Python compares."""

SQLITE_LOG_BYTES = 64 * 1024 * 1024
"""The bytes that SQLite's log may take by default."""

STORED_BY_KEY: Mapping[str, Any] = {"sqlite_with_rowid": False}
"""Options of a table that is read in the order of its key: it is stored so, if possible."""


class UnsupportedDatabase(ValueError):  # noqa: N818, the name says what is the case
    """The address names a database that Parley does not run on."""


class DatabaseInUse(RuntimeError):  # noqa: N818, the name says what is the case
    """Another process serves the database, or migrates it; the text names it."""


class ReadOnlyDatabase(RuntimeError):  # noqa: N818, the name says what is the case
    """The server of the database takes no writes; the text says what it is instead."""


def address_of(settings: ServiceSettings) -> URL:
    """Give the address of the database with its password, which the address shows as `***`.

    Raises ValueError for a password file that can not be used; nothing of it is in the error.
    """
    url, path = make_url(settings.database_url), settings.database_password_file
    if settings.database_replication != "asynchronous" and url.get_backend_name() == "sqlite":
        raise ValueError("SQLite has no replicas: replication goes with a PostgreSQL address")
    if path is None:
        return url
    if url.get_backend_name() != "postgresql" or url.password:
        raise ValueError("a password file goes with a PostgreSQL address that has no password")
    return url.set(password=_read_password(path))


def _read_password(path: Path) -> str:
    try:
        # Without the mark of the order of bytes, which editors add.
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(f"the password file {path} can not be read: {error}") from error
    except UnicodeDecodeError:
        # Its own words would tell a byte of the password.
        raise ValueError(f"the password file {path} is not UTF-8") from None
    if len(lines) != 1 or not lines[0]:
        raise ValueError(f"the password file {path} does not hold one line with the password")
    return lines[0]


def open_engine(
    url: str | URL,
    role: Role,
    connections: int = 1,
    timeouts: Timeouts | None = None,
    *,
    log_bytes: int = SQLITE_LOG_BYTES,
    one_plan: bool = False,
) -> Engine:
    """Open an engine for one writer thread, for a pool of readers, for what moves SQLite's log into
    the file (`checkpoints`), for leases, for what replicas tell one another, or for a migration.

    A reader's transaction sees one state of the database and writes nothing. `log_bytes` is what
    SQLite's log keeps of the disk when it begins anew. With `one_plan` PostgreSQL plans each query
    of a reader once, for any parameters. Raises UnsupportedDatabase for an address that is neither
    SQLite's nor PostgreSQL's.
    """
    address = make_url(url)
    match address.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _open_sqlite(address, role, connections, timeouts or Timeouts(), log_bytes)
        case "postgresql" | "postgresql+psycopg":
            return _open_postgresql(
                address, role, connections, timeouts or Timeouts(), one_plan=one_plan
            )
    raise UnsupportedDatabase(
        f"neither a SQLite nor a PostgreSQL address: {address.render_as_string()}"
    )


def why_unavailable(error: Exception) -> str | None:
    """Name what keeps the database from working now; None for a failure of another kind."""
    if isinstance(error, DatabaseInUse):
        return f"{error} serves the database now"
    if isinstance(error, ReadOnlyDatabase):
        return f"the server is {error}"
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


def is_read_only(error: Exception) -> bool:
    """Tell whether a failure says that the server takes no writes, as a standby does."""
    if isinstance(error, ReadOnlyDatabase):
        return True
    if not isinstance(error, DBAPIError):
        return False
    # Where the address asks for a server that writes, libpq refuses others in words alone.
    words = str(error.orig)
    return getattr(error.orig, "sqlstate", None) == "25006" or any(
        refusal in words for refusal in ("session is read-only", "server is in hot standby mode")
    )


def check_writable(engine: Engine) -> None:
    """Raise ReadOnlyDatabase unless the server of a database takes writes. The connection for it is
    not kept.
    """
    if engine.dialect.name != "postgresql":
        return
    try:
        with engine.connect() as connection:
            refuse_standby(connection)
    except OperationalError as error:
        if is_read_only(error):
            raise ReadOnlyDatabase("a standby, or set to read-only transactions") from error
        raise
    finally:
        engine.dispose()


def refuse_standby(connection: Connection) -> None:
    """Raise ReadOnlyDatabase unless a connection to PostgreSQL may write."""
    standby, read_only = connection.exec_driver_sql(
        "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'"
    ).one()
    if standby:
        raise ReadOnlyDatabase("a standby that follows another server")
    if read_only:
        raise ReadOnlyDatabase("set to read-only transactions (default_transaction_read_only)")


def lock_migrations(connection: Connection) -> None:
    """Wait until no other process migrates this database; held until the transaction ends."""
    if connection.dialect.name == "postgresql":
        # A migration may last longer than other locks are waited for.
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


# --- SQLite ------------------------------------------------------------------------------------


def _open_sqlite(
    url: URL, role: Role, connections: int, timeouts: Timeouts, log_bytes: int
) -> Engine:
    if url.database and not url.database.startswith((":memory:", "file:")):
        _make_private(Path(url.database))
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        json_deserializer=msgspec.json.decode,
        connect_args={"check_same_thread": False, "timeout": timeouts.lock},
    )
    # A transaction that reads first and writes later fails at once when another wrote in between:
    # those that write take the write lock when they begin.
    begin = "BEGIN IMMEDIATE" if role in {"writer", "migrator"} else "BEGIN"
    # The commit that fills the log would move it into the file while everybody waits: for the
    # writer another connection does that (`checkpoints`). Elsewhere after 16 MB, instead of 4.
    after_pages = 0 if role == "writer" else 4000

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
            f"wal_autocheckpoint={after_pages}",
            f"journal_size_limit={log_bytes}",
            # One commit under load touches hundreds of pages, which the cache has to hold.
            "cache_size=-16384",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        run_outside(connection, begin)

    return engine


def _make_private(path: Path) -> None:
    """Make a missing file of a database for its owner alone; SQLite gives its log the same mode."""
    # One that is there is left alone: to close it here would release the locks of SQLite on it.
    # Where none can be made, SQLite says so in its own words.
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


# --- PostgreSQL --------------------------------------------------------------------------------

# Read-only server, and transactions that the server ended because they idled or lasted too long:
# the driver counts these among the defects of a program.
_UNAVAILABLE_STATES = frozenset({"25006", "25P03", "25P04"})

# Of this database alone; any number will do that is always the same.
_MIGRATION_LOCK = 0x7061726C6579

# Rows are looked up by keys and read in the order of an index. For how many keys, the server cannot
# know when it keeps a plan: where the table had been small, it read all of it for each message.
_BY_KEYS = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}

# A writer sees what was committed before it got the clock's row, and not only what was committed
# before it began to wait for that row. A reader's queries all see the same.
_POSTGRESQL_TRANSACTIONS: dict[Role, dict[str, str]] = {
    "writer": {
        "default_transaction_isolation": r"read\ committed",
        **_BY_KEYS,
    },
    "migrator": {
        "default_transaction_isolation": r"read\ committed",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
    },
    "reader": {"default_transaction_isolation": r"repeatable\ read", **_BY_KEYS},
    "bus": {},
    # A lease that a crash of the server forgets ends sooner, and nothing waits for the disk.
    "leases": {"synchronous_commit": "off"},
}


def _open_postgresql(
    url: URL, role: Role, connections: int, timeouts: Timeouts, *, one_plan: bool
) -> Engine:
    session = {
        "lock_timeout": f"{int(timeouts.lock * 1000)}ms",
        "statement_timeout": f"{int(timeouts.statement * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{int(timeouts.idle_transaction * 1000)}ms",
        # So that the server soon lets go of what a machine held that is gone.
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        **_POSTGRESQL_TRANSACTIONS[role],
        # To plan the look-ups of a message anew each time took longer than all its statements.
        **({"plan_cache_mode": "force_generic_plan"} if role == "writer" or one_plan else {}),
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
    hosts = query.get("host", "")
    if not isinstance(hosts, str) or "," in hosts:
        # Of several hosts the one that takes writes, also for those who read.
        query.setdefault("target_session_attrs", "read-write")
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query=query),
        pool_size=connections,
        max_overflow=0,
        # After a restart of the server the first transaction gets a connection that works. What is
        # done by `Readers` is tried again on another one.
        pool_pre_ping=role not in {"reader", "bus", "leases"},
        hide_parameters=True,
        json_deserializer=msgspec.json.decode,
        # Parameters by their places, as the bulk statements give them.
        paramstyle="format",
        # Each statement by itself: whoever stands still in between holds nothing, and what looks
        # each second, whatever happens, looks once instead of beginning and ending something.
        **({"isolation_level": "AUTOCOMMIT"} if role in {"leases", "bus"} else {}),
    )
    if role == "reader":
        # With each transaction and not for the session, which libpq would take for a server that
        # takes no writes.
        @event.listens_for(engine, "connect")
        def write_nothing(connection: Any, _entry: ConnectionPoolEntry) -> None:
            connection.read_only = True

    return engine

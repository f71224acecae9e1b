"""The home of a database: where it is served, so that a copy of it or a promoted standby is told.

On PostgreSQL that is the server's system identifier and the database, its timeline, and where its
files are. The row that remembers it knows the number of the transaction that wrote it: one that was
dumped and restored, or copied in any other way, was written by another. On SQLite it is a file
beside the database (`sqlite_mark`).
"""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table
from sqlalchemy.exc import DBAPIError

from service_kit.storage.engines import TEXT, refuse_standby
from service_kit.storage.plain_statements import run

_metadata = MetaData()
_home = Table(
    "clock_home",
    _metadata,
    Column("system", TEXT, nullable=False),
    Column("database", TEXT, nullable=False),
    Column("timeline", BigInteger, nullable=False),
    Column("port", TEXT, nullable=False),
    Column("files", TEXT, nullable=False),
    Column("recovery_target", TEXT, nullable=False),
    # The number of the transaction that wrote this row; empty on SQLite.
    Column("written_by", TEXT, nullable=False),
)


class Home(NamedTuple):
    """Where a database is served. What could not be learned is empty, or 0.

    `system` is PostgreSQL's identifier of the cluster, `database` the number of the database in it;
    `files` tells them from a plain copy. `recovery_target` is up to where the server was last told
    to recover from an archive.
    """

    system: str = ""
    database: str = ""
    timeline: int = 0
    port: str = ""
    files: str = ""
    recovery_target: str = ""

    def supplemented(self, remembered: "Home") -> "Home":
        """Take what could not be learned now from what is remembered."""
        known = {name: value for name, value in self._asdict().items() if value}
        return remembered._replace(**{**known, "recovery_target": self.recovery_target})


def add_home(metadata: MetaData) -> Table:
    """Make the home a table of `metadata`: a row, or none before the database was served."""
    return _home.to_metadata(metadata)


# --- The row -----------------------------------------------------------------------------------

_COLUMNS = ", ".join(Home._fields)
_READ = {
    "postgresql": f"SELECT {_COLUMNS}, written_by = CAST(xmin AS text) FROM clock_home",  # noqa: S608
    "sqlite": f"SELECT {_COLUMNS}, TRUE FROM clock_home",  # noqa: S608, constants, as above
}
_FORGET = "DELETE FROM clock_home"
_WRITE = {
    "postgresql": "INSERT INTO clock_home VALUES"
    " (%s, %s, %s, %s, %s, %s, CAST(CAST(pg_current_xact_id() AS xid) AS text))",
    "sqlite": "INSERT INTO clock_home VALUES (?, ?, ?, ?, ?, ?, '')",
}


def read_home(connection: Connection) -> tuple[Home | None, bool]:
    """Give the home that the database remembers, and whether it wrote that here itself."""
    rows = run(connection, _READ[connection.dialect.name]).fetchall()
    if not rows:
        return None, True
    (row,) = rows
    return Home(*row[:-1]), bool(row[-1])


def write_home(connection: Connection, home: Home) -> None:
    """Remember the home. Not below a savepoint, whose number is another than the transaction's."""
    run(connection, _FORGET)
    run(connection, _WRITE[connection.dialect.name], home)


# --- PostgreSQL --------------------------------------------------------------------------------

_PLACE = (
    "SELECT (SELECT CAST(oid AS text) FROM pg_database WHERE datname = current_database()),"
    " current_setting('port'),"
    " (SELECT coalesce(string_agg(name || '=' || setting, ' ' ORDER BY name), '') FROM pg_settings"
    "  WHERE setting <> '' AND name IN ('recovery_target', 'recovery_target_lsn',"
    "  'recovery_target_name', 'recovery_target_time', 'recovery_target_xid'))"
)
_SYSTEM = "SELECT CAST(system_identifier AS text) FROM pg_control_system()"
# What the control file says of the timeline (pg_control_checkpoint) is of the last checkpoint,
# which follows a promotion at some time. The log that is being written is of the present one.
_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
# A file that PostgreSQL writes once. A copy of it, however made, was made at another time.
_FILES = "SELECT extract(epoch FROM change)::bigint::text FROM pg_stat_file('PG_VERSION')"


def find_postgresql_home(connection: Connection, note: Callable[[str], None]) -> Home:
    """Find where this connection leads. Raises ReadOnlyDatabase for a standby.

    `note` is called with the name of what the server does not tell.
    """
    refuse_standby(connection)
    database, port, target = run(connection, _PLACE).fetchone()
    system = _told(connection, _SYSTEM)
    timeline = int(_told(connection, _TIMELINE) or "0", 16)
    for name, told in (("system identifier", system), ("timeline", timeline)):
        if not told:
            note(name)
    return Home(system, database, timeline, port, _told(connection, _FILES), target)


def _told(connection: Connection, question: str) -> str:
    """Ask what a server may not know or not allow to be asked; empty then."""
    savepoint = connection.begin_nested()
    try:
        (answer,) = run(connection, question).fetchone()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        savepoint.rollback()
        return ""
    savepoint.commit()
    return str(answer)

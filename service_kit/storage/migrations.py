"""Alembic, run by the program itself: no alembic.ini, no command of its own.

A migration that says `expands = True` only adds what a program of before does without: it runs
beside servers, and programs of before go on serving. What contracts comes a release later, and runs
when nobody serves. Which programs may serve a database stands in it, by their newest migrations.
"""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    delete,
    insert,
    inspect,
    select,
)

from service_kit.storage.engines import STORED_BY_KEY, TEXT, lock_migrations
from service_kit.storage.ownership import nobody_serves

_metadata = MetaData()
# The newest migrations of the programs that may serve this database.
_served_by = Table(
    "served_by", _metadata, Column("migration", TEXT, primary_key=True), **STORED_BY_KEY
)
# Of the driver, on PostgreSQL.
_IS_NOTED = "SELECT to_regclass('served_by')"
_SERVED_BY = "SELECT migration FROM served_by"


class NotMigrated(RuntimeError):  # noqa: N818, the name says what is the case
    """The database does not stand at a migration with which this program may serve it."""


def _configuration(directory: Path) -> Config:
    configuration = Config()
    # Alembic reads its options through a parser to which a percent sign is special.
    configuration.set_main_option("script_location", str(directory).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration


@cache
def _script(directory: Path) -> ScriptDirectory:
    """The migrations in `directory`, which are loaded once: a start looks at them several times."""
    return ScriptDirectory.from_config(_configuration(directory))


def add_served_by(metadata: MetaData) -> Table:
    """Make the note of who may serve a table of `metadata`, the tables of a service."""
    return _served_by.to_metadata(metadata)


def upgrade(engine: Engine, directory: Path, seconds: float = 0) -> None:
    """Bring the database to the newest migration in `directory`, in one transaction.

    It does no harm to a database that is being served where there is nothing to do, or where
    nothing but additions is; otherwise whoever serves it gets so many seconds to end. A database
    that is newer, and lets this program serve, stays as it is. Raises DatabaseInUse.
    """
    script = _script(directory)
    with engine.connect() as connection:
        if not _pending(connection, script):
            return
    with engine.begin() as connection:
        lock_migrations(connection)
        # Another process may have done it meanwhile.
        pending = _pending(connection, script)
        expands = all(_expands(script, one) for one in pending)
        alone: AbstractContextManager[None] = nullcontext()
        if connection.dialect.name == "sqlite" or not expands:
            alone = nobody_serves(connection, seconds)
        with alone:
            if pending:
                before = _served(connection) | _stand(connection)
                configuration = _configuration(directory)
                configuration.attributes["connection"] = connection
                command.upgrade(configuration, "head")
                _note_served(connection, script, before, pending)


def check(engine: Engine, directory: Path) -> None:
    """Raise NotMigrated unless the database stands at the newest migration in `directory`, or at a
    later one that only added to it.
    """
    script = _script(directory)
    with engine.connect() as connection:
        if _pending(connection, script):
            raise NotMigrated(
                f"the database is at migration {', '.join(sorted(_stand(connection))) or 'none'},"
                f" this program needs {', '.join(_heads(script))}: run the migrate command first"
            )


def fitting(directory: Path) -> Callable[[Any], bool]:
    """Make the function that tells, by a cursor of the driver, whether this program may serve."""
    heads = set(_heads(_script(directory)))

    def fits(cursor: Any) -> bool:
        cursor.execute(_IS_NOTED)
        if cursor.fetchone()[0] is None:
            # It is not migrated yet, which a check finds.
            return True
        cursor.execute(_SERVED_BY)
        return heads <= {migration for (migration,) in cursor.fetchall()}

    return fits


def _heads(script: ScriptDirectory) -> list[str]:
    return sorted(script.get_heads())


def _stand(connection: Connection) -> set[str]:
    """The migrations at which the database stands."""
    return set(MigrationContext.configure(connection).get_current_heads())


def _served(connection: Connection) -> set[str]:
    """The newest migrations of the programs that may serve the database, as far as it says."""
    if not inspect(connection).has_table(_served_by.name):
        return set()
    return set(connection.execute(select(_served_by.c.migration)).scalars())


def _pending(connection: Connection, script: ScriptDirectory) -> list[str]:
    """The migrations that are to be done, the oldest first. Raises NotMigrated for a database of
    a newer program beside which this one may not serve.
    """
    current, heads = _stand(connection), set(_heads(script))
    known = {one.revision: one for one in script.walk_revisions()}
    if current <= known.keys():
        done = {one.revision for one in script.iterate_revisions(tuple(current), "base")}
        return [one for one in reversed(known) if one not in done]
    if heads <= _served(connection):
        return []
    raise NotMigrated(
        f"the database is at migration {', '.join(sorted(current))}, which this program does not"
        f" know, and which its own, {', '.join(sorted(heads))}, can not live with: run a newer one"
    )


def _expands(script: ScriptDirectory, revision: str) -> bool:
    return bool(getattr(script.get_revision(revision).module, "expands", False))


def _note_served(
    connection: Connection, script: ScriptDirectory, before: set[str], done: list[str]
) -> None:
    """Note who may serve after what was done to a database that `before` could serve."""
    allowed = before
    for revision in done:
        allowed = {*(allowed if _expands(script, revision) else ()), revision}
    connection.execute(delete(_served_by))
    connection.execute(insert(_served_by), [{"migration": one} for one in sorted(allowed)])


def run_environment(metadata: MetaData) -> None:
    """Do what a service's migrations/env.py has to do, on the connection given to `upgrade`."""
    connection = context.config.attributes["connection"]
    if not isinstance(connection, Connection):
        raise TypeError("migrations run on a connection that the program opened")
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()


# What migrations call stays as it is for ever: a later change of a table has a name of its own.


def make_clock() -> None:
    """Make the clock, in an epoch of its own; a step of a service's first migration."""
    clock = op.create_table(
        "clock",
        Column("epoch", TEXT, nullable=False),
        Column("revision", BigInteger, nullable=False),
    )
    op.bulk_insert(clock, [{"epoch": uuid.uuid4().hex, "revision": 0}])


def make_home() -> None:
    """Make where the database was last served, which nobody has noted yet."""
    op.create_table(
        "clock_home",
        *(Column(name, TEXT, nullable=False) for name in ("system", "database")),
        Column("timeline", BigInteger, nullable=False),
        *(Column(name, TEXT, nullable=False) for name in ("port", "files")),
        *(Column(name, TEXT, nullable=False) for name in ("recovery_target", "written_by")),
    )


def make_positions() -> None:
    """Make the positions of a service that follows others."""
    op.create_table(
        "positions",
        Column("source", TEXT, primary_key=True),
        Column("epoch", TEXT, nullable=False),
        Column("revision", BigInteger, nullable=False),
    )


def make_leases() -> None:
    """Make the leases, which nobody has yet."""
    op.create_table(
        "leases",
        Column("name", TEXT, primary_key=True),
        Column("holder", TEXT, nullable=False),
        Column("until", BigInteger, nullable=False),
    )


def make_restrictions() -> None:
    """Make what moderation restricts, of a service that refuses what is not allowed."""
    op.create_table(
        "restrictions",
        Column("id", TEXT, primary_key=True),
        Column("kind", TEXT, primary_key=True),
        Column("until", BigInteger),
        Column("epoch", TEXT, nullable=False),
        **STORED_BY_KEY,
    )


def make_announcements() -> None:
    """Make what replicas tell one another of their commits, which is kept for moments, and the note
    of which programs may serve side by side.
    """
    op.create_table("served_by", Column("migration", TEXT, primary_key=True), **STORED_BY_KEY)
    op.create_table(
        "announcements",
        Column("revision", BigInteger, primary_key=True, autoincrement=False),
        Column("at", BigInteger, nullable=False),
        Column("events", LargeBinary),
        Column("everything", LargeBinary),
    )
    if op.get_context().dialect.name == "postgresql":
        # Without a log: a crash of the server costs watchers a read and nothing else.
        op.execute("ALTER TABLE announcements SET UNLOGGED")

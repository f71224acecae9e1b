"""Two real PostgreSQL servers, one of which follows the other until it takes its place."""

import time
from typing import Any

from sqlalchemy.engine import make_url

from tests.support.postgresql import Postgresql
from tests.support.waiting import PATIENCE


class Pair:
    """A primary and its standby by streaming replication: asynchronous, until told otherwise."""

    def __init__(self, primary: Postgresql, standby: Postgresql) -> None:
        self.primary = primary
        self.standby = standby
        self.over = False

    def url(self, database: str) -> str:
        """The address of a database that names both, and so leads to the one that takes writes."""
        url = make_url(self.primary.url(database))
        both = f"{self.primary.folder},{self.standby.folder}"
        return url.update_query_dict({"host": both}).render_as_string(hide_password=False)

    def catch_up(self) -> None:
        """Return when the standby shows all that the primary has committed."""
        with self.primary.connect() as primary:
            (end,) = _row(primary.execute("SELECT pg_current_wal_lsn()"))
        self._await("SELECT pg_last_wal_replay_lsn() >= CAST(%s AS pg_lsn)", end)

    def part(self) -> None:
        """Let nothing more come to the standby: what is committed from now on it will lack."""
        with self.standby.connect() as standby:
            standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
            standby.execute("SELECT pg_reload_conf()")
        self._await("SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")

    def make_synchronous(self) -> None:
        """Let each commit wait until the standby shows it."""
        with self.primary.connect() as primary:
            for name, value in (
                ("synchronous_standby_names", "*"),
                ("synchronous_commit", "remote_apply"),
            ):
                primary.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            primary.execute("SELECT pg_reload_conf()")
            self.until(primary, "SELECT current_setting('synchronous_standby_names') = '*'")
            self.until(primary, "SELECT sync_state = 'sync' FROM pg_stat_replication")

    def fail_over(self) -> None:
        """The primary crashes, and the standby takes its place."""
        self.primary.stop("immediate")
        self.promote()

    def promote(self) -> None:
        """Make the standby a primary, whatever the other is."""
        self.over = True
        with self.standby.connect() as standby:
            # The new primary waits for nobody.
            standby.execute("ALTER SYSTEM RESET synchronous_standby_names")
            standby.execute("SELECT pg_reload_conf()")
        self.standby.promote()

    def _await(self, question: str, *values: object) -> None:
        with self.standby.connect() as standby:
            self.until(standby, question, *values)

    def until(self, connection: Any, question: str, *values: object) -> None:
        """Return when a server says that something is so."""
        deadline = time.monotonic() + PATIENCE
        while (found := connection.execute(question, values or None).fetchone()) != (True,):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{question}: {found}")
            # The server tells nobody when it is so.
            time.sleep(0.01)

    def renew(self) -> None:
        """After a failover: the server that was promoted is the primary, and gets a new standby."""
        self.primary.close()
        self.primary = self.standby
        self.standby = Postgresql(self.primary.copied("-R", "-X", "stream"))
        self.over = False

    def clean(self) -> None:
        """Drop the databases that a test has made, on the server that takes writes, and let each
        commit go without waiting again.
        """
        server = self.standby if self.over else self.primary
        with server.connect() as connection:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")
            for (name,) in connection.execute(
                "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
            ).fetchall():
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        """End both."""
        self.standby.close()
        self.primary.close()


def new_pair() -> Pair:
    """Make a primary and its standby."""
    primary = Postgresql()
    with primary.connect() as connection:
        # A standby that is slow to start still finds what it has to begin with.
        connection.execute("ALTER SYSTEM SET wal_keep_size = '1GB'")
        connection.execute("SELECT pg_reload_conf()")
    return Pair(primary, Postgresql(primary.copied("-R", "-X", "stream")))


def _row(cursor: Any) -> Any:
    return cursor.fetchone()

"""Misconfigurations of a real PostgreSQL, planted one at a time: each is named, alone."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from command_line.doctor import deployment
from command_line.doctor.checks import clocks
from command_line.doctor.checks.database import postgresql, servers
from command_line.doctor.checks.database.check import check_databases
from command_line.doctor.checks.database.postgresql import Room, ServerState
from command_line.doctor.deployment import Deployment
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind
from service_kit.storage.fence import Fence
from service_kit.storage.home import Home
from tests.support import system
from tests.support.callers import write_accepted
from tests.support.pair import Pair
from tests.support.pooler import pooling
from tests.support.postgresql import Postgresql
from tests.support.serving import opened
from tests.support.waiting import PATIENCE


class Database:
    """The database of messaging on a real server, as the settings of messaging describe it."""

    def __init__(self, server: Postgresql, name: str, folder: Path) -> None:
        self.server = server
        self.name = name
        self.url = server.url(name)
        self._accepted = str(write_accepted(folder / "accepted"))

    def deployment(self, url: str) -> Deployment:
        return deployment.of_environment(
            {
                "PARLEY_MESSAGING_DATABASE_URL": url,
                "PARLEY_MESSAGING_CREDENTIALS_FILE": self._accepted,
            }
        )

    async def look(self, url: str = "", low_bytes: int = 1024) -> dict[Kind, Finding]:
        """What is found, at the address of the database or at another one."""
        examined = self.deployment(url or self.url)
        found = [finding async for finding in check_databases(examined, low_bytes)]
        return {finding.kind: finding for finding in found}

    def of_role(self, role: str) -> str:
        """The address for another role."""
        return make_url(self.url).set(username=role).render_as_string(False)

    def migrate(self, log: Path) -> None:
        environment = {"PATH": os.environ["PATH"], **self.deployment(self.url).environment}
        command = ["messaging_service", "migrate"]
        assert system.start_process(command, environment, log).wait(PATIENCE) == 0, log.read_text()

    def execute(self, *statements: str) -> None:
        with self.server.connect(self.name) as connection:
            for statement in statements:
                connection.execute(statement)

    def cure(self, finding: Finding) -> None:
        """Carry out a cure with PostgreSQL's own programs."""
        address = make_url(self.url)
        environment = {
            "PATH": f"{self.server.programs}:{os.environ['PATH']}",
            "PGHOST": str(address.query["host"]),
            "PGUSER": str(address.username),
            "PGDATABASE": "postgres",
        }
        for command in finding.cure:
            subprocess.run(
                ["bash", "-ec", command], check=True, capture_output=True, env=environment
            )


@pytest.fixture
def database(postgresql: Postgresql, tmp_path: Path) -> Iterator[Database]:
    """A migrated database of messaging."""
    with postgresql.database() as name:
        made = Database(postgresql, name, tmp_path)
        made.migrate(tmp_path / "migrate.log")
        yield made


@contextmanager
def role(database: Database, *options: str) -> Iterator[str]:
    """A role that may do what the options and nothing else say."""
    name = f"{database.name}_role"
    database.execute(f"CREATE ROLE {name} LOGIN {' '.join(options)}")
    try:
        yield name
    finally:
        database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


async def test_settings_of_the_server_are_found_and_their_cures_cure(database: Database) -> None:
    """The server of the tests is quick, and may forget at a loss of power; later it is so again."""
    try:
        found = await database.look()
        assert set(found) == {Kind.FSYNC_OFF, Kind.FULL_PAGE_WRITES_OFF}
        database.execute("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
        database.execute(
            f"ALTER DATABASE {database.name} SET default_transaction_read_only = on",
        )
        database.execute("ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()")
        found = await database.look()
        assert set(found) == {
            Kind.FSYNC_OFF,
            Kind.FULL_PAGE_WRITES_OFF,
            Kind.SYNCHRONOUS_COMMIT_OFF,
            Kind.AUTOVACUUM_OFF,
            Kind.READ_ONLY,
        }
        for finding in found.values():
            database.cure(finding)
        assert await database.look() == {}
    finally:
        database.execute("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")


async def test_what_is_wrong_with_the_database_or_role_is_found(database: Database) -> None:
    """Each at a real server, whose own settings are left out."""
    of_server = {Kind.FSYNC_OFF, Kind.FULL_PAGE_WRITES_OFF}

    async def look(url: str = "") -> set[Kind]:
        return set(await database.look(url)) - of_server

    assert await look() == set()
    # The server tells where its files are, and they are on this machine.
    assert Kind.DISK_LOW in await database.look(low_bytes=2**60)
    with role(database) as weak:
        assert await look(database.of_role(weak)) == {Kind.PERMISSION_MISSING}
    with role(database, "CONNECTION LIMIT 0") as none:
        assert await look(database.of_role(none)) == {Kind.CONNECTIONS_NONE}
    with role(database, "CONNECTION LIMIT 3") as few:
        database.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {few}")
        assert await look(database.of_role(few)) == {Kind.CONNECTIONS_FEW}
    assert await look(database.of_role("nobody_here")) == {Kind.DATABASE_REFUSES}
    nowhere = make_url(database.url).set(database="nowhere_here")
    assert await look(nowhere.render_as_string(False)) == {Kind.DATABASE_REFUSES}
    closed = "postgresql+psycopg://parley@127.0.0.1:1/parley"
    assert await look(closed) == {Kind.DATABASE_UNREACHABLE}
    latin = f"{database.name}_latin"
    try:
        with database.server.connect() as connection:
            connection.execute(
                f"CREATE DATABASE {latin} TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'"
            )
        assert await look(make_url(database.url).set(database=latin).render_as_string(False)) == {
            Kind.ENCODING_UNUSABLE,
            Kind.NOT_MIGRATED,
        }
    finally:
        with database.server.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {latin} WITH (FORCE)")


async def test_a_pooler_of_transactions_is_found(database: Database) -> None:
    """By a real one between: two connections at a time meet one session."""
    folder = Path(str(make_url(database.url).query["host"]))
    with pooling(folder) as port:
        pooled = make_url(database.url).set(host="127.0.0.1", port=port, query={})
        assert Kind.POOLER_OF_TRANSACTIONS in await database.look(pooled.render_as_string(False))


async def test_a_transaction_that_hangs_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cure ends that session."""
    monkeypatch.setattr(servers, "LONG_SECONDS", 0.0)
    with psycopg.connect(database.server.connect(database.name).info.dsn) as hanging:
        hanging.execute("SELECT revision FROM clock FOR UPDATE")
        found = await database.look()
        finding = found[Kind.TRANSACTION_HANGS]
        assert f"session {hanging.info.backend_pid}" in finding.seen
        database.cure(finding)
        with pytest.raises(psycopg.OperationalError):
            hanging.execute("SELECT 1")


# --- What no server of the tests can show --------------------------------------------------------


def test_a_standby_an_old_version_and_old_transactions_are_judged(database: Database) -> None:
    """By what would be seen of them; the server itself is sound but for its haste."""
    examined = database.deployment(database.url)
    part = examined.parts["messaging"]
    seen = postgresql.look(part)
    sound = replace(seen, settings={**seen.settings, "fsync": "on", "full_page_writes": "on"})

    def kinds(state: ServerState) -> list[Kind]:
        return [finding.kind for finding in servers.of_server(examined, part, state)]

    here = Home("1", "2", 3)
    assert kinds(replace(sound, homes=(here, here))) == []
    assert kinds(replace(sound, homes=(here, Home("1", "2", 4)))) == [Kind.HOME_CHANGED]
    assert kinds(replace(sound, homes=(Home(), here))) == [Kind.HOME_CHANGED]

    def with_version(number: int) -> ServerState:
        return replace(sound, settings={**sound.settings, "server_version_num": str(number)})

    assert kinds(sound) == []
    assert kinds(replace(sound, standby=True)) == [Kind.STANDBY]
    assert kinds(with_version(140005)) == [Kind.DATABASE_OLD]
    assert kinds(with_version(990000)) == [Kind.DATABASE_OLD]
    assert kinds(replace(sound, age=1_500_000_000)) == [Kind.TRANSACTIONS_OLD]
    room = Room(98, 100, 0, -1, 0, -1)
    assert kinds(replace(sound, room=room)) == [Kind.CONNECTIONS_FEW]


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ('FATAL: password authentication failed for user "parley"', Kind.DATABASE_REFUSES),
        ('FATAL: no pg_hba.conf entry for host "10.0.0.1"', Kind.DATABASE_REFUSES),
        ("FATAL: sorry, too many clients already", Kind.CONNECTIONS_NONE),
        ("FATAL: the database system is starting up", Kind.DATABASE_UNREACHABLE),
        ("connection failed: session is read-only", Kind.STANDBY),
        ("failed to resolve host 'nowhere'", Kind.DATABASE_UNREACHABLE),
    ],
)
def test_what_a_server_says_is_told_apart(tmp_path: Path, problem: str, kind: Kind) -> None:
    examined = deployment.of_environment(
        {
            "PARLEY_MESSAGING_DATABASE_URL": "postgresql+psycopg://parley@db.example.com/parley",
            "PARLEY_MESSAGING_CREDENTIALS_FILE": str(tmp_path / "accepted"),
        }
    )
    finding = servers.of_failure(examined, examined.parts["messaging"], problem)
    assert finding.kind is kind
    assert finding.cure


@pytest.mark.parametrize(
    ("ahead", "uncertain", "expected"),
    [
        (0.0, 0.01, []),
        (-2.4, 0.01, []),
        (3.0, 0.01, [Kind.CLOCK_DRIFTS]),
        (-3.0, 0.01, [Kind.CLOCK_DRIFTS]),
        (3.0, 1.0, []),
        (-7200.0, 0.01, [Kind.CLOCK_DIFFERS]),
        (5.2, 0.01, [Kind.CLOCK_DIFFERS]),
    ],
)
def test_clocks_may_differ_by_less_than_tokens_may(
    ahead: float, uncertain: float, expected: list[Kind]
) -> None:
    """What is not certain is not told: the answer may have been under way for so long."""
    found = clocks.of_clock(deployment.of_environment({}), "a database", ahead, uncertain)
    assert [finding.kind for finding in found] == expected


# --- A standby, and its promotion ----------------------------------------------------------------


async def test_a_standby_and_its_promotion_are_found(pair: Pair, tmp_path: Path) -> None:
    """At two real servers, of which one takes the other's place."""
    of_server = {Kind.FSYNC_OFF, Kind.FULL_PAGE_WRITES_OFF}
    with pair.primary.connect() as connection:
        connection.execute("CREATE DATABASE parley")
    primary = Database(pair.primary, "parley", tmp_path)
    primary.migrate(tmp_path / "migrate.log")
    # As messaging serves it, it remembers where.
    with opened(primary.url) as engine, engine.connect() as connection:
        Fence().enter(connection)
    pair.catch_up()
    assert set(await primary.look()) - of_server == set()
    standby = Database(pair.standby, "parley", tmp_path)
    assert set(await standby.look()) - of_server == {Kind.STANDBY}
    asked = make_url(standby.url).update_query_dict({"target_session_attrs": "read-write"})
    assert set(await standby.look(asked.render_as_string(False))) == {Kind.STANDBY}
    assert set(await primary.look(pair.url("parley"))) - of_server == set()
    pair.fail_over()
    promoted = await standby.look(pair.url("parley"))
    assert set(promoted) - of_server == {Kind.HOME_CHANGED}
    assert "timeline 1 to 2" in promoted[Kind.HOME_CHANGED].seen

"""The right to serve a database: one process has it, and with the process it ends."""

import asyncio
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service_kit.service import migrate
from service_kit.storage.engines import DatabaseInUse
from service_kit.storage.ownership import COUNT_SERVERS, nobody_serves, owned
from tests.support.postgresql import Postgresql
from tests.support.serving import opened, quick_settings
from tests.support.tally import service
from tests.support.tally.running import command, environment, serving_process
from tests.support.waiting import PATIENCE


def never() -> None:
    pytest.fail("the right was lost")


def check_taken(engine: Engine) -> None:
    """Check that another process, for which this engine stands, is refused."""
    with (
        pytest.raises(DatabaseInUse, match=r"process \d|session \d|a migration"),
        owned(engine, 0, never),
    ):
        pass


def test_one_engine_has_it_at_a_time(empty_database: str) -> None:
    """Whoever comes second is told who has it; when that one is gone, the next has it."""
    with opened(empty_database) as first, opened(empty_database) as second:
        with owned(first, 0, never):
            check_taken(second)
        first.dispose()
        # The session of the server ends a moment after the connection.
        with owned(second, PATIENCE, never):
            pass


def test_a_path_written_otherwise_is_the_same_database(tmp_path: Path) -> None:
    """A link or a detour leads to the same lock."""
    (tmp_path / "link.sqlite3").symlink_to(tmp_path / "real.sqlite3")
    paths = [tmp_path / "link.sqlite3", tmp_path / "sub" / ".." / "real.sqlite3"]
    (tmp_path / "sub").mkdir()
    with opened(f"sqlite:///{tmp_path / 'real.sqlite3'}") as engine, owned(engine, 0, never):
        for path in paths:
            with opened(f"sqlite:///{path}") as other:
                check_taken(other)


def test_migrations_keep_servers_out(empty_database: str) -> None:
    with opened(empty_database) as serving, opened(empty_database, "migrator") as migrating:
        with migrating.connect() as connection, nobody_serves(connection, 0):
            check_taken(serving)
        with owned(serving, 0, never):
            pass


def test_those_who_hear_one_another_serve_together(database_on_postgresql: str) -> None:
    """On PostgreSQL; a migration that no server may live through waits for all of them, and who
    would serve alone is refused.
    """
    with (
        opened(database_on_postgresql) as first,
        opened(database_on_postgresql) as second,
        opened(database_on_postgresql) as third,
        opened(database_on_postgresql, "migrator") as migrating,
    ):
        with owned(first, 0, never, together=True), owned(second, 0, never, together=True):
            check_taken(third)
            with migrating.connect() as connection:
                assert connection.exec_driver_sql(COUNT_SERVERS).scalar_one() == 2
            first.dispose()
            with (
                migrating.connect() as connection,
                pytest.raises(DatabaseInUse, match="session"),
                nobody_serves(connection, 0),
            ):
                pass
        second.dispose()
        with (
            migrating.connect() as connection,
            nobody_serves(connection, PATIENCE),
            pytest.raises(DatabaseInUse),
            owned(third, 0, never, together=True),
        ):
            pass


def test_a_program_that_fits_no_longer_writes_no_more(
    postgresql: Postgresql, database_on_postgresql: str
) -> None:
    """A new session of one beside which the database was changed is refused."""
    lost, fits = threading.Event(), True
    with opened(database_on_postgresql) as engine:
        with owned(engine, 0, lost.set, together=True, fits=lambda _cursor: fits):
            fits = False
            postgresql.cut_writer(database_on_postgresql)
            with pytest.raises(DatabaseInUse, match="a newer version"), engine.connect():
                pass
        assert lost.is_set()


def sessions(engine: Engine) -> list[int]:
    """The sessions that write to the database of an engine."""
    with engine.connect() as connection:
        return [
            row.pid
            for row in connection.exec_driver_sql(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'parley writer'"
                " AND datname = current_database()"
            )
        ]


def test_a_session_that_was_cut_is_taken_anew(
    postgresql: Postgresql, database_on_postgresql: str
) -> None:
    """The next connection has the right again, as nobody took it meanwhile."""
    with (
        opened(database_on_postgresql) as engine,
        opened(database_on_postgresql) as other,
        owned(engine, 0, never),
    ):
        before = sessions(engine)
        postgresql.cut_writer(database_on_postgresql)
        assert sessions(engine) != before
        check_taken(other)


def test_a_session_of_ours_that_the_server_still_has_is_ended(database_on_postgresql: str) -> None:
    """As after a break of the network, of which the server knows nothing yet."""
    with opened(database_on_postgresql) as engine, owned(engine, 0, never):
        before = sessions(engine)
        # The pool knows nothing of it any more, and it stays open.
        left = engine.raw_connection()
        left.detach()
        assert not set(sessions(engine)) & set(before)


def test_whoever_took_it_meanwhile_is_noticed(
    postgresql: Postgresql, database_on_postgresql: str
) -> None:
    """And nothing is written any more by who has lost it."""
    lost = threading.Event()
    with (
        opened(database_on_postgresql) as engine,
        opened(database_on_postgresql) as other,
        owned(engine, 0, lost.set),
    ):
        postgresql.cut_writer(database_on_postgresql)
        with owned(other, PATIENCE, never):
            assert not lost.is_set()
            with pytest.raises(DatabaseInUse), engine.connect():
                pass
            assert lost.is_set()


# --- As processes ------------------------------------------------------------------------------


def run(name: str, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(name), env=given, check=False, capture_output=True, timeout=PATIENCE, text=True
    )


async def test_a_second_process_is_refused(
    new_settings: Callable[[], service.TallySettings],
) -> None:
    """In one line that says who has the database and what to do, with exit code 2."""
    settings = new_settings()
    alone = {"bus": "none"}
    second = environment(settings, database_handover_seconds=0, **alone)
    async with serving_process(settings, **alone) as first:
        refused = await asyncio.to_thread(run, "serve", second)
        assert refused.returncode == 2
        line = refused.stderr.strip().splitlines()[-1]
        assert line.startswith("the database is in use by ")
        assert "PARLEY_TALLY_DATABASE_HANDOVER_SECONDS" in line
        if settings.database_url.startswith("sqlite"):
            assert f"process {first.pid}:" in line
        # There is nothing to migrate, so nobody is in the way.
        assert (await asyncio.to_thread(run, "migrate", second)).returncode == 0
        # A killed process leaves nothing behind.
        first.send_signal(signal.SIGKILL)
        await first.wait()
    async with serving_process(settings):
        pass


async def test_a_start_waits_for_the_process_before(
    new_settings: Callable[[], service.TallySettings],
) -> None:
    """So that the next one may be started while the first is still ending."""
    settings = new_settings()
    async with serving_process(settings, bus="none") as first:
        starting = asyncio.create_task(_serve_once(settings))
        done, _ = await asyncio.wait({starting}, timeout=1)
        assert not done
        first.terminate()
        assert await first.wait() == 0
        async with asyncio.timeout(PATIENCE):
            await starting


async def _serve_once(settings: service.TallySettings) -> None:
    async with serving_process(settings, database_handover_seconds=60, bus="none"):
        pass


async def test_a_migration_with_work_to_do_waits_for_the_server(
    empty_database: str, tmp_path: Path
) -> None:
    """It does not change tables under a process that serves them."""
    settings = service.TallySettings(**quick_settings(tmp_path, empty_database))
    with opened(empty_database) as engine, owned(engine, 0, never):
        refused = await asyncio.to_thread(
            run, "migrate", environment(settings, database_handover_seconds=0)
        )
        assert (refused.returncode, refused.stderr.count("the database is in use")) == (2, 1)
    migrate(service.SERVICE, settings)

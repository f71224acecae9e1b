"""The fence: a copy, a backup or a clock that went back gets a new epoch, and nothing else does."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData, make_url, text

from service_kit.rules import Position
from service_kit.storage.clock import add_clock
from service_kit.storage.fence import Fence
from tests.support.pair import Pair
from tests.support.postgresql import Postgresql
from tests.support.serving import opened


def make(url: str) -> None:
    """Make a clock in an epoch of its own, and its home."""
    metadata = MetaData()
    clock = add_clock(metadata)
    with opened(url) as engine, engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(clock.insert(), {"epoch": "made", "revision": 0})


@pytest.fixture
def url(empty_database: str) -> str:
    make(empty_database)
    return empty_database


def write(url: str, fence: Fence, times: int = 1) -> Position:
    """Write as a process does that has connected anew; gives the last position."""
    with opened(url) as engine, engine.connect() as connection:
        fence.enter(connection)
        for _ in range(times):
            transaction, position = fence.begin(connection)
            transaction.commit()
            fence.saw(position)
    return position


def serve(url: str, times: int = 1, *, synchronous: bool = False) -> Position:
    """Write as a process does that has just been started, and ends again."""
    fence = Fence(synchronous=synchronous)
    try:
        return write(url, fence, times)
    finally:
        fence.close()


def go_back(url: str, revisions: int) -> None:
    """Take revisions back past everybody, as a server does that has lost them."""
    with opened(url) as engine, engine.begin() as connection:
        connection.execute(text(f"UPDATE clock SET revision = revision - {revisions}"))  # noqa: S608


def test_one_process_after_the_other_stays_in_the_epoch(url: str) -> None:
    assert serve(url, 3) == ("made", 3)
    assert serve(url, 2) == ("made", 5)
    fence = Fence()
    # Also where a connection broke.
    assert [write(url, fence).revision for _ in range(3)] == [6, 7, 8]
    assert write(url, fence).epoch == "made"


@pytest.mark.parametrize("lost", [1, 3])
def test_a_revision_that_was_seen_before_begins_an_epoch(url: str, lost: int) -> None:
    """It is found by the transaction that takes it, on the connection that is there, and on a new
    one; each time once.
    """
    registry = CollectorRegistry()
    fence = Fence(registry=registry)
    with opened(url, connections=2) as engine, engine.connect() as connection:
        fence.enter(connection)
        for _ in range(5):
            transaction, position = fence.begin(connection)
            transaction.commit()
            fence.saw(position)
        go_back(url, lost)
        transaction, position = fence.begin(connection)
        transaction.commit()
        fence.saw(position)
    assert position.epoch != "made"
    assert position.revision == 5 - lost + 2
    assert write(url, fence) == (position.epoch, position.revision + 1)
    go_back(url, lost)
    third = write(url, fence)
    assert third.epoch not in {"made", position.epoch}
    assert write(url, fence).epoch == third.epoch
    counted = registry.get_sample_value("clock_epochs_begun_total", {"cause": "went back"})
    assert counted == 2


def test_what_is_rolled_back_begins_no_epoch(url: str) -> None:
    """A transaction that wrote nothing gives its revision back, and the next has it."""
    fence = Fence()
    with opened(url) as engine, engine.connect() as connection:
        fence.enter(connection)
        for _ in range(3):
            transaction, position = fence.begin(connection)
            transaction.rollback()
            fence.saw(position._replace(revision=position.revision - 1))
    assert position == ("made", 1)
    assert serve(url) == ("made", 1)


def test_a_revision_that_others_saw_begins_an_epoch(url: str) -> None:
    """Another replica, a follower or an edge may have seen more than this process; where the
    database has it, all is well.
    """
    fence = Fence()
    assert write(url, fence, 5) == ("made", 5)
    fence.learn(Position("made", 5))
    fence.learn(Position("another", 99))
    assert write(url, fence) == ("made", 6)
    fence.learn(Position("made", 8))
    fence.learn(Position("made", 7))
    position = write(url, fence)
    assert position.epoch != "made"
    assert position.revision == 7


def test_an_epoch_that_was_left_is_not_entered_again(url: str) -> None:
    """A second failover may lead to a server that has never heard of the new epoch."""
    fence = Fence()
    write(url, fence, 5)
    fence.learn(Position("made", 9))
    assert write(url, fence).epoch != "made"
    with opened(url) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE clock SET epoch = 'made', revision = 20"))
    assert write(url, fence).epoch != "made"


def test_an_epoch_that_another_replica_began_is_entered(url: str) -> None:
    one, other = Fence(), Fence()
    write(url, one)
    write(url, other)
    one.learn(Position("made", 9))
    begun = write(url, one)
    assert write(url, other) == (begun.epoch, begun.revision + 1)


# --- SQLite ------------------------------------------------------------------------------------


def _back_up(path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _put_back_as_sqlite(path: Path, copy: Path) -> None:
    _back_up(copy, path)


def _put_back_the_file(path: Path, copy: Path) -> None:
    shutil.copyfile(copy, path)


def _put_a_new_file(path: Path, copy: Path) -> None:
    path.unlink()
    shutil.copy2(copy, path)


def _on_another_machine(path: Path, copy: Path) -> None:
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()
    shutil.copy2(copy, path)


def _after_the_mark_was_spoilt(path: Path, copy: Path) -> None:
    shutil.copyfile(copy, path)
    path.with_name(f"{path.name}.mark").write_bytes(bytes(88))


@pytest.mark.parametrize(
    "put_back",
    [
        _put_back_as_sqlite,
        _put_back_the_file,
        _put_a_new_file,
        _on_another_machine,
        _after_the_mark_was_spoilt,
    ],
)
def test_a_backup_of_sqlite_that_is_put_back_gets_an_epoch(
    tmp_path: Path, put_back: Callable[[Path, Path], None]
) -> None:
    """However it came there; and one alone, at the first start."""
    path, copy = tmp_path / "tally.sqlite3", tmp_path / "copy.sqlite3"
    url = f"sqlite:///{path}"
    make(url)
    serve(url, 5)
    _back_up(path, copy)
    assert serve(url, 5) == ("made", 10)
    put_back(path, copy)
    first = serve(url, 9)
    assert first.epoch != "made"
    assert first.revision > 5
    assert serve(url).epoch == first.epoch


def test_a_folder_of_sqlite_that_is_put_back_gets_an_epoch(tmp_path: Path) -> None:
    """The mark comes back with the database, and is another file."""
    folder, copy = tmp_path / "data", tmp_path / "copy"
    folder.mkdir()
    url = f"sqlite:///{folder / 'tally.sqlite3'}"
    make(url)
    serve(url, 5)
    shutil.copytree(folder, copy)
    serve(url, 5)
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    assert serve(url).epoch != "made"


def test_a_folder_of_sqlite_that_is_moved_or_given_away_stays_in_its_epoch(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    make(f"sqlite:///{folder / 'tally.sqlite3'}")
    serve(f"sqlite:///{folder / 'tally.sqlite3'}", 5)
    for file in folder.iterdir():
        file.chmod(0o640)
    moved = folder.rename(tmp_path / "elsewhere")
    assert serve(f"sqlite:///{moved / 'tally.sqlite3'}") == ("made", 6)


# --- PostgreSQL --------------------------------------------------------------------------------


def test_a_restart_of_the_server_begins_no_epoch(postgresql: Postgresql) -> None:
    """Neither for who was there, nor for who comes."""
    with postgresql.database() as name:
        url = postgresql.url(name)
        make(url)
        fence = Fence()
        write(url, fence, 5)
        for mode in ("fast", "immediate"):
            postgresql.stop(mode)
            postgresql.start()
            write(url, fence)
        assert serve(url) == ("made", 8)


@pytest.mark.parametrize("into", ["the database", "an empty table", "another database"])
def test_a_dump_that_is_put_back_gets_an_epoch(postgresql: Postgresql, into: str) -> None:
    """Into what is there, cleaned, or into a database of another name."""
    # Whoever runs the server writes it.
    dump = postgresql.folder / "dump"
    with postgresql.database() as name, postgresql.database() as other:
        url = postgresql.url(name)
        make(url)
        serve(url, 5)
        at = ("-h", str(postgresql.folder), "-U", "postgres")
        options = ("--data-only",) if into == "an empty table" else ("-c", "--if-exists")
        postgresql.run("pg_dump", *at, "-Fc", "-f", str(dump), name)
        serve(url, 5)
        if into == "an empty table":
            with postgresql.connect(name) as connection:
                connection.execute("DELETE FROM clock")
                connection.execute("DELETE FROM clock_home")
        target = other if into == "another database" else name
        postgresql.run("pg_restore", *at, "-e", *options, "-d", target, str(dump))
        dump.unlink()
        first = serve(postgresql.url(target), 9)
        assert first.epoch != "made"
        assert serve(postgresql.url(target)).epoch == first.epoch


def test_a_copy_within_the_server_gets_an_epoch(postgresql: Postgresql) -> None:
    """Also when it takes the name of what it was copied from."""
    with postgresql.database() as name:
        url = postgresql.url(name)
        make(url)
        serve(url, 5)
        with postgresql.connect() as connection, postgresql.database(name) as copy:
            serve(url, 5)
            connection.execute(f"ALTER DATABASE {name} RENAME TO {name}_before")
            connection.execute(f"ALTER DATABASE {copy} RENAME TO {name}")
            first = serve(url)
            connection.execute(f"ALTER DATABASE {name} RENAME TO {copy}")
            connection.execute(f"ALTER DATABASE {name}_before RENAME TO {name}")
        assert first.epoch != "made"
        assert serve(url) == ("made", 11)


def test_maintenance_of_the_server_begins_no_epoch(postgresql: Postgresql) -> None:
    with postgresql.database() as name:
        url = postgresql.url(name)
        make(url)
        serve(url, 5)
        with postgresql.connect(name) as connection:
            for statement in ("VACUUM (FREEZE)", "VACUUM FULL", "REINDEX SCHEMA public"):
                connection.execute(statement)
        assert serve(url) == ("made", 6)


def test_a_role_that_may_ask_nothing_serves(postgresql: Postgresql) -> None:
    """What the server does not tell changes nothing, and a dump is still told."""
    with postgresql.database() as name, postgresql.connect(name) as connection:
        make(postgresql.url(name))
        serve(postgresql.url(name), 5)
        connection.execute("CREATE ROLE humble LOGIN")
        try:
            for table in ("clock", "clock_home"):
                connection.execute(f"ALTER TABLE {table} OWNER TO humble")
            for asked in ("pg_control_system()", "pg_walfile_name(pg_lsn)"):
                connection.execute(f"REVOKE EXECUTE ON FUNCTION {asked} FROM PUBLIC")
            url = make_url(postgresql.url(name)).set(username="humble")
            humble = url.render_as_string(hide_password=False)
            assert serve(humble) == ("made", 6)
            assert serve(postgresql.url(name)) == ("made", 7)
            connection.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM clock_home")
            connection.execute("DELETE FROM clock_home")
            connection.execute("INSERT INTO clock_home SELECT * FROM kept")
            assert serve(humble).epoch != "made"
        finally:
            for asked in ("pg_control_system()", "pg_walfile_name(pg_lsn)"):
                connection.execute(f"GRANT EXECUTE ON FUNCTION {asked} TO PUBLIC")
            connection.execute("DROP OWNED BY humble")
            connection.execute("DROP ROLE humble")


# --- Two servers -------------------------------------------------------------------------------


@pytest.fixture
def database(pair: Pair) -> str:
    """The name of a database that is on both servers."""
    with pair.primary.connect() as connection:
        connection.execute("CREATE DATABASE kept")
    make(pair.url("kept"))
    return "kept"


@pytest.mark.parametrize("lost", [pytest.param(0, marks=pytest.mark.nightly), 3])
def test_a_promotion_begins_an_epoch(pair: Pair, database: str, lost: int) -> None:
    """Whether or not something was lost, which nobody knows; for who was there and who comes, and
    also where as much was written since.
    """
    url = pair.url(database)
    fence = Fence()
    write(url, fence, 5)
    pair.catch_up()
    pair.part()
    if lost:
        write(url, fence, lost)
    pair.fail_over()
    begun = serve(url, 5)
    assert begun.epoch != "made"
    assert begun.revision == 10
    assert write(url, fence).epoch == begun.epoch
    assert serve(url).epoch == begun.epoch


def test_a_promotion_after_synchronous_replication_begins_none(pair: Pair, database: str) -> None:
    """The setting says that nothing is lost; what was seen goes before it."""
    url = pair.url(database)
    pair.make_synchronous()
    fence = Fence(synchronous=True)
    write(url, fence, 5)
    pair.fail_over()
    assert serve(url, synchronous=True) == ("made", 6)
    assert write(url, fence) == ("made", 7)
    fence.learn(Position("made", 9))
    assert write(url, fence).epoch != "made"


def test_a_backup_of_the_files_that_is_started_gets_an_epoch(pair: Pair, database: str) -> None:
    """Without recovery to tell by it is on the same timeline of the same system."""
    url = pair.url(database)
    serve(url, 5)
    copy = Postgresql(pair.primary.copied("-X", "stream"))
    try:
        first = serve(copy.url(database), 2)
        assert first.epoch != "made"
        assert serve(copy.url(database)).epoch == first.epoch
    finally:
        copy.close()
    assert serve(url) == ("made", 6)

"""Engines: sessions, transactions, addresses and passwords of each kind of database."""

import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from service_kit.process.settings import ServiceSettings, Timeouts
from service_kit.storage import engines
from service_kit.storage.bulk_statements import (
    among_given,
    bulk_insert,
    fetch,
    give_rows,
    give_values,
    given_rows,
)
from tests.support.database_container import DatabaseContainer
from tests.support.postgresql import Postgresql
from tests.support.serving import opened
from tests.support.system import free_port

TIMEOUTS = Timeouts(connect=2, lock=0.5, statement=1.5, idle_transaction=60)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("writer", ("500ms", "1500ms", "1min", "read committed", "off")),
        ("reader", ("500ms", "1500ms", "1min", "repeatable read", "on")),
        ("migrator", ("500ms", "0", "0", "read committed", "off")),
    ],
)
def test_sessions_of_postgresql_are_bounded(
    database_on_postgresql: str, role: engines.Role, expected: tuple[str, ...]
) -> None:
    names = (
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "transaction_isolation",
        "transaction_read_only",
    )
    engine = opened(database_on_postgresql, role, timeouts=TIMEOUTS)
    with engine as made, made.connect() as connection:
        shown = tuple(connection.execute(text(f"SHOW {name}")).scalar_one() for name in names)
    assert shown == expected


@pytest.mark.parametrize(
    ("role", "one_plan", "mode"),
    [
        ("writer", False, "force_generic_plan"),
        ("reader", True, "force_generic_plan"),
        ("reader", False, "auto"),
    ],
)
def test_queries_are_planned_once_where_no_condition_depends_on_what_is_asked_for(
    database_on_postgresql: str, role: engines.Role, one_plan: bool, mode: str
) -> None:
    with (
        opened(database_on_postgresql, role, one_plan=one_plan) as engine,
        engine.connect() as connection,
    ):
        assert connection.execute(text("SHOW plan_cache_mode")).scalar_one() == mode


def test_the_address_goes_before_the_settings(database_on_postgresql: str) -> None:
    """Options and parameters in the address win over what the settings say."""
    address = make_url(database_on_postgresql).update_query_dict(
        {"options": "-c lock_timeout=7s", "application_name": "mine"}
    )
    url = address.render_as_string(hide_password=False)
    with opened(url, timeouts=TIMEOUTS) as engine, engine.connect() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "7s"
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "1500ms"
        assert connection.execute(text("SHOW application_name")).scalar_one() == "mine"


def test_a_slow_statement_is_given_up(database_on_postgresql: str) -> None:
    """The server ends it, that counts as unavailable, and the connection goes on."""
    engine = opened(database_on_postgresql, "reader", timeouts=TIMEOUTS)
    with engine as made, made.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT pg_sleep(60)"))
        cause = engines.why_unavailable(caught.value) or ""
        assert cause.startswith("QueryCanceled: canceling statement due to ")
        connection.rollback()
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_transaction_that_idles_is_ended(database_on_postgresql: str) -> None:
    """A process that hangs does not hold the clock for ever; when it wakes, it can try again."""
    timeouts = TIMEOUTS._replace(idle_transaction=1)
    engine = engines.open_engine(database_on_postgresql, "writer", timeouts=timeouts)

    def hang() -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            # The process hangs: this is the time itself that is tested.
            time.sleep(2 * timeouts.idle_transaction)
            connection.execute(text("SELECT 2"))

    with pytest.raises(DBAPIError) as caught:
        hang()
    assert engines.why_unavailable(caught.value) is not None
    with engine.begin() as connection:
        assert connection.execute(text("SELECT 3")).scalar_one() == 3
    engine.dispose()


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_no_table_is_read_as_a_whole(database_on_postgresql: str, role: engines.Role) -> None:
    """Rows are looked up by keys, also by statements prepared when the table was empty."""
    words = Table(
        "words",
        MetaData(),
        Column("word", engines.TEXT, primary_key=True),
        Column("number", BigInteger, nullable=False),
        # The server expects few rows of such a width in a small table.
        *(Column(f"meaning_{number}", engines.TEXT) for number in range(20)),
    )
    given, match = given_rows("rows", (words.c.word, words.c.number))
    by_rows = select(words.c.word).select_from(given.join(words, match))
    by_words = select(words.c.word).where(among_given(words.c.word, "wanted"))
    with opened(database_on_postgresql) as engine, engine.begin() as connection:
        words.create(connection)

    with opened(database_on_postgresql, role) as engine, engine.connect() as connection:

        def look_up() -> None:
            """So often that the server would keep a plan."""
            for _ in range(20):
                with connection.begin():
                    fetch(connection, by_rows, give_rows("rows", [("w7", 7)]))
                    fetch(connection, by_words, give_values("wanted", ["w7"]))

        look_up()
        with opened(database_on_postgresql) as another, another.begin() as writing:
            rows = [(f"w{number}", number) for number in range(2_000)]
            bulk_insert(writing, words, ("word", "number"), rows)
        look_up()
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.commit()
        read = "SELECT seq_tup_read, idx_scan FROM pg_stat_user_tables WHERE relname = 'words'"
        whole, by_index = connection.execute(text(read)).one()
    assert (whole, by_index >= 40) == (0, True)


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "postgresql+asyncpg://u:secret@h/d"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(engines.UnsupportedDatabase, match="neither") as caught:
        engines.open_engine(url, "writer")
    assert "secret" not in str(caught.value)


# What an address would have to escape, with spaces at both ends.
PASSWORD = " a@b:c/d?e#f %41 'é' \\ "


def settings_of(url: str, password_file: Path) -> ServiceSettings:
    return ServiceSettings.model_validate(
        {
            "database_url": url,
            "database_password_file": password_file,
            "credentials_file": password_file,
        }
    )


@pytest.fixture
def guarded(postgresql: Postgresql, tmp_path: Path) -> Iterator[ServiceSettings]:
    """Settings of a database that asks for PASSWORD (SCRAM, by TCP)."""
    password_file, port = tmp_path / "password", free_port()
    password_file.write_text(PASSWORD + "\n", "utf-8")
    environment = {
        "POSTGRES_USER": "one",
        "POSTGRES_DB": "two",
        "POSTGRES_PASSWORD_FILE": str(password_file),
        "POSTGRES_INITDB_ARGS": "--encoding=UTF8",
    }
    container = DatabaseContainer(postgresql, environment, port)
    server = container.start(tmp_path / "log")
    try:
        while container.execute("pg_isready -q -h 127.0.0.1 -U one -d two", tmp_path).returncode:
            assert server.poll() is None, (tmp_path / "log").read_text()
            # Nothing announces that a process listens.
            time.sleep(0.05)
        yield settings_of(f"postgresql://one@127.0.0.1:{port}/two", password_file)
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)
        container.remove()


def test_the_password_comes_from_a_file(guarded: ServiceSettings, tmp_path: Path) -> None:
    """Each sign of it counts, a wrong one is refused, and neither is shown by what knows it."""
    address = engines.address_of(guarded)
    with opened(address, "reader") as engine, engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "one"
    assert PASSWORD not in f"{address} {address!r} {engine!r} {engine.url}"

    (tmp_path / "wrong").write_text("another one")
    wrong = engines.open_engine(
        engines.address_of(settings_of(guarded.database_url, tmp_path / "wrong")), "reader"
    )
    with pytest.raises(DBAPIError, match="password authentication failed") as caught:
        wrong.connect()
    assert "another one" not in str(caught.value)
    assert (engines.why_unavailable(caught.value) or "").startswith("OperationalError: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can not be read"),
        (b"", "does not hold one line"),
        (b"\n", "does not hold one line"),
        (b"secret\nsecond\n", "does not hold one line"),
        (b"secret\xff", "is not UTF-8"),
    ],
)
def test_a_password_file_that_can_not_be_used_is_named(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    """A missing, empty, longer or garbled file is refused by its path, without what is in it."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        engines.address_of(settings_of("postgresql://u@h/d", path))
    assert str(path) in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "xff" not in str(caught.value)


@pytest.mark.parametrize("content", [b"secret", b"secret\r\n", b"\xef\xbb\xbfsecret\n"])
def test_what_an_editor_adds_is_no_part_of_the_password(content: bytes, tmp_path: Path) -> None:
    """An end of the line, of whatever system, and a mark of the order of bytes."""
    path = tmp_path / "password"
    path.write_bytes(content)
    assert engines.address_of(settings_of("postgresql://u@h/d", path)).password == "secret"


@pytest.mark.parametrize("url", ["sqlite:////tmp/x", "postgresql://u:secret@h/d"])
def test_a_password_file_goes_with_an_address_that_wants_one(url: str, tmp_path: Path) -> None:
    """Two passwords, or one where none is asked for, are a mistake that is told."""
    (tmp_path / "password").write_text("another")
    with pytest.raises(ValueError, match="that has no password") as caught:
        engines.address_of(settings_of(url, tmp_path / "password"))
    assert "secret" not in str(caught.value)


def test_a_new_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    """And so is its log, whatever the process would allow others."""
    path = tmp_path / "new.sqlite3"
    with opened(f"sqlite:///{path}") as engine, engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE words (word TEXT)")
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("new.sqlite3", "new.sqlite3-wal", "new.sqlite3-shm"), 0o600)

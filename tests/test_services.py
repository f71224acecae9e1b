"""Tests of all services alike: the database as it is migrated, and settings that are bad."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from service_kit.authentication.callers import Caller
from service_kit.service import migrate
from service_kit.storage.clock import read_position, take_position
from service_kit.storage.migrations import NotMigrated, check
from tests.messaging_service.conftest import DESCRIBED as MESSAGING
from tests.moderation_service.conftest import DESCRIBED as MODERATION
from tests.negotiation_service.conftest import DESCRIBED as NEGOTIATION
from tests.support.callers import secret_of, write_accepted, write_credential
from tests.support.plans import joins_by_filter
from tests.support.serving import Described, opened
from tests.support.waiting import PATIENCE

A_TEXT = {
    "messaging": "conversations.first_id",
    "negotiation": "services.conversation_id",
    "moderation": "cases.subject_id",
}
SERVICES = {one.service.name: one for one in (MESSAGING, NEGOTIATION, MODERATION)}


@pytest.fixture(params=SERVICES)
def described(request: pytest.FixtureRequest) -> Described:
    return SERVICES[request.param]


def test_migrations_make_the_tables_that_the_queries_know(
    described: Described, engine: Engine
) -> None:
    """The migrated schema and the tables of tables.py do not drift apart."""
    metadata = import_module(f"{described.service.module}.storage.tables").metadata
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_plan_made_for_empty_tables_begins_with_what_was_given(
    described: Described, engine: Engine
) -> None:
    """PostgreSQL keeps it: one that began with a table would go through all that it has by then."""
    storage = import_module(f"{described.service.module}.storage")
    names = [one.name for one in iter_modules(storage.__path__, f"{storage.__name__}.")]
    hot = [getattr(import_module(name), "HOT_STATEMENTS", {}) for name in names]
    slow = {
        name: lines
        for statements in hot
        for name, statement in statements.items()
        if (lines := joins_by_filter(engine, str(statement.compile(engine))))
    }
    assert any(hot)
    assert slow == {}


def test_migrating_twice_keeps_everything(
    described: Described, settings: Any, engine: Engine
) -> None:
    """The command is harmless on a migrated database: same epoch, same revision."""
    with engine.begin() as connection:
        take_position(connection)
        before = read_position(connection)
    migrate(described.service, settings)
    with engine.begin() as connection:
        assert read_position(connection) == before


def test_an_empty_database_is_not_served(described: Described, empty_database: str) -> None:
    """A database without the newest migration is refused with what to do."""
    with (
        opened(empty_database, "reader") as engine,
        pytest.raises(NotMigrated, match="run the migrate command"),
    ):
        check(engine, described.service.migrations)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_text_is_compared_by_code_points(described: Described, engine: Engine) -> None:
    """Every text column of every table, for pages and the order of a pair rest on it."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT table_name || '.' || column_name, collation_name"
                " FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name <> 'alembic_version'"
                " AND data_type IN ('character varying', 'text')"
            )
        )
        collations = {row[0]: row[1] for row in found}
    assert A_TEXT[described.service.name] in collations
    assert set(collations.values()) == {"C"}


BAD_SETTINGS = {
    "messaging": [
        ({"LISTEN": "nonsense"}, "PARLEY_MESSAGING_LISTEN"),
        ({"TEXT_LIMIT": "0"}, "PARLEY_MESSAGING_TEXT_LIMIT"),
        ({"DATABASE_URL": "oracle://x"}, "neither a SQLite nor"),
        ({"CREDENTIALS_FILE": "/nowhere"}, "can not be read"),
        ({"CREDENTIALS_FILE": "{folder}/plain"}, "is not `caller: digest`"),
        ({"DATABASE_PASSWORD_FILE": "/nowhere"}, "that has no password"),
    ],
    "negotiation": [
        ({"LISTEN": "nonsense"}, "PARLEY_NEGOTIATION_LISTEN"),
        ({"ROUNDS_LIMIT": "0"}, "PARLEY_NEGOTIATION_ROUNDS_LIMIT"),
        ({"MAX_PRICE_MINOR": str(2**53)}, "PARLEY_NEGOTIATION_MAX_PRICE_MINOR"),
        ({"DELIVERY_DAYS": "-1"}, "PARLEY_NEGOTIATION_DELIVERY_DAYS"),
        ({"NOTES_DAYS": "nan"}, "PARLEY_NEGOTIATION_NOTES_DAYS"),
        ({"OFFER_HOURS": "0.01"}, "OFFER_HOURS is not between"),
        ({"OFFER_HOURS": "999"}, "OFFER_HOURS is not between"),
        ({"DATABASE_URL": "oracle://x"}, "neither a SQLite nor"),
        ({"CREDENTIALS_FILE": "/nowhere"}, "can not be read"),
        ({"CREDENTIALS_FILE": "{folder}/plain"}, "is not `caller: digest`"),
    ],
    "moderation": [
        ({"LISTEN": "nonsense"}, "PARLEY_MODERATION_LISTEN"),
        ({"REPORTS_LIMIT": "0"}, "PARLEY_MODERATION_REPORTS_LIMIT"),
        ({"LEASE_MINUTES": "-1"}, "PARLEY_MODERATION_LEASE_MINUTES"),
        ({"REVIEW_DAYS": "nan"}, "PARLEY_MODERATION_REVIEW_DAYS"),
        ({"RESPONDENT_SILENCE": "shrug"}, "PARLEY_MODERATION_RESPONDENT_SILENCE"),
        ({"MODERATOR_SILENCE": "review"}, "what ends a review cannot be another review"),
        ({"NEGOTIATION_TARGET": "127.0.0.1:1"}, "NEGOTIATION_CREDENTIAL_FILE is missing"),
        ({"DATABASE_URL": "oracle://x"}, "neither a SQLite nor"),
        ({"CREDENTIALS_FILE": "/nowhere"}, "can not be read"),
        ({"CREDENTIALS_FILE": "{folder}/plain"}, "is not `caller: digest`"),
    ],
}


@pytest.mark.parametrize(
    ("service", "changes", "words"),
    [(service, *row) for service, rows in BAD_SETTINGS.items() for row in rows],
)
def test_bad_settings_are_one_line(
    tmp_path: Path, service: str, changes: dict[str, str], words: str
) -> None:
    """A setting that can not be used is named on one line, and the exit code is 2."""
    credential = write_credential(tmp_path, Caller.EDGE)
    (tmp_path / "plain").write_text(f"{secret_of(Caller.EDGE)}\n")
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'database.sqlite3'}",
        "CREDENTIALS_FILE": str(write_accepted(tmp_path / "accepted")),
        **({} if service == "messaging" else {"MESSAGING_CREDENTIAL_FILE": str(credential)}),
        **{name: value.format(folder=tmp_path) for name, value in changes.items()},
    }
    ended = subprocess.run(
        [sys.executable, "-m", f"{service}_service", "serve"],
        env={f"PARLEY_{service.upper()}_{name}": value for name, value in environment.items()},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert secret_of(Caller.EDGE) not in ended.stderr

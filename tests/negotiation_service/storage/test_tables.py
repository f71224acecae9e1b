"""The tables of the database, as the migrations make them."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from negotiation_service.__main__ import SERVICE
from negotiation_service.settings import NegotiationSettings
from negotiation_service.storage.tables import metadata, services
from service_kit.service import migrate
from service_kit.storage.clock import read_position
from service_kit.storage.engines import open_engine
from service_kit.storage.migrations import NotMigrated, check
from tests.negotiation_service.deals import carry_out, proposed
from tests.support.serving import Database


def test_the_database_itself_allows_one_open_service(database: Database) -> None:
    """A second open row of a conversation cannot be stored, whatever a defect would try."""
    first = proposed()
    database.run(carry_out, first)
    row = {
        **dict.fromkeys(services.c.keys(), 0),
        **dict.fromkeys(("provider_id", "client_id", "state", "deal"), "x"),
        "conversation_id": "c",
    }
    with database.engine.begin() as connection:
        connection.execute(insert(services), row | {"id": "closed", "is_open": False})
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(insert(services), row | {"id": "open", "is_open": True})


def test_migrations_make_the_tables_that_the_queries_know(engine: Engine) -> None:
    """The migrated schema and the tables of tables.py do not drift apart."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_keeps_everything(
    settings: NegotiationSettings, database: Database
) -> None:
    """The command is harmless on a migrated database: same epoch, same revision."""
    database.run(carry_out, proposed())
    before = database.read(read_position)
    migrate(SERVICE, settings)
    assert database.read(read_position) == before


def test_an_empty_database_is_not_served(empty_database: str) -> None:
    """A database without the newest migration is refused with what to do."""
    engine = open_engine(empty_database, "reader")
    with pytest.raises(NotMigrated, match="run the migrate command"):
        check(engine, SERVICE.migrations)
    engine.dispose()

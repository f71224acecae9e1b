"""The database of moderation: its migrations, and the plans of its statements."""

from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from moderation_service.__main__ import SERVICE
from moderation_service.domain.case.commands import (
    ClaimCase,
)
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.runner import operation
from moderation_service.operations.tasks import AnyTask, Task
from moderation_service.settings import ModerationSettings
from moderation_service.storage import statements
from moderation_service.storage.tables import metadata
from service_kit.service import migrate
from service_kit.storage.clock import read_position
from service_kit.storage.engines import open_engine
from service_kit.storage.migrations import NotMigrated, check
from tests.moderation_service.operations.test_runner import (
    books,
    run,
    with_evidence,
)
from tests.moderation_service.story import (
    MESSAGE,
    MODERATOR,
    banned,
    decision,
    disputed,
    measure,
    reported,
)
from tests.support.plans import explain
from tests.support.serving import Database


def test_migrations_make_the_tables_that_the_queries_know(engine: Engine) -> None:
    """The migrated schema and the tables of tables.py do not drift apart."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_keeps_everything(settings: ModerationSettings, database: Database) -> None:
    """The command is harmless on a migrated database: same epoch, same revision."""
    run(database, with_evidence(reported()))
    before = database.read(read_position)
    migrate(SERVICE, settings)
    assert database.read(read_position) == before


def test_an_empty_database_is_not_served(empty_database: str) -> None:
    """A database without the newest migration is refused with what to do."""
    engine = open_engine(empty_database, "reader")
    with pytest.raises(NotMigrated, match="run the migrate command"):
        check(engine, SERVICE.migrations)
    engine.dispose()


def test_hot_statements_go_through_indexes(database: Database) -> None:
    """None walks through a table or sorts one, however many cases there are."""
    tasks: list[AnyTask] = []
    for number in range(30):
        report = reported(subject=replace(MESSAGE, id=f"message-{number}"))
        tasks += [
            report,
            Task(ClaimCase("mia", MODERATOR, report.ids.case, idempotency_key=f"k-{number}")),
        ]
        measures = banned("cid"), measure(SanctionKind.CONVERSATION_LOCKED)
        if number < 3:
            tasks.append(decision(report.ids.case, *measures, version=2))
        tasks.append(disputed(service=f"service-{number}", idempotency_key=f"k-{number}"))
    database.run(operation(Limits(open_reports=100, reports=100)), *tasks)
    for name, statement in statements.HOT_STATEMENTS.items():
        searches, bad = explain(database.engine, str(statement.compile(database.engine)))
        assert searches, name
        assert bad == [], name


def test_what_was_read_is_what_was_written(database: Database) -> None:
    """A report is what the command said, to the letter, whatever letters."""
    comment = "<script>alert('\u202eevil')</script> \N{CAT FACE}\ttab\nline"
    report = reported(comment=comment)
    run(database, with_evidence(report))
    assert books(database).cases[report.ids.case].reports[0].comment == comment

"""The audit log is gone along while the service runs, and somebody is told when it is broken."""

from typing import Any, cast

import structlog
from prometheus_client import CollectorRegistry

from moderation_service.workers.audit import AuditWatch
from service_kit.storage.readers import Readers
from tests.moderation_service.books import check_books
from tests.moderation_service.operations.test_verification import fill, problems, spoil
from tests.support.serving import Database


class ReadingHere:
    """Reads in this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, operation: Any, *arguments: Any) -> Any:
        with self._database.engine.connect() as connection:
            return operation(connection, *arguments)


async def test_a_change_of_the_log_shows_at_the_next_look(database: Database) -> None:
    """In the metrics for as long as it is there, in the log once."""
    registry = CollectorRegistry()
    watch = AuditWatch(cast("Readers", ReadingHere(database)), registry, 60)

    def shown(name: str) -> float:
        value = registry.get_sample_value(f"moderation_audit_{name}")
        assert value is not None
        return value

    await watch.look()
    assert (shown("breaks"), shown("entries")) == (0, 0)
    assert shown("verified_timestamp_seconds") > 0
    fill(database)
    await watch.look()
    assert shown("breaks") == 0
    assert shown("entries") == check_books(database.engine).head.number
    spoil(database, "UPDATE audit SET actor = 'eve' WHERE number = 2")
    with structlog.testing.capture_logs() as logs:
        await watch.look()
        await watch.look()
    assert shown("breaks") == 1
    assert [one["where"] for one in logs] == ["entry 2"]
    assert problems(database)

"""The database of moderation: the plans of its statements."""

from dataclasses import replace

from moderation_service.domain.case.commands import ClaimCase
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.runner import operation
from moderation_service.operations.tasks import AnyTask, Task
from moderation_service.storage import statements
from tests.moderation_service import story
from tests.moderation_service.operations import test_runner
from tests.support.plans import explain
from tests.support.serving import Database


def test_hot_statements_go_through_indexes(database: Database) -> None:
    """None walks through a table or sorts one, however many cases there are."""
    tasks: list[AnyTask] = []
    for number in range(30):
        report = story.reported(subject=replace(story.MESSAGE, id=f"message-{number}"))
        tasks += [
            report,
            Task(ClaimCase("mia", story.MODERATOR, report.ids.case, idempotency_key=f"k-{number}")),
        ]
        measures = story.banned("cid"), story.measure(SanctionKind.CONVERSATION_LOCKED)
        if number < 3:
            tasks.append(story.decision(report.ids.case, *measures, version=2))
        tasks.append(story.disputed(service=f"service-{number}", idempotency_key=f"k-{number}"))
    database.run(operation(Limits(open_reports=100, reports=100)), *tasks)
    for name, statement in statements.HOT_STATEMENTS.items():
        searches, bad = explain(database.engine, str(statement.compile(database.engine)))
        assert searches, name
        assert bad == [], name


def test_what_was_read_is_what_was_written(database: Database) -> None:
    comment = "<script>alert('\u202eevil')</script> \N{CAT FACE}\ttab\nline"
    report = story.reported(comment=comment)
    test_runner.run(database, test_runner.with_evidence(report))
    assert test_runner.books(database).cases[report.ids.case].reports[0].comment == comment

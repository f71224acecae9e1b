"""M8: whatever is changed behind the service's back, in the log or in what it is about, shows."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from moderation_service.domain.shared.commands import ExpireEvidence
from moderation_service.domain.shared.limits import DAY
from moderation_service.operations.tasks import Task
from moderation_service.operations.verification import Problem, run, verify
from moderation_service.settings import ModerationSettings
from service_kit.audit import Head
from tests.moderation_service.books import check_books
from tests.moderation_service.operations.test_runner import carry_out, decided, with_evidence
from tests.moderation_service.story import LIMITS, MESSAGE, disputed, erasure, muted
from tests.support.serving import Database
from tests.support.waiting import PATIENCE

# Smaller than what there is, so that all of it is looked through in pages.
PAGE = 2


def fill(database: Database) -> tuple[str, str]:
    """A case of five events and a dispute, both with evidence; gives the id of the case and of
    another, of three.
    """
    case = decided(database, muted(database.now + DAY))
    other = decided(database, subject=replace(MESSAGE, id="other"))
    database.run(carry_out, with_evidence(disputed()))
    return case, other


def problems(database: Database) -> list[Problem]:
    with database.engine.connect() as connection, connection.begin():
        return [one for one in verify(connection, PAGE) if isinstance(one, Problem)]


def spoil(database: Database, statement: str, **given: Any) -> None:
    with database.engine.begin() as connection:
        assert connection.execute(text(statement), given).rowcount > 0


def test_nothing_is_wrong_with_what_the_service_wrote(database: Database) -> None:
    """Also when nothing has happened yet, after an erasure, and after evidence has expired."""
    assert problems(database) == []
    case, other = fill(database)
    assert problems(database) == []
    database.now += LIMITS.appeal_window + DAY
    database.run(carry_out, erasure("bob", case), Task(ExpireEvidence(), other))
    assert problems(database) == []
    with database.engine.connect() as connection, connection.begin():
        *_, head = verify(connection)
    assert head == check_books(database.engine).head
    assert isinstance(head, Head)


DAMAGES = {
    "an entry is edited": "UPDATE audit SET actor = 'eve' WHERE number = 2",
    "an entry is deleted": "DELETE FROM audit WHERE number = 3",
    "two entries are swapped": "UPDATE audit SET number = CASE number WHEN 2 THEN -3 ELSE -2 END"
    " WHERE number IN (2, 3)",
    "the end of the log is cut off": "DELETE FROM audit WHERE number > 5",
    "the whole log is gone": "DELETE FROM audit",
    "an event is edited": "UPDATE events SET document = replace(document, 'Asked', 'Begged')"
    " WHERE target_id = :case AND seq = 3",
    "an event is edited, and no salt says so": "UPDATE events SET salt = NULL,"
    " document = replace(document, 'Asked', 'Begged') WHERE target_id = :case AND seq = 3",
    "an event loses its salt": "UPDATE events SET salt = NULL WHERE target_id = :case AND seq = 1",
    "an event is nothing that can be read": "UPDATE events SET document = '{}'"
    " WHERE target_id = :case AND seq = 2",
    "an event is deleted": "DELETE FROM events WHERE target_id = :case AND seq = 2",
    "all events of a case are deleted": "DELETE FROM events WHERE target_id = :case",
    "an event is added": "INSERT INTO events SELECT target_id, 99, revision, is_case, document,"
    " salt FROM events WHERE target_id = :case AND seq = 2",
    "a case is edited": "UPDATE cases SET document = replace(document, 'Asked', 'Begged')"
    " WHERE id = :case",
    "a case is deleted": "DELETE FROM cases WHERE id = :case",
    "a dispute is deleted": "DELETE FROM disputes",
    "evidence is edited": "UPDATE evidence SET content = :content WHERE target_id = :case",
    "evidence is deleted": "DELETE FROM evidence WHERE target_id = :case",
    "evidence is added": "INSERT INTO evidence SELECT target_id, 'more', content FROM evidence"
    " WHERE target_id = :case",
    "evidence is moved": "UPDATE evidence SET target_id = 'nobody' WHERE target_id = :case",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_shows(database: Database, damage: str) -> None:
    """Nothing of it is undone, and no words of people are told."""
    case, _ = fill(database)
    statement = DAMAGES[damage]
    given = {"case": case, "content": b"{}"}
    spoil(database, statement, **{k: v for k, v in given.items() if f":{k}" in statement})
    if "SET number" in statement:
        spoil(database, "UPDATE audit SET number = -number WHERE number < 0")
    found = problems(database)
    assert found
    assert "Begged" not in repr(found)


def test_a_rewritten_log_has_events_that_do_not_fit(database: Database) -> None:
    """A chain made anew around what is left out has an event that no entry records."""
    case, _ = fill(database)
    spoil(database, "DELETE FROM audit WHERE target = :case", case=case)
    spoil(database, "DELETE FROM cases WHERE id = :case", case=case)
    assert (f"{case}, event 2", "no entry has recorded it") in problems(database)


def test_operators_verify_by_a_command(
    settings: ModerationSettings, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 0 and the head, or with 1 and what is wrong."""
    case, _ = fill(database)
    head = check_books(database.engine).head
    assert run(settings) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{head.number}:{head.hash}"
    spoil(database, "UPDATE cases SET document = '{}' WHERE id = :case", case=case)
    ended = subprocess.run(
        [sys.executable, "-m", "moderation_service", "verify"],
        env={
            "PARLEY_MODERATION_DATABASE_URL": settings.database_url,
            "PARLEY_MODERATION_CREDENTIALS_FILE": str(settings.credentials_file),
            "PARLEY_MODERATION_MESSAGING_CREDENTIAL_FILE": str(settings.credentials_file),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout.splitlines() == [f"{case}: it is not what its events make", "problems: 1"]

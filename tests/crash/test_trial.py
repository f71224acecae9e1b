"""Parts are killed while people talk, bargain and complain: everyone has everything once."""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from moderation_service.domain.case.entities import CaseState
from tests.crash.books import read_books
from tests.crash.checker import check
from tests.crash.history import read_history
from tests.crash.trial import Outcome, Plan, empty_system, run_trial
from tests.support.system import System

KILLS = 20
# `make crash` has more; what is killed, how often and when does not depend on it.
TALKERS = 8
CAUSES = frozenset({"countered", "agreed", "delivered", "reminder", "held"})


@pytest.mark.timeout(600)
async def test_kills_cost_nothing_but_time(system: System) -> None:
    """SIGKILL for the services and the edges at random moments: what was answered as stored is in
    the history once with that seq, seq is dense, and every device has been alerted of everything,
    in order, or recovered it by RESUME. What was answered as done has happened once; services,
    their offers, events and keys agree with each other and with the conversations; both parties
    were told of every change. Reports, decisions and disputes are there once, a service is held
    exactly while its dispute is open, the audit log is whole, and who knew of a mute wrote nothing.
    And the client library told each app all of it once and in order, also apps that were closed
    and started again.
    """
    plan = Plan(KILLS, talkers=TALKERS, seed=secrets.randbelow(2**32), causes=CAUSES)
    outcome = await run_trial(system, plan)
    assert outcome.violations == [], outcome.summary()
    # It was no idle system that was killed.
    assert len(outcome.progress) == KILLS
    assert {name for one in outcome.progress for name in one.strike.victims} == {
        "messaging",
        "negotiation",
        "moderation",
        "edge",
    }
    assert sum(one.under_way > 0 for one in outcome.progress) >= KILLS // 4
    assert outcome.stored > 10 * KILLS
    assert outcome.restarts
    # And deals came to all kinds of ends.
    assert outcome.causes.total() > 3 * KILLS
    assert outcome.causes.keys() >= CAUSES
    # And so did reports: moderators decided some, and people were muted.
    cases = outcome.books.moderation.cases.values()
    assert {one.state for one in cases} >= {CaseState.DECIDED}
    assert any(one.sanctions for one in cases)
    assert outcome.books.moderation.disputes


async def test_a_loss_shows(tmp_path: Path) -> None:
    """The same without a kill, and right; then rows are taken out of the databases."""
    with empty_system(tmp_path) as system:
        outcome = await run_trial(system, Plan(kills=0, talkers=3, seed=1))
        assert outcome.violations == []
        assert await _violations(system, outcome) == set()
        # The longest, so that something is left around the hole.
        lengths = {one: min(map(len, views.values())) for one, views in outcome.history.items()}
        conversation = max(lengths, key=lengths.__getitem__)
        assert lengths[conversation] > 1
        with closing(sqlite3.connect(tmp_path / "messaging.sqlite3")) as database, database:
            database.execute(
                "DELETE FROM messages WHERE conversation_id = ? AND seq = 1", (conversation,)
            )
        assert await _violations(system, outcome) == {"LOST", "HOLE"}
        with closing(sqlite3.connect(tmp_path / "negotiation.sqlite3")) as database, database:
            database.execute("DELETE FROM idempotency_keys")
            database.execute("UPDATE offers SET price = price + 1")
        found = await _violations(system, outcome)
        assert found == {"LOST", "HOLE", "DOUBLED", "OFFERS DIFFER"}
        with closing(sqlite3.connect(tmp_path / "moderation.sqlite3")) as database, database:
            database.execute("UPDATE audit SET actor = 'nobody' WHERE number = 2")
        found = await _violations(system, outcome)
        assert found == {"LOST", "HOLE", "DOUBLED", "OFFERS DIFFER", "AUDIT BROKEN"}


async def _violations(system: System, outcome: Outcome) -> set[str]:
    """The violations that the checker finds now."""
    users = {record.user for record in outcome.recording.values()}
    history = await read_history(system, sorted(users))
    books = read_books(system)
    return {violation.name for violation in check(outcome.recording, history, books)}

"""Parts are killed again and again while people talk, and everyone has everything once."""

import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.checker import check
from tests.crash.history import read_history
from tests.crash.trial import Plan, run_trial
from tests.support.system import System

KILLS = 20


@pytest.fixture
def system(empty_database: str, tmp_path: Path) -> Iterator[System]:
    """A system on an empty database, not started yet."""
    system = System(tmp_path, database_url=empty_database, openings_per_hour=10_000)
    try:
        yield system
    finally:
        system.close()


@pytest.mark.timeout(600)
async def test_kills_cost_nothing_but_time(system: System) -> None:
    """SIGKILL for the messaging service and the edges at random moments: what was answered as
    stored is in the history once with that seq, seq is dense, and every device has been alerted of
    everything, in order, or recovered it by RESUME.
    """
    outcome = await run_trial(system, Plan(KILLS, talkers=20, seed=secrets.randbelow(2**32)))
    assert outcome.violations == [], outcome.summary()
    # It was no idle system that was killed.
    assert len(outcome.progress) == KILLS
    assert {name for one in outcome.progress for name in one.strike.victims} == {
        "messaging",
        "edge",
    }
    assert sum(one.under_way > 0 for one in outcome.progress) >= KILLS // 4
    assert outcome.stored > 10 * KILLS


async def test_a_loss_shows(tmp_path: Path) -> None:
    """The same without a kill, and right; then a message is taken out of the database."""
    system = System(tmp_path, openings_per_hour=10_000)
    try:
        outcome = await run_trial(system, Plan(kills=0, talkers=3, seed=1))
        assert outcome.violations == []
        # The longest, so that something is left around the hole.
        lengths = {one: min(map(len, views.values())) for one, views in outcome.history.items()}
        conversation = max(lengths, key=lengths.__getitem__)
        assert lengths[conversation] > 1
        with sqlite3.connect(system.database) as database:
            database.execute(
                "DELETE FROM messages WHERE conversation_id = ? AND seq = 1", (conversation,)
            )
        users = {record.user for record in outcome.recording.values()}
        history = await read_history(system, sorted(users))
    finally:
        system.close()
    names = {violation.name for violation in check(outcome.recording, history)}
    assert names == {"LOST", "HOLE"}

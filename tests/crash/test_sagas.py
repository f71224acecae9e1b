"""Moderation and negotiation are killed at each step between them, and no deal is left stuck."""

from dataclasses import replace

import pytest

from tests.crash.books import read_books
from tests.crash.sagas.strikes import STEPS, compare
from tests.crash.sagas.trial import run
from tests.support.system import System


@pytest.mark.timeout(300)
async def test_kills_at_each_step_of_a_dispute_cost_nothing_but_time(
    system: System, kind: str
) -> None:
    """M7: SIGKILL for either service or both, before and after each call was carried out, before
    and after its answer was stored, and at the deadlines: a service is held if and only if its
    dispute is open, each thing has happened once in both, and the audit log is whole. Half of the
    steps on each database; `python -m tests.crash.sagas` does all on either.
    """
    steps = STEPS[0::2] if kind == "sqlite" else STEPS[1::2]
    outcome = await run(system, steps, people=2)
    assert outcome.violations == [], outcome.summary()
    assert len(outcome.strikes) == 2 * len(steps) + 2
    assert len(outcome.stories) == 2 * (len(steps) + 1)
    # It would show.
    books = read_books(system)
    dispute, story = next(iter(outcome.stories.items()))
    wrong = outcome.stories | {dispute: replace(story, to_service=("held",), to_dispute=())}
    assert [one.partition(":")[0] for one in compare(books, wrong)] == ["DISPUTE", "SERVICE"]
    del wrong[dispute]
    assert [one.partition(":")[0] for one in compare(books, wrong)] == ["DISPUTES"]

"""The simulation of partitions does as a writer does, and says the same each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.partitions import Costs, carried, main, percentile, run_partition, shares, simulate

COSTS = Costs(transaction_seconds=0.002, message_seconds=0.0001)


@given(st.floats(1, 5_000), st.integers(0, 5))
def test_no_message_is_lost_or_faster_than_its_transaction(rate: float, seed: int) -> None:
    """Alone it takes one transaction; with others never less, and each is committed."""
    outcome = run_partition(rate, 0.2, COSTS, seed)
    alone = COSTS.transaction_seconds + COSTS.message_seconds
    assert all(waited >= alone - 1e-9 for waited in outcome.waited)
    assert outcome.transactions <= len(outcome.waited)


def test_what_gathers_travels_together() -> None:
    """The more arrive the more are in a transaction, and the wait grows by less than that."""
    few, many = (run_partition(rate, 2, COSTS, 1) for rate in (50, 5_000))
    assert len(few.waited) / few.transactions < 1.5
    assert len(many.waited) / many.transactions > 15
    assert percentile(many.waited, 0.5) < 4 * percentile(few.waited, 0.5)


def test_beyond_what_it_commits_the_wait_has_no_end() -> None:
    short, long = (run_partition(2 * COSTS.most_a_second, seconds, COSTS, 1) for seconds in (1, 2))
    assert percentile(long.waited, 0.99) > 1.5 * percentile(short.waited, 0.99)


def test_a_hot_conversation_is_what_a_partition_more_cannot_share() -> None:
    """Alike conversations spread evenly; by Zipf's law the hottest one bounds all."""
    assert max(shares(64, 100_000, 0.0, 1)) < 1.2 / 64
    assert max(shares(64, 100_000, 1.2, 1)) > 5 / 64
    assert sum(shares(64, 1_000, 0.8, 1)) == pytest.approx(1)
    even, skewed = (
        carried(64, COSTS, used=0.5, conversations=50_000, exponent=exponent, seed=1)
        for exponent in (0.0, 1.2)
    )
    assert even > 5 * skewed


def test_the_same_seed_tells_the_same() -> None:
    one, other = (simulate(4, 1_000, 1, COSTS, conversations=100, seed=3) for _ in range(2))
    assert one == other
    assert one.most_used >= one.mean_used


def test_the_program_prints_a_row_for_each_doubling(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--partitions", "4", "--seconds", "0.05", "--conversations", "100"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[2:]] == ["1", "2", "4"]


@pytest.mark.parametrize(
    "bad", [["--partitions", "0"], ["--seconds", "0"], ["--conversations", "0"]]
)
def test_what_makes_no_sense_is_refused(bad: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(bad)
    assert ended.value.code == 2
    assert "above 0" in capsys.readouterr().err

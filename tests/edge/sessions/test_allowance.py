"""Allowances: what may be spent at once and over time, and when it is enough again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sessions.allowance import Allowance


def test_a_burst_and_then_the_rate() -> None:
    """Overdrawn by two at ten a second is enough again after a fifth of a second."""
    allowance = Allowance(rate=10, burst=5, now=0)
    assert [allowance.spend(1, 0) for _ in range(5)] == [0] * 5
    assert allowance.spend(2, 0) == pytest.approx(0.2)
    assert allowance.spend(1, 0.3) == 0
    assert allowance.spend(0.5, 0.3) == pytest.approx(0.05)


def test_no_more_than_a_burst_gathers() -> None:
    """However long nobody spends anything."""
    allowance = Allowance(rate=10, burst=5, now=0)
    assert allowance.spend(5, 1000) == 0
    assert allowance.spend(1, 1000) == pytest.approx(0.1)


def test_what_is_forfeited_is_gone() -> None:
    """The rate goes on, and a debt stays."""
    allowance = Allowance(rate=10, burst=5, now=0)
    allowance.forfeit()
    assert allowance.spend(1, 0) == pytest.approx(0.1)
    allowance.forfeit()
    assert allowance.spend(1, 0) == pytest.approx(0.2)


@given(
    spent=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 3)), max_size=50),
    rate=st.floats(0.5, 20),
    burst=st.floats(1, 50),
)
def test_who_waits_as_told_never_has_more_than_burst_and_rate(
    spent: list[tuple[float, float]], rate: float, burst: float
) -> None:
    """In sum over any time, but for what was under way last."""
    allowance = Allowance(rate, burst, now=0)
    now = total = last = 0.0
    for amount, pause in spent:
        now += pause
        assert total - last <= burst + rate * now + 1e-6
        now += allowance.spend(amount, now)
        total, last = total + amount, amount

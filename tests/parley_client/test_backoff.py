"""Pauses: at random, growing, bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_client.backoff import asked_seconds, pause_seconds
from parley_client.options import Options

OPTIONS = Options(backoff_base_seconds=0.5, backoff_cap_seconds=30, longest_delay_seconds=3600)


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_a_pause_is_between_nothing_and_the_cap(failures: int, chance: float) -> None:
    """Full jitter, however often it failed."""
    assert 0 <= pause_seconds(failures, chance, OPTIONS) <= min(30, 0.5 * 2.0 ** min(failures, 99))


def test_the_first_pause_is_random_already() -> None:
    """Or all clients of a server that went away would come back as one."""
    assert pause_seconds(0, 0.0, OPTIONS) == 0
    assert pause_seconds(0, 0.5, OPTIONS) == 0.25
    assert pause_seconds(0, 0.5, OPTIONS, base_seconds=0.1) == 0.05


@pytest.mark.parametrize(("asked", "least", "most"), [(10, 10, 11), (1e12, 3600, 3960), (0, 0, 0)])
def test_what_a_server_asks_for_is_kept_within_reason(
    asked: float, least: float, most: float
) -> None:
    """Never shorter, a tenth longer at most, and no longer than the longest delay."""
    assert asked_seconds(asked, 0, OPTIONS) == pytest.approx(least)
    assert asked_seconds(asked, 1, OPTIONS) == pytest.approx(most)

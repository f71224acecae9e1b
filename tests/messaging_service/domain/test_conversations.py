"""The rules of opening conversations, by examples and by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain.conversations import check_pair, decide_opening
from messaging_service.domain.limits import HOUR, Limits, Opening
from messaging_service.domain.refusals import Reason


@given(st.lists(st.integers(0, 3 * HOUR), max_size=12), st.integers(1, 5))
def test_the_wait_for_an_opening_is_exact(times: list[int], limit: int) -> None:
    """Refused openings become possible after retry_after, and not a millisecond before."""
    now = 3 * HOUR
    limits = Limits(openings_per_hour=limit)
    refusal = decide_opening(times, now, limits)
    if refusal is None:
        assert sum(time > now - HOUR for time in times) < limit
        return
    assert refusal.reason is Reason.OPENINGS_LIMIT_REACHED
    then = now + refusal.retry_after
    assert decide_opening(times, then, limits) is None
    if refusal.retry_after > 1:
        assert decide_opening(times, then - 1, limits) is not None


def test_where_only_services_open_nobody_else_does() -> None:
    refusal = decide_opening((), 0, Limits(opening=Opening.INTERNAL))
    assert refusal is not None
    assert refusal.reason is Reason.OPENING_NOT_ALLOWED


@pytest.mark.parametrize("pair", [(), ("a",), ("a", "a"), ("a", "b", "c"), ("a", "")])
def test_create_conversation_wants_two_different_people(pair: tuple[str, ...]) -> None:
    refusal = check_pair(pair)
    assert refusal is not None
    assert refusal.field == "participants"

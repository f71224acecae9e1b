"""Origins of changes: the client is told of its own where the answer is lost, and not otherwise."""

from hypothesis import given
from hypothesis import strategies as st

from edge.push.origins import _MOST_LOST, Origins, Own
from tests.edge.scripted import message_event

OWN = Own("messaging", 11, message_event(1))


@given(st.permutations(["event", "end"]), st.booleans())
def test_a_change_is_told_or_answered_and_never_both(order: list[str], lost: bool) -> None:
    origins = Origins()
    origins.begin("s:1")
    told = 0
    for step in order:
        if step == "event":
            told += origins.lacks_answer("s:1", OWN)
        else:
            told += origins.end("s:1", lost=lost) is OWN
    assert told == lost


def test_each_change_counts_for_itself() -> None:
    origins = Origins()
    for origin in ("s:1", "s:2"):
        origins.begin(origin)
    assert origins.end("s:1", lost=True) is None
    assert not origins.lacks_answer("s:2", OWN)
    assert origins.lacks_answer("s:1", OWN)
    assert origins.end("s:2", lost=False) is None


def test_one_that_is_none_of_this_clients_is_never_owed() -> None:
    """As the marks that a PONG makes, which nobody answers."""
    assert not Origins().lacks_answer("s", OWN)


def test_the_oldest_of_too_many_lost_answers_is_forgotten() -> None:
    origins = Origins()
    for number in range(_MOST_LOST + 1):
        origins.begin(f"s:{number}")
        origins.end(f"s:{number}", lost=True)
    assert not origins.lacks_answer("s:0", OWN)
    assert origins.lacks_answer("s:1", OWN)

"""The order of revisions: whatever comes, in any order, is given contiguously and once."""

from hypothesis import given
from hypothesis import strategies as st

from service_kit.watch.in_order import InOrder

MOST = 30
revisions = st.lists(st.integers(1, MOST), max_size=80)


@given(st.permutations(range(1, MOST)), revisions)
def test_any_order_and_repeats_are_given_once_and_in_order(
    order: list[int], repeats: list[int]
) -> None:
    """Nothing is given before what precedes it, and in the end nothing is missing."""
    taken, given_ = InOrder[int](0), []
    for revision, repeat in zip(order, [*repeats, *order], strict=False):
        for one in (revision, min(repeat, revision)):
            turns = taken.take(one, one)
            assert all(item == turn for turn, item in turns)
            given_ += [turn for turn, _ in turns]
            assert given_ == list(range(1, len(given_) + 1))
            assert taken.revision == len(given_)
    missing = set(range(1, MOST)) - set(order) - set(given_)
    for revision in sorted(missing):
        given_ += [turn for turn, _ in taken.take(revision, revision)]
    assert given_ == list(range(1, MOST))
    assert (taken.hole(), len(taken)) == (None, 0)


@given(revisions, revisions)
def test_holes_are_what_is_missing(heard: list[int], expected: list[int]) -> None:
    """To fill the first hole again and again gives everything that is known of."""
    order, given_ = InOrder[int](0), list[int]()
    for revision in heard:
        given_ += [turn for turn, _ in order.take(revision, revision)]
    for revision in expected:
        order.expect(revision)
    known = max([0, *heard, *expected])
    assert order.known == known
    while (hole := order.hole()) is not None:
        after, until = hole
        assert after == len(given_)
        assert after < until
        assert not set(range(after + 1, until + 1)) & set(heard)
        given_ += [turn for turn, _ in order.take(after + 1, after + 1)]
    assert given_ == list(range(1, known + 1))


@given(revisions, st.integers(0, MOST))
def test_what_is_skipped_never_comes(heard: list[int], until: int) -> None:
    """What waited beyond it goes on from there."""
    order, given_ = InOrder[int](0), list[int]()
    for revision in heard:
        given_ += [turn for turn, _ in order.take(revision, revision)]
    before = order.revision
    later = [turn for turn, _ in order.skip(until)]
    assert later == list(range(max(before, until) + 1, order.revision + 1))
    assert set(later) <= set(heard)
    assert order.take(until, until) == []


def test_the_next_of_nothing_waiting_needs_not_be_taken() -> None:
    """Own commits of a replica alone cost a comparison."""
    order = InOrder[str](5)
    assert order.is_next(6)
    assert not order.is_next(6)
    assert not order.is_next(8)
    order.take(8, "eight")
    assert not order.is_next(7)
    assert order.take(7, "seven") == [(7, "seven"), (8, "eight")]
    assert order.is_next(9)

"""How many sockets an edge gives away: until all have their share, and never to and fro."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.sessions.fair_share import Balance, fair_share

PER_SECOND = 10
INTERVAL = 10


class Fleet:
    """Edges that decide by what the others said last, behind a proxy that the test writes."""

    def __init__(self, counts: list[int], seed: int, *, sticky: bool = False) -> None:
        self.counts = list(counts)
        self.reported = list(counts)
        self.balances = [Balance(0.2) for _ in counts]
        self.told = 0
        self._random = random.Random(seed)
        self._sticky = sticky

    def run(self, seconds: int, start: int = 0) -> int:
        """Let time pass; gives how many were told to reconnect meanwhile."""
        before = self.told
        for now in range(start, start + seconds):
            if now % INTERVAL == 0:
                self.reported = list(self.counts)
            for edge, balance in enumerate(self.balances):
                others = [one for at, one in enumerate(self.reported) if at != edge]
                excess = balance.excess(self.counts[edge], 0, others, now)
                for _ in range(min(excess, PER_SECOND)):
                    self._reconnect(edge)
                balance.given += min(excess, PER_SECOND)
                if balance.giving and excess == 0:
                    balance.end(now, 2 * INTERVAL)
        return self.told - before

    def _reconnect(self, edge: int) -> None:
        self.told += 1
        self.counts[edge] -= 1
        to = edge if self._sticky else self._random.randrange(len(self.counts))
        self.counts[to] += 1


@pytest.mark.parametrize(
    ("own", "others", "share"), [(10, [], 10), (10, [0], 5), (11, [0], 6), (3, [3, 3], 3)]
)
def test_the_share_is_the_same_for_all(own: int, others: list[int], share: int) -> None:
    """Rounded up, so that nobody gives away what another would have to give back."""
    assert fair_share(own, others) == share


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 1_000), min_size=2, max_size=6),
    st.integers(0, 1_000),
)
def test_sockets_spread_and_then_stay(counts: list[int], seed: int) -> None:
    """In the end nobody is far beyond the share, nobody was lost, and all is quiet."""
    fleet = Fleet(counts, seed)
    fleet.run(1_000)
    share = fair_share(counts[0], counts[1:])
    assert sum(fleet.counts) == sum(counts)
    assert max(fleet.counts) <= share + max(10, 0.2 * share) + 1
    assert fleet.run(500, 1_000) == 0


@settings(max_examples=10)
@given(st.integers(0, 1_000))
def test_edges_that_are_nearly_even_give_nothing_away(seed: int) -> None:
    """A proxy that chooses by chance never makes them quite even."""
    fleet = Fleet([1_000, 1_150, 950], seed)
    assert fleet.run(200) == 0


def test_who_comes_back_to_the_same_edge_is_sent_away_less_and_less() -> None:
    """Where the proxy keeps clients to an edge, giving away helps nobody."""
    fleet = Fleet([500, 0], 1, sticky=True)
    first = fleet.run(600)
    assert 250 <= first <= 1_500
    assert fleet.run(3_600, 3_600) <= 750


@pytest.mark.parametrize("seed", range(20))
def test_a_proxy_that_chooses_by_chance_is_not_taken_for_one_that_keeps_clients(seed: int) -> None:
    """Of two edges it takes half of those who were told back, and now and then more of them."""
    fleet = Fleet([41, 0], seed)
    fleet.run(200)
    assert [one.came_back for one in fleet.balances] == [0, 0]


def test_without_others_nothing_is_given_away() -> None:
    """Nobody is there to take it."""
    assert Balance(0.2).excess(20_000, 0, [], 0) == 0

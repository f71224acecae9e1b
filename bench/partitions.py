"""Simulation of partitions past one PostgreSQL: `python -m bench.partitions`.

Each partition is a database with a writer that commits what has gathered, one transaction after
the other, as Parley's writer does; a conversation belongs to one partition, by its id.
Conversations are not alike: how much is written in each follows Zipf's law. The costs are those
that `python -m bench` has measured on one machine (docs/scaling.md), and can be given. It tells
what no single machine can run: how evenly 64 partitions are used, what a hot conversation does, how
long a message waits, and what an edge pays for following all of them.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

# As Parley's writer has it.
_MOST_IN_ONE_TRANSACTION = 2_000
# Of an edge: what a report of progress takes to be read, and how often each stream brings one.
_PROGRESS_MICROSECONDS = 100.0
_PROGRESS_SECONDS = 2.0


@dataclass(frozen=True)
class Costs:
    """Measured times: of a transaction whatever is in it, and of each message in it, in seconds."""

    transaction_seconds: float
    message_seconds: float

    @property
    def most_a_second(self) -> float:
        """Messages that one partition commits a second when its transactions are full."""
        full = self.transaction_seconds + _MOST_IN_ONE_TRANSACTION * self.message_seconds
        return _MOST_IN_ONE_TRANSACTION / full


class Outcome(NamedTuple):
    """Of one partition: its transactions, and how long each message took from its arrival to its
    commit, in seconds.
    """

    transactions: int
    waited: list[float]


def shares(partitions: int, conversations: int, exponent: float, seed: int) -> list[float]:
    """The share of all messages that each partition gets: conversations by Zipf's law, each put
    into one at random, as a hash does.
    """
    chance = random.Random(seed)
    weights = [0.0] * partitions
    for rank in range(1, conversations + 1):
        weights[chance.randrange(partitions)] += rank**-exponent
    total = sum(weights)
    return [weight / total for weight in weights]


def run_partition(rate: float, seconds: float, costs: Costs, seed: int) -> Outcome:
    """One partition under `rate` messages a second, which arrive at random (Poisson)."""
    chance = random.Random(seed)
    arrivals: list[float] = []
    now = 0.0
    while rate > 0 and (now := now + chance.expovariate(rate)) < seconds:
        arrivals.append(now)
    waited: list[float] = []
    free_at = 0.0
    done = transactions = 0
    while done < len(arrivals):
        # Nobody waits for a timer: a transaction begins with what is there, at least one.
        begin = max(free_at, arrivals[done])
        end = done
        while (
            end < len(arrivals) and end - done < _MOST_IN_ONE_TRANSACTION and arrivals[end] <= begin
        ):
            end += 1
        free_at = begin + costs.transaction_seconds + (end - done) * costs.message_seconds
        waited += [free_at - arrivals[one] for one in range(done, end)]
        transactions += 1
        done = end
    return Outcome(transactions, waited)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


class Report(NamedTuple):
    """The row of one number of partitions; `used` are parts of what one can commit at most."""

    partitions: int
    offered: float
    busiest_share: float
    mean_used: float
    most_used: float
    in_a_transaction: float
    p50_ms: float
    p99_ms: float
    busiest_p99_ms: float
    edge_idle_percent: float


def simulate(
    partitions: int,
    rate: float,
    seconds: float,
    costs: Costs,
    *,
    conversations: int = 200_000,
    exponent: float = 0.8,
    seed: int = 1,
) -> Report:
    """All partitions together under `rate` messages a second."""
    parts = shares(partitions, conversations, exponent, seed)
    outcomes = [
        run_partition(rate * share, seconds, costs, seed + number)
        for number, share in enumerate(parts)
    ]
    waited = [one for outcome in outcomes for one in outcome.waited]
    busiest = outcomes[parts.index(max(parts))]
    transactions = sum(outcome.transactions for outcome in outcomes)
    return Report(
        partitions,
        rate,
        max(parts),
        rate / partitions / costs.most_a_second,
        rate * max(parts) / costs.most_a_second,
        len(waited) / max(1, transactions),
        percentile(waited, 0.5) * 1000,
        percentile(waited, 0.99) * 1000,
        percentile(busiest.waited, 0.99) * 1000,
        partitions * _PROGRESS_MICROSECONDS / _PROGRESS_SECONDS / 10_000,
    )


def carried(
    partitions: int, costs: Costs, *, used: float, conversations: int, exponent: float, seed: int
) -> float:
    """Messages a second with which the busiest partition commits that part of what it can."""
    most = max(shares(partitions, conversations, exponent, seed))
    return used * costs.most_a_second / most


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each number of partitions, up to those asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.partitions",
        description="Simulate partitions, each a PostgreSQL of its own, with measured costs.",
    )
    parser.add_argument("--partitions", type=int, default=64, help="at most (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each (%(default)s)")
    parser.add_argument(
        "--rate",
        type=float,
        help="messages a second (what has the busiest commit half of what it can)",
    )
    parser.add_argument("--conversations", type=int, default=200_000, help="(%(default)s)")
    parser.add_argument(
        "--exponent", type=float, default=0.8, help="of Zipf's law; 0: all alike (%(default)s)"
    )
    parser.add_argument(
        "--transaction-us", type=float, default=2_000, help="of a transaction (%(default)s)"
    )
    parser.add_argument(
        "--message-us", type=float, default=90, help="of a message in it (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    given = parser.parse_args(arguments)
    if given.partitions < 1 or given.seconds <= 0 or given.conversations < 1:
        parser.error("partitions, seconds and conversations are above 0")
    costs = Costs(given.transaction_us / 1e6, given.message_us / 1e6)
    print(
        f"a partition commits at most {costs.most_a_second:,.0f} messages a second;"
        f" {given.conversations:,} conversations, Zipf {given.exponent}"
    )
    print(
        "partitions  offered/s  busiest's share  used mean/most  in a transaction"
        "  p50 ms  p99 ms  busiest p99 ms  an edge's idle CPU"
    )
    for partitions in accumulate([1] + [2] * 30, lambda before, times: before * times):
        if partitions > given.partitions:
            break
        rate = given.rate or carried(
            partitions,
            costs,
            used=0.5,
            conversations=given.conversations,
            exponent=given.exponent,
            seed=given.seed,
        )
        told = simulate(
            partitions,
            rate,
            given.seconds,
            costs,
            conversations=given.conversations,
            exponent=given.exponent,
            seed=given.seed,
        )
        print(
            f"{told.partitions:10}  {told.offered:9,.0f}  {told.busiest_share:14.1%}"
            f"  {told.mean_used:7.0%} /{told.most_used:5.0%}  {told.in_a_transaction:16.1f}"
            f"  {told.p50_ms:6.1f}  {told.p99_ms:6.1f}  {told.busiest_p99_ms:14.1f}"
            f"  {told.edge_idle_percent:17.1f} %"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""An open loop: messages come when they are due, whether or not those before have been answered.

Arrivals are a Poisson process of a given rate over all pairs, and latency counts from when a
message was due: a system that stalls is charged for all who would have written meanwhile.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from itertools import cycle

import msgspec

from bench.alarm import Alarm
from bench.driver import Crowd, Person
from bench.measurements.load import (
    WARM_UP_SECONDS,
    cost_figures,
    driver_figure,
    own_cpu_seconds,
    until,
    users,
)
from bench.report.figures import Figure, latencies
from bench.report.plots import Point
from bench.systems.system import System

# When the messages of so many seconds wait, the system cannot keep up; no more are offered then.
_BEHIND_SECONDS = 1.0
# At the lowest rates a second has few messages.
_BEHIND_MESSAGES = 100
# Nor does it keep up when all is done so much later than the last message was due.
_LATE_SHARE = 0.1
_LATE_SECONDS = 0.1


class _Counts:
    """Counters shared by all pairs of a round; `begin_ns` is when the measured part begins."""

    def __init__(self, rate: float) -> None:
        self.behind = max(_BEHIND_MESSAGES, round(rate * _BEHIND_SECONDS))
        self.begin_ns = 0
        self.sent = self.stored = self.told = self.measured = 0
        self.to_stored_ns: list[int] = []
        self.to_alert_ns: list[int] = []
        self.late_ns: list[int] = []
        self.going = True
        self.settled = asyncio.Event()

    @property
    def waiting(self) -> int:
        return self.sent - min(self.stored, self.told)

    def settle(self) -> None:
        if not self.going and self.sent == self.stored == self.told:
            self.settled.set()

    def missing(self) -> str:
        return f"of {self.sent} messages {self.stored} were stored and {self.told} alerted"


class _Talker(Person):
    """Writes to its partner when that is due; confirms as apps do, by the PONG to a PING."""

    def __init__(self, user: str, partner: str, counts: _Counts) -> None:
        super().__init__(user)
        self.partner = partner
        self.counts = counts
        self.due_ns: dict[int, int] = {}

    def write_due(self, due_ns: int, filler: str) -> None:
        counts = self.counts
        counts.sent += 1
        if due_ns >= counts.begin_ns:
            counts.measured += 1
            counts.late_ns.append(time.perf_counter_ns() - due_ns)
        self.due_ns[self.write(self.partner, f"{due_ns} {filler}")] = due_ns

    def on_answer(self, re: int, d: msgspec.Raw) -> None:  # noqa: ARG002 - all answers are alike
        counts = self.counts
        counts.stored += 1
        due_ns = self.due_ns.pop(re)
        if due_ns >= counts.begin_ns:
            counts.to_stored_ns.append(time.perf_counter_ns() - due_ns)
        counts.settle()

    def on_alert(self, sender: str, text: str, cursor: str | None) -> None:  # noqa: ARG002
        counts = self.counts
        if sender != self.partner:
            self.crowd.fail(f"{self.user} is told of a message of {sender}")
        counts.told += 1
        due_ns = int(text.partition(" ")[0])
        if due_ns >= counts.begin_ns:
            counts.to_alert_ns.append(time.perf_counter_ns() - due_ns)
        counts.settle()


class _Arrivals:
    """Messages at the times of a Poisson process, until a time or until nobody can keep up."""

    def __init__(
        self, talkers: list[_Talker], counts: _Counts, rate: float, end_ns: int, text: int
    ) -> None:
        self._counts = counts
        self._end_ns = end_ns
        self._filler = "x" * text
        self._rate = rate
        # Everybody in turn, in an order of which the pairs know nothing.
        self._talkers = cycle(random.sample(talkers, len(talkers)))
        self._next_ns = time.perf_counter_ns()
        self.ended = asyncio.Event()
        # Whether it ended because the time was up.
        self.in_time = False
        self._alarm = Alarm(self._write_due)
        self._pass()
        self._alarm.set(self._next_ns)

    def _pass(self) -> None:
        self._next_ns += round(random.expovariate(self._rate) * 1e9)

    def _write_due(self) -> None:
        now_ns = time.perf_counter_ns()
        while self._next_ns <= now_ns:
            self.in_time = self._next_ns >= self._end_ns
            if self.in_time or self._counts.waiting > self._counts.behind:
                self.ended.set()
                return
            next(self._talkers).write_due(self._next_ns, self._filler)
            self._pass()
        self._alarm.set(self._next_ns)

    def close(self) -> None:
        self._alarm.close()


_KEPT_UP = "kept up"
_TO_ALERT = "due to alert"


def at(rate: float, name: str) -> str:
    """The name of a figure at a rate, where several are measured."""
    return f"{rate:g}/s: {name}"


def kept_up(figures: Sequence[Figure]) -> bool:
    """Whether the system could keep up in this round."""
    return any(one.name == _KEPT_UP and one.value == 100 for one in figures)


def points(rounds: Sequence[Sequence[Figure]], rates: Sequence[float]) -> list[Point]:
    """The points of a plot: medians of the rounds of all rates, up to the first that was too much
    in one of them.
    """
    found: list[Point] = []
    for rate in rates:
        p50, p99 = (
            [
                figure.value
                for figures in rounds
                for figure in figures
                if figure.name == at(rate, f"{_TO_ALERT}, {share}")
            ]
            for share in ("p50", "p99")
        )
        if len(p50) < len(rounds):
            return [*found, Point(rate, None, None)]
        found.append(Point(rate, statistics.median(p50), statistics.median(p99)))
    return found


async def measure(
    system: System, name: str, *, rate: float, pairs: int, seconds: float, text: int
) -> list[Figure]:
    """One round at one rate, in messages a second. `name` keeps its people apart from others.

    Of a system that cannot keep up there is no latency: it has as much as one waits for. Raises
    RuntimeError when a message was refused, lost, or alerted twice.
    """
    counts = _Counts(rate)
    talkers = [
        _Talker(user, partner, counts)
        for number in range(pairs)
        for user, partner in (users(name, number), users(name, number)[::-1])
    ]
    async with Crowd(system) as crowd:
        await crowd.join(talkers)
        # Each has a conversation, for who writes at this rate is no stranger to the system.
        await _open(crowd, talkers, counts)
        await _offer(crowd, talkers, counts, rate, WARM_UP_SECONDS, text)
        counts.begin_ns = time.perf_counter_ns()
        before, own, start = system.used(), own_cpu_seconds(), time.perf_counter()
        in_time = await _offer(crowd, talkers, counts, rate, seconds, text)
        elapsed = time.perf_counter() - start
        kept_up = in_time and elapsed < seconds * (1 + _LATE_SHARE) + _LATE_SECONDS
        if not counts.to_alert_ns:
            raise RuntimeError(f"{system.name}: nothing was due in {seconds} s at {rate}/s")
        used = system.cpu_seconds() - sum(one.cpu_seconds for one in before.values())
        return [
            Figure("stored and told", "/s", counts.measured / elapsed),
            Figure(_KEPT_UP, "%", 100 if kept_up else 100 * counts.measured / elapsed / rate),
            *(latencies(_TO_ALERT, counts.to_alert_ns) if kept_up else ()),
            *(latencies("due to stored", counts.to_stored_ns) if kept_up else ()),
            *cost_figures(system, before, counts.measured, "a message"),
            Figure("core used", "%", used / elapsed * 100),
            Figure("driver late, p99", "ms", latencies("", counts.late_ns)[1].value),
            driver_figure(own, elapsed),
        ]


async def _open(crowd: Crowd, talkers: list[_Talker], counts: _Counts) -> None:
    counts.begin_ns = time.perf_counter_ns() + 3_600_000_000_000
    for talker in talkers[::2]:
        talker.write_due(0, "")
    await _settled(crowd, counts)


async def _offer(
    crowd: Crowd, talkers: list[_Talker], counts: _Counts, rate: float, seconds: float, text: int
) -> bool:
    """Offer messages, until the time is up (True) or too many wait; return when all are told."""
    end_ns = time.perf_counter_ns() + round(seconds * 1e9)
    arrivals = _Arrivals(talkers, counts, rate, end_ns, text)
    try:
        await crowd.wait(arrivals.ended.wait())
    finally:
        arrivals.close()
    await _settled(crowd, counts)
    return arrivals.in_time


async def _settled(crowd: Crowd, counts: _Counts) -> None:
    counts.going = False
    counts.settled.clear()
    counts.settle()
    await until(crowd, counts.settled, counts.missing)
    counts.going = True

"""How many packets a user may send, for every rate, burst and way of sending; and bad ones."""

from hypothesis import given
from hypothesis import strategies as st

from edge.sessions.rate_limit import BadPackets, Rate, Refusals

RATES = st.floats(0.1, 1e5)
BURSTS = st.integers(1, 500)
STARTS = st.floats(0, 1e6)
PAUSES = st.lists(st.floats(0, 3), max_size=200)


class Bucket(Rate):
    """A rate as it is met by the only socket of a user."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        super().__init__(rate, burst, now)
        self.refusals = Refusals()

    def take(self, now: float) -> int:
        retry_after_ms = super().take(now)
        if retry_after_ms:
            self.refusals.refused(now, retry_after_ms)
        else:
            self.refusals.passed(now)
        return retry_after_ms


def seconds(milliseconds: int) -> float:
    return milliseconds / 1000


@given(RATES, BURSTS, STARTS)
def test_exactly_the_burst_passes_at_once(rate: float, burst: int, start: float) -> None:
    """The first after it is refused, and told a time."""
    bucket = Bucket(rate, burst, start)
    assert [bucket.take(start) for _ in range(burst)] == [0] * burst
    assert bucket.take(start) > 0


@given(RATES, BURSTS, STARTS, PAUSES)
def test_in_any_time_no_more_than_the_burst_and_the_rate_pass(
    rate: float, burst: int, start: float, pauses: list[float]
) -> None:
    """Between any two moments, however the packets are spread."""
    bucket = Bucket(rate, burst, start)
    now = start
    passed: list[float] = []
    for pause in pauses:
        now += pause
        if bucket.take(now) == 0:
            passed.append(now)
    for index, first in enumerate(passed):
        for count, last in enumerate(passed[index:], 1):
            assert count <= burst + (last - first) * rate + 1e-3


@given(RATES, BURSTS, STARTS, PAUSES)
def test_whoever_waits_as_told_passes(
    rate: float, burst: int, start: float, pauses: list[float]
) -> None:
    """A refused packet that comes back at its time is not refused again, and forgiven."""
    bucket = Bucket(rate, burst, start)
    now = start
    for pause in pauses:
        now += pause
        retry_after = bucket.take(now)
        if retry_after:
            now += seconds(retry_after)
            assert bucket.take(now) == 0
            assert bucket.refusals.count == 0


@given(st.floats(1, 1000), st.integers(1, 100), STARTS, st.data())
def test_all_that_were_refused_pass_when_each_comes_back_at_its_own_time(
    rate: float, burst: int, start: float, data: st.DataObject
) -> None:
    """As long as no more were refused than a burst, for the time ahead is bounded."""
    bucket = Bucket(rate, burst, start)
    for _ in range(burst):
        bucket.take(start)
    count = data.draw(st.integers(1, burst))
    told = [bucket.take(start) for _ in range(count)]
    assert told == sorted(told)
    assert [bucket.take(start + seconds(retry_after)) for retry_after in told] == [0] * count
    assert bucket.refusals.count == 0


@given(RATES, BURSTS, STARTS, st.integers(1, 2000))
def test_nobody_is_told_to_wait_longer_than_a_burst_takes_to_gather(
    rate: float, burst: int, start: float, flood: int
) -> None:
    """However many were refused."""
    bucket = Bucket(rate, burst, start)
    told = [bucket.take(start) for _ in range(burst + flood)]
    assert max(told) <= burst / rate * 1000 + 2


def test_a_flood_is_counted_although_some_of_it_passes() -> None:
    """1,000 a second where 100 are allowed: never does it wait as told."""
    bucket = Bucket(100, 500, 0)
    refused = sum(bucket.take(number / 1000) > 0 for number in range(2000))
    assert refused == bucket.refusals.count == 2000 - 500 - 199


def test_whoever_slows_down_a_little_is_refused_and_forgiven() -> None:
    """150 a second where 100 are allowed: after each refusal comes the pause that it asks for."""
    bucket = Bucket(100, 1, 0)
    assert sum(bucket.take(number / 150) > 0 for number in range(3000)) > 900
    assert bucket.refusals.count < 10


def test_whoever_is_charged_waits_for_longer() -> None:
    """Also when it is more than there was."""
    rate = Rate(10, 20, 0)
    rate.charge(0, 25)
    assert rate.take(0) == 601
    assert rate.take(0.6) == 0


def test_too_many_bad_packets_within_a_minute() -> None:
    """They need not follow one another at once."""
    packets = BadPackets(3, 100.0)
    assert [packets.add(now) for now in (100.0, 130.0, 160.0)] == [False, False, True]


def test_a_later_minute_counts_bad_packets_anew() -> None:
    """A client that is wrong now and then is not closed for it."""
    packets = BadPackets(2, 100.0)
    assert not packets.add(110.0)
    assert not packets.add(161.0)
    assert packets.add(162.0)

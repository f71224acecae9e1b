"""The open loop is what it says: alarms are exact, and latency is told only where there is one."""

import asyncio
import time
from pathlib import Path

import pytest

from bench.alarm import Alarm
from bench.measurements import offered
from bench.report.figures import Figure
from bench.report.plots import Point, draw
from tests.support.waiting import PATIENCE


async def test_an_alarm_rings_at_its_time_and_not_before() -> None:
    """Once for each time that is set; one that is over rings at once."""
    rung: asyncio.Queue[int] = asyncio.Queue()
    alarm = Alarm(lambda: rung.put_nowait(time.perf_counter_ns()))
    try:
        for milliseconds in (5, 0.3, -10):
            at_ns = time.perf_counter_ns() + round(milliseconds * 1e6)
            alarm.set(at_ns)
            async with asyncio.timeout(PATIENCE):
                assert await rung.get() >= at_ns
        assert rung.empty()
    finally:
        alarm.close()


async def test_a_new_time_takes_the_place_of_the_one_before() -> None:
    """Nobody hears of the old one."""
    rung: asyncio.Queue[int] = asyncio.Queue()
    alarm = Alarm(lambda: rung.put_nowait(time.perf_counter_ns()))
    try:
        alarm.set(time.perf_counter_ns() + 3_600_000_000_000)
        alarm.set(time.perf_counter_ns())
        async with asyncio.timeout(PATIENCE):
            await rung.get()
        assert rung.empty()
    finally:
        alarm.close()


def measured(rate: float, p50: float, p99: float) -> list[Figure]:
    found = (("p50", p50), ("p99", p99))
    return [Figure(offered.at(rate, f"due to alert, {share}"), "ms", ms) for share, ms in found]


def test_points_are_medians_up_to_where_a_system_cannot_keep_up() -> None:
    """One round that was too much is enough: a system that keeps up now and then does not."""
    rounds = [
        [*measured(200, 3, 9), *measured(1000, 5, 50)],
        [*measured(200, 1, 7)],
        [*measured(200, 2, 8), *measured(1000, 5, 50)],
    ]
    assert offered.points(rounds, [200, 1000, 2000]) == [Point(200, 2, 8), Point(1000, None, None)]


@pytest.mark.parametrize(
    "points",
    [
        [Point(200, 2.0, 8.0), Point(1000, None, None)],
        [Point(200, None, None)],
        [Point(200, 2.0, 8.0), Point(1000, 5.0, 50.0)],
    ],
    ids=["ends", "never", "goes-on"],
)
def test_a_plot_is_a_picture(points: list[Point], tmp_path: Path) -> None:
    """Of several systems, of which some go no further, and the same for the same figures."""
    systems = {"parley": [Point(200, 1.0, 2.0), Point(1000, 2.0, 3.0)], "baseline": points}
    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for path in paths:
        draw(path, "Latency over load", systems)
    one, two = (path.read_bytes() for path in paths)
    assert one.startswith(b"\x89PNG")
    assert one == two

"""Plots of latency over load, as pictures: how far each system goes, and how fast it is there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import LogLocator, NullLocator

_INCHES = (10.0, 4.2)
_DOTS_PER_INCH = 110
# The same system has the same colour in each picture.
_COLOURS = {"parley": "#0b6e4f", "baseline": "#c8553d", "asyncpg": "#588b8b", "node": "#8f5db7"}
_OTHER = "#555555"


class Point(NamedTuple):
    """One rate, in messages a second, and the latencies there in milliseconds: None of a system
    that could not keep up.
    """

    rate: float
    p50: float | None
    p99: float | None


def _line(axes: Axes, name: str, points: Sequence[Point], values: Sequence[float | None]) -> None:
    colour = _COLOURS.get(name, _OTHER)
    known = [(one.rate, value) for one, value in zip(points, values, strict=True) if value]
    axes.plot(*zip(*known, strict=True), color=colour, marker="o", markersize=3.5, label=name)
    beyond = [one.rate for one, value in zip(points, values, strict=True) if value is None]
    if beyond:
        # Where it ends: at the next rate it did not keep up.
        axes.plot(*known[-1], color=colour, marker="x", markersize=9, markeredgewidth=2)


def draw(path: Path, title: str, systems: Mapping[str, Sequence[Point]]) -> None:
    """Draw a picture (PNG): p50 and p99 of each system over the offered rate."""
    with mpl.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3}):
        picture = Picture(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
        for axes, share in zip(picture.subplots(1, 2, sharex=True), ("p50", "p99"), strict=True):
            for name, points in systems.items():
                values = [getattr(one, share) for one in points]
                if any(values):
                    _line(axes, name, points, values)
            axes.set(xscale="log", yscale="log", xlabel="messages offered a second")
            axes.set(ylabel=f"due to alert, {share}, ms")
            for axis, numbers in ((axes.xaxis, "{x:,.0f}"), (axes.yaxis, "{x:,g}")):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter(numbers)
                axis.set_minor_locator(NullLocator())
            if axes.lines:
                axes.legend()
        picture.suptitle(f"{title} (x: keeps up no further)")
        # Nothing of the machine or the time in the file: the same figures give the same picture.
        picture.savefig(path, metadata={"Software": None})

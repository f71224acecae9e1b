"""Figures of rounds, and the table that a person reads: median and spread, side by side."""

import statistics
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple


class Figure(NamedTuple):
    """One figure of one round. Of rates and counts the table shows ratios, of "ms" differences."""

    name: str
    unit: str
    value: float


_RATIOS = ("/s", "us", "KiB", "MiB", "")


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of `values` lies, one of them (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latencies(name: str, delays_ns: Sequence[int]) -> list[Figure]:
    """The three figures of a latency, in milliseconds, of delays in nanoseconds."""
    shares = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    return [Figure(f"{name}, {word}", "ms", quantile(delays_ns, at) / 1e6) for word, at in shares]


def _written(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _spread(values: Sequence[float], sign: str = "") -> str:
    median = sign + _written(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} ({_written(min(values))} to {_written(max(values))})"


def _compared(unit: str, ours: Mapping[int, float], theirs: Mapping[int, float]) -> str:
    pairs = [(ours[number], theirs[number]) for number in ours if number in theirs]
    if not pairs:
        return ""
    if unit == "ms":
        differences = [one - other for one, other in pairs]
        return _spread(differences, "+" if statistics.median(differences) > 0 else "")
    if unit not in _RATIOS or not all(other for _, other in pairs):
        return ""
    return _spread([one / other for one, other in pairs], "x ")


Row = tuple[str, str]
"""The name and the unit of a figure."""

Cells = dict[Row, dict[str, dict[int, float]]]
"""Values by row, by column, and by the number of the round, in which a column may have none."""


def cells_of(columns: Mapping[str, Sequence[Sequence[Figure]]]) -> Cells:
    """The cells of a table, of the rounds of each column."""
    rows: Cells = {}
    for column, rounds in columns.items():
        for number, figures in enumerate(rounds):
            for figure in figures:
                row = rows.setdefault((figure.name, figure.unit), {})
                row.setdefault(column, {})[number] = figure.value
    return rows


def table(
    title: str,
    columns: Mapping[str, Sequence[Sequence[Figure]]],
    *,
    compared: bool = True,
    more: Mapping[str, Mapping[Row, str]] = MappingProxyType({}),
) -> str:
    """Lines of text: a row for each figure, a column for each of `columns`, which hold rounds.

    If `compared`, the first is compared with each of the others, each round with the one that ran
    beside it. Columns of text that is known already are given as `more`, by their heads.
    """
    names = list(columns)
    others = names[1:] if compared else []
    lines = [["", "unit", *names, *(f"{names[0]} : {other}" for other in others), *more]]
    for (name, unit), cells in cells_of(columns).items():
        shown = (_spread([*cells[one].values()]) if one in cells else "-" for one in names)
        ours = cells.get(names[0], {})
        beside = (_compared(unit, ours, cells.get(other, {})) for other in others)
        added = (column.get((name, unit), "") for column in more.values())
        lines.append([name, unit, *shown, *beside, *added])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    written = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([title, *(f"  {line}" for line in written)])

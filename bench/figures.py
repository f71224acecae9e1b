"""Figures of rounds, and the table that a person reads: median and spread, side by side."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One figure of one round. Of rates the table shows ratios, of "ms" differences."""

    name: str
    unit: str
    value: float


_RATIOS = ("/s", "us", "KiB", "MiB")


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


def _compared(unit: str, ours: Sequence[float], theirs: Sequence[float]) -> str:
    pairs = list(zip(ours, theirs, strict=True))
    if unit == "ms":
        differences = [one - other for one, other in pairs]
        return _spread(differences, "+" if statistics.median(differences) > 0 else "")
    if unit not in _RATIOS or not all(other for _, other in pairs):
        return ""
    return _spread([one / other for one, other in pairs], "x ")


def table(title: str, columns: Mapping[str, Sequence[Sequence[Figure]]]) -> str:
    """Lines of text: a row for each figure, a column for each of `columns`, which hold rounds.

    Two columns that have the same figure are compared, each round with the one that ran beside it.
    """
    rows: dict[tuple[str, str], dict[str, list[float]]] = {}
    for column, rounds in columns.items():
        for figure in (figure for one in rounds for figure in one):
            cells = rows.setdefault((figure.name, figure.unit), {})
            cells.setdefault(column, []).append(figure.value)
    names = list(columns)
    heads = ["", "unit", *names]
    if len(names) > 1:
        heads.append(f"{names[0]} : {names[-1]}")
    lines = [heads]
    for (name, unit), cells in rows.items():
        line = [name, unit, *(_spread(cells[one]) if one in cells else "-" for one in names)]
        if len(names) > 1:
            both = names[0] in cells and names[-1] in cells
            line.append(_compared(unit, cells[names[0]], cells[names[-1]]) if both else "")
        lines.append(line)
    widths = [max(len(line[index]) for line in lines) for index in range(len(heads))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([title, *(f"  {line}" for line in shown)])

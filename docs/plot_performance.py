"""The plot of costs, pictures/cost.svg, drawn from the figures in performance.md.

`python docs/plot_performance.py` writes it; with --check it fails when the figures say otherwise.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markers import run

_DOCS = Path(__file__).resolve().parent
_PICTURE = _DOCS / "pictures" / "cost.svg"
_SYSTEMS = ("Parley, SQLite", "baseline, SQLite", "Parley, PostgreSQL", "baseline, PostgreSQL")
# Columns of these in the table of performance.md.
_COLUMNS = (1, 2, 4, 5)
# A colour for each process, with a contrast of 3 to 1 on white, also to who sees no red.
_COLOURS = {"": "#0b5d57", "messaging": "#0b5d57", "edge": "#c2570c", "database": "#5b5f97"}
_WIDTH, _LEFT, _BAR, _GAP, _SCALE = 760, 160, 18, 6, 500


class Panel(NamedTuple):
    """A measurement: the row of the table, and how it is called here."""

    row: str
    title: str


_PANELS = (
    Panel("stored a second", "Messages stored and delivered a second, 50 pairs (more is better)"),
    Panel("CPU a message there", "Processor time of a message, in microseconds (less is better)"),
    Panel("memory of an idle socket", "Memory of an idle socket, in KiB (less is better)"),
)


def _row(document: str, name: str) -> list[str]:
    """The cells of the row whose first begins so."""
    for line in document.splitlines():
        if line.startswith(f"| {name}"):
            return [cell.strip() for cell in line.strip("|").split("|")]
    raise ValueError(f"performance.md has no row {name!r}")


def _parts(cell: str) -> list[tuple[str, float]]:
    """Amounts by process: "36 messaging, 35 edge"; one that names none is of the only one."""
    numbers = re.sub(r"(?<=\d),(?=\d{3}\b)", "", cell)
    return [
        (process, float(amount)) for amount, process in re.findall(r"([\d.]+)\s*(\w*)", numbers)
    ]


def _bars(rows: list[list[tuple[str, float]]], top: int) -> Iterator[str]:
    most = max(sum(amount for _, amount in parts) for parts in rows)
    for place, (system, parts) in enumerate(zip(_SYSTEMS, rows, strict=True)):
        y = top + place * (_BAR + _GAP)
        middle = y + _BAR * 0.72
        yield f'<text x="{_LEFT - 8}" y="{middle:.0f}" text-anchor="end">{system}</text>'
        x = float(_LEFT)
        opacity = ' opacity="0.45"' if system.startswith("baseline") else ""
        for process, amount in parts:
            width = amount / most * _SCALE
            yield (
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}"'
                f' fill="{_COLOURS[process]}"{opacity}/>'
            )
            x += width
        total = sum(amount for _, amount in parts)
        yield f'<text x="{x + 6:.1f}" y="{middle:.0f}">{total:,.10g}</text>'


def _legend(y: int) -> Iterator[str]:
    x = _LEFT
    for process in ("messaging", "edge", "database"):
        yield f'<rect x="{x}" y="{y}" width="12" height="12" fill="{_COLOURS[process]}"/>'
        yield f'<text x="{x + 18}" y="{y + 10}">{process}</text>'
        x += 110
    yield f'<text x="{x}" y="{y + 10}">pale: the baseline, in one process</text>'


def draw(document: str) -> str:
    """The picture of the figures of a document."""
    lines: list[str] = []
    y = 8
    for row, title in _PANELS:
        cells = _row(document, row)
        lines.append(f'<text x="{_LEFT}" y="{y + 14}" font-weight="bold">{title}</text>')
        lines += _bars([_parts(cells[column]) for column in _COLUMNS], y + 24)
        y += 24 + len(_SYSTEMS) * (_BAR + _GAP) + 16
    lines += _legend(y)
    height = y + 24
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}" role="img" font-family="sans-serif"'
        ' font-size="13" fill="#17201f">'
    )
    return "\n".join(
        [
            frame,
            "<title>What Parley costs beside a server without its guarantees</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            *lines,
            "</svg>\n",
        ]
    )


def main() -> int:
    """Write the picture, or compare it; returns the exit status."""
    document = (_DOCS / "performance.md").read_text("utf-8")
    return run(_PICTURE, lambda _: draw(document), sys.argv[1:], "plot_performance.py")


if __name__ == "__main__":
    sys.exit(main())

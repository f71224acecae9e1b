"""Aligned tables and blocks of text that fit a terminal and cannot control it."""

import shutil
import sys
from collections.abc import Iterable, Sequence

from command_line.display.printable import cut, printable, width_of

GAP = "  "
LEAST = 4


def terminal_width() -> int | None:
    """The width of the terminal; None where the output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], width: int | None = None
) -> list[str]:
    """Lines of a table no wider than `width`: the last column is cut, then the one before.

    The first never does, for it has the id that is copied. None is an empty cell. A terminal is
    spared what others wrote into it: see `printable`.
    """
    cells = [["" if one is None else printable(str(one)) for one in row] for row in rows]
    lines = [list(headings), *cells]
    columns = [max(width_of(line[index]) for line in lines) for index in range(len(headings))]
    if width is not None:
        over = sum(columns) + len(GAP) * (len(columns) - 1) - width
        for index in reversed(range(1, len(columns))):
            less = min(max(over, 0), max(columns[index] - LEAST, 0))
            columns[index] -= less
            over -= less
    return [
        GAP.join(
            _padded(cut(cell, size), size) for cell, size in zip(line, columns, strict=True)
        ).rstrip()
        for line in lines
    ]


def pairs(rows: Iterable[tuple[str, object]], indent: str = "  ") -> list[str]:
    """Names and values, one pair on a line; what is empty is left out."""
    kept = [(name, printable(str(value))) for name, value in rows if value not in {None, ""}]
    widest = max((len(name) for name, _ in kept), default=0)
    return [f"{indent}{name:<{widest}}{GAP}{value}" for name, value in kept]


def quoted(text: str, indent: str = "    ") -> list[str]:
    """The lines of a quotation, each with a mark, so that none looks like the program's own."""
    return [f"{indent}| {printable(line)}".rstrip() for line in text.splitlines()]


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - width_of(text))

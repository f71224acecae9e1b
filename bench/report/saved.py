"""The figures of a release, in bench/figures, and how those of today compare with them.

Machines differ. So where the version by hand was measured beside Parley then and now, what is
compared is how Parley stands to it; other figures are compared as they are, and marked.
"""

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.report.figures import Figure, Row, cells_of

FOLDER = Path(__file__).resolve().parents[1] / "figures"
_BASELINE = "baseline"
_AS_IT_IS = " *"
LEGEND = "* not compared by way of the baseline: another machine has other figures"

Columns = Mapping[str, Sequence[Sequence[Figure]]]


def _key(row: Row) -> str:
    name, unit = row
    return f"{name} [{unit}]"


def _medians(columns: Columns) -> dict[str, dict[str, float]]:
    """By column and by figure."""
    found: dict[str, dict[str, float]] = {name: {} for name in columns}
    for row, cells in cells_of(columns).items():
        for column, values in cells.items():
            found[column][_key(row)] = statistics.median(values.values())
    return found


def _ratio(now: float | None, then: float | None) -> float | None:
    return now / then if now and then else None


class Saved(NamedTuple):
    """Figures by database, by measurement: what was measured, and the medians of each column."""

    version: str
    machine: str
    figures: dict[str, dict[str, dict[str, Any]]]

    @classmethod
    def empty(cls, version: str) -> "Saved":
        machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
        return cls(version, machine, {})

    @classmethod
    def read(cls, path: Path) -> "Saved":
        """Read a file. Raises ValueError for one that is none of these."""
        try:
            return cls(path.stem, **json.loads(path.read_text("utf-8")))
        except TypeError as error:
            raise ValueError(f"{path} holds no figures: {error}") from error

    def write(self, folder: Path) -> Path:
        """Write them for their version; what was saved of it before and not measured now stays."""
        path = folder / f"{self.version}.json"
        figures = Saved.read(path).figures if path.is_file() else {}
        for kind, measurements in self.figures.items():
            figures.setdefault(kind, {}).update(measurements)
        folder.mkdir(exist_ok=True)
        told = {"machine": self.machine, "figures": figures}
        path.write_text(f"{json.dumps(told, indent=1, sort_keys=True)}\n", "utf-8")
        return path

    def add(self, kind: str, measurement: str, title: str, columns: Columns) -> None:
        """Add what was measured, of which the title says how."""
        told = {"title": title, "columns": _medians(columns)}
        self.figures.setdefault(kind, {})[measurement] = told

    def compare(
        self, kind: str, measurement: str, title: str, columns: Columns
    ) -> dict[Row, str] | None:
        """How many times the saved figure the first column's is, by row; None if that was not
        measured then, or otherwise.
        """
        saved = self.figures.get(kind, {}).get(measurement)
        if saved is None or saved["title"] != title:
            return None
        now, then = _medians(columns), saved["columns"]
        first = next(iter(columns))
        compared = {}
        for row in cells_of(columns):
            key = _key(row)
            ratio = _ratio(now.get(first, {}).get(key), then.get(first, {}).get(key))
            if ratio is None:
                continue
            machine = _ratio(now.get(_BASELINE, {}).get(key), then.get(_BASELINE, {}).get(key))
            if machine is None or first == _BASELINE:
                compared[row] = f"x {ratio:.2f}{_AS_IT_IS}"
            else:
                compared[row] = f"x {ratio / machine:.2f}"
        return compared


def latest(folder: Path) -> Saved | None:
    """The figures of the last release of which there are any."""

    def order(path: Path) -> list[int]:
        return [int(part) for part in path.stem.split(".")]

    paths = sorted(folder.glob("*.json"), key=order)
    return Saved.read(paths[-1]) if paths else None

"""The plot of costs is drawn from docs/performance.md."""

import subprocess
import sys

from tests.support.node import ROOT
from tests.support.waiting import PATIENCE


def test_the_plot_shows_the_figures() -> None:
    subprocess.run(
        [sys.executable, ROOT / "docs" / "plot_performance.py", "--check"],
        check=True,
        timeout=PATIENCE,
    )
    plot = (ROOT / "docs" / "pictures" / "cost.svg").read_text("utf-8")
    figures = (ROOT / "docs" / "performance.md").read_text("utf-8")
    [stored] = [line for line in figures.splitlines() if line.startswith("| stored a second")]
    for cell in (stored.split(" | ")[place] for place in (1, 2, 4, 5)):
        assert f">{cell.strip()}</text>" in plot

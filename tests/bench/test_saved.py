"""Figures of a release are kept, and later ones compared with them."""

from pathlib import Path

import pytest

from bench.report.figures import Figure
from bench.report.saved import FOLDER, Columns, Saved, latest

TITLE = "load: 50 pairs"
STORED = ("stored", "/s")


def columns(*rounds: float, **others: float) -> Columns:
    """A column of Parley, of some rounds, and of others."""
    found = {"parley": [[Figure(*STORED, value)] for value in rounds]}
    return found | {name: [[Figure(*STORED, value)]] for name, value in others.items()}


def saved(version: str, measured: Columns, title: str = TITLE) -> Saved:
    made = Saved.empty(version)
    made.add("sqlite", "load", title, measured)
    return made


def test_a_figure_is_compared_by_way_of_the_baseline(tmp_path: Path) -> None:
    """A machine that is twice as fast makes nothing better: 200 to 100 then, 600 to 200 now."""
    saved("1.0.0", columns(100, 200, 900, baseline=100)).write(tmp_path)
    last = latest(tmp_path)
    assert last is not None
    now = columns(600, baseline=200)
    assert last.compare("sqlite", "load", TITLE, now) == {STORED: "x 1.50"}


def test_a_figure_without_a_baseline_is_marked() -> None:
    """It is compared as it is, then and now."""
    last = saved("1.0.0", columns(200))
    assert last.compare("sqlite", "load", TITLE, columns(300)) == {STORED: "x 1.50 *"}
    assert last.compare("sqlite", "load", TITLE, columns(300, baseline=9)) == {STORED: "x 1.50 *"}


def test_what_was_measured_otherwise_is_not_compared() -> None:
    """Other options, another database, or another measurement."""
    last = saved("1.0.0", columns(200))
    assert last.compare("sqlite", "load", "load: 5 pairs", columns(300)) is None
    assert last.compare("postgresql", "load", TITLE, columns(300)) is None
    assert last.compare("sqlite", "alone", TITLE, columns(300)) is None


def test_a_figure_that_is_new_is_not_compared() -> None:
    """Nor is one that was nothing, of which there are no ratios."""
    last = saved("1.0.0", columns(0))
    assert last.compare("sqlite", "load", TITLE, columns(300)) == {}
    new = {"parley": [[Figure("told", "/s", 1.0)]]}
    assert last.compare("sqlite", "load", TITLE, new) == {}


def test_the_latest_release_counts(tmp_path: Path) -> None:
    """By numbers, in which 10 comes after 9; without a release there is nothing to compare with."""
    assert latest(tmp_path) is None
    for version in ("0.9.0", "0.10.0"):
        saved(version, columns(1)).write(tmp_path)
    last = latest(tmp_path)
    assert last is not None
    assert last.version == "0.10.0"


def test_what_is_not_measured_again_stays_saved(tmp_path: Path) -> None:
    """A release may be measured one database after the other."""
    saved("1.0.0", columns(1)).write(tmp_path)
    more = Saved.empty("1.0.0")
    more.add("postgresql", "load", TITLE, columns(2))
    more.write(tmp_path)
    last = latest(tmp_path)
    assert last is not None
    assert {kind: [*of] for kind, of in last.figures.items()} == {
        "sqlite": ["load"],
        "postgresql": ["load"],
    }


def test_another_file_is_refused(tmp_path: Path) -> None:
    """It is named."""
    (tmp_path / "1.0.0.json").write_text('{"other": 1}')
    with pytest.raises(ValueError, match=r"1\.0\.0\.json holds no figures"):
        latest(tmp_path)


def test_the_saved_figures_of_this_repository_can_be_read() -> None:
    """If any release has saved some."""
    latest(FOLDER)

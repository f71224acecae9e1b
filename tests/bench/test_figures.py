"""The table says what the rounds were."""

import pytest

from bench.report.figures import Figure, latencies, quantile, table


@pytest.mark.parametrize(("share", "expected"), [(0, 1), (0.5, 51), (0.99, 100), (0.999, 100)])
def test_a_quantile_is_one_of_the_values(share: float, expected: int) -> None:
    """By nearest rank, whatever the order of the values; of few values the largest is p99.9."""
    assert quantile([*range(100, 0, -1)], share) == expected


def test_latencies_are_milliseconds() -> None:
    """Delays are measured in nanoseconds and read in milliseconds."""
    figures = latencies("send to alert", [1_500_000] * 10)
    assert [figure.value for figure in figures] == [1.5] * 3
    assert {figure.unit for figure in figures} == {"ms"}


def cells(text: str, row: str) -> list[str]:
    """The cells of a row; between two are two spaces at least."""
    (line,) = (line for line in text.splitlines() if line.strip().startswith(row))
    return [cell for cell in line.strip().split("  ") if cell]


def rounds(name: str, unit: str, *values: float) -> list[list[Figure]]:
    return [[Figure(name, unit, value)] for value in values]


def test_a_cell_shows_the_median_and_the_spread() -> None:
    """The median of all rounds, then the smallest and the largest."""
    text = table("load", {"parley": rounds("stored", "/s", 300, 9000, 5000)})
    assert cells(text, "stored")[-1] == "5,000 (300 to 9,000)"


def test_one_round_has_no_spread() -> None:
    """What was measured once is shown once."""
    text = table("load", {"parley": rounds("stored", "/s", 300)})
    assert cells(text, "stored")[-1] == "300"


def test_rates_are_compared_by_ratios_of_the_same_round() -> None:
    """A round is compared with the one that ran beside it, and not median with median."""
    text = table(
        "load",
        {
            "parley": rounds("stored", "/s", 1000, 4000, 9000),
            "baseline": rounds("stored", "/s", 1000, 1000, 1000),
        },
    )
    assert cells(text, "stored")[-1].strip() == "x 4.00 (1.00 to 9.00)"


def test_latencies_are_compared_by_differences() -> None:
    """A system is so many milliseconds slower, not so many times."""
    text = table(
        "alone",
        {
            "parley": rounds("send to alert", "ms", 3, 4),
            "baseline": rounds("send to alert", "ms", 1, 1),
        },
    )
    assert cells(text, "send to alert")[-1].strip() == "+2.50 (2.00 to 3.00)"


def test_the_first_is_compared_with_each_of_the_others() -> None:
    """Each has a column for it, unless nothing is to be compared."""
    columns = {
        "parley": rounds("stored", "/s", 6000),
        "baseline": rounds("stored", "/s", 1000),
        "node": rounds("stored", "/s", 3000),
    }
    text = table("load", columns)
    assert [cell.strip() for cell in cells(text, "stored")][-2:] == ["x 6.00", "x 2.00"]
    assert [cell.strip() for cell in cells(text, "unit")][-1] == "parley : node"
    assert cells(table("load", columns, compared=False), "stored")[-1].strip() == "3,000"


def test_a_round_that_lacks_a_figure_is_compared_with_none() -> None:
    """A system that cannot keep up in one of the rounds has no latency there."""
    columns = {
        "parley": rounds("at 200/s", "ms", 3, 4, 5),
        "baseline": [[Figure("at 200/s", "ms", 1)], [], [Figure("at 200/s", "ms", 1)]],
    }
    assert cells(table("offered", columns), "at 200/s")[-1].strip() == "+3.00 (2.00 to 4.00)"


def test_known_columns_are_added() -> None:
    """Rows of which they know nothing are left empty there."""
    text = table("load", {"parley": rounds("stored", "/s", 300)}, more={"since 1.0.0": {}})
    assert cells(text, "unit")[-1].strip() == "since 1.0.0"
    known = {"since 1.0.0": {("stored", "/s"): "x 1.10"}}
    text = table("load", {"parley": rounds("stored", "/s", 300)}, more=known)
    assert cells(text, "stored")[-1].strip() == "x 1.10"


def test_figures_of_one_column_alone_are_not_compared() -> None:
    """The processes of two systems have different names."""
    text = table(
        "load",
        {"parley": rounds("CPU, edge", "us", 30), "baseline": rounds("CPU, baseline", "us", 900)},
    )
    assert [cell.strip() for cell in cells(text, "CPU, edge")] == ["CPU, edge", "us", "30.0", "-"]

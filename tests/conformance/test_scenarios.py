"""Scenarios as data: what a file may hold, and that the documents name all of them."""

from pathlib import Path

import pytest

from conformance.run import Result
from conformance.scenario import Open, ScenarioError, devices_of, read_scenarios
from conformance.table import DOCUMENT, fill_table, names_in
from conformance.walk import find_walk, make_walk

SCENARIOS = read_scenarios()
ONE = """
[[scenario]]
name = "one"
title = "Something happens"
steps = [{ do = "open", device = "ann" }]
"""


def test_the_table_in_the_document_names_every_scenario() -> None:
    """Written by `--write-table`, after scenarios were added or renamed."""
    assert names_in(DOCUMENT.read_text("utf-8")) == [one.name for one in SCENARIOS]


def test_every_scenario_has_a_device_and_says_what_it_needs() -> None:
    for one in SCENARIOS:
        assert devices_of(one), one.name
        assert "messages" in one.needs, one.name
        assert not one.title.endswith("."), one.name
        assert set(one.ends) <= set(devices_of(one)), one.name


def test_a_row_says_what_became_of_each_scenario() -> None:
    document = "before\n<!-- results: generated -->\nold\n<!-- results: end -->\nafter\n"
    results = {
        "one": [Result(SCENARIOS[0].name, "passed", [], 1.0)],
        "two": [Result(SCENARIOS[0].name, "failed", ["lost"], 1.0)],
        "three": [Result(SCENARIOS[0].name, "not supported", ["lacks deals"], 1.0)],
    }
    filled = fill_table(document, SCENARIOS[:1], results)
    assert f"| `{SCENARIOS[0].name}` | {SCENARIOS[0].title} | yes | **no** | - |" in filled
    assert filled.startswith("before\n")
    assert filled.endswith("after\n")
    assert names_in(filled) == [SCENARIOS[0].name]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("[[scenario]]\nname = 1", "str"),
        (ONE.replace('"open"', '"dance"'), "dance"),
        (ONE.replace("device =", "devise ="), "devise"),
        (ONE + ONE, "two scenarios have the name one"),
        ("= no TOML", "Invalid"),
    ],
    ids=["type", "step", "field", "twice", "syntax"],
)
def test_a_file_that_holds_no_scenarios_is_refused(text: str, finding: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=finding):
        read_scenarios([path])


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(ONE)
    (one,) = read_scenarios([path])
    assert one.steps == [Open(device="ann")]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.toml"):
        read_scenarios([tmp_path / "none.toml"])


def test_a_seed_always_makes_the_same_walk() -> None:
    assert make_walk(7, 1) == make_walk(7, 1) == find_walk("walk-7-1")
    assert make_walk(7, 1).steps != make_walk(8, 1).steps != make_walk(8, 3).steps
    assert "store" in make_walk(7, 1).needs
    assert "store" not in make_walk(7, 2).needs
    assert find_walk("walk-7") is None

"""Dashboards and alerts, as far as no process is needed to judge them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs import generate_monitoring
from docs.monitoring_tables import read_alerts, read_dashboards
from tests.support import promql

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
FILES = sorted((ROOT / "deploy" / "dashboards").glob("*.json"))
RULES: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "deploy" / "alerts" / "parley.yaml").read_text("utf-8")
)["groups"][0]["rules"]


def test_files_and_document_are_what_the_tables_say() -> None:
    assert generate_monitoring.run(["--check"]) == 0


def test_there_are_four_dashboards() -> None:
    """Each with panels that do not lie upon one another, and queries of the one data source."""
    assert {path.stem for path in FILES} == set(read_dashboards())
    assert len(FILES) == 4
    for path in FILES:
        made = json.loads(path.read_text("utf-8"))
        places: set[tuple[int, int]] = set()
        assert len({one["id"] for one in made["panels"]}) == len(made["panels"])
        for panel in made["panels"]:
            at = panel["gridPos"]
            taken = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not places & taken, panel["title"]
            places |= taken
            assert at["x"] + at["w"] <= 24
            assert panel["type"] == "row" or panel["targets"]
        variables = {one["name"] for one in made["templating"]["list"]}
        used = set(re.findall(r"\$(?:\{(\w+)\}|(\w+))", json.dumps(made["panels"])))
        assert {one or other for one, other in used} - {"__rate_interval"} <= variables


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_each_alert_is_whole(rule: dict[str, Any]) -> None:
    """It parses, compares with something, says what is the case, and leads to its section."""
    found = promql.read(rule["expr"])
    assert found.selectors
    assert re.search(r"[<>=]=? *[\d(]", rule["expr"])
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    document, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (ROOT / document).is_file()
    (section,) = re.findall(
        rf"^### {rule['alert']}\n(.*?)(?=^##|^<!-- alerts: end)",
        OPERATIONS,
        re.DOTALL | re.MULTILINE,
    )
    assert anchor == rule["alert"].lower()
    assert "Likely, in this order:" in section
    assert len(re.findall(r"^- \w|^- `", section, re.MULTILINE)) >= 1


def test_each_section_has_its_alert() -> None:
    sections = set(re.findall(r"^### (Parley\w+)$", OPERATIONS, re.MULTILINE))
    assert sections == {rule["alert"] for rule in RULES}


def test_alerts_that_are_named_exist() -> None:
    """One alert refers to others by their names."""
    alerts = read_alerts()
    names = {one.name for one in alerts}
    assert len(names) == len(alerts)
    for one in alerts:
        words = " ".join((one.means, *one.causes))
        assert set(re.findall(r"\bParley[A-Z]\w+", words)) <= names, one.name


def test_each_query_of_a_dashboard_parses() -> None:
    count = 0
    for path in FILES:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                promql.read(target["expr"])
                count += 1
    assert count > 100


@pytest.mark.parametrize(
    "broken",
    [
        "sum(rate(a[5m])",
        "rate(a)",
        "sum by (job (a)",
        "a and 1",
        'a{job="x"',
        "a[5m] > 1",
        "histogram_quantile(a, 0.9)",
        "nothing_such(a)",
        "a > > 1",
        "a{job=x}",
        "",
    ],
)
def test_the_reader_finds_what_is_no_promql(broken: str) -> None:
    with pytest.raises(ValueError, match=r"expected|known|takes|PromQL|joins|joined"):
        promql.read(broken)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_tries_the_rules() -> None:
    """The rules as Prometheus itself reads them, on series that somebody made up."""
    rules = str(ROOT / "deploy" / "alerts" / "parley.yaml")
    assert subprocess.run(["promtool", "check", "rules", rules], check=False).returncode == 0
    tests = str(ROOT / "tests" / "docs" / "alerts_test.yaml")
    assert subprocess.run(["promtool", "test", "rules", tests], check=False).returncode == 0

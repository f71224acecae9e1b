"""Dashboards and alerts, as far as no process is needed to judge them."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
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


CASES: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(
    (Path(__file__).parent / "alert_cases.yaml").read_text("utf-8")
)


def test_each_alert_is_tried() -> None:
    assert CASES.keys() == {rule["alert"] for rule in RULES}


def ticks(series: Mapping[str, str]) -> int:
    """The minutes until the last sample."""
    return max(
        int(promql.read_series(name, values)[1][-1][0] // 60) for name, values in series.items()
    )


def is_told(rule: dict[str, Any], series: Mapping[str, str], minute: int) -> bool:
    """Whether the alert is told then: its expression has held for as long as it says."""
    found = dict(promql.read_series(name, values) for name, values in series.items())
    expression = promql.read(rule["expr"])
    since = minute - int(rule.get("for", "0m").removesuffix("m"))
    return all(expression.at(found, at * 60.0) for at in range(since, minute + 1))


@pytest.mark.parametrize("name", CASES)
def test_an_alert_is_told_when_it_should_be(name: str) -> None:
    """At the end of its loud world, and at no moment of its quiet one."""
    (rule,) = (one for one in RULES if one["alert"] == name)
    loud, quiet = CASES[name]["loud"], CASES[name]["quiet"]
    assert is_told(rule, loud, ticks(loud))
    waits = int(rule.get("for", "0m").removesuffix("m"))
    assert not any(is_told(rule, quiet, at) for at in range(waits, ticks(quiet) + 1))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_says_the_same(tmp_path: Path) -> None:
    """The rules and the same worlds, as Prometheus itself reads them."""
    rules = str(ROOT / "deploy" / "alerts" / "parley.yaml")
    checked = subprocess.run(["promtool", "check", "rules", rules], check=False)
    assert checked.returncode == 0
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": key, "values": value} for key, value in series.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) > bool 0'
                    if world == "loud"
                    else f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                    "eval_time": f"{ticks(series)}m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if world == "loud" else [],
                }
            ],
        }
        for name, worlds in CASES.items()
        for world, series in worlds.items()
    ]
    path = tmp_path / "alerts_test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [rules], "tests": tests}))
    assert subprocess.run(["promtool", "test", "rules", str(path)], check=False).returncode == 0

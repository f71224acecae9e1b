"""Dashboards and alerts against what processes show."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from parley_protocol.packets import Op
from tests.support import promql
from tests.support.metrics import read_families
from tests.support.system import System, free_port
from tests.system.conftest import Connect

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
# What Prometheus itself adds to all that it collects.
PROMETHEUS = {"up": {"job", "instance"}}
TARGET = {"job", "instance"}
# Shown by a deployment that is made in a certain way alone: by a setting that these systems have
# not, with the reason why it is not tried here.
ELSEWHERE = {
    "key_fetches_total": "where tokens are verified by a JWKS",
    "key_set_fetched_timestamp_seconds": "where tokens are verified by a JWKS",
    "parley_edge_key_fetches_total": "the same; see the test of its own",
    "parley_edge_key_set_fetched_timestamp_seconds": "the same",
}
# Documented metrics on no dashboard.
EXCUSED = {
    "limit_value": "a setting: it stands below what is measured against it",
    "parley_edge_limit_value": "the same",
    "parley_desk_limit_value": "the same",
}


class Shown(NamedTuple):
    """What all processes show: samples by name with their labels, families by name."""

    labels: dict[str, set[str]]
    families: dict[str, Metric]
    parts: dict[str, set[str]]


def addresses(system: System) -> Iterator[tuple[str, str]]:
    for name, part in system.services.items():
        yield name, f"http://127.0.0.1:{system.settings[part.name]['metrics_port']}/metrics"
    for edge in system.edges:
        yield "edge", f"http://127.0.0.1:{edge.port}/metrics"
    (desk,) = (part for part in system.parts if part.name == "desk")
    yield "desk", f"http://127.0.0.1:{desk.environment['PARLEY_DESK_METRICS_PORT']}/metrics"


def samples_of(family: Metric) -> set[str]:
    """The names of its samples, also of one that has none yet."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {family.name + one for one in suffixes.get(family.type, ("",))}


@pytest.fixture(scope="session")
def shown(observed_system: System) -> Shown:
    labels, families = defaultdict[str, set[str]](set), dict[str, Metric]()
    parts = defaultdict[str, set[str]](set)
    for part, url in addresses(observed_system):
        for family in read_families(url):
            # When a counter began, which its library tells of each.
            if family.name.endswith("_created"):
                continue
            families[family.name] = family
            parts[part].add(family.name)
            for name in samples_of(family):
                labels[name] |= set()
            for sample in family.samples:
                labels[sample.name] |= sample.labels.keys()
    return Shown(labels, families, parts)


def queries() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "deploy" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.name}: {panel['title']}", target["expr"]
    rules = yaml.safe_load((ROOT / "deploy" / "alerts" / "parley.yaml").read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"]


async def test_each_metric_of_dashboards_and_alerts_is_shown(
    observed_system: System, connect: Connect, alice: str, bob: str, request: pytest.FixtureRequest
) -> None:
    """With the labels by which it is asked for, as soon as there is a sample that has labels."""
    writer, reader = await connect(observed_system, alice), await connect(observed_system, bob)
    await writer.write(bob, "Hello")
    await reader.expect(Op.ALERT_NEW_MSG)
    found: Shown = request.getfixturevalue("shown")
    wrong: list[str] = []
    for where, expression in queries():
        for selector in promql.read(expression).selectors:
            labels = PROMETHEUS.get(selector.metric, found.labels.get(selector.metric))
            if labels is None:
                if selector.metric not in ELSEWHERE:
                    wrong.append(f"{where}: {selector.metric} is shown by no process")
            elif labels and selector.labels - labels - TARGET:
                wrong.append(f"{where}: {selector.metric} has no {selector.labels - labels}")
    assert not wrong, "\n".join(wrong)


def named() -> set[str]:
    """The metrics that the tables of docs/operations.md name."""
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|[^|\n]*\|[^|\n]*\|$", OPERATIONS, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", row)}


def test_each_metric_of_the_document_is_on_a_dashboard() -> None:
    """Or excused with a reason; and no excuse is left of what is on one."""
    used = {
        re.sub(r"_(bucket|sum|count)$", "", selector.metric)
        for where, expression in queries()
        if ".json" in where
        for selector in promql.read(expression).selectors
    }
    assert len(named()) > 50
    assert named() - used - EXCUSED.keys() - ELSEWHERE.keys() == set()
    assert not {one for one in EXCUSED.keys() & used if "_limit_value" not in one} - {"limit_value"}


def test_each_metric_that_is_shown_is_in_the_document(shown: Shown) -> None:
    """Those of the process and of the collector of garbage are Prometheus's own."""
    text = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", OPERATIONS))
    own = {
        name
        for family in shown.families.values()
        for name in [family.name + ("_total" if family.type == "counter" else "")]
        if not name.startswith("process_")
    }
    assert own - text == set()


def test_metrics_bear_the_names_that_prometheus_wants(shown: Shown) -> None:
    """Base units, a text, and no colon, which is for rules; a histogram says what it measures."""
    for family in shown.families.values():
        assert family.documentation, family.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name), family.name
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb)(_|$)", family.name), family.name
        if family.type == "gauge":
            assert not family.name.endswith(("_total", "_count", "_sum")), family.name


def test_every_part_shows_its_process_and_its_version(shown: Shown) -> None:
    for part, families in shown.parts.items():
        assert {"parley_build_info", "process_start_time_seconds"} <= families, part


def test_an_edge_shows_how_old_the_keys_of_its_issuer_are(own_system: System) -> None:
    """Also before it has fetched any: the issuer of this one is not there."""
    own_system.start_services("messaging")
    edge = own_system.start_edge(
        token_secret_file="", token_jwks_url=f"http://127.0.0.1:{free_port()}/jwks"
    )
    shown = {one.name: one for one in read_families(f"http://127.0.0.1:{edge.port}/metrics")}
    (sample,) = shown["parley_edge_key_set_fetched_timestamp_seconds"].samples
    assert sample.value == 0

"""The tables of docs/monitoring: dashboards and alerts, as they are written there."""

from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

FOLDER = Path(__file__).resolve().parent / "monitoring"


class Alert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alert of Prometheus, told when its expression has held for `minutes`, and its section of
    docs/operations.md. `commands` have PORT in the place of a part's port of metrics.
    """

    name: str
    severity: Literal["page", "ticket"]
    expression: str
    summary: str
    means: str
    causes: list[str]
    commands: list[str] = []
    minutes: int = 0


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query of a panel."""

    expression: str
    legend: str


class Panel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A graph, or a number where `stat` says so. `unit` is one of Grafana's."""

    title: str
    unit: Literal["s", "bytes", "reqps", "short", "percentunit"]
    queries: list[Query]
    says: str = ""
    stat: bool = False


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Panels under one title."""

    title: str
    panels: list[Panel]


class Dashboard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dashboard of Grafana."""

    title: str
    says: str
    rows: list[Row]


def read_alerts() -> list[Alert]:
    """The alerts, in the order in which they are shown."""
    return msgspec.yaml.decode((FOLDER / "alerts.yaml").read_bytes(), type=list[Alert])


def read_dashboards() -> dict[str, Dashboard]:
    """The dashboards, by the names of their files."""
    paths = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "alerts")
    return {path.stem: msgspec.yaml.decode(path.read_bytes(), type=Dashboard) for path in paths}


class _Dumper(yaml.SafeDumper):
    """Writes YAML as .yamllint.yaml wants it: lists below their names, long texts folded."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the library's own
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's own
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = ">" if len(text) > 80 and "\n" not in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(data: object) -> str:
    """Write YAML."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=108, allow_unicode=True)

"""Writes dashboards, alert rules, and what docs/operations.md says of alerts, or checks them.

python docs/generate_monitoring.py           writes them
python docs/generate_monitoring.py --check   fails when one of them is not what the tables say
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs import markers
from docs.monitoring_tables import Alert, Dashboard, Panel, dump, read_alerts, read_dashboards

ROOT = Path(__file__).resolve().parents[1]
OPERATIONS = ROOT / "docs" / "operations.md"
# Where somebody who is woken finds the document, if the team has it elsewhere.
_RUNBOOK = "docs/operations.md"
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def anchor(name: str) -> str:
    """The anchor of the section of an alert."""
    return name.lower()


# --- Dashboards -----------------------------------------------------------------------------------


def dashboard(name: str, made: Dashboard) -> dict[str, Any]:
    """A dashboard, as Grafana imports it."""
    panels, top, number = list[dict[str, Any]](), 0, 0
    for row in made.rows:
        number += 1
        panels.append(
            {
                "id": number,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": {"x": 0, "y": top, "w": _WIDTH * _COLUMNS, "h": 1},
                "panels": [],
            }
        )
        top += 1
        for place, one in enumerate(row.panels):
            number += 1
            column, line = place % _COLUMNS, place // _COLUMNS
            at = {"x": column * _WIDTH, "y": top + line * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            panels.append(_panel(number, one, at))
        top += -(-len(row.panels) // _COLUMNS) * _HEIGHT
    return {
        "uid": f"parley-{name}",
        "title": made.title,
        "description": made.says,
        "tags": ["parley"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "links": [
            {"type": "dashboards", "tags": ["parley"], "title": "Parley", "asDropdown": True}
        ],
        "templating": {"list": _variables(json.dumps(panels))},
        "annotations": {"list": []},
        "panels": panels,
    }


def _panel(number: int, panel: Panel, place: Mapping[str, int]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": number,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": dict(place),
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": one.expression,
                "legendFormat": one.legend,
            }
            for index, one in enumerate(panel.queries)
        ],
    }
    if panel.says:
        made["description"] = panel.says
    if not panel.stat:
        made["options"] = {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return made


def _variables(queries: str) -> list[dict[str, Any]]:
    """The variables that the queries of a dashboard ask for, and where to ask."""
    found: list[dict[str, Any]] = [
        {
            "name": "datasource",
            "type": "datasource",
            "query": "prometheus",
            "label": "Prometheus",
            "current": {},
        }
    ]
    if "$job" in queries:
        found.append(_variable("job", "label_values(writer_waiting_items, job)", "Service"))
    if "$instance" in queries:
        of = 'writer_waiting_items{job=~"$job"}' if "$job" in queries else "parley_edge_sockets"
        found.append(_variable("instance", f"label_values({of}, instance)", "Process"))
    return found


def _variable(name: str, query: str, label: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "label": label,
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
    }


# --- Alerts ---------------------------------------------------------------------------------------


def rules() -> str:
    """The rules of all alerts, as Prometheus reads them."""
    made = {
        "groups": [
            {
                "name": "parley",
                "rules": [
                    {
                        "alert": one.name,
                        "expr": one.expression,
                        **({"for": f"{one.minutes}m"} if one.minutes else {}),
                        "labels": {"severity": one.severity},
                        "annotations": {
                            "summary": one.summary,
                            "runbook": f"{_RUNBOOK}#{anchor(one.name)}",
                        },
                    }
                    for one in read_alerts()
                ],
            }
        ]
    }
    head = "# yamllint disable rule:line-length\n# Made of docs/monitoring/alerts.yaml.\n"
    return f"---\n{head}{dump(made)}"


def sections() -> Iterator[str]:
    """Make the section of docs/operations.md about each alert."""
    alerts = read_alerts()
    yield from markers.table(
        ("alert", "severity", "says"),
        *((f"[`{one.name}`](#{anchor(one.name)})", one.severity, one.summary) for one in alerts),
    )
    for one in alerts:
        yield ""
        yield from _section(one)


def _section(alert: Alert) -> Iterator[str]:
    yield f"### {alert.name}"
    yield ""
    waits = f" for {alert.minutes} min" if alert.minutes else ""
    yield f"**{alert.summary}** {alert.means}"
    yield ""
    yield f"Told ({alert.severity}) when this holds{waits}:"
    yield ""
    yield from ("```promql", alert.expression, "```", "")
    yield "Likely, in this order:"
    yield ""
    for cause in alert.causes:
        yield f"- {cause}"
    if alert.commands:
        yield from ("", "Look first:", "", "```", *alert.commands, "```")


# --- All of it ------------------------------------------------------------------------------------


def _files() -> Iterator[tuple[Path, str]]:
    for name, one in read_dashboards().items():
        made = json.dumps(dashboard(name, one), indent=2) + "\n"
        yield ROOT / "deploy" / "dashboards" / f"{name}.json", made
    yield ROOT / "deploy" / "alerts" / "parley.yaml", rules()
    document = OPERATIONS.read_text("utf-8")
    yield OPERATIONS, markers.fill(document, "alerts", sections())


def run(arguments: list[str]) -> int:
    """Write all files, or compare them; the exit status: 1 when --check finds drift."""
    drift = 0
    for path, made in _files():
        if path.exists() and path.read_text("utf-8") == made:
            continue
        if "--check" in arguments:
            name = path.relative_to(ROOT)
            sys.stderr.write(f"drift: {name}; run `python docs/generate_monitoring.py`\n")
            drift = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made, "utf-8")
    return drift


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

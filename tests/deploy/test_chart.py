"""The Helm chart: for several sets of values what it renders is what Kubernetes takes, and wrong
values are refused. What it promises beyond that is in test_chart_promises.py.
"""

import re
from typing import Any

import helm_python as helm
import jsonschema
import kubernetes_validate
import pytest

from docs.generate_chart import MADE_BY_THE_CHART, PARTS, settings_of
from docs.generate_chart import generate as generate_schema
from tests.support.chart import (
    CHART,
    EVERYTHING,
    VALUES,
    Resource,
    deployments,
    environment,
    manifests,
    render,
)
from tests.support.custom_resources import SCHEMAS

every_set = pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())


def validate(resource: Resource, version: str) -> None:
    """Refuse what Kubernetes, or the definition of a custom resource, does not know."""
    if schema := SCHEMAS.get(resource["kind"]):
        jsonschema.validate(resource, schema)
    else:
        kubernetes_validate.validate(resource, version, strict=True)


@every_set
def test_what_is_rendered_is_what_kubernetes_takes(values: dict[str, Any]) -> None:
    """No field is unknown, misspelled or of another type, and no name is given twice."""
    rendered = manifests(values)
    for resource in rendered:
        validate(resource, "1.37")
    names = [(one["kind"], one["metadata"]["name"]) for one in rendered]
    assert len(names) == len(set(names))


def test_the_oldest_version_takes_it_as_well() -> None:
    """The one that Chart.yaml names."""
    oldest = re.search(r">=(1\.\d+)\.0-0", (CHART / "Chart.yaml").read_text("utf-8"))
    assert oldest
    for resource in manifests(EVERYTHING):
        validate(resource, oldest[1])


@pytest.mark.parametrize("change", [{"replicsa": 1}, {"replicas": "many"}])
def test_the_validation_notices(change: dict[str, Any]) -> None:
    """The tests before can fail."""
    (found, *_) = [one for one in manifests({}) if one["kind"] == "Deployment"]
    with pytest.raises(kubernetes_validate.ValidationError):
        validate({**found, "spec": {**found["spec"], **change}}, "1.37")


@every_set
def test_helm_finds_nothing_to_say(values: dict[str, Any]) -> None:
    """Its linter has neither errors nor warnings; that icons are recommended is no warning."""
    found = helm.lint(CHART, values, strict=True)
    assert found["errors"] == []
    assert [one["error"] for one in found["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"messaging": {"replica": 3}}, "at '/messaging': additional properties 'replica' not"),
        ({"messaging": {"replicas": 0}}, "at '/messaging/replicas': minimum: got 0, want 1"),
        ({"mesaging": {}}, "additional properties 'mesaging' not allowed"),
        (
            {"messaging": {"settings": {"TEXT_LIMT": 5}}},
            "at '/messaging/settings': additional properties 'TEXT_LIMT' not allowed",
        ),
        (
            {"edge": {"settings": {"BYTES_PER_EDGE": "many"}}},
            "at '/edge/settings/BYTES_PER_EDGE': got string, want integer",
        ),
        (
            {"edge": {"settings": {"MODERATION_DOWN": "perhaps"}}},
            "value must be one of 'allow', 'refuse'",
        ),
        # The chart makes it, so that it fits with the time in which a pod has to stop.
        ({"edge": {"settings": {"DRAIN_SECONDS": 60}}}, "'DRAIN_SECONDS' not allowed"),
        ({"tokens": {"source": "jwks"}}, "at '/tokens/jwksUrl': '' does not match pattern"),
        ({"tokens": {"keys": []}}, "at '/tokens/keys': minItems: got 0, want 1"),
        (
            {"messaging": {"database": {"url": "sqlite:////data/messaging.sqlite3"}}},
            "at '/messaging/database/url'",
        ),
        ({"networkPolicy": {"clients": ["10.0.0.0/8"]}}, "at '/networkPolicy/clients/0'"),
        (
            {"moderation": {"enabled": False}},
            "with moderation.enabled=false set desk.enabled=false",
        ),
        (
            {"edge": {"drainSeconds": 5}},
            "clients cannot be told to come back after edge.drainSeconds",
        ),
        (
            {"edge": {"autoscaling": {"enabled": True, "minReplicas": 11}}},
            "edge.autoscaling: minReplicas is more than maxReplicas",
        ),
        ({"tls": {"source": "perhaps"}}, "'existingSecret', 'certManager', 'none'"),
        ({"bus": {"engine": "nats"}}, "bus.nats.url: the engine nats needs the address of NATS"),
        (
            {"bus": {"nats": {"url": "nats://n:4222"}}},
            "bus.nats.url: is given, and bus.engine is not nats",
        ),
        ({"traces": {"sampleRate": 2}}, "at '/traces/sampleRate': maximum: got 2, want 1"),
        (
            {"messaging": {"database": {"existingSecret": ""}}},
            "messaging.database: give url, or existingSecret",
        ),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], told: str) -> None:
    """Before anything is deployed, and said where they stand."""
    with pytest.raises(helm.HelmError, match=re.escape(told)):
        render(values)


def test_the_schema_has_the_settings_of_the_code() -> None:
    """`make documents` writes them."""
    schema = (CHART / "values.schema.json").read_text("utf-8")
    assert generate_schema(schema) == schema


@every_set
def test_every_variable_is_a_setting(values: dict[str, Any]) -> None:
    """Every variable that is rendered is read, its value is good, and no required one is missing;
    the migration is told what its service is told.
    """
    for name, pod in deployments(values).items():
        part, prefix = PARTS[name], f"PARLEY_{name.upper()}_"
        fields = {f"{prefix}{field.upper()}": field for field in part.model_fields}
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            given = environment(container)
            assert not given.keys() - fields.keys()
            required = {v for v, field in fields.items() if part.model_fields[field].is_required()}
            assert not required - given.keys()
            part.model_validate({fields[variable]: value for variable, value in given.items()})


def test_what_the_chart_makes_is_a_setting_of_some_part() -> None:
    """No setting is out of reach: what `settings` may not hold, some values make."""
    made = {
        variable
        for values in VALUES.values()
        for pod in deployments(values).values()
        for variable in environment(pod["containers"][0])
    }
    for name, part in PARTS.items():
        prefix = f"PARLEY_{name.upper()}_"
        allowed = settings_of(name)
        for field in part.model_fields:
            assert (field.upper() in allowed) != bool(MADE_BY_THE_CHART.fullmatch(field))
            assert field.upper() in allowed or f"{prefix}{field.upper()}" in made


def test_numbers_are_written_as_settings_read_them() -> None:
    """Helm's numbers are floats, of which large ones would be written with an exponent."""
    given = environment(deployments(EVERYTHING)["edge"]["containers"][0])
    assert given["PARLEY_EDGE_BYTES_PER_EDGE"] == "1000000000"
    assert given["PARLEY_EDGE_DELIVERED_DELAY_SECONDS"] == "0.25"
    given = environment(deployments(EVERYTHING)["messaging"]["containers"][0])
    assert given["PARLEY_MESSAGING_PRESENCE"] == "false"

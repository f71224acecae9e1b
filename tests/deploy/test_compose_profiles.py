"""The profiles of docker-compose.yml: what they add, and that the files of others that they mount
fit with it. That the replicas run is in test_deployment.py.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from command_line.serve import parts
from docs.generate_chart import PARTS
from tests.support.compose import networks_of, port_of, read_compose, read_variables
from tests.support.images import ROOT
from tests.support.waiting import PATIENCE

COMPOSE = read_compose()
SERVICES: dict[str, Any] = COMPOSE["services"]
_PROGRAMS = Path(sys.executable).parent
# Where tools listen that no variable and no file here tells where: by their images.
IMAGES = {"prometheus": {9090}, "traces": {4317, 16686}, "collector": {4318, 8888, 13133}}


def of_profile(profile: str) -> set[str]:
    return {name for name, one in SERVICES.items() if profile in one.get("profiles", ())}


def read(name: str) -> Any:
    """A file in YAML that is mounted as a config."""
    return yaml.safe_load((ROOT / COMPOSE["configs"][name]["file"]).read_text("utf-8"))


def names_of(service: str) -> set[str]:
    """The names under which others find it."""
    return {service, *(one for given in networks_of(SERVICES[service]).values() for one in given)}


def test_profiles_add_and_change_nothing() -> None:
    """Two of each part but the desk, a proxy and a bus; those who watch. Without a profile it is
    what it was.
    """
    seconds = {f"{name}-2" for name in (*parts.SERVICES, "edge")}
    assert of_profile("replicas") == seconds | {"nats", "proxy"}
    assert of_profile("observability") == {"prometheus", "grafana", "collector", "traces"}


@pytest.mark.parametrize("name", [*parts.SERVICES, "edge"])
def test_a_replica_is_what_the_first_is(name: str) -> None:
    """Program, environment, secrets and checks are the same; in the networks both have one name."""
    first, second = SERVICES[name], SERVICES[f"{name}-2"]
    apart = {"profiles", "networks", "ports"}
    assert {one: first[one] for one in first.keys() - apart} == {
        one: second[one] for one in second.keys() - apart
    }
    assert networks_of(first).keys() == networks_of(second).keys()
    assert names_of(name) & names_of(f"{name}-2") == {"edges" if name == "edge" else name}
    assert not second.get("ports")


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("deploy/replicas.env", {"bus", "bus_url", "bus_password_file"}),
        ("deploy/observability.env", {"traces_endpoint"}),
    ],
)
def test_files_for_the_environment_say_one_thing_to_all(file: str, settings: set[str]) -> None:
    """Each part that has these settings is told the same, and takes it from there alone."""
    given = read_variables(file)
    for name, part in PARTS.items():
        prefix = f"PARLEY_{name.upper()}_"
        own = {v.removeprefix(prefix).lower() for v in given if v.startswith(prefix)}
        assert own == settings & part.model_fields.keys()
        environment = SERVICES[name]["environment"]
        assert all(environment[f"{prefix}{one.upper()}"] is None for one in own)
    values: dict[str, set[str]] = {}
    for variable, value in given.items():
        values.setdefault(re.sub("^PARLEY_[A-Z]+_", "", variable), set()).add(value)
    assert all(len(one) == 1 for one in values.values())


def test_every_image_has_its_version() -> None:
    """None is whatever is newest on the day of the start."""
    for name, service in SERVICES.items():
        if "build" not in service:
            assert re.fullmatch(r"[a-z/-]+:v?\d+(\.\d+)*(-alpine)?", service["image"]), name


def test_the_proxy_serves_what_is_for_the_public() -> None:
    """Caddy takes its configuration: both edges, asked whether they are ready; nothing else of
    them than what docs/operations.md names.
    """
    done = subprocess.run(
        [_PROGRAMS / "caddy", "adapt", "--config", ROOT / "deploy/Caddyfile", "--validate"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    servers = json.loads(done.stdout)["apps"]["http"]["servers"]
    (public,) = [one for one in servers.values() if one["listen"] == [":8000"]]
    assert port_of(SERVICES["proxy"]) == "8000"
    routes = public["routes"]
    paths = {
        path.rstrip("/*")
        for route in routes
        for one in route.get("match", ())
        for path in one["path"]
    }
    assert paths == {"/ws", "/standing", "/appeals", "/services", "/disputes", "/packets"}
    assert '"status_code":404' in json.dumps(routes[-1], separators=(",", ":"))
    (proxied,) = [one for one in find(public, "handler") if one["handler"] == "reverse_proxy"]
    dialled = {one["dial"] for one in proxied["upstreams"]}
    assert dialled == {f"{name}:{port_of(SERVICES[name])}" for name in ("edge", "edge-2")}
    assert proxied["health_checks"]["active"]["uri"] == "/readyz"


def find(within: Any, key: str) -> list[dict[str, Any]]:
    """Every object with a key, however deep."""
    inner = (
        within.values() if isinstance(within, dict) else within if isinstance(within, list) else ()
    )
    found = [one for value in inner for one in find(value, key)]
    return [within, *found] if isinstance(within, dict) and key in within else found


def test_prometheus_asks_every_part() -> None:
    """Under the name that all replicas of a part have, at the port of its metrics; `job` is the
    part. The alert rules are those of the repository.
    """
    configuration = read("prometheus")
    jobs = {one["job_name"]: one for one in configuration["scrape_configs"]}
    assert jobs.keys() - {"collector"} == PARTS.keys()
    for name in PARTS:
        (found,) = jobs[name]["dns_sd_configs"]
        replicas = [one for one in (name, f"{name}-2") if one in SERVICES]
        assert all({*found["names"]} <= names_of(one) for one in replicas)
        for one in replicas:
            port = SERVICES[one]["environment"][f"PARLEY_{name.upper()}_METRICS_PORT"]
            assert int(port) == found["port"]
            assert {*networks_of(SERVICES[one])} & {*networks_of(SERVICES["prometheus"])}
    mounted = {one["source"]: one["target"] for one in SERVICES["prometheus"]["configs"]}
    (rules,) = configuration["rule_files"]
    assert Path(mounted["alerts"]).match(rules)
    assert f"--config.file={mounted['prometheus']}" in SERVICES["prometheus"]["command"]
    assert read("alerts")["groups"]


def test_grafana_has_the_dashboards() -> None:
    """The folder that is mounted is the one that is provisioned, and each panel asks a source that
    is provisioned as well, or the one that its reader chooses.
    """
    grafana = SERVICES["grafana"]
    (provider,) = read("grafana-dashboards")["providers"]
    folder = provider["options"]["path"]
    (mount,) = [one for one in grafana["volumes"] if one.startswith("./")]
    source, target, mode = mount.split(":")
    assert (target, mode) == (folder, "ro")
    files = sorted((ROOT / source).glob("*.json"))
    assert files
    sources = {one["uid"]: one for one in read("grafana-datasources")["datasources"]}
    for file in files:
        for panel in find(json.loads(file.read_text("utf-8")), "datasource"):
            chosen = panel["datasource"]
            uid = chosen.get("uid", "") if isinstance(chosen, dict) else chosen
            assert uid in sources or uid.startswith("$") or uid == "-- Grafana --", file.name
    for one in sources.values():
        found = re.fullmatch(r"http://([a-z]+):(\d+)", one["url"])
        assert found
        assert int(found[2]) in IMAGES[found[1]]


def test_the_collector_takes_spans_and_gives_them_away() -> None:
    """Every pipeline is of what is configured; parts find its receiver, and it the store."""
    configuration = read("collector")
    for pipeline in configuration["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            assert {*names} <= configuration[kind].keys()
    assert {*configuration["service"]["extensions"]} <= configuration["extensions"].keys()
    receiver = configuration["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    (told,) = {*read_variables("deploy/observability.env").values()}
    assert told == f"http://collector:{receiver.rpartition(':')[2]}"
    (exporter,) = configuration["exporters"].values()
    store, _, port = exporter["endpoint"].partition(":")
    assert int(port) in IMAGES[store]
    (mounted,) = SERVICES["collector"]["configs"]
    assert SERVICES["collector"]["command"] == [f"--config={mounted['target']}"]


def test_nats_takes_its_configuration(tmp_path: Path) -> None:
    """The real program; nobody comes in without the password that the services have."""
    configuration = tmp_path / "etc" / "nats" / "nats.conf"
    secret = tmp_path / "run" / "secrets" / "bus_authorization"
    for path in (configuration, secret):
        path.parent.mkdir(parents=True)
    secret.write_text('authorization { user: parley, password: "hidden" }\n')
    configuration.write_text((ROOT / "deploy/nats.conf").read_text("utf-8"))
    (mounted,) = SERVICES["nats"]["configs"]
    assert configuration.relative_to(tmp_path) == Path(mounted["target"]).relative_to("/")
    done = subprocess.run(
        [_PROGRAMS / "nats-server", "-t", "-c", configuration],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    secret.unlink()
    again = subprocess.run(
        [_PROGRAMS / "nats-server", "-t", "-c", configuration],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert again.returncode != 0

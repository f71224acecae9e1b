"""The Helm chart: what it promises of pods, networks, stopping, scaling, and of the public."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from command_line.serve import parts
from desk.settings import Settings as DeskSettings
from edge.settings import Settings as EdgeSettings
from service_kit.authentication import callers
from service_kit.authentication.callers import Caller
from tests.support.chart import (
    EVERYTHING,
    VALUES,
    Resource,
    component,
    deployments,
    environment,
    manifests,
    of_kind,
    render,
)
from tests.support.compose import port_of, read_compose
from tests.support.images import ROOT

every_set = pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())
CALLERS = {name: getattr(callers, name.upper()) for name in parts.SERVICES}
COMPOSE = read_compose()["services"]


def containers(pod: Resource) -> Iterator[Resource]:
    yield from pod["containers"]
    yield from pod.get("initContainers", ())


def by_component(values: dict[str, Any], kind: str) -> dict[str, Resource]:
    return {component(one): one for one in of_kind(values, kind)}


def port_number(pod: Resource, port: int | str) -> int:
    """The number of a port of a pod, by its name or its number."""
    (named,) = [
        one["containerPort"]
        for one in pod["containers"][0]["ports"]
        if port in {one["name"], one["containerPort"]}
    ]
    return int(named)


@every_set
def test_pods_are_restricted(values: dict[str, Any]) -> None:
    """As the Pod Security Standard `restricted` asks for, and no file system is written to but
    /tmp; nothing of the cluster's API is in reach.
    """
    for pod in deployments(values).values():
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["fsGroup"] == 10001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert all({"secret", "emptyDir"} & volume.keys() for volume in pod["volumes"])
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            writable = [one for one in container["volumeMounts"] if not one.get("readOnly")]
            assert [one["mountPath"] for one in writable] == ["/tmp"]  # noqa: S108
            assert {"cpu", "memory"} == container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


@every_set
def test_each_part_runs_its_image_as_compose_does(values: dict[str, Any]) -> None:
    """The same image, command and migration; the version of the release."""
    for name, pod in deployments(values).items():
        (container,) = pod["containers"]
        service = COMPOSE[name]
        repository, _, tag = container["image"].rpartition("/")[2].partition(":")
        assert (repository, container["command"]) == (service["image"], service["command"])
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag)
        user, _, group = service["user"].partition(":")
        security = pod["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"]) == (int(user), int(group))
        migrations = [one["command"] for one in pod.get("initContainers", ())]
        documented = COMPOSE.get(f"{name}-migrate")
        assert migrations == ([documented["command"]] if documented else [])
        for migration in pod.get("initContainers", ()):
            assert migration["image"] == container["image"]
            assert environment(migration) == environment(container)


@every_set
def test_files_that_are_named_are_mounted(values: dict[str, Any]) -> None:
    """Every file of a setting is a key of a Secret; every Secret is said to who installs."""
    notes = render(values)["parley/templates/NOTES.txt"]
    for pod in deployments(values).values():
        secrets = {one["name"]: one["secret"] for one in pod["volumes"] if "secret" in one}
        assert all(f"  {secret['secretName']}\n" in notes for secret in secrets.values())
        for container in containers(pod):
            mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
            assert mounts.keys() >= {f"/run/parley/{name}" for name in secrets}
            used = set()
            for value in environment(container).values():
                for path in re.findall(r"/run/[^,]+", value):
                    folder, _, key = path.rpartition("/")
                    used.add(mounts[folder])
                    items = secrets[mounts[folder]].get("items")
                    assert items is None or key in {one["path"] for one in items}
            assert used == secrets.keys()


@every_set
def test_a_pod_has_its_own_secrets_alone(values: dict[str, Any]) -> None:
    """Credential, digests and database of a part are mounted nowhere else."""
    owners: dict[str, set[str]] = {}
    for name, pod in deployments(values).items():
        for volume in pod["volumes"]:
            if "secret" in volume:
                owners.setdefault(volume["secret"]["secretName"], set()).add(name)
    # Whoever is shown tokens, and whoever is on the bus.
    assert owners.pop("parley-tokens", set()) <= {"edge", "desk", "moderation"}
    assert owners.pop("nats", set()) <= parts.SERVICES.keys()
    assert all(len(parts_) == 1 for parts_ in owners.values())


@every_set
def test_addresses_lead_to_services(values: dict[str, Any]) -> None:
    """Who calls another finds every pod of it: a headless Service of that name, on its port; and
    whoever `parley up` has call another does so here, if both are deployed.
    """
    services = {one["metadata"]["name"]: one["spec"] for one in of_kind(values, "Service")}
    pods = deployments(values)
    called = {"edge": tuple(parts.SERVICES), "desk": ("moderation",), **parts.SERVICES}
    for name, pod in pods.items():
        given = environment(pod["containers"][0])
        targets = {v: value for v, value in given.items() if v.endswith("_TARGET")}
        assert targets.keys() == {
            f"PARLEY_{name.upper()}_{other.upper()}_TARGET"
            for other in called[name]
            if other in pods
        }
        for variable, target in targets.items():
            found = re.fullmatch(r"dns:///([a-z-]+)\.trade\.svc\.[a-z.]+:(\d+)", target)
            assert found
            service = services[found[1]]
            assert service["clusterIP"] == "None"
            (port,) = service["ports"]
            other = service["selector"]["app.kubernetes.io/component"]
            assert variable.endswith(f"_{other.upper()}_TARGET")
            assert port["port"] == int(found[2]) == port_number(pods[other], port["targetPort"])


@every_set
def test_ports_are_those_on_which_parts_listen(values: dict[str, Any]) -> None:
    """As in compose, metrics apart; probes and monitoring ask where something answers."""
    for name, pod in deployments(values).items():
        (container,) = pod["containers"]
        given = environment(container)
        prefix = f"PARLEY_{name.upper()}"
        listen = (
            given.get(f"{prefix}_LISTEN") or f"{given[f'{prefix}_HOST']}:{given[f'{prefix}_PORT']}"
        )
        host, _, port = listen.rpartition(":")
        assert host == given[f"{prefix}_METRICS_HOST"] == "0.0.0.0"  # noqa: S104
        main = "grpc" if name in parts.SERVICES else "http"
        assert port_number(pod, main) == int(port) == int(port_of(COMPOSE[name]))
        assert port_number(pod, "metrics") == int(given[f"{prefix}_METRICS_PORT"])


@every_set
def test_probes_tell_alive_from_ready(values: dict[str, Any]) -> None:
    """What drains is alive and not ready. A slow start is waited for, a slow answer as well."""
    for pod in deployments(values).values():
        (container,) = pod["containers"]
        alive, ready = container["livenessProbe"], container["readinessProbe"]
        assert alive["httpGet"] == {"path": "/livez", "port": "metrics"}
        assert ready["httpGet"] == {"path": "/readyz", "port": "metrics"}
        start = container["startupProbe"]
        assert start["httpGet"] == alive["httpGet"]
        assert start["periodSeconds"] * start["failureThreshold"] >= 60
        assert alive["periodSeconds"] * alive["failureThreshold"] >= 20


SLOW: dict[str, Any] = {
    "pod": {"preStopSeconds": 20},
    "edge": {"drainSeconds": 600, "reconnectSpreadSeconds": 500},
    "desk": {"drainSeconds": 90},
    "messaging": {"graceSeconds": 33.5},
}


@pytest.mark.parametrize("values", [*VALUES.values(), SLOW], ids=[*VALUES, "slow"])
def test_a_pod_has_the_time_that_it_takes_to_stop(values: dict[str, Any]) -> None:
    """The sleep before SIGTERM, the drain, and what comes after it, whatever the values say; an
    edge has told its clients to come back before it closes what is left.
    """
    settings: dict[str, type[BaseSettings]] = {"edge": EdgeSettings, "desk": DeskSettings}
    for name, pod in deployments(values).items():
        (container,) = pod["containers"]
        given = environment(container)
        sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert sleep >= 5
        if name in parts.SERVICES:
            # A service whose database hangs ends 5 s after its grace.
            needed = float(given[f"PARLEY_{name.upper()}_GRACE_SECONDS"]) + 5
        else:
            prefix, fields = f"PARLEY_{name.upper()}_", settings[name].model_fields
            drain = float(given[f"{prefix}DRAIN_SECONDS"])
            needed = drain
            if name == "edge":
                assert float(given[f"{prefix}RECONNECT_SPREAD_SECONDS"]) < drain
                needed += fields["close_timeout_seconds"].default
        assert pod["terminationGracePeriodSeconds"] >= sleep + needed + 5


@every_set
def test_who_may_connect_is_who_may_call(values: dict[str, Any]) -> None:
    """The policies let through whom the table of callers lets call, at the port of the calls; what
    a part may connect to is whom it calls, its database and names.
    """
    policies = by_component(values, "NetworkPolicy")
    pods = deployments(values)
    if not values.get("networkPolicy", {}).get("enabled", True):
        assert not policies
        return
    assert policies.keys() == pods.keys()
    given = EVERYTHING["networkPolicy"] if values is EVERYTHING else {}
    for name, policy in policies.items():
        spec = policy["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        calls, *metrics = spec["ingress"]
        if name not in CALLERS:
            assert calls["ports"] == [{"port": "http"}]
            assert calls.get("from", []) == given.get("clients", [])
        else:
            permitted = {one for methods in CALLERS[name].values() for one in methods}
            peers = [one["podSelector"]["matchLabels"] for one in calls["from"]]
            parts_let_through = {one.get("app.kubernetes.io/component") for one in peers} - {None}
            assert parts_let_through == {str(one) for one in permitted} & pods.keys()
            for caller, setting in ((Caller.BACKEND, "backends"), (Caller.OPERATOR, "operators")):
                for peer in given.get(setting, ()):
                    assert (peer in calls["from"]) == (caller in permitted)
        assert all(one["ports"] == [{"port": "metrics"}] and one["from"] for one in metrics)
        reached = {
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            for rule in spec["egress"]
            for peer in rule.get("to", ())
            if "app.kubernetes.io/component" in peer.get("podSelector", {}).get("matchLabels", {})
        }
        targets = {v for v in environment(pods[name]["containers"][0]) if v.endswith("_TARGET")}
        assert {f"PARLEY_{name.upper()}_{one.upper()}_TARGET" for one in reached} == targets
        ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
        assert 53 in ports
        database = {5432, 5433} & ports
        assert bool(database) == (name in CALLERS)


@every_set
def test_pods_are_spread_and_go_one_by_one(values: dict[str, Any]) -> None:
    """Over zones and machines; a new one is ready before an old one goes."""
    budgets = by_component(values, "PodDisruptionBudget")
    for name, deployment in by_component(values, "Deployment").items():
        spec = deployment["spec"]
        selector = spec["selector"]["matchLabels"]
        assert selector.items() <= spec["template"]["metadata"]["labels"].items()
        spread = spec["template"]["spec"]["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in spread} == {
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        }
        for one in spread:
            assert one["labelSelector"]["matchLabels"] == selector
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert budgets[name]["spec"]["maxUnavailable"] == 1
        assert budgets[name]["spec"]["selector"]["matchLabels"] == selector


def test_edges_scale_on_sockets() -> None:
    """Up at once, down by one pod in minutes; the number of replicas is then the autoscaler's."""
    (scaler,) = of_kind(EVERYTHING, "HorizontalPodAutoscaler")
    edge = by_component(EVERYTHING, "Deployment")["edge"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == edge["metadata"]["name"]
    assert "replicas" not in edge["spec"]
    (metric,) = scaler["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "parley_edge_sockets"
    asked = int(metric["pods"]["target"]["averageValue"])
    assert asked < EdgeSettings.model_fields["sockets_per_edge"].default
    down = scaler["spec"]["behavior"]["scaleDown"]
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 300}]
    assert down["stabilizationWindowSeconds"] >= 300
    assert not list(of_kind({}, "HorizontalPodAutoscaler"))


def test_the_public_reaches_what_is_for_it() -> None:
    """By Ingress or by Gateway: the paths of docs/operations.md, never metrics or health; the desk
    under a name of its own.
    """
    public = {"/ws", "/standing", "/appeals", "/services", "/disputes", "/packets"}
    routes = by_component(EVERYTHING, "HTTPRoute")
    for name, ingress in by_component(EVERYTHING, "Ingress").items():
        (rule,) = ingress["spec"]["rules"]
        paths = {one["path"] for one in rule["http"]["paths"]}
        assert paths == (public if name == "edge" else {"/"})
        (tls,) = ingress["spec"]["tls"]
        assert tls["hosts"] == [rule["host"]]
        (routed,) = routes[name]["spec"]["rules"]
        assert {one["path"]["value"] for one in routed["matches"]} == paths
        backends = {one["backend"]["service"]["name"] for one in rule["http"]["paths"]}
        assert backends == {routed["backendRefs"][0]["name"]} == {f"shop-parley-{name}"}
    assert not [one for one in manifests({}) if one["kind"] in {"Ingress", "HTTPRoute"}]


def test_prometheus_asks_each_pod() -> None:
    """Also those that are not ready; what is not selected has no metrics."""
    (monitor,) = of_kind(EVERYTHING, "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    found = [
        one
        for one in of_kind(EVERYTHING, "Service")
        if wanted.items() <= one["metadata"]["labels"].items()
    ]
    assert {component(one) for one in found} == deployments(EVERYTHING).keys()
    (endpoint,) = monitor["spec"]["endpoints"]
    for service in found:
        assert service["spec"]["publishNotReadyAddresses"] is True
        assert [one["name"] for one in service["spec"]["ports"]] == [endpoint["port"]]
    assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/component"


def test_memory_suffices_for_what_the_limits_allow() -> None:
    """An edge may hold as many bytes for its people as it is told to, and lives beside that."""
    limit = deployments({})["edge"]["containers"][0]["resources"]["limits"]["memory"]
    assert limit.endswith("Mi")
    held = EdgeSettings.model_fields["bytes_per_edge"].default
    assert int(limit[:-2]) * 2**20 >= held + 512 * 2**20


def test_the_documented_secrets_are_those_of_the_chart() -> None:
    """Whoever follows docs/operations.md has every Secret with every key that the pods ask for."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = text.partition("\n## With Kubernetes\n")[2].partition("\n## ")[0]
    made: dict[str, set[str]] = {}
    for name, options in re.findall(r"kubectl create secret generic (\S+) (.*)", section):
        names = tuple(deployments({})) if name.endswith("-tls") else parts.SERVICES
        for part in names if "$part" in name else ("",):
            keys = set(re.findall(r"--from-(?:file|literal)=([^=]+)=", options))
            made[name.replace("$part", part)] = keys
    asked: dict[str, set[str]] = {}
    for pod in deployments({}).values():
        given = environment(pod["containers"][0]).values()
        folders = {
            f"/run/parley/{one['name']}": one["secret"]["secretName"]
            for one in pod["volumes"]
            if "secret" in one
        }
        for value in given:
            if secret := re.fullmatch(r"secret:(.+)/(.+)", value):
                asked.setdefault(secret[1], set()).add(secret[2])
            elif value.startswith("/run/"):
                folder, _, key = value.rpartition("/")
                asked.setdefault(folders[folder], set()).add(key)
    assert asked == made


@every_set
def test_parts_know_one_another_by_their_certificates(values: dict[str, Any]) -> None:
    """Both sides show one and believe one authority, by the names that callers have; by credential
    alone, or without TLS in a network that is trusted, only where the values say so.
    """
    given = values.get("tls", {})
    known_by = given.get("callersKnownBy", "both")
    trusted = given.get("source") == "none"
    for name, pod in deployments(values).items():
        told = environment(pod["containers"][0])
        prefix = f"PARLEY_{name.upper()}_"
        files = {one for one in told if one.startswith(f"{prefix}TLS_") and one.endswith("_FILE")}
        assert bool(files) != trusted
        shown = {one for one in told if re.search("CREDENTIALS?_FILE$", one)}
        # Edges seal cursors with theirs.
        assert bool(shown) == (trusted or known_by != "certificate" or name == "edge")
        if name not in parts.SERVICES:
            continue
        assert told.get(f"{prefix}TRUSTED_NETWORK") == ("true" if trusted else None)
        assert told.get(f"{prefix}CALLERS_KNOWN_BY") == (None if trusted else known_by)
        peers = told.get(f"{prefix}TLS_ALLOWED_PEERS", "")
        assert bool(peers) == (not trusted and known_by != "credential")
        assert set(given.get("peers", ())) <= set(peers.split(","))


def test_cert_manager_makes_what_the_parts_mount() -> None:
    """One for each part, renewed in time, with the name by which it is known and, of a service,
    those by which it is called.
    """
    certificates = by_component(EVERYTHING, "Certificate")
    pods = deployments(EVERYTHING)
    assert certificates.keys() == pods.keys()
    for name, certificate in certificates.items():
        spec = certificate["spec"]
        (volume,) = [one for one in pods[name]["volumes"] if one["name"] == "tls"]
        assert spec["secretName"] == volume["secret"]["secretName"]
        assert spec["uris"] == [f"spiffe://example.org/parley/{name}"]
        assert int(spec["renewBefore"][:-1]) >= int(spec["duration"][:-1]) // 3
        for variable, value in environment(pods["moderation"]["containers"][0]).items():
            if variable == f"PARLEY_MODERATION_{name.upper()}_TARGET":
                host = value.removeprefix("dns:///").rpartition(":")[0]
                assert host in spec["dnsNames"]
    assert not list(of_kind({}, "Certificate"))


def test_alerts_and_dashboards_are_those_of_the_repository() -> None:
    """The rules for an operator of Prometheus, and a ConfigMap for each dashboard, which Grafana's
    sidecar finds by its label.
    """
    (rules,) = of_kind(EVERYTHING, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((ROOT / "deploy/alerts/parley.yaml").read_text("utf-8"))
    assert rules["spec"]["groups"]
    shown = {}
    for config in of_kind(EVERYTHING, "ConfigMap"):
        assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
        shown.update(config["data"])
    files = sorted((ROOT / "deploy/dashboards").glob("*.json"))
    assert shown.keys() == {path.name for path in files}
    for path in files:
        assert json.loads(shown[path.name]) == json.loads(path.read_text("utf-8"))
    assert not [*of_kind({}, "PrometheusRule"), *of_kind({}, "ConfigMap")]

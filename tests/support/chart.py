"""The Helm chart, rendered as Helm does it, with nothing of a cluster."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import helm_python as helm
import yaml

from tests.support.images import ROOT

CHART = ROOT / "deploy" / "helm" / "parley"
Resource = dict[str, Any]

EVERYTHING: dict[str, Any] = {
    "image": {"registry": "registry.example.com/team", "pullSecrets": ["registry"]},
    "serviceAccount": {"annotations": {"example.com/role": "parley"}},
    "pod": {
        "annotations": {"example.com/team": "trade"},
        "labels": {"team": "trade"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "priorityClassName": "high",
    },
    "tokens": {"keys": ["old", "new"], "algorithms": ["HS256"], "issuer": "me", "audience": "you"},
    "networkPolicy": {
        "clients": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "backends": [{"podSelector": {"matchLabels": {"app": "orders"}}}],
        "operators": [{"podSelector": {"matchLabels": {"app": "toolbox"}}}],
        "egress": [{"ports": [{"port": 8443}], "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboards": {"enabled": True, "annotations": {"folder": "Parley"}},
    },
    "edge": {
        "settings": {
            "ALLOWED_ORIGINS": "https://a.example.com,https://b.example.com",
            "BYTES_PER_EDGE": 1_000_000_000,
            "DELIVERED_DELAY_SECONDS": 0.25,
        },
        "pod": {"preStopSeconds": 10, "spread": {"zones": "DoNotSchedule"}},
        "service": {"type": "NodePort", "annotations": {"example.com/lb": "yes"}},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": "60"},
            "host": "chat.example.com",
            "tlsSecret": "chat-tls",
        },
        "gateway": {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}]},
        "autoscaling": {"enabled": True},
    },
    "desk": {
        "replicas": 2,
        "settings": {"ORIGINS": "https://desk.example.com"},
        "ingress": {"enabled": True},
        "gateway": {"enabled": True},
    },
    "messaging": {
        "settings": {"TEXT_LIMIT": 5_000, "PRESENCE": False, "LOG_LEVEL": "debug"},
        "database": {
            "url": "postgresql+psycopg://parley@pg-rw.data:5433/messaging",
            "port": 5433,
            "peers": [{"namespaceSelector": {"matchLabels": {"name": "data"}}}],
        },
    },
    "negotiation": {"database": {"passwordKey": ""}},
    "tls": {
        "source": "certManager",
        "trustDomain": "example.org",
        "peers": ["spiffe://example.org/orders=backend"],
    },
    "bus": {
        "engine": "nats",
        "nats": {"url": "nats://parley@nats.data:4222", "existingSecret": "nats"},
    },
    "traces": {"endpoint": "http://collector.observability:4318", "sampleRate": 0.05},
}
VALUES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "without deals": {"negotiation": {"enabled": False}},
    "without moderation": {"moderation": {"enabled": False}, "desk": {"enabled": False}},
    "messages alone": {
        "negotiation": {"enabled": False},
        "moderation": {"enabled": False},
        "desk": {"enabled": False},
    },
    "keys of an issuer": {
        "tokens": {"source": "jwks", "jwksUrl": "https://login.example.com/jwks"},
        "networkPolicy": {"monitoring": [], "dns": []},
    },
    "known by certificates alone": {"tls": {"callersKnownBy": "certificate"}},
    "a network that is trusted": {"tls": {"source": "none"}},
    "public keys, other names, open network": {
        "tokens": {"source": "publicKey", "keys": ["issuer.pem"]},
        "fullnameOverride": "talk",
        "clusterDomain": "cluster.example",
        "networkPolicy": {"enabled": False},
        "tls": {"callersKnownBy": "credential"},
    },
}


def render(values: dict[str, Any]) -> dict[str, str]:
    """The files of a release `shop` in the namespace `trade`. Raises helm.HelmError."""
    with helm.Chart.load(CHART) as chart:
        return chart.render(values, name="shop", namespace="trade")


@functools.cache
def _manifests(values: str) -> tuple[Resource, ...]:
    files = render(json.loads(values))
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    return tuple(one for text in texts for one in yaml.safe_load_all(text) if one)


def manifests(values: dict[str, Any]) -> tuple[Resource, ...]:
    """What a release consists of; nobody changes it."""
    return _manifests(json.dumps(values))


def of_kind(values: dict[str, Any], kind: str) -> Iterator[Resource]:
    return (one for one in manifests(values) if one["kind"] == kind)


def component(resource: Resource) -> str:
    """The part that a resource is of."""
    return str(resource["metadata"]["labels"]["app.kubernetes.io/component"])


def deployments(values: dict[str, Any]) -> dict[str, Resource]:
    """The pods of each part, by its name: the template of its Deployment."""
    return {
        component(one): one["spec"]["template"]["spec"] for one in of_kind(values, "Deployment")
    }


def environment(container: Resource) -> dict[str, str]:
    """The variables of a container, those of Secrets as `secret:name/key`."""
    found = {}
    for one in container["env"]:
        secret = one.get("valueFrom", {}).get("secretKeyRef")
        found[one["name"]] = f"secret:{secret['name']}/{secret['key']}" if secret else one["value"]
    assert len(found) == len(container["env"]), "a variable is given twice"
    return found

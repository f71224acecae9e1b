"""JSON Schemas of resources that no cluster has by itself: as much of each as the chart uses.

Written after the definitions of prometheus-operator, cert-manager and the Gateway API, which are
many times as long.
"""

from typing import Any

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string", "minLength": 1}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "required": [*required],
        "additionalProperties": False,
        "properties": required | (optional or {}),
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": items}


def _resource(version: str, kind: str, spec: Schema) -> Schema:
    metadata = _object({"name": _TEXT, "labels": {"type": "object"}})
    return _object(
        {
            "apiVersion": {"const": version},
            "kind": {"const": kind},
            "metadata": metadata,
            "spec": spec,
        }
    )


_LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_DURATION: Schema = {"type": "string", "pattern": "^([0-9]+(ms|[smhd]))+$"}

SCHEMAS: dict[str, Schema] = {
    "ServiceMonitor": _resource(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        _object(
            {
                "jobLabel": _TEXT,
                "selector": _object({"matchLabels": _LABELS}),
                "endpoints": _list(_object({"port": _TEXT, "interval": _DURATION})),
            }
        ),
    ),
    "PrometheusRule": _resource(
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        _object(
            {
                "groups": _list(
                    _object(
                        {
                            "name": _TEXT,
                            "rules": _list(
                                _object(
                                    {"expr": _TEXT},
                                    {
                                        "alert": _TEXT,
                                        "record": _TEXT,
                                        "for": _DURATION,
                                        "keep_firing_for": _DURATION,
                                        "labels": _LABELS,
                                        "annotations": _LABELS,
                                    },
                                )
                            ),
                        },
                        {"interval": _DURATION},
                    )
                )
            }
        ),
    ),
    "HTTPRoute": _resource(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        _object(
            {
                "parentRefs": _list(_object({"name": _TEXT}, {"namespace": _TEXT})),
                "hostnames": _list(_TEXT),
                "rules": _list(
                    _object(
                        {
                            "matches": _list(
                                _object(
                                    {
                                        "path": _object(
                                            {
                                                "type": {"enum": ["PathPrefix", "Exact"]},
                                                "value": {"type": "string", "pattern": "^/"},
                                            }
                                        )
                                    }
                                )
                            ),
                            "backendRefs": _list(
                                _object({"name": _TEXT, "port": {"type": "integer"}})
                            ),
                        }
                    )
                ),
            }
        ),
    ),
    "Certificate": _resource(
        "cert-manager.io/v1",
        "Certificate",
        _object(
            {
                "secretName": _TEXT,
                "issuerRef": _object({"name": _TEXT}, {"kind": _TEXT, "group": _TEXT}),
                "duration": _DURATION,
                "renewBefore": _DURATION,
                "privateKey": _object(
                    {
                        "algorithm": {"enum": ["RSA", "ECDSA", "Ed25519"]},
                        "size": {"type": "integer"},
                        "rotationPolicy": {"enum": ["Always", "Never"]},
                    }
                ),
                "usages": _list({"enum": ["digital signature", "server auth", "client auth"]}),
                "uris": _list({"type": "string", "pattern": "^spiffe://"}),
                "dnsNames": _list(_TEXT),
            }
        ),
    ),
}

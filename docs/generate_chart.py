"""Writes the settings of each part into the chart's values.schema.json, or checks them.

python docs/generate_chart.py           writes them
python docs/generate_chart.py --check   fails when they are not what the code says

Helm then refuses a setting that is misspelled or out of bounds before anything is deployed.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

from desk.settings import Settings as DeskSettings
from docs import markers
from edge.settings import Settings as EdgeSettings
from messaging_service.settings import MessagingSettings
from moderation_service.settings import ModerationSettings
from negotiation_service.settings import NegotiationSettings

CHART = Path(__file__).resolve().parents[1] / "deploy" / "helm" / "parley"
PARTS: dict[str, type[BaseSettings]] = {
    "edge": EdgeSettings,
    "desk": DeskSettings,
    "messaging": MessagingSettings,
    "negotiation": NegotiationSettings,
    "moderation": ModerationSettings,
}
# What the chart makes of its other values, with the files and addresses that belong to it.
MADE_BY_THE_CHART = re.compile(
    r"host|port|listen|metrics_(host|port)|.*target|credentials?_file|.*_credential_file"
    r"|database_(url|password_file)|(drain|grace|reconnect_spread)_seconds"
    r"|tls_(certificate|key|ca|client_ca)_file|tls_allowed_peers|callers_known_by|trusted_network"
    r"|bus(_url|_password_file)?|traces_(endpoint|sample_rate)"
    r"|token_(secret_file|public_key_file|jwks_url|algorithms|issuer|audience)"
)
_KEPT = ("type", "enum", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def _setting(described: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Describe a setting as a value of the chart: a text where the variable holds a list."""
    for choice in described.get("anyOf", ()):
        if choice.get("type") != "null":
            return _setting(choice, definitions)
    if "$ref" in described:
        described = definitions[described["$ref"].rpartition("/")[2]]
    if described.get("type") not in {"string", "integer", "number", "boolean"}:
        return {"type": "string"}
    return {word: described[word] for word in _KEPT if word in described}


def settings_of(part: str) -> dict[str, dict[str, Any]]:
    """The settings of a part that `settings` of its values may hold, by their names there."""
    schema = PARTS[part].model_json_schema()
    return {
        name.upper(): _setting(described, schema.get("$defs", {}))
        for name, described in schema["properties"].items()
        if not MADE_BY_THE_CHART.fullmatch(name)
    }


def generate(document: str) -> str:
    """The schema with the settings of each part made anew."""
    schema = json.loads(document)
    for part in PARTS:
        schema["$defs"][f"{part}Settings"] = {
            "type": "object",
            "additionalProperties": False,
            "properties": settings_of(part),
        }
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(markers.run(CHART / "values.schema.json", generate, sys.argv[1:], "generate_chart.py"))

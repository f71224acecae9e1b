"""Writes docs/desk-openapi.json, the desk's HTTP API as OpenAPI 3.1 describes it, or checks it.

    python docs/generate_desk.py           writes it
    python docs/generate_desk.py --check   fails when it is not what the code says

The operations are those of desk/resources/table.py, described by their own signatures; what is
sessions and events stands here. `x-roles` are the roles of a token of which an operation needs one.

https://spec.openapis.org/oas/v3.1.1.html
"""

import json
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_type_hints

from msgspec import Struct, inspect

from desk.events.broadcast import NAMES
from desk.problems import PROBLEM_TYPE
from desk.resources.operation import MODERATOR, Operation
from desk.resources.table import OPERATIONS
from desk.structures.problems import Problem
from desk.structures.sessions import Configuration, SessionView, SignIn
from docs import markers
from docs.structures import (
    Schema,
    nested,
    property_schema,
    reference,
    schema_of,
    sentences,
    structure,
    type_schema,
)

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "desk-openapi.json"
_DESCRIPTION = """\
The API between the desk's page and the desk, which asks the moderation service in the name of the \
moderator who is signed in.

POST /session takes a token of the marketplace's issuer and sets a cookie, which no script can \
read. Each request that changes something bears the session's `csrf_token` as `X-CSRF-Token`, \
and may bear an `Idempotency-Key`: the same request with the same key is carried out once. A page \
of another origin is refused.

Refusals are problem+json. 401: there is no session any more. 403: the token has not the role, or \
the page is a foreign one. 409: something stands otherwise than was supposed, and `current` \
shows how. 503: the moderation service cannot be reached."""
_JSON = "application/json"
_SESSION: list[dict[str, list[str]]] = [{"session": []}]
_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    "description": "Made by the page when the moderator acts, and repeated with the request.",
}
_CSRF: dict[str, Any] = {
    "name": "X-CSRF-Token",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "The session's `csrf_token`.",
}


def _content(kind: type[Struct], media_type: str = _JSON) -> dict[str, Any]:
    return {media_type: {"schema": reference(kind.__name__)}}


def _responses(status: HTTPStatus, answer: type[Struct] | None) -> dict[str, Any]:
    told: dict[str, Any] = {"description": status.phrase}
    if answer is not None:
        told = {"description": sentences(answer), "content": _content(answer)}
    refused = {"description": "A refusal.", "content": _content(Problem, PROBLEM_TYPE)}
    return {str(status.value): told, "default": refused}


def _body(kind: type[Struct]) -> dict[str, Any]:
    return {"required": True, "content": _content(kind)}


def _query(kind: type[Struct]) -> list[dict[str, Any]]:
    return [
        {
            "name": field.encode_name,
            "in": "query",
            "required": field.required,
            "schema": property_schema(field),
        }
        for field in structure(kind).fields
    ]


def describe_operation(operation: Operation) -> dict[str, Any]:
    """An operation, by its own signature."""
    hints = get_type_hints(operation.handle, include_extras=True)
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": type_schema(inspect.type_info(hints[name])),
        }
        for name in operation.path_names
    ]
    if (query := operation.structure("query")) is not None:
        parameters += _query(query)
    if operation.writes:
        parameters += [_CSRF, _KEY]
    body = operation.structure("body")
    return {
        "operationId": operation.name,
        "tags": [operation.tag],
        "description": operation.description,
        "x-roles": sorted(operation.roles),
        "security": _SESSION,
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _body(body)} if body is not None else {}),
        "responses": _responses(operation.status, operation.structure("return")),
    }


def _sessions() -> dict[str, Any]:
    def described(name: str, description: str, **more: Any) -> dict[str, Any]:
        return {"operationId": name, "tags": ["session"], "description": description, **more}

    ok = HTTPStatus.OK
    return {
        "/session": {
            "post": described(
                "sign_in",
                "Signs in. The cookie that is set is HttpOnly, SameSite=Strict and, but on the"
                " machine itself without TLS, Secure.",
                security=[],
                requestBody=_body(SignIn),
                responses=_responses(ok, SessionView),
            ),
            "get": described(
                "get_session",
                "The session of the cookie, for a page that was loaded anew.",
                security=_SESSION,
                responses=_responses(ok, SessionView),
            ),
            "delete": described(
                "sign_out",
                "Ends the session and whatever it has open.",
                security=_SESSION,
                parameters=[_CSRF],
                responses=_responses(HTTPStatus.NO_CONTENT, None),
            ),
        },
        "/config.json": {
            "get": described(
                "get_configuration",
                "What a page is told that nobody has signed in to.",
                security=[],
                responses=_responses(ok, Configuration),
            ),
        },
    }


def _events() -> dict[str, Any]:
    names = ", ".join(f"`{name}` ({kind.__name__})" for kind, name in NAMES.items())
    stream = {
        "description": f"Events by their names: {names}. Comments are signs of life.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    return {
        "/events": {
            "get": {
                "operationId": "follow_events",
                "tags": ["events"],
                "description": "What others do, as server-sent events. Who comes back with the id"
                " of the last event is told what followed, or `reset` where that is not known.",
                "x-roles": sorted(MODERATOR),
                "x-events": {name: reference(kind.__name__) for kind, name in NAMES.items()},
                "security": _SESSION,
                "parameters": [
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "schema": {"type": "string"},
                        "description": "Sent by browsers of themselves.",
                    }
                ],
                "responses": {**_responses(HTTPStatus.OK, None), "200": stream},
            }
        }
    }


def schemas() -> dict[str, Schema]:
    """The schemas of all structures, each under its name."""
    used: set[type[Struct]] = {Problem, SessionView, SignIn, Configuration, *NAMES}
    for one in OPERATIONS:
        used |= {kind for name in ("body", "return") if (kind := one.structure(name)) is not None}
    kinds = {kind.cls for one in used for kind in nested(structure(one))}
    return {one.__name__: schema_of(one) for one in sorted(kinds, key=lambda one: one.__name__)}


def describe() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {**_sessions(), **_events()}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = describe_operation(one)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Parley's desk",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-parley_desk",
                    "description": "On the machine itself without TLS it is `parley_desk`.",
                }
            },
        },
    }


def generate() -> str:
    """The text of docs/desk-openapi.json."""
    return json.dumps(describe(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(markers.run(DOCUMENT, lambda _: generate(), sys.argv[1:], "generate_desk.py"))

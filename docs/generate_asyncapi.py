"""Writes docs/asyncapi.json, the protocol as AsyncAPI 3.0 describes it, and docs/asyncapi.html, the
same as a page; or checks them.

    python docs/generate_asyncapi.py           writes both files
    python docs/generate_asyncapi.py --check   fails when they are not what the code says

It describes the edge: what a client sends is received, with the answer and ERROR as its reply, and
what is pushed is sent. Each packet is a message, whose payload is the envelope with its `op`.
Where AsyncAPI has no words, extensions do: `x-subprotocols` of the channel, `x-meanings` of codes,
and `x-shows` of structures, which is docs/protocol.md's table of objects.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import json
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from docs import markers
from docs.asyncapi_page import Page
from docs.structures import (
    Schema,
    nested,
    reference,
    schema_of,
    sentences,
    structure,
    without_links,
)
from parley_protocol.errors import CloseCode, ErrorCode
from parley_protocol.objects import SHOWINGS
from parley_protocol.packets import FORMATS, JSON, MAXIMUM_ID_LENGTH, Op
from service_kit.authentication.errors import MAXIMUM_TOKEN_LENGTH

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "asyncapi.json"

_CHANNEL = "ws"
_AT_CHANNEL = {"$ref": f"#/channels/{_CHANNEL}"}
_ID: Schema = {
    "anyOf": [
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "string", "maxLength": MAXIMUM_ID_LENGTH},
    ]
}
_CONTENT_TYPES = {True: "application/json", False: "application/msgpack"}
_DESCRIPTION = """\
The packets between a client and the edge of Parley. docs/protocol.md says in prose what they mean \
together: cursor and resume, delivery, versions of objects.

From a client a packet is `{"op", "id", "d"}`, of which `id` is optional, to a client \
`{"op", "re", "d", "cur"}`, of which `re` and `cur` are. `d` is the payload, `cur` a cursor to \
resume from.

A packet with an `id` gets exactly one reply that bears it as `re`: the answer named here, or \
ERROR. Unknown packets and fields are passed over. In a packet from a client a field that is null \
is as good as absent. A word that a client does not know it takes for `unspecified`."""
_SECURITY = {
    "header": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`Authorization: Bearer <token>`, the recommended way.",
    },
    "cookie": {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "token",
        "description": "A cookie named `token`; a page needs an allowed `Origin`.",
    },
    "query": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": "The parameter `?token=<token>`.",
    },
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "For browsers, which can set no header: `parley.bearer.<token>`, offered"
        " beside a `parley.v1.*`. The server never echoes it.",
    },
}


def message_of(payload: type[Struct]) -> str:
    """The name of the message, and of the schema of its envelope."""
    return f"{payload.__name__}Packet"


def envelope(op: Op, payload: type[Struct]) -> Schema:
    """The schema of a packet as a whole."""
    d = reference(payload.__name__)
    if payload is op.from_client:
        # An empty payload may be left out.
        needed = ["d"] if any(field.required for field in structure(payload).fields) else []
        around: Schema = {"id": _ID}
        side = "from a client"
    else:
        needed, around, side = ["d"], {"re": _ID, "cur": {"type": "string"}}, "to a client"
    return {
        "type": "object",
        "description": f"{op.title}, {side}.",
        "required": ["op", *needed],
        "properties": {"op": {"const": op.value}, **around, "d": d},
    }


def packets() -> list[tuple[Op, type[Struct]]]:
    """Each packet with each of its payloads, that from the client first."""
    return [
        (op, payload)
        for op in Op
        for payload in (op.from_client, op.to_client)
        if payload is not None
    ]


def message(op: Op, payload: type[Struct]) -> dict[str, Any]:
    """A message: a packet in one of its directions."""
    correlation = "id" if payload is op.from_client else "re"
    return {
        "name": op.name,
        "title": op.title,
        "summary": without_links(sentences(payload)),
        "correlationId": {"location": f"$message.payload#/{correlation}"},
        "payload": reference(message_of(payload)),
    }


def _messages(*payloads: type[Struct] | None) -> list[dict[str, str]]:
    return [
        {"$ref": f"#/channels/{_CHANNEL}/messages/{message_of(one)}"}
        for one in payloads
        if one is not None
    ]


def operations() -> dict[str, Any]:
    """Operations: one for each packet that the edge receives, by its handler, or pushes."""
    found: dict[str, Any] = {}
    for op in Op:
        if op.from_client is not None:
            answer = None if op.answer is None else op.answer.to_client
            found[op.name.lower()] = {
                "action": "receive",
                "channel": _AT_CHANNEL,
                "title": op.title,
                "summary": without_links(sentences(op.from_client)),
                "messages": _messages(op.from_client),
                "reply": {
                    "channel": _AT_CHANNEL,
                    "messages": _messages(answer, Op.ERROR.to_client),
                },
            }
        if op.to_client is not None and op.pushed:
            found[f"push_{op.name.lower()}"] = {
                "action": "send",
                "channel": _AT_CHANNEL,
                "title": op.title,
                "summary": without_links(sentences(op.to_client)),
                "messages": _messages(op.to_client),
            }
    return found


def codes() -> dict[str, Schema]:
    """The schemas of error codes and of close codes, with what each means."""
    return {
        ErrorCode.__name__: {
            "type": "string",
            "description": "The kind of an error. A client goes by `retryable` where it does not"
            " know the code.",
            "enum": list(ErrorCode),
            "x-meanings": {
                one: {"retryable": one.retryable, "meaning": one.meaning} for one in ErrorCode
            },
        },
        CloseCode.__name__: {
            "type": "integer",
            "description": without_links(sentences(CloseCode)),
            "enum": [one.value for one in CloseCode],
            "x-meanings": {
                str(one.value): {"name": one.name, "meaning": one.meaning} for one in CloseCode
            },
        },
    }


def schemas() -> dict[str, Schema]:
    """The schemas of all envelopes and structures, each under its name."""
    envelopes = {message_of(payload): envelope(op, payload) for op, payload in packets()}
    kinds = {kind.cls for _, payload in packets() for kind in nested(structure(payload))}
    structures = {}
    for kind in sorted(kinds, key=lambda one: one.__name__):
        shown = [
            {
                "kind": one.kind,
                "key": list(one.key),
                "version": one.version,
                # Without a choice the version speaks of all that the structure holds.
                "all": one.content is None,
            }
            for one in SHOWINGS.get(kind, ())
        ]
        structures[kind.__name__] = {**schema_of(kind), **({"x-shows": shown} if shown else {})}
    return {**envelopes, **structures, **codes()}


def channel() -> dict[str, Any]:
    """The socket: its handshake, its two encodings, and every packet."""
    text = {True: "text", False: "binary"}
    return {
        "address": "/ws",
        "title": "The socket",
        "description": "GET, upgraded to a WebSocket (RFC 6455). The subprotocol decides the"
        " encoding of all packets; of several that are offered the first that is known is chosen."
        f" The edge closes with a {CloseCode.__name__}, or with one of WebSocket's own.",
        "messages": {message_of(payload): message(op, payload) for op, payload in packets()},
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {
                    "type": "object",
                    "properties": {
                        "resume": {
                            "type": "string",
                            "maxLength": 1024,
                            "description": "The last cursor of the connection before.",
                        },
                        "token": {
                            "type": "string",
                            "maxLength": MAXIMUM_TOKEN_LENGTH,
                            "description": "The token, where no header can be set.",
                        },
                    },
                },
                "headers": {
                    "type": "object",
                    "properties": {
                        "Sec-WebSocket-Protocol": {
                            "type": "string",
                            "description": "One or both of the subprotocols, and perhaps"
                            f" `parley.bearer.<token>`. Without any it is {JSON.subprotocol}.",
                        },
                    },
                },
                "bindingVersion": "0.1.0",
            }
        },
        "x-subprotocols": {
            name: {"contentType": _CONTENT_TYPES[one.text], "frames": text[one.text]}
            for name, one in FORMATS.items()
        },
    }


def describe() -> dict[str, Any]:
    """The whole document."""
    security = [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY]
    host = {
        "host": "{host}",
        "security": security,
        "variables": {"host": {"default": "127.0.0.1:8080", "description": "Where an edge is."}},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parley",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _CONTENT_TYPES[JSON.text],
        "servers": {
            "plain": {**host, "protocol": "ws", "description": "Within one machine or network."},
            "secure": {**host, "protocol": "wss", "description": "Behind what ends TLS."},
        },
        "channels": {_CHANNEL: channel()},
        "operations": operations(),
        "components": {"schemas": schemas(), "securitySchemes": _SECURITY},
    }


def generate() -> str:
    """The text of docs/asyncapi.json."""
    return json.dumps(describe(), indent=2, ensure_ascii=False) + "\n"


def generate_page() -> str:
    """The text of docs/asyncapi.html."""
    return Page(describe()).render()


def main(arguments: list[str], document: Path = DOCUMENT) -> int:
    """Write both files, or check them; returns the exit status."""
    page = document.with_suffix(".html")
    return max(
        markers.run(document, lambda _: generate(), arguments),
        markers.run(page, lambda _: generate_page(), arguments),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

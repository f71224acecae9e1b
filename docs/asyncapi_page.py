"""The page of docs/asyncapi.json: one file of HTML, without a script, a picture or an address."""

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from typing import Any

from docs.structures import Schema

# Both schemes have a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3).
_STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #4d5661; --paper: #fff; --line: #c9d1d9;
  --band: #f3f5f7; --link: #0b57b0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #aab4bf; --paper: #14181d;
  --line: #3c4550; --band: #1e242b; --link: #84b9ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { margin-top: 2rem; scroll-margin-top: 1rem; }
h3 small, em { color: var(--soft); font-weight: normal; }
code { padding: 0 .2em; border-radius: .2em; background: var(--band);
  font: .9em ui-monospace, monospace; }
nav ul { columns: 15rem; padding: 0; list-style: none; }
nav a { display: inline-block; padding: .25rem 0; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td { padding: .4rem .5rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
thead th { background: var(--band); }
tbody th { font-weight: normal; }
th { overflow-wrap: normal; }
@media (max-width: 30rem) { th, td { padding: .4rem .25rem; } }
"""


class Page:
    """Renders the description: how to connect, each packet, the structures, the codes."""

    def __init__(self, described: Any) -> None:
        self._info = described["info"]
        self._places = described["components"]["securitySchemes"]
        self._schemas: dict[str, Schema] = described["components"]["schemas"]
        (self._channel,) = described["channels"].values()
        # The messages of each packet by its name: TYPING has one in each direction.
        self._packets: dict[str, list[Any]] = {}
        # The packet of each payload.
        self._packet_of: dict[str, str] = {}
        for message in self._channel["messages"].values():
            self._packets.setdefault(message["name"], []).append(message)
            self._packet_of[self._payload(message)] = message["name"]
        self._replies: dict[str, list[str]] = {}
        for operation in described["operations"].values():
            if operation["action"] == "receive":
                (asked,) = operation["messages"]
                replies = [self._named(one) for one in operation["reply"]["messages"]]
                self._replies[self._named(asked)] = replies
        self._structures = [
            name
            for name, schema in self._schemas.items()
            if name not in self._packet_of
            and "op" not in schema.get("properties", ())
            and schema["type"] == "object"
        ]

    def _named(self, reference: Any) -> str:
        name: str = self._channel["messages"][_last(reference)]["name"]
        return name

    def _envelope(self, message: Any) -> Schema:
        return self._schemas[_last(message["payload"])]

    def _payload(self, message: Any) -> str:
        return _last(self._envelope(message)["properties"]["d"])

    def render(self) -> str:
        """The text of the file."""
        heading = html.escape(f"{self._info['title']}: the packet protocol, version 1")
        return "\n".join(
            [
                '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{heading}</title>",
                f"<style>{_STYLE}</style>\n</head>\n<body>",
                '<a class="skip" href="#connection">Past the contents</a>',
                f"<header>\n<h1>{heading}</h1>",
                *(f"<p>{_prose(one)}</p>" for one in self._info["description"].split("\n\n")),
                '<p>For programs: <a href="asyncapi.json">asyncapi.json</a>, AsyncAPI 3.0.</p>',
                "</header>",
                *self._index(),
                "<main>",
                *self._connection(),
                '<h2 id="packets">Packets</h2>',
                *(line for name in self._packets for line in self._packet(name)),
                '<h2 id="structures">Structures</h2>',
                *(line for name in self._structures for line in self._structure(name)),
                *self._codes(),
                "</main>\n</body>\n</html>\n",
            ]
        )

    def _index(self) -> Iterator[str]:
        packets = [self._link(name) for name in self._packets]
        structures = [self._type_link(name) for name in self._structures]
        yield '<nav aria-label="Contents">'
        for title, links in (
            ("Connection", []),
            ("Packets", packets),
            ("Structures", structures),
            ("Error codes", []),
            ("Close codes", []),
        ):
            yield f'<p><a href="#{_anchor(title)}">{title}</a></p>'
            if links:
                yield f"<ul>\n{_lines(f'<li>{link}</li>' for link in links)}\n</ul>"
        yield "</nav>"

    def _connection(self) -> Iterator[str]:
        channel = self._channel
        yield '<h2 id="connection">Connection</h2>'
        yield f"<p>{_code('GET ' + channel['address'])}</p>"
        yield f"<p>{_prose(channel['description'])}</p>"
        encodings = channel["x-subprotocols"].items()
        yield from _table(
            "The subprotocols",
            ("subprotocol", "frames", "encoding"),
            [(_code(name), one["frames"], one["contentType"]) for name, one in encodings],
        )
        yield from _table(
            "The places of the token, in this order",
            ("place", "form"),
            [(name, _prose(one["description"])) for name, one in self._places.items()],
        )
        for part, title in (("query", "Parameters of the address"), ("headers", "Headers")):
            named = channel["bindings"]["ws"][part]["properties"].items()
            rows = [(_code(name), _prose(one["description"])) for name, one in named]
            yield from _table(title, ("name", "meaning"), rows)

    def _packet(self, name: str) -> Iterator[str]:
        first, *_ = self._packets[name]
        number = self._envelope(first)["properties"]["op"]["const"]
        op = f"<small>0x{number:02X}, {number}</small>"
        yield f'<h3 id="{_anchor(name)}">{first["title"]} {op}</h3>'
        for message in self._packets[name]:
            from_client = "id" in self._envelope(message)["properties"]
            side = "From a client" if from_client else "To a client"
            yield f"<p><em>{side}.</em> {_prose(message['summary'])}</p>"
            yield from self._fields(self._payload(message), f"{first['title']}, {side.lower()}")
            if from_client:
                replies = " or ".join(self._link(one) for one in self._replies[name])
                yield f"<p>Reply: {replies}.</p>"

    def _structure(self, name: str) -> Iterator[str]:
        yield f'<h3 id="structure-{_anchor(name)}">{name}</h3>'
        yield f"<p>{_prose(self._schemas[name]['description'])}</p>"
        yield from self._fields(name, name)

    def _fields(self, name: str, caption: str) -> Iterator[str]:
        schema = self._schemas[name]
        needed = schema.get("required", ())
        rows = []
        for field, one in schema.get("properties", {}).items():
            default = f"no, {json.dumps(one['default'])}" if "default" in one else "no"
            rows.append((_code(field), self._type(one), "yes" if field in needed else default))
        if rows:
            yield from _table(f"Fields of {caption}", ("field", "type", "required"), rows)
        else:
            yield "<p>It has no fields.</p>"

    def _type(self, schema: Schema) -> str:
        """A type in words, as docs/protocol.md has them."""
        if "$ref" in schema:
            return self._type_link(_last(schema))
        if "anyOf" in schema:
            return " or ".join(self._type(one) for one in schema["anyOf"])
        if "enum" in schema:
            return " or ".join(_code(json.dumps(word)) for word in schema["enum"])
        match schema["type"]:
            case "array":
                return f"list of {self._type(schema['items'])}"
            case "object":
                return f"object of {self._type(schema['additionalProperties'])}"
            case "integer" if "minimum" in schema:
                return f"integer, {schema['minimum']} to {schema['maximum']}"
            case "string" if "maxLength" in schema:
                return f"string, {schema.get('minLength', 0)} to {schema['maxLength']} characters"
        return str(schema["type"])

    def _link(self, packet: str) -> str:
        return f'<a href="#{_anchor(packet)}">{packet.replace("_", " ")}</a>'

    def _type_link(self, name: str) -> str:
        if name in self._packet_of:
            place = _anchor(self._packet_of[name])
        elif name in self._structures:
            place = f"structure-{_anchor(name)}"
        else:
            place = {"ErrorCode": "error-codes", "CloseCode": "close-codes"}[name]
        return f'<a href="#{place}">{name}</a>'

    def _codes(self) -> Iterator[str]:
        errors, closes = self._schemas["ErrorCode"], self._schemas["CloseCode"]
        yield f'<h2 id="error-codes">Error codes</h2>\n<p>{_prose(errors["description"])}</p>'
        yield from _table(
            "The codes of ERROR",
            ("code", "retryable", "meaning"),
            [
                (_code(code), "yes" if one["retryable"] else "no", _prose(one["meaning"]))
                for code, one in errors["x-meanings"].items()
            ],
        )
        yield f'<h2 id="close-codes">Close codes</h2>\n<p>{_prose(closes["description"])}</p>'
        yield from _table(
            "The codes with which the edge closes",
            ("code", "name", "meaning"),
            [
                (_code(code), _code(one["name"]), _prose(one["meaning"]))
                for code, one in closes["x-meanings"].items()
            ],
        )


def _last(reference: Any) -> str:
    """The name to which a reference leads."""
    return str(reference["$ref"]).rpartition("/")[2]


def _anchor(name: str) -> str:
    return re.sub("[_ ]", "-", name.lower())


def _code(text: str) -> str:
    """A name as code, which a narrow screen may break behind its underscores."""
    return f"<code>{html.escape(text, quote=False).replace('_', '_<wbr>')}</code>"


def _prose(text: str) -> str:
    """Sentences, with what stands between backticks as code."""
    parts = text.split("`")
    return "".join(
        _code(part) if odd else html.escape(part, quote=False)
        for part, odd in zip(parts, cycle([False, True]))
    )


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table, of whose rows the first cell is the heading."""
    yield f"<table>\n<caption>{html.escape(caption)}</caption>\n<thead>\n<tr>"
    yield "".join(f'<th scope="col">{head}</th>' for head in heads)
    yield "</tr>\n</thead>\n<tbody>"
    for first, *others in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        yield f'<tr><th scope="row">{first}</th>{cells}</tr>'
    yield "</tbody>\n</table>"

"""docs/web.md says what the app and the elements in pages of others do."""

import re

from edge.settings import Settings
from edge.web.people_app import _policy, _sharing
from service_kit.web.built_app import caching
from tests.support.node import ROOT

_TEXT = (ROOT / "docs" / "web.md").read_text("utf-8")
_EMBED = ROOT / "web" / "src" / "embed"
# Beyond the edge's own policy a static host allows the socket, and asking why there is none.
_ELSEWHERE = " wss://chat.example https://chat.example"


def _table(first: str) -> list[list[str]]:
    """Rows of the table whose head begins so, without head and line."""
    rows = _TEXT[_TEXT.index(f"| {first} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", _TEXT, re.DOTALL)


def test_every_snippet_gives_the_policy_of_the_edge() -> None:
    policy = _policy(Settings.model_construct(web_token_url=None))
    expected = policy.replace("connect-src 'self'", f"connect-src 'self'{_ELSEWHERE}")
    named = re.findall(r"Content-Security-Policy:? \"?(default-src[^\"\n]*)", _TEXT)
    # Alone, for nginx and for Caddy.
    assert named == [expected] * 3
    for header in ("X-Content-Type-Options:? nosniff", "Referrer-Policy:? no-referrer"):
        assert len(re.findall(header, _TEXT)) == 3


def test_every_snippet_caches_as_the_edge_does() -> None:
    for server in (_blocks("nginx")[1], _blocks("caddy")[1]):
        assert caching("index.html") in server
        assert f'"{caching("assets/index-1.js")}"' in server
    assert _sharing("embed/parley.js")["Access-Control-Allow-Origin"] == "*"
    assert "`Access-Control-Allow-Origin: *` to `embed/parley.js`" in _TEXT


def test_proxies_pass_on_what_is_public_and_nothing_else() -> None:
    """The paths that docs/operations.md lets through, and the app."""
    public = {"/ws", "/app", "/standing", "/appeals", "/services", "/disputes", "/packets/"}
    hidden = {"/metrics", "/healthz", "/readyz", "/", "/applet", "/ws2", "/app.js", "/packetsx"}
    nginx = _blocks("nginx")[0]
    [location] = re.findall(r"location ~ (\S+) \{", nginx)
    passes = re.compile(location)
    assert "location = /ws {" in nginx
    assert all(path == "/ws" or passes.match(path) for path in public)
    assert passes.match("/app/embed/parley.js")
    assert not [path for path in hidden if passes.match(path)]
    [paths] = re.findall(r"@parley path (.*)", _blocks("caddy")[0])
    told = set(paths.split())
    assert {path.removesuffix("*") for path in told} == public | {"/app/"}
    operations = (ROOT / "docs" / "operations.md").read_text("utf-8")
    for path in public - {"/app"}:
        assert f"`{path}`" in operations


def test_attributes_and_properties_of_the_elements_are_named() -> None:
    declared = (_EMBED / "declared.d.ts").read_text("utf-8")
    rows = _table("attribute")
    attributes = {name for row in rows for name in _names(row[0])}
    properties = {name for row in rows for name in _names(row[1])}
    assert attributes == set(re.findall(r"Attributes? `([a-z-]+)`", declared)) | {"back"}
    body = "".join(
        re.findall(r"interface Parley(?:Element|Inbox|Chat)\b.*?\n}", declared, re.DOTALL)
    )
    assert properties == set(re.findall(r"^  (?:readonly )?(\w+):", body, re.MULTILINE))
    # It is there to say which events there are.
    for method in set(re.findall(r"^  (\w+)\(", body, re.MULTILINE)) - {"addEventListener"}:
        assert f".{method}(" in _TEXT
    [events] = re.findall(r"interface ParleyEventMap \{(.*?)\n}", declared, re.DOTALL)
    assert [_names(row[0]) for row in _table("event")] == [
        [name] for name in re.findall(r'"(parley-\w+)"', events)
    ]
    for code in re.findall(r"`([A-Z_]{8,})`", declared):
        assert f"`{code}`" in _TEXT


def test_custom_properties_and_parts_are_named() -> None:
    theme = (ROOT / "web" / "src" / "shared" / "theme.css").read_text("utf-8")
    properties = {name for row in _table("custom property") for name in _names(row[0])}
    assert properties == set(re.findall(r"^  (--parley-[\w-]+):", theme, re.MULTILINE))
    sources = [path.read_text("utf-8") for path in (ROOT / "web" / "src").rglob("*.tsx")]
    parts = {
        name
        for source in sources
        for value in re.findall(r'part=(?:"([^"]+)"|\{`([^`]+)`\})', source)
        for name in re.findall(r"[\w-]+", re.sub(r"\$\{.*?\}", "", "".join(value)))
    }
    listed = _TEXT[_TEXT.index("these parts by `::part()`:") :].split(". ")[0]
    assert parts - set(_names(listed)) == set()
    assert {"bubble", "button", "line", "deal"} <= parts

"""The web app as a real edge serves it: its files, and what it says of each."""

import gzip
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.callers import secret_of
from tests.support.system import System, free_port
from tests.support.waiting import PATIENCE

PAGE = b'<!doctype html><script type="module" src="./assets/index-C0ffee.js"></script>'
SCRIPT = b"export const answer = 42;\n" * 4000
FILES = {
    "index.html": PAGE,
    "worker.js": b"addEventListener('fetch', () => {});",
    "config.json": b'{"url": "wss://elsewhere.example/ws"}',
    "embed/parley.js": b"export class ParleyInbox {}",
    "assets/index-C0ffee.js": SCRIPT,
    "assets/index-C0ffee.css": b"body { margin: 0 }",
    "assets/icon-C0ffee.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}
TOKEN_URL = "https://market.example:8443/token?for=parley"
SIGN_IN_URL = "https://market.example/sign-in"
JAVASCRIPT = "text/javascript; charset=utf-8"


def build(folder: Path) -> Path:
    """Write what a build looks like."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder.parent / "secret.txt").write_text("not of the app", "utf-8")
    return folder


@pytest.fixture(scope="module")
def app_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("web-app")
    built = build(folder / "built" / "people")
    with System(folder) as system:
        system.start(
            "messaging",
            web_app_folder=built,
            web_token_url=TOKEN_URL,
            web_sign_in_url=SIGN_IN_URL,
        )
        yield system


def ask(
    system: System, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in lower case, and body of exactly this path; no redirect is followed."""
    connection = http.client.HTTPConnection("127.0.0.1", system.edge_port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        given = connection.getresponse()
        return given.status, {n.lower(): v for n, v in given.getheaders()}, given.read()
    finally:
        connection.close()


def test_the_folder_is_entered_by_either_address(app_system: System) -> None:
    """By a relative address, which holds below a path of a proxy as well."""
    status, headers, _ = ask(app_system, "/app")
    assert (status, headers["location"]) == (307, "app/")
    for path in ("/app/", "/app/?from=mail", "/app/index.html"):
        status, headers, body = ask(app_system, path)
        assert (status, headers["content-type"], body) == (200, "text/html; charset=utf-8", PAGE)


@pytest.mark.parametrize(
    ("name", "kind", "caching"),
    [
        ("index.html", "text/html; charset=utf-8", "no-cache"),
        ("worker.js", JAVASCRIPT, "no-cache"),
        ("config.json", "application/json", "no-cache"),
        ("embed/parley.js", JAVASCRIPT, "no-cache"),
        ("assets/index-C0ffee.js", JAVASCRIPT, "public, max-age=31536000, immutable"),
        (
            *("assets/index-C0ffee.css", "text/css; charset=utf-8"),
            "public, max-age=31536000, immutable",
        ),
        ("assets/icon-C0ffee.svg", "image/svg+xml", "public, max-age=31536000, immutable"),
    ],
)
def test_each_file_says_what_it_is_and_how_long(
    app_system: System, name: str, kind: str, caching: str
) -> None:
    """Each answer holds the page to its policy, also a worker's."""
    status, headers, body = ask(app_system, f"/app/{name}")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, kind, caching)
    assert headers["content-length"] == str(len(body))
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = dict(
        one.strip().split(" ", 1) for one in headers["content-security-policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "worker-src": "'self'",
        # Tokens come from there; its path and query are nobody's business here.
        "connect-src": "'self' https://market.example:8443",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    if name != "config.json":
        assert body == FILES[name]
    of_head = ask(app_system, f"/app/{name}", "HEAD")
    assert of_head[0] == 200
    assert of_head[2] == b""
    for one in ("etag", "content-length", "content-type", "cache-control"):
        assert of_head[1][one] == headers[one]
    status, again, body = ask(app_system, f"/app/{name}", if_none_match=headers["etag"])
    assert (status, again["etag"], body) == (304, headers["etag"], b"")


def test_pages_of_other_origins_may_load_the_elements_and_nothing_else(app_system: System) -> None:
    origin = "https://market.example"
    _, headers, _ = ask(app_system, "/app/embed/parley.js", origin=origin)
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    for name in ("", "worker.js", "config.json", "assets/index-C0ffee.js", "embed/none.js"):
        _, headers, _ = ask(app_system, f"/app/{name}", origin=origin)
        assert "access-control-allow-origin" not in headers


def test_the_edge_says_where_people_sign_in(app_system: System) -> None:
    """Its own settings count, and not the file that lies in the folder."""
    _, _, body = ask(app_system, "/app/config.json")
    assert json.loads(body) == {"token_url": TOKEN_URL, "sign_in_url": SIGN_IN_URL}


def test_a_large_file_is_compressed_for_who_takes_that(app_system: System) -> None:
    path = "/app/assets/index-C0ffee.js"
    status, headers, body = ask(app_system, path, accept_encoding="gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert len(body) * 4 < len(SCRIPT)
    assert gzip.decompress(body) == SCRIPT


@pytest.mark.parametrize(
    "path",
    [
        "/app/nothing.js",
        "/app/assets",
        "/app/assets/",
        "/app//index.html",
        "/app/./index.html",
        "/app/../secret.txt",
        "/app/../../secret.txt",
        "/app/assets/../../secret.txt",
        "/app/%2e%2e/secret.txt",
        "/app/..%2fsecret.txt",
        "/app/..%5csecret.txt",
        "/app/%00",
        "/app/index.html%00.js",
        "/app//etc/passwd",
        "/app/%2fetc%2fpasswd",
        "/appendix",
    ],
)
def test_nothing_else_is_there(app_system: System, path: str) -> None:
    """Whatever is not a file of the app is a clear 404."""
    status, headers, body = ask(app_system, path)
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(body)["reason"] == "not_found"
    assert b"not of the app" not in body


def test_nobody_writes(app_system: System) -> None:
    for path in ("/app", "/app/", "/app/index.html"):
        status, headers, _ = ask(app_system, path, "POST")
        assert (status, {*headers["allow"].split(", ")}) == (405, {"GET", "HEAD"})


def test_requests_are_counted_by_status(app_system: System) -> None:
    ask(app_system, "/app/")
    ask(app_system, "/app/nothing.js")
    _, _, told = ask(app_system, "/metrics")
    for status in (200, 404):
        line = f'parley_edge_http_requests_total{{request="app",status="{status}"}}'
        assert line.encode() in told


def test_without_the_setting_there_is_no_app(shared_system: System) -> None:
    for path in ("/app", "/app/", "/app/index.html", "/app/config.json"):
        assert ask(shared_system, path)[0] == 404


@pytest.mark.parametrize("what", ["missing", "empty", "a file", "sources"])
def test_an_edge_does_not_start_with_another_folder(tmp_path: Path, what: str) -> None:
    """One line names the setting and what to do; exit code 2."""
    folder = tmp_path / "folder"
    if what == "a file":
        folder.write_text("", "utf-8")
    elif what != "missing":
        folder.mkdir()
    if what == "sources":
        (folder / "index.html").write_text("<script src=./src/main.tsx></script>", "utf-8")
    credential, secret = tmp_path / "edge.key", tmp_path / "token.secret"
    credential.write_text(secret_of("edge"), "utf-8")
    secret.write_text("s" * 32, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "edge"],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={
            **os.environ,
            "PARLEY_EDGE_PORT": str(free_port()),
            "PARLEY_EDGE_CREDENTIAL_FILE": str(credential),
            "PARLEY_EDGE_TOKEN_SECRET_FILE": str(secret),
            "PARLEY_EDGE_WEB_APP_FOLDER": str(folder),
        },
    )
    assert done.returncode == 2
    said = (done.stdout + done.stderr).strip().splitlines()
    (line,) = [one for one in said if "PARLEY_EDGE_WEB_APP_FOLDER" in one]
    assert str(folder) in line
    assert "make web" in line
    assert "Traceback" not in done.stdout + done.stderr

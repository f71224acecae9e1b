"""Which pages may open a socket."""

import pytest

from edge.web.origins import origin_allowed, read_origins

ALLOWED = read_origins(["https://app.example.com", "http://localhost:3000"])


@pytest.mark.parametrize("origin", [None, "https://app.example.com", "http://localhost:3000"])
def test_listed_origins_and_none_at_all_are_allowed(origin: str | None) -> None:
    """Listed pages may come in, and so may apps and servers, which send no Origin."""
    assert origin_allowed(origin, ALLOWED)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "file://",
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "https://app.example.com@evil.example",
        "https://app.example.com:444",
        "https://app.example.com:443",
        "https://app.example.com/",
        "https://app.example.com ",
        "https://app.example.com.",
        "https://APP.example.com",
        "https://app.example.com, https://evil.example",
        "https://sub.app.example.com",
        "https://example.com",
        "http://app.example.com",
        "https://\u0430pp.example.com",
        "http://localhost",
        "http://localhost:30000",
        "http://127.0.0.1:3000",
    ],
)
def test_everything_else_is_refused(origin: str) -> None:
    """No look-alike passes: other scheme, port, host, sub-domain, case, script or form."""
    assert not origin_allowed(origin, ALLOWED)


@pytest.mark.parametrize("origin", ["null", "file://"])
def test_pages_without_a_host_must_be_listed(origin: str) -> None:
    """Sandboxed pages and local files of anyone send these, so they count when asked for."""
    assert not origin_allowed(origin, read_origins([]))
    assert origin_allowed(origin, read_origins([origin]))
    assert not origin_allowed("file:///etc/passwd", read_origins([origin]))


@pytest.mark.parametrize("origin", ["https://[::1]:8443", "https://localhost", "tauri://localhost"])
def test_unusual_origins_may_be_listed(origin: str) -> None:
    """Literal addresses and the schemes of desktop shells are origins as well."""
    assert read_origins([origin]) == {origin}


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "*",
        "app.example.com",
        "https://",
        "https://*.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com?x",
        "https://App.example.com",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "https://app.example.com:port",
        "https://app.example.com:99999",
        "https://user@app.example.com",
        "https://bücher.example",
        "https://[::1",
        " https://app.example.com",
        "file:///",
        "file:///index.html",
        "NULL",
    ],
)
def test_entry_that_no_browser_sends_is_an_error(origin: str) -> None:
    """A list entry that could never match is told at the start, and not by refused people."""
    with pytest.raises(ValueError, match="is no origin"):
        read_origins(["https://good.example", origin])

"""The allow-list of web pages that may open a socket, by origin (RFC 6454, RFC 6455 10.2).

A browser sends the cookie of this host with a WebSocket handshake that any page starts, so the
Origin header is what keeps a foreign page from talking in its visitor's name.
"""

from collections.abc import Iterable

from service_kit.web.origins import as_browsers_write

# What browsers and web views send of pages that have no host: sandboxed ones, and local files.
# Anybody may have such a page, so they count only when they are listed as they are.
_WITHOUT_HOST = frozenset({"null", "file://"})


def origin_allowed(origin: str | None, allowed: frozenset[str]) -> bool:
    """Tell whether a handshake with this Origin header may go on.

    `origin` is the header's value, or None when there is none: apps and servers send none, and
    whoever is no browser could send any. `allowed` is what `read_origins` made. The comparison is
    of whole strings, so neither a look-alike host nor another port or scheme passes. A request
    with several Origin headers is for the caller to refuse.
    """
    return origin is None or origin in allowed


def request_allowed(headers: Iterable[tuple[bytes, bytes]], allowed: frozenset[str]) -> bool:
    """Tell whether a request with these headers may go on; one with several Origins may not."""
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    return len(origins) <= 1 and origin_allowed(origins[0] if origins else None, allowed)


def read_origins(origins: Iterable[str]) -> frozenset[str]:
    """Check the configured origins, such as `https://app.example.com` or `http://localhost:3000`.

    Raises ValueError for what no browser would ever send, because such an entry silently allows
    nobody: a path or a final slash, upper case, a default port written out, a wildcard.
    """
    checked = frozenset(origins)
    for origin in sorted(checked):
        if origin not in _WITHOUT_HOST and origin != as_browsers_write(origin):
            raise ValueError(
                f"{origin!r} is no origin: write scheme://host or scheme://host:port,"
                " in lower case, without a path, a final slash, a wildcard or a default port;"
                " or null or file://, of pages without a host"
            )
    return checked

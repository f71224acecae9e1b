"""Origins under which the desk is open, and whether its cookie may go without TLS (RFC 6454)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

_LOOPBACKS = frozenset({"127.0.0.1", "::1", "localhost"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def read_origins(origins: Iterable[str], port: int) -> frozenset[str]:
    """Check the configured origins; without any those of `port` on this machine.

    Raises ValueError for what no browser sends, and for http beyond this machine: a browser would
    not keep the cookie, and whoever listens could.
    """
    checked = frozenset(origins)
    for origin in sorted(checked):
        if origin != _as_browsers_write(origin):
            raise ValueError(
                f"PARLEY_DESK_ORIGINS: {origin!r} is no origin: write https://host or"
                " https://host:port in lower case, without a path, a final slash or a default port;"
                " or http:// of this machine"
            )
        if origin.startswith("http:") and not is_loopback(origin):
            raise ValueError(f"PARLEY_DESK_ORIGINS: {origin} is neither https nor this machine")
    if checked:
        return checked
    ending = "" if port == _DEFAULT_PORTS["http"] else f":{port}"
    return frozenset(f"http://{host}{ending}" for host in ("127.0.0.1", "localhost", "[::1]"))


def is_loopback(origin: str) -> bool:
    """Whether an origin is of this machine, whose browser needs no TLS."""
    try:
        return urlsplit(origin).hostname in _LOOPBACKS
    except ValueError:
        return False


def _as_browsers_write(origin: str) -> str | None:
    """The serialised form of this origin (RFC 6454 6.2), or None when it cannot be one."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if parts.scheme not in _DEFAULT_PORTS or not host or not origin.isascii() or "*" in host:
        return None
    written = f"[{host}]" if ":" in host else host
    if port is None or port == _DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{written}"
    return f"{parts.scheme}://{written}:{port}"

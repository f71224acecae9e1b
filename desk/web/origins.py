"""Origins under which the desk is open, and whether its cookie may go without TLS (RFC 6454)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from service_kit.web.origins import DEFAULT_PORTS, as_browsers_write

_LOOPBACKS = frozenset({"127.0.0.1", "::1", "localhost"})


def read_origins(origins: Iterable[str], port: int) -> frozenset[str]:
    """Check the configured origins; without any those of `port` on this machine.

    Raises ValueError for what no browser sends, and for http beyond this machine: a browser would
    not keep the cookie, and whoever listens could.
    """
    checked = frozenset(origins)
    for origin in sorted(checked):
        scheme = origin.partition(":")[0]
        if origin != as_browsers_write(origin) or scheme not in DEFAULT_PORTS:
            raise ValueError(
                f"PARLEY_DESK_ORIGINS: {origin!r} is no origin: write https://host or"
                " https://host:port in lower case, without a path, a final slash or a default port;"
                " or http:// of this machine"
            )
        if origin.startswith("http:") and not is_loopback(origin):
            raise ValueError(f"PARLEY_DESK_ORIGINS: {origin} is neither https nor this machine")
    if checked:
        return checked
    ending = "" if port == DEFAULT_PORTS["http"] else f":{port}"
    return frozenset(f"http://{host}{ending}" for host in ("127.0.0.1", "localhost", "[::1]"))


def is_loopback(origin: str) -> bool:
    """Whether an origin is of this machine, whose browser needs no TLS."""
    try:
        return urlsplit(origin).hostname in _LOOPBACKS
    except ValueError:
        return False

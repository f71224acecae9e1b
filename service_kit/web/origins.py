"""Origins as browsers write them (RFC 6454)."""

from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def as_browsers_write(origin: str) -> str | None:
    """The serialised form of an origin (RFC 6454 6.2), or None when it cannot be one."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if not parts.scheme or not host or not origin.isascii() or "*" in host:
        return None
    written = f"[{host}]" if ":" in host else host
    if port is None or port == DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://{written}"
    return f"{parts.scheme}://{written}:{port}"

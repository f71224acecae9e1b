"""The public address of a deployment, and the token that is shown there."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt

from command_line.display.console import CommandError
from command_line.serve.parts import WILDCARDS
from service_kit.authentication.keys import secret_of

if TYPE_CHECKING:
    from command_line.doctor.deployment import Deployment

USER = "parley-doctor"
ECHO = "parley-doctor-echo"
_LIFETIME_SECONDS = 600
_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True)
class SocketAddress:
    """A WebSocket address, taken apart."""

    url: str
    encrypted: bool
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "SocketAddress":
        """Take an address apart; CommandError for what is none."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise CommandError(f"--url {url!r}: {error}", 2) from error
        if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.username:
            raise CommandError(f"--url is a WebSocket address, as wss://example.org/ws: {url!r}", 2)
        encrypted = parts.scheme == "wss"
        path = parts.path or "/ws"
        return cls(url, encrypted, parts.hostname, port or _PORTS[parts.scheme], path)


def public_url(deployment: "Deployment", given: str) -> str:
    """The address that people connect to: the one that is given, or that of the edge itself.

    Empty where there is none.
    """
    if given:
        return given
    if deployment.served is not None:
        return deployment.served.url
    edge = deployment.parts.get("edge")
    if edge is None or edge.settings is None or deployment.folder is not None:
        return ""
    host = WILDCARDS.get(edge.settings.host, edge.settings.host)
    authority = f"[{host}]" if ":" in host else host
    return f"ws://{authority}:{edge.settings.port}/ws"


def token_for(deployment: "Deployment", given: str) -> str:
    """The token that is shown: the one that is given, or one that the secret of tokens signs, for
    a user of the doctor's own whom nobody sees. Empty where neither can be had.
    """
    if given:
        return given
    edge = deployment.parts.get("edge")
    if edge is None or edge.settings is None or not edge.settings.token_secret_file:
        return ""
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": USER,
        "iat": now,
        "exp": now + _LIFETIME_SECONDS,
        "invisible": True,
        **_demanded(edge.settings),
    }
    try:
        secret = secret_of(edge.settings.token_secret_file[0].read_bytes())
        return jwt.encode(claims, secret, algorithm="HS256")
    except (OSError, ValueError, jwt.PyJWTError):
        # Found with the keys.
        return ""


def _demanded(settings: Any) -> Mapping[str, str]:
    demanded = {"iss": settings.token_issuer, "aud": settings.token_audience}
    return {name: value for name, value in demanded.items() if value is not None}

"""The public address as people's devices meet it: certificate, path, Upgrade, Origin, token."""

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from command_line.doctor.address import SocketAddress
from command_line.doctor.deployment import Deployment, variable
from command_line.doctor.findings import Finding, Findings, in_thread
from command_line.doctor.kinds import Kind
from parley_protocol.packets import FORMATS

_SECONDS = 5.0
_DAYS = 14
_DAY = 86_400
# Of a page that no deployment has.
_FOREIGN = "https://doctor.invalid"
_EXPIRED, _UNTIMELY, _OTHER_NAME = 10, 9, 62
_NGINX = (
    "# nginx, in the location of the socket:",
    "#   proxy_http_version 1.1; proxy_set_header Host $host;",
    '#   proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
    "nginx -t && nginx -s reload",
)


@dataclass(frozen=True)
class Reply:
    """The answer to a handshake. `reason` is the edge's own; empty of whoever is no edge."""

    status: int
    reason: str
    server: str

    @property
    def of_edge(self) -> bool:
        """Whether an edge answered."""
        return bool(self.reason) or self.status == http.HTTPStatus.SWITCHING_PROTOCOLS


async def check_public_url(
    deployment: Deployment, address: SocketAddress, origins: tuple[str, ...], token: str
) -> Findings:
    """Ask for a socket as a device does, as a page does, and as a foreign page does."""
    context: ssl.SSLContext | None = None
    if address.encrypted:
        context = ssl.create_default_context()
        try:
            expires = await in_thread(look_at_certificate, address, context)
        except ssl.SSLCertVerificationError as error:
            yield of_certificate_error(address, error)
            # What else is wrong is of interest too; a token goes nowhere from here on.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            token = ""
        except OSError as error:
            yield _unreachable(address, error)
            return
        else:
            for finding in of_expiry(address, expires, time.time()):
                yield finding
    ask = _Asking(address, context)
    try:
        reply = await in_thread(ask, {})
        for finding in of_handshake(address, reply):
            yield finding
        if reply.reason != "missing_token":
            return
        async for finding in _check_origins(deployment, address, ask, origins):
            yield finding
        if token:
            shown = await in_thread(ask, {"Authorization": f"Bearer {token}"})
            for finding in of_token(address, shown):
                yield finding
    except (OSError, http.client.HTTPException) as error:
        yield _unreachable(address, error)


async def _check_origins(
    deployment: Deployment, address: SocketAddress, ask: "_Asking", origins: tuple[str, ...]
) -> Findings:
    for origin in origins:
        reply = await in_thread(ask, {"Origin": origin})
        for finding in of_origin(deployment, address, origin, reply):
            yield finding
    foreign = await in_thread(ask, {"Origin": _FOREIGN})
    if foreign.reason == "missing_token":
        yield Finding(
            Kind.ORIGIN_DROPPED,
            address.url,
            f"a handshake from {_FOREIGN} is not refused: its Origin does not arrive",
            ("# have the proxy pass on Origin: remove what clears or changes it", _NGINX[-1]),
        )


class _Asking:
    """Asks for a socket with the headers of a handshake and some more."""

    def __init__(self, address: SocketAddress, context: ssl.SSLContext | None) -> None:
        self._address = address
        self._context = context

    def __call__(self, more: Mapping[str, str]) -> Reply:
        host, port = self._address.host, self._address.port
        connection: http.client.HTTPConnection
        if self._context is None:
            connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        else:
            connection = http.client.HTTPSConnection(
                host, port, timeout=_SECONDS, context=self._context
            )
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "cGFybGV5LWRvY3Rvci0xMg==",
            "Sec-WebSocket-Protocol": next(iter(FORMATS)),
            **more,
        }
        try:
            connection.request("GET", self._address.path, headers=headers)
            response = connection.getresponse()
            server = response.headers.get("Server", "")
            if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return Reply(response.status, "", server)
            return Reply(response.status, _reason(response), server)
        finally:
            connection.close()


def _reason(response: http.client.HTTPResponse) -> str:
    """The reason that an edge gives; empty for what is of another form."""
    if "problem+json" not in response.headers.get("Content-Type", ""):
        return ""
    try:
        problem = json.loads(response.read(65_536))
    except ValueError:
        return ""
    return str(problem.get("reason", "")) if isinstance(problem, dict) else ""


def look_at_certificate(address: SocketAddress, context: ssl.SSLContext) -> float:
    """Make an encrypted connection; gives when the certificate expires, in Unix seconds."""
    connection = http.client.HTTPSConnection(
        address.host, address.port, timeout=_SECONDS, context=context
    )
    try:
        connection.connect()
        certificate: Any = connection.sock.getpeercert()
        return float(ssl.cert_time_to_seconds(certificate["notAfter"]))
    finally:
        connection.close()


# --- What the answers say ------------------------------------------------------------------------


def _unreachable(address: SocketAddress, error: Exception) -> Finding:
    return Finding(
        Kind.URL_UNREACHABLE,
        address.url,
        f"{address.host}:{address.port}: {type(error).__name__}: {error}",
        (f"getent hosts {address.host}", f"curl -sv http://{address.host}:{address.port}/readyz"),
    )


def of_certificate_error(address: SocketAddress, error: ssl.SSLCertVerificationError) -> Finding:
    """A certificate that is not trusted, of another name, or not of this time."""
    show = (
        f"openssl s_client -connect {address.host}:{address.port} -servername {address.host}"
        " </dev/null | openssl x509 -noout -subject -ext subjectAltName -dates"
    )
    cures = {
        _EXPIRED: "certbot renew # or what else made it, and have the proxy load it",
        _UNTIMELY: "timedatectl set-ntp true # its time has not come, or this clock is wrong",
        _OTHER_NAME: f"certbot certonly -d {address.host} # a certificate for this name",
    }
    cure = cures.get(
        error.verify_code, "# have the proxy send the whole chain; a CA of your own: SSL_CERT_FILE"
    )
    return Finding(Kind.CERTIFICATE_REFUSED, address.url, error.verify_message, (show, cure))


def of_expiry(address: SocketAddress, expires: float, now: float) -> Iterator[Finding]:
    """A certificate that is good for some days only."""
    days = (expires - now) / _DAY
    if days < _DAYS:
        yield Finding(
            Kind.CERTIFICATE_EXPIRES,
            address.url,
            f"the certificate expires in {days:.1f} days",
            ("certbot renew # or what else made it, and have the proxy load it",),
        )


def of_handshake(address: SocketAddress, reply: Reply) -> Iterator[Finding]:
    """The answer to a handshake without a token, which an edge refuses for that alone."""
    reason, seen = reply.reason, f"{address.url} answers {reply.status} {reply.reason}"
    if reason == "missing_token":
        return
    if not reply.of_edge:
        by = f", as {reply.server} does" if reply.server else ""
        yield Finding(
            Kind.URL_NOT_THE_EDGE,
            address.url,
            f"it answers {reply.status}{by}, in another form than an edge",
            (
                f"curl -i http://{address.host}:{address.port}{address.path}",
                "# have the proxy pass on this path to the edge",
            ),
        )
    elif reason == "not_a_websocket":
        yield Finding(Kind.UPGRADE_DROPPED, address.url, seen, _NGINX)
    elif reason == "not_found":
        words = "# have the proxy pass on /ws as it is (nginx: no path behind proxy_pass)"
        yield Finding(Kind.PATH_CHANGED, address.url, seen, (words, _NGINX[-1]))
    elif reason in {"draining", "overloaded"}:
        cure = ("# have the proxy ask /readyz, and start another edge", "python -m edge")
        yield Finding(Kind.EDGE_NOT_READY, address.url, seen, cure)
    else:
        yield Finding(Kind.HANDSHAKE_SPOILT, address.url, seen, _NGINX)


def of_origin(
    deployment: Deployment, address: SocketAddress, origin: str, reply: Reply
) -> Iterator[Finding]:
    """The answer to a page that is to connect."""
    if reply.reason != "origin_not_allowed":
        return
    name = variable("edge", "allowed_origins")
    edge = deployment.parts.get("edge")
    listed = () if edge is None or edge.settings is None else edge.settings.allowed_origins
    yield Finding(
        Kind.ORIGIN_REFUSED,
        address.url,
        f"a page of {origin} is refused",
        (deployment.setting(name, ",".join(dict.fromkeys([*listed, origin]))),),
    )


def of_token(address: SocketAddress, reply: Reply) -> Iterator[Finding]:
    """The answer to a handshake with a token."""
    if reply.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
        return
    if reply.reason == "missing_token":
        yield Finding(
            Kind.AUTHORIZATION_DROPPED,
            address.url,
            "a token in the header Authorization does not arrive",
            ("# nginx: proxy_set_header Authorization $http_authorization;", _NGINX[-1]),
        )
        return
    yield Finding(
        Kind.TOKEN_REFUSED,
        address.url,
        f"a handshake with a token is answered by {reply.status} {reply.reason}",
        (
            'TOKEN="$(parley token parley-doctor)" # or a new one of your issuer',
            f'parley doctor --url {address.url} --token "$TOKEN"',
        ),
    )

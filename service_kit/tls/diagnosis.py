"""Finds out why a connection to a service fails, by making one without gRPC, which says too little.

A client without TLS, or without a certificate, is told "Socket closed" and no more.
"""

import socket
import ssl
from pathlib import Path
from typing import NamedTuple

from service_kit.tls.files import read_identity

# What a client of HTTP/2 says first, with an empty SETTINGS frame: RFC 9113, 3.4.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_SECONDS = 3.0
# RFC 5280, by the numbers of OpenSSL.
_EXPIRED, _NOT_YET = 10, 9
_NAME_MISMATCHES = {62, 64}
_UNKNOWN_AUTHORITIES = {2, 18, 19, 20, 21}
# The alerts of a server that does not take a client's certificate.
_ALERTS = {
    "CERTIFICATE_REQUIRED": "it asks for a certificate, and none is shown (TLS_CERTIFICATE_FILE)",
    "UNKNOWN_CA": "its TLS_CLIENT_CA_FILE lacks the authority of this part's certificate",
    "CERTIFICATE_EXPIRED": "it finds this part's certificate expired",
    "BAD_CERTIFICATE": "it does not accept this part's certificate",
    "UNSUPPORTED_CERTIFICATE": "it does not accept this part's certificate",
    "CERTIFICATE_UNKNOWN": "it does not accept this part's certificate",
    "HANDSHAKE_FAILURE": "it asks for a certificate, and does not get one that it accepts",
}


class Shown(NamedTuple):
    """How a service is called with TLS: the authorities, the name that its certificate has to bear
    if it is not the target's, and the files of the certificate that is shown.
    """

    authorities: bytes
    name: str | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


def problem_of_connection(target: str, shown: Shown | None, seconds: float = _SECONDS) -> str:
    """Say what is wrong with the TLS of a connection to `target`, which is called as `shown` or
    without TLS. Empty when nothing is, or when nobody listens there.
    """
    found = (_problem_at(host, port, shown, seconds) for host, port in _addresses(target))
    return next((problem for problem in found if problem), "")


def _problem_at(host: str, port: int, shown: Shown | None, seconds: float) -> str:
    try:
        with socket.create_connection((host, port), seconds) as connection:
            connection.settimeout(seconds)
            if shown is None:
                return _problem_without(connection)
            return _problem_with(connection, shown, shown.name or host)
    except OSError:
        # It is away, which is said elsewhere, or it says nothing, which is no matter of TLS.
        return ""


def _addresses(target: str) -> list[tuple[str, int]]:
    """Give hosts and ports of a target: of one, of the name of several, or of a list."""
    scheme, _, rest = target.partition(":")
    texts = rest.split(",") if scheme in {"ipv4", "ipv6"} else [target.rpartition("/")[2]]
    found = []
    for text in texts:
        host, _, port = text.removeprefix("dns:").rpartition(":")
        if port.isdigit():
            found.append((host.removeprefix("[").removesuffix("]"), int(port)))
    return found


def _problem_without(connection: socket.socket) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with context.wrap_socket(connection):
            pass
    except ssl.SSLError as error:
        if "WRONG_VERSION_NUMBER" in str(error) or "RECORD_LAYER" in str(error):
            return ""
    except OSError:
        return ""
    # It went through, or ended for a reason that servers of TLS alone have.
    return "it speaks TLS, and is called without (TLS_CA_FILE)"


def _problem_with(connection: socket.socket, shown: Shown, name: str) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    # As gRPC has it: an authority need not be the last one, and its certificate not by the book.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cadata=shown.authorities.decode("ascii", "replace"))
        if shown.certificate_file is not None:
            context.load_cert_chain(shown.certificate_file, shown.key_file)
    except (OSError, ValueError) as error:
        return f"the files of TLS can not be used: {error}"
    try:
        with context.wrap_socket(connection, server_hostname=name) as secure:
            # With TLS 1.3 a server says only then what it thinks of the client's certificate.
            secure.sendall(_PREFACE)
            if not secure.recv(1):
                return _refused(shown)
    except ssl.SSLCertVerificationError as error:
        return _problem_of_certificate(error, name)
    except ssl.SSLError as error:
        said = f"{error.reason or ''} {error}".upper()
        if "WRONG_VERSION_NUMBER" in said or "RECORD_LAYER" in said:
            return "it speaks no TLS (TLS_PLAIN_TARGETS)"
        found = next((words for alert, words in _ALERTS.items() if alert in said), None)
        return found or f"the handshake of TLS fails: {error.reason or error}"
    except ConnectionError:
        return _refused(shown)
    return ""


def _refused(shown: Shown) -> str:
    """Say why a service of TLS hangs up without a word, as gRPC's do on whom they do not know."""
    if shown.certificate_file is None or shown.key_file is None:
        return f"it hangs up: {_ALERTS['CERTIFICATE_REQUIRED']}"
    try:
        read_identity(shown.certificate_file, shown.key_file, calls=True)
    except ValueError as error:
        return f"it hangs up: {error}"
    return f"it hangs up: {_ALERTS['UNKNOWN_CA']}"


def _problem_of_certificate(error: ssl.SSLCertVerificationError, name: str) -> str:
    if error.verify_code in _NAME_MISMATCHES:
        return f"its certificate is not for {name} (TLS_TARGET_NAMES)"
    if error.verify_code == _EXPIRED:
        return "its certificate has expired"
    if error.verify_code == _NOT_YET:
        return "its certificate is not valid yet"
    if error.verify_code in _UNKNOWN_AUTHORITIES:
        return "its certificate is not signed by an authority of TLS_CA_FILE"
    return f"its certificate is not accepted: {error.verify_message}"

"""The handshake as nearly all clients send it (RFC 6455, 4.2), read and answered.

`websockets` reads and builds all headers as objects, and uvicorn adds to them: an eighth of what a
login cost. What is unusual is left to them, and so is each refusal.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha1

Headers = Iterable[tuple[bytes, bytes]]

# RFC 6455, 1.3.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16
# As all but Firefox write it, and as Firefox does.
_CONNECTION = frozenset({b"upgrade", b"keep-alive, upgrade"})
# A list of tokens (RFC 9110, 5.6.2).
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SUBPROTOCOLS = re.compile(rb"%b(?:, ?%b)*" % (_TOKEN, _TOKEN))
_READ = frozenset(
    {
        b"connection",
        b"origin",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-version",
        b"upgrade",
    }
)
_ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
)


def read_usual(method: bytes, headers: Headers) -> bytes | None:
    """Return the value by which a handshake is accepted; None for one that has to be looked at
    closely. Names of headers are in lower case.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _READ:
            if name in found:
                return None
            found[name] = value
    if (
        method != b"GET"
        or found.get(b"connection", b"").lower() not in _CONNECTION
        or found.get(b"upgrade", b"").lower() != b"websocket"
        or found.get(b"sec-websocket-version") != b"13"
        or not _SUBPROTOCOLS.fullmatch(found.get(b"sec-websocket-protocol", b"none"))
    ):
        return None
    key = found.get(b"sec-websocket-key", b"")
    try:
        if len(b64decode(key, validate=True)) != _KEY_BYTES:
            return None
    except binascii.Error:
        return None
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def usual_answer(accept: bytes, subprotocol: str | None, headers: Headers) -> bytes:
    """Write the answer that accepts a handshake, with these headers as well."""
    lines = [_ANSWER % accept, *(b"%b: %b\r\n" % header for header in headers)]
    if subprotocol is not None:
        lines.append(b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode())
    return b"".join((*lines, b"\r\n"))

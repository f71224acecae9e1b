"""A token in its compact form (RFC 7515, 7.1), taken apart: what is signed, and by which signature.

PyJWT takes each token apart twice, looks at every character by itself and prepares the key again:
50 of the 90 us that a login's token cost. So its algorithms alone are used.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import Any, NamedTuple

from service_kit.authentication.errors import MAXIMUM_TOKEN_LENGTH, AuthenticationError

# Header, payload and signature in base64url without padding (RFC 7515, 7.1). The signature may be
# empty here, so that an unsigned token is refused for what it is.
_COMPACT_JWS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)", re.ASCII)


class SignedToken(NamedTuple):
    """A token of which nothing is verified yet."""

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes

    def claims(self) -> dict[str, Any]:
        """Read the payload, once its signature is verified. Raises AuthenticationError."""
        return _read_object(self.payload)


def read_signed_token(token: str) -> SignedToken:
    """Take a token apart. Raises AuthenticationError for what has not the form of a JWT."""
    if len(token) > MAXIMUM_TOKEN_LENGTH:
        raise AuthenticationError("token_too_long")
    parts = _COMPACT_JWS.fullmatch(token)
    if parts is None:
        raise AuthenticationError("malformed_token")
    header, payload, signature = parts.groups()
    signed = token[: parts.end(2)].encode()
    return SignedToken(_read_header(header), _decode(payload), signed, _decode(signature))


# Those of one issuer are alike.
@lru_cache(maxsize=64)
def _read_header(segment: str) -> dict[str, Any]:
    """Read a header, which nobody changes."""
    header = _read_object(_decode(segment))
    # No token needs an extension such as b64 (RFC 7797), so all of them are refused.
    if "crit" in header or "b64" in header or not isinstance(header.get("kid", ""), str):
        raise AuthenticationError("bad_header")
    return header


def _read_object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise AuthenticationError("malformed_token") from None
    if not isinstance(found, dict):
        raise AuthenticationError("malformed_token")
    return found


def _decode(segment: str) -> bytes:
    """Decode base64url in the only form that stands for these bytes."""
    encoded = segment.encode()
    try:
        decoded = urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    except ValueError:
        raise AuthenticationError("malformed_token") from None
    if urlsafe_b64encode(decoded).rstrip(b"=") != encoded:
        raise AuthenticationError("malformed_token")
    return decoded

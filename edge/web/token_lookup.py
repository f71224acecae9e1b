"""The places of a request in which a token may be."""

from collections.abc import Iterable, Sequence
from urllib.parse import unquote_to_bytes

from service_kit.authentication.errors import AuthenticationError

TOKEN_NAME = "token"  # noqa: S105 - the name of the cookie and of the parameter
BEARER_SUBPROTOCOL_PREFIX = "parley.bearer."


def find_token(
    headers: Iterable[tuple[bytes, bytes]], query_string: bytes, subprotocols: Sequence[str]
) -> str:
    """Return the token of a handshake, which may be anything that is not empty.

    The places in order: the Authorization header, a cookie named `token`, the `token` parameter,
    a `parley.bearer.<token>` subprotocol. The first that has one decides, be it good or bad:
    otherwise whoever can plant a cookie could act in another's name when a header is spoiled.
    Raises AuthenticationError when there is none, when one place holds several different ones,
    and when an Authorization header is not of the form `Bearer <token>`.
    """
    header_list = [(name.lower(), value) for name, value in headers]
    places = (
        (_bearer_token(value) for name, value in header_list if name == b"authorization"),
        _cookie_values([value for name, value in header_list if name == b"cookie"]),
        _parameter_values(query_string),
        (
            subprotocol.removeprefix(BEARER_SUBPROTOCOL_PREFIX).encode("utf-8", "replace")
            for subprotocol in subprotocols
            if subprotocol.startswith(BEARER_SUBPROTOCOL_PREFIX)
        ),
    )
    for place in places:
        values = set(place)
        if len(values) > 1:
            raise AuthenticationError("several_tokens")
        for value in values:
            if not value or not value.isascii():
                raise AuthenticationError("malformed_token")
            return value.decode("ascii")
    raise AuthenticationError("missing_token")


def _bearer_token(value: bytes) -> bytes:
    """The token of an Authorization header (RFC 6750, 2.1); the scheme's case does not matter."""
    scheme, _, token = value.strip(b" \t").partition(b" ")
    if scheme.lower() != b"bearer":
        raise AuthenticationError("unsupported_scheme")
    return token.strip(b" \t")


def _cookie_values(headers: Sequence[bytes]) -> Iterable[bytes]:
    """All values of the cookie; HTTP/2 may split cookies over several headers."""
    for header in headers:
        for pair in header.split(b";"):
            name, _, value = pair.partition(b"=")
            if name.strip(b" \t") == TOKEN_NAME.encode():
                bare = value.strip(b" \t")
                quoted = len(bare) >= 2 and bare.startswith(b'"') and bare.endswith(b'"')
                yield bare[1:-1] if quoted else bare


def _parameter_values(query_string: bytes) -> Iterable[bytes]:
    """All values of the parameter.

    Its name counts only when written plainly: logs are cleaned by looking for `token=`, and an
    encoded name must be no way around that.
    """
    for pair in query_string.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == TOKEN_NAME.encode():
            yield unquote_to_bytes(value)

"""From a request to the person who makes it: find the token (JWT, RFC 7519), check it, name them.

No exception of this module, nor its cause, holds any part of a token.
"""

import math
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from edge.authentication.keys import KeyNotFoundError, KeySource
from edge.authentication.verification_keys import KNOWN_ALGORITHMS, VerificationKey

TOKEN_NAME = "token"  # noqa: S105 - the name of the cookie and of the parameter
BEARER_SUBPROTOCOL_PREFIX = "parley.bearer."
MAXIMUM_TOKEN_LENGTH = 8_192
MAXIMUM_SUBJECT_LENGTH = 128
MAXIMUM_ROLES = 32
MAXIMUM_ROLE_LENGTH = 64

# Every reason for a refusal, and what the person is told. `keys_unavailable` alone is no fault of
# the token.
REASONS: Mapping[str, str] = {
    "missing_token": "A token is required.",
    "several_tokens": "The request bears several different tokens.",
    "unsupported_scheme": "The Authorization header must be of the form: Bearer <token>.",
    "malformed_token": "The token is not a well-formed JWT.",
    "token_too_long": f"The token is longer than {MAXIMUM_TOKEN_LENGTH} characters.",
    "bad_header": "The token's header is invalid or demands an unsupported extension.",
    "algorithm_not_allowed": "The token's algorithm is not allowed.",
    "unknown_key": "The token's key is not known.",
    "keys_unavailable": "The issuer's keys are not available at present.",
    "bad_signature": "The token's signature is wrong.",
    "missing_claim": "The token lacks a required claim.",
    "invalid_claim": "A claim of the token has an invalid value.",
    "bad_subject": f"The token's sub must be 1 to {MAXIMUM_SUBJECT_LENGTH} printable characters.",
    "expired": "The token has expired.",
    "not_yet_valid": "The token is not valid yet.",
    "wrong_issuer": "The token comes from another issuer.",
    "wrong_audience": "The token is meant for another audience.",
}

# Header, payload and signature in base64url without padding (RFC 7515, 7.1). The signature may be
# empty here, so that an unsigned token is refused for what it is.
_COMPACT_JWS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)", re.ASCII)
# The last second of the year 9999. A later time is an error, most likely milliseconds.
_LATEST_TIME = 253_402_300_799


class AuthenticationError(Exception):
    """A token is missing or not accepted. `reason` is a word of `REASONS`; the text is its."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Principal:
    """Who speaks.

    `expires_at` is in Unix seconds: from then on the token is refused (its `exp`, plus the leeway).
    `invisible`: this connection does not make the person online.
    """

    user: str
    expires_at: float
    roles: frozenset[str]
    invisible: bool = False


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


class Authenticator:
    """Checks tokens against the keys of one issuer.

    `algorithms` is the allow-list; of it counts what the source's keys can do, and when it is
    empty all that they can do, which the type of the key decides. `issuer` and
    `audience` are demanded when set; a token with an audience is refused when none is set (RFC
    7519, 4.1.3). `leeway_seconds` is granted to clocks that differ.
    Raises ValueError for unknown algorithms and when none of them fits the keys.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        algorithms: Collection[str],
        issuer: str | None = None,
        audience: str | None = None,
        leeway_seconds: float = 0.0,
    ) -> None:
        unknown = sorted(set(algorithms) - KNOWN_ALGORITHMS)
        if unknown:
            raise ValueError(f"unknown or unsafe token algorithms: {', '.join(unknown)}")
        if issuer == "" or audience == "":
            raise ValueError("an issuer or audience of tokens must not be empty; leave it unset")
        if not 0 <= leeway_seconds < math.inf:
            raise ValueError("the leeway of tokens must be 0 seconds or more")
        self._allowed = keys.algorithms.intersection(algorithms or keys.algorithms)
        if not self._allowed:
            raise ValueError(
                "none of the allowed token algorithms fits the key, which can do"
                f" {', '.join(sorted(keys.algorithms))}"
            )
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway_seconds = leeway_seconds

    async def authenticate(self, token: str, now: float | None = None) -> Principal:
        """Check a token at `now` (Unix seconds; the present by default).

        It may wait for a fetch of the issuer's keys, but it never blocks the event loop.
        Raises AuthenticationError.
        """
        header = _read_header(token)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._allowed:
            raise AuthenticationError("algorithm_not_allowed")
        try:
            key = await self._keys.find(header.get("kid"), algorithm)
        except KeyNotFoundError as error:
            reason = "keys_unavailable" if error.source_is_empty else "unknown_key"
            raise AuthenticationError(reason) from None
        claims = self._verified_claims(token, key)
        # The clock is read after the wait for keys, in which a token may expire.
        return self._principal(claims, time.time() if now is None else now)

    def _verified_claims(self, token: str, key: VerificationKey) -> dict[str, Any]:
        """Verify the signature, issuer and audience. The times are checked by `_principal`."""
        allowed = sorted(self._allowed & key.algorithms)
        if not allowed:
            raise AuthenticationError("algorithm_not_allowed")
        try:
            return jwt.decode(
                token,
                key.material,
                algorithms=allowed,
                issuer=self._issuer,
                audience=self._audience,
                # PyJWT takes a string or a boolean for a time, and it has no clock to be given.
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise AuthenticationError(_reason_of(error)) from None

    def _principal(self, claims: Mapping[str, Any], now: float) -> Principal:
        subject = claims.get("sub")
        expires_at = _time_claim(claims, "exp")
        if subject is None or expires_at is None:
            raise AuthenticationError("missing_claim")
        if not isinstance(subject, str) or not _is_user(subject):
            raise AuthenticationError("bad_subject")
        refused_from = expires_at + self._leeway_seconds
        if now >= refused_from:
            raise AuthenticationError("expired")
        for name in ("nbf", "iat"):
            begins_at = _time_claim(claims, name)
            if begins_at is not None and now + self._leeway_seconds < begins_at:
                raise AuthenticationError("not_yet_valid")
        return Principal(
            user=subject,
            expires_at=refused_from,
            roles=_roles(claims),
            invisible=_invisible(claims),
        )


# PyJWT's refusals, the special ones before the general ones. `sub` and `jti` are the only claims
# whose form it judges here.
_REASON_BY_ERROR: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.InvalidSignatureError, "bad_signature"),
    (jwt.InvalidAlgorithmError, "algorithm_not_allowed"),
    (jwt.MissingRequiredClaimError, "missing_claim"),
    (jwt.InvalidIssuerError, "wrong_issuer"),
    (jwt.InvalidAudienceError, "wrong_audience"),
    (InvalidSubjectError, "bad_subject"),
    (InvalidJTIError, "invalid_claim"),
)


def _reason_of(error: jwt.PyJWTError) -> str:
    for kind, reason in _REASON_BY_ERROR:
        if isinstance(error, kind):
            return reason
    return "malformed_token"


def _read_header(token: str) -> dict[str, Any]:
    """Return the header, not yet verified, of what at least has the form of a JWT."""
    if len(token) > MAXIMUM_TOKEN_LENGTH:
        raise AuthenticationError("token_too_long")
    if not _COMPACT_JWS.fullmatch(token):
        raise AuthenticationError("malformed_token")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.DecodeError:
        raise AuthenticationError("malformed_token") from None
    except jwt.PyJWTError:
        raise AuthenticationError("bad_header") from None
    # PyJWT knows the b64 extension (RFC 7797). No token needs it, so all of them are refused.
    if "crit" in header or "b64" in header:
        raise AuthenticationError("bad_header")
    return header


def _time_claim(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a NumericDate (RFC 7519, 2), or None when the claim is absent."""
    value = claims.get(name)
    if value is None:
        return None
    # A boolean is an integer to Python, and NaN fails every comparison.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AuthenticationError("invalid_claim")
    if not 0 <= value <= _LATEST_TIME:
        raise AuthenticationError("invalid_claim")
    return float(value)


def _is_user(subject: str) -> bool:
    # `isprintable` also excludes what changes a text's direction, and lone surrogates.
    return 1 <= len(subject) <= MAXIMUM_SUBJECT_LENGTH and subject.isprintable()


def _is_role(role: str) -> bool:
    return 1 <= len(role) <= MAXIMUM_ROLE_LENGTH and role.isprintable()


def _roles(claims: Mapping[str, Any]) -> frozenset[str]:
    roles = claims.get("roles")
    if roles is None:
        return frozenset()
    if not isinstance(roles, list) or len(roles) > MAXIMUM_ROLES:
        raise AuthenticationError("invalid_claim")
    if not all(isinstance(role, str) and _is_role(role) for role in roles):
        raise AuthenticationError("invalid_claim")
    return frozenset(roles)


def _invisible(claims: Mapping[str, Any]) -> bool:
    invisible = claims.get("invisible")
    if invisible is None:
        return False
    # Whoever says it in another form wants something, and must not be shown by mistake.
    if not isinstance(invisible, bool):
        raise AuthenticationError("invalid_claim")
    return invisible

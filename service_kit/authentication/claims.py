"""The person whom the claims of a token name (RFC 7519, 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service_kit.authentication.errors import (
    MAXIMUM_ROLE_LENGTH,
    MAXIMUM_ROLES,
    MAXIMUM_SUBJECT_LENGTH,
    MAXIMUM_TOKEN_ID_LENGTH,
    AuthenticationError,
)
from service_kit.names import CANARY_FROM, CANARY_TO, normalise
from service_kit.text import is_line, is_name

# The last second of the year 9999. A later time is an error, most likely milliseconds.
_LATEST_TIME = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Principal:
    """The person who speaks, and by which token.

    `expires_at` is in Unix seconds: from then on the token is refused (its `exp`, plus the leeway).
    `invisible`: this connection does not make the person online. `issued_at`, in Unix seconds, and
    `token_id` are None for a token that does not say them.
    """

    user: str
    expires_at: float
    roles: frozenset[str]
    invisible: bool = False
    issued_at: float | None = None
    token_id: str | None = None


def read_principal(claims: Mapping[str, Any], now: float, leeway_seconds: float) -> Principal:
    """The principal of verified claims, if they hold at `now`, in Unix seconds.

    Raises AuthenticationError.
    """
    subject = _subject(claims)
    expires_at = _time_claim(claims, "exp")
    for name, value in (("sub", subject), ("exp", expires_at)):
        if value is None:
            raise AuthenticationError("missing_claim", name)
    begins_at, issued_at = _time_claim(claims, "nbf"), _time_claim(claims, "iat")
    principal = Principal(
        user=str(subject),
        expires_at=float(expires_at or 0) + leeway_seconds,
        roles=_roles(claims),
        invisible=_invisible(claims),
        # When it was issued refuses nothing (RFC 7519, 4.1.6): the issuer's clock may be ahead.
        issued_at=issued_at,
        token_id=_token_id(claims),
    )
    if now >= principal.expires_at:
        raise AuthenticationError("expired")
    if begins_at is not None and now + leeway_seconds < begins_at:
        raise AuthenticationError("not_yet_valid")
    return principal


def check_issuer(claims: Mapping[str, Any], expected: str | None) -> None:
    """Raise AuthenticationError unless the token comes from this issuer, if one is expected."""
    if expected is None:
        return
    if "iss" not in claims:
        raise AuthenticationError("missing_claim", "iss")
    if claims["iss"] != expected:
        raise AuthenticationError("wrong_issuer", "iss")


def check_audience(claims: Mapping[str, Any], expected: str | None) -> None:
    """Raise AuthenticationError unless the token is meant for this audience, or, when none is
    expected, for none in particular (RFC 7519, 4.1.3).
    """
    audience = claims.get("aud")
    if not audience:
        if expected is not None:
            raise AuthenticationError("missing_claim", "aud")
        return
    audiences = [audience] if isinstance(audience, str) else audience
    if (
        not isinstance(audiences, list)
        or not all(isinstance(one, str) for one in audiences)
        or expected not in audiences
    ):
        raise AuthenticationError("wrong_audience", "aud")


def _subject(claims: Mapping[str, Any]) -> str | None:
    """Return the user in the form in which names are compared, or None when the claim is absent."""
    if "sub" not in claims:
        return None
    value = claims["sub"]
    if (user := _name(value, MAXIMUM_SUBJECT_LENGTH)) is None:
        raise AuthenticationError("bad_subject", "sub")
    if user in {CANARY_FROM, CANARY_TO}:
        raise AuthenticationError("bad_subject", "sub")
    return user


def _token_id(claims: Mapping[str, Any]) -> str | None:
    """Return the `jti`, which is opaque, or None when it is absent."""
    if "jti" not in claims:
        return None
    value = claims["jti"]
    if not isinstance(value, str) or not 1 <= len(value) <= MAXIMUM_TOKEN_ID_LENGTH:
        raise AuthenticationError("invalid_claim", "jti")
    if not is_line(value):
        raise AuthenticationError("invalid_claim", "jti")
    return value


def _time_claim(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a NumericDate (RFC 7519, 2), or None when the claim is absent."""
    value = claims.get(name)
    if value is None:
        return None
    # A boolean is an integer to Python, and NaN fails every comparison.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AuthenticationError("invalid_claim", name)
    if not 0 <= value <= _LATEST_TIME:
        raise AuthenticationError("invalid_claim", name)
    return float(value)


def _name(value: Any, most: int) -> str | None:
    """Give a name in its one form; None if the value is no name."""
    if not isinstance(value, str):
        return None
    name = normalise(value)
    return name if len(name) <= most and is_name(name) else None


def _roles(claims: Mapping[str, Any]) -> frozenset[str]:
    roles = claims.get("roles")
    if roles is None:
        return frozenset()
    if not isinstance(roles, list) or len(roles) > MAXIMUM_ROLES:
        raise AuthenticationError("invalid_claim", "roles")
    names = [_name(role, MAXIMUM_ROLE_LENGTH) for role in roles]
    if None in names:
        raise AuthenticationError("invalid_claim", "roles")
    return frozenset(name for name in names if name is not None)


def _invisible(claims: Mapping[str, Any]) -> bool:
    invisible = claims.get("invisible")
    if invisible is None:
        return False
    # Whoever says it in another form wants something, and must not be shown by mistake.
    if not isinstance(invisible, bool):
        raise AuthenticationError("invalid_claim", "invisible")
    return invisible

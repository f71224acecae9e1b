"""The person whom the claims of a token name (RFC 7519, 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service_kit.authentication.errors import MAXIMUM_SUBJECT_LENGTH, AuthenticationError

MAXIMUM_ROLES = 32
MAXIMUM_ROLE_LENGTH = 64

# The last second of the year 9999. A later time is an error, most likely milliseconds.
_LATEST_TIME = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Principal:
    """The person who speaks.

    `expires_at` is in Unix seconds: from then on the token is refused (its `exp`, plus the leeway).
    `invisible`: this connection does not make the person online.
    """

    user: str
    expires_at: float
    roles: frozenset[str]
    invisible: bool = False


def read_principal(claims: Mapping[str, Any], now: float, leeway_seconds: float) -> Principal:
    """The principal of verified claims, if they hold at `now`, in Unix seconds.

    Raises AuthenticationError.
    """
    subject = claims.get("sub")
    expires_at = _time_claim(claims, "exp")
    if subject is None or expires_at is None:
        raise AuthenticationError("missing_claim")
    if not isinstance(subject, str) or not _is_user(subject):
        raise AuthenticationError("bad_subject")
    refused_from = expires_at + leeway_seconds
    if now >= refused_from:
        raise AuthenticationError("expired")
    for name in ("nbf", "iat"):
        begins_at = _time_claim(claims, name)
        if begins_at is not None and now + leeway_seconds < begins_at:
            raise AuthenticationError("not_yet_valid")
    return Principal(
        user=subject,
        expires_at=refused_from,
        roles=_roles(claims),
        invisible=_invisible(claims),
    )


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

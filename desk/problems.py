"""Refusals of the desk, each of which is answered as a problem (RFC 9457).

The twin of the edge's, which speaks of packets and handshakes: neither part may import the other.
"""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from desk.structures.problems import Problem
from service_kit.authentication.errors import AuthenticationError

PROBLEM_TYPE = "application/problem+json"
_DEFAULT_RETRY_MS = 1000


class RefusedError(Exception):
    """A request that ends with a problem; `more` are fields of it beside those of all."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str, **more: object) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.more = more


def invalid_argument(detail: str, field: str = "") -> RefusedError:
    """Refuse an argument at fault."""
    more = {"field": field} if field else {}
    return RefusedError(HTTPStatus.BAD_REQUEST, "invalid_argument", detail, **more)


def rate_limited(detail: str, retry_after_ms: int) -> RefusedError:
    """Refuse whoever asks too often."""
    status = HTTPStatus.TOO_MANY_REQUESTS
    return RefusedError(status, "rate_limited", detail, retry_after_ms=retry_after_ms)


def unavailable(reason: str, detail: str) -> RefusedError:
    """Refuse what can be had again soon."""
    return RefusedError(
        HTTPStatus.SERVICE_UNAVAILABLE, reason, detail, retry_after_ms=_DEFAULT_RETRY_MS
    )


def unauthenticated(error: AuthenticationError) -> RefusedError:
    """Refuse whoever has no good token."""
    return RefusedError(HTTPStatus.UNAUTHORIZED, error.reason, str(error))


def headers_of(refused: RefusedError) -> Mapping[str, str]:
    """The headers that a refusal has beside its type."""
    if refused.status is HTTPStatus.UNAUTHORIZED:
        # A 401 names a scheme (RFC 9110, 15.5.2): a session is begun with a token.
        return {"WWW-Authenticate": "Bearer"}
    milliseconds = refused.more.get("retry_after_ms")
    if not isinstance(milliseconds, int):
        return {}
    return {"Retry-After": str(-(-milliseconds // 1000))}


def body_of(refused: RefusedError) -> bytes:
    """The body of a refusal."""
    told = Problem(
        type="about:blank",
        title=refused.status.phrase,
        status=refused.status.value,
        detail=str(refused),
        reason=refused.reason,
    )
    return msgspec.json.encode(msgspec.structs.replace(told, **refused.more))

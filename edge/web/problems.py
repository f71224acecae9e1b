"""Refusals over HTTP, as problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from service_kit.authentication.errors import AuthenticationError

PROBLEM_TYPE = "application/problem+json"
_HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.UPGRADE_REQUIRED: {"Upgrade": "websocket", "Connection": "Upgrade"},
}
# Status, reason and detail for who does not wait for the answer to a handshake.
TOO_EARLY = (HTTPStatus.BAD_REQUEST, "too_early", "Something came before the handshake was done.")


class RefusedError(Exception):
    """A handshake or a request that ends with a problem."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.more = more


def foreign_origin() -> RefusedError:
    """Refuse a page that is not on the list."""
    return RefusedError(HTTPStatus.FORBIDDEN, "origin_not_allowed", "This Origin is not allowed.")


def unauthenticated(error: AuthenticationError) -> RefusedError:
    """Refuse whoever has no good token, naming the claim at fault; without keys nobody can tell."""
    status = HTTPStatus.UNAUTHORIZED
    if error.reason == "keys_unavailable":
        status = HTTPStatus.SERVICE_UNAVAILABLE
    more = {} if error.claim is None else {"claim": error.claim}
    return RefusedError(status, error.reason, str(error), **more)


def rate_limited(detail: str, retry_after_ms: int) -> RefusedError:
    """Refuse whoever asks too often."""
    status = HTTPStatus.TOO_MANY_REQUESTS
    return RefusedError(status, "rate_limited", detail, retry_after_ms=retry_after_ms)


def retry_after(refused: RefusedError) -> Mapping[str, str]:
    """The header that says when to come back, for refusals that are over then."""
    if refused.status not in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        return {}
    milliseconds = refused.more.get("retry_after_ms", 1000)
    return {"Retry-After": str(-(-milliseconds // 1000))}


def headers_of(refused: RefusedError) -> dict[str, str]:
    """The headers that a refusal has, but for those about its length and the connection."""
    extra = _HEADERS.get(refused.status, {})
    return {"Content-Type": PROBLEM_TYPE, **extra, **retry_after(refused)}


def body_of(refused: RefusedError) -> bytes:
    """The body of a refusal."""
    return problem(refused.status, refused.reason, str(refused), **refused.more)


def moderation_unavailable() -> RefusedError:
    """Refuse whoever may be banned or have a revoked token, where a setting says so."""
    return RefusedError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "moderation_unavailable",
        "The moderation service cannot be reached; try again.",
    )


def problem(status: HTTPStatus, reason: str, detail: str, **more: Any) -> bytes:
    """The body; `reason` is a stable word, and `more` whatever else there is to tell."""
    return msgspec.json.encode(
        {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
            "reason": reason,
            **more,
        }
    )


def response(refused: RefusedError) -> bytes:
    """A whole response, for whoever is refused before there is a request that could be answered."""
    body = body_of(refused)
    headers = {
        **headers_of(refused),
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {refused.status.value} {refused.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body

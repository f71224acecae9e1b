"""Refusals over HTTP, as problem+json (RFC 9457)."""

from http import HTTPStatus
from typing import Any

import msgspec

PROBLEM_TYPE = "application/problem+json"


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

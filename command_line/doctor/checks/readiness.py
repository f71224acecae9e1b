"""The question whether a part is ready, over HTTP, with its metrics and its clock."""

import json
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any, NamedTuple


class Readiness(NamedTuple):
    """The answer of a part. Its clock is `ahead_seconds` before this machine's, give or take
    `uncertain_seconds`; both are 0 of one that tells no date.
    """

    ready: bool
    state: dict[str, Any]
    metrics: str
    ahead_seconds: float
    uncertain_seconds: float


def ask_readiness(connection: HTTPConnection) -> Readiness:
    """Ask by a connection, which is closed then. Raises OSError, HTTPException and ValueError."""
    try:
        began = time.time()
        connection.request("GET", "/readyz?verbose")
        response = connection.getresponse()
        ended = time.time()
        state = json.loads(response.read(65_536))
        date = response.headers.get("Date")
        # Not every server keeps it for another question.
        connection.close()
        connection.request("GET", "/metrics")
        metrics = connection.getresponse().read().decode()
    finally:
        connection.close()
    ahead = uncertain = 0.0
    if date is not None:
        # It tells whole seconds, and so is half of one behind in the mean.
        told = parsedate_to_datetime(date).timestamp() + 0.5
        ahead, uncertain = told - (began + ended) / 2, (ended - began) / 2 + 0.5
    return Readiness(
        response.status == HTTPStatus.OK,
        state if isinstance(state, dict) else {},
        metrics,
        ahead,
        uncertain,
    )

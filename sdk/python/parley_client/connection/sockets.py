"""Opening a WebSocket, and what its refusals and ends mean for the connection."""

import email.utils
import json
import time
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from parley_client.errors import (
    BannedError,
    DisconnectedError,
    HandshakeRefusedError,
    InvalidOptionsError,
    ParleyError,
    TokenRefusedError,
    UnreachableError,
)
from parley_client.options import Options
from parley_client.states import Input, Lost, Refused, TokenRefused

# Refusals that the same handshake would meet again.
_FINAL = frozenset({400, 403, 404, 405, 413, 414, 426, 431})
# Compared one by one, for what a server says may be of any type.
_EXCLUDED = ("banned", "suspended")


def check_url(url: str) -> str:
    """Give an address of a WebSocket. Raises InvalidOptionsError for another text."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except (ValueError, AttributeError) as error:
        raise InvalidOptionsError(f"not a WebSocket address: {url!r} ({error})") from None
    if parts.scheme not in {"ws", "wss"} or not parts.hostname or parts.fragment:
        raise InvalidOptionsError(f"not a WebSocket address (ws:// or wss://): {url!r}")
    return url


async def open_socket(
    url: str, token: str, cursor: str | None, options: Options
) -> ClientConnection:
    """Connect with the token in a header, and the cursor to resume from in the address.

    Raises HandshakeRefusedError, and UnreachableError where no server of this protocol answers.
    There is no timeout: whoever calls ends it.
    """
    arguments: dict[str, Any] = {"ssl": options.ssl} if options.ssl is not None else {}
    try:
        return await connect(
            url if cursor is None else _with_cursor(url, cursor),
            additional_headers={**options.headers, "Authorization": f"Bearer {token}"},
            subprotocols=[Subprotocol(options.subprotocol)],
            compression=None,
            open_timeout=None,
            # The protocol has its own PING; those of WebSocket prove nothing.
            ping_interval=None,
            close_timeout=options.close_timeout_seconds,
            max_size=options.max_frame_bytes,
            proxy=None if options.proxy is True and _is_loopback(url) else options.proxy,
            **arguments,
        )
    except InvalidStatus as error:
        response = error.response
        problem = problem_of(response.body)
        raise HandshakeRefusedError(
            response.status_code, problem, seconds_of(response.headers.get("Retry-After"))
        ) from None
    except (OSError, WebSocketException, EOFError) as error:
        raise UnreachableError(f"{type(error).__name__}: {error}") from error


def _with_cursor(url: str, cursor: str) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "resume"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("resume", cursor)])))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def problem_of(body: bytes | bytearray | None) -> Mapping[str, Any]:
    """Read a problem+json body (RFC 9457); nothing of a body that is something else."""
    try:
        problem = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def seconds_of(retry_after: str | None) -> float | None:
    """Read the header Retry-After: seconds, or a date (RFC 9110, section 10.2.3)."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())


def after_refusal(error: ParleyError, *, renewable: bool) -> Input:
    """Tell what a refused or failed handshake means."""
    if not isinstance(error, HandshakeRefusedError):
        return Lost(error)
    if error.status == 401:
        refused = TokenRefusedError(error.reason or "unauthorized", str(error))
        return TokenRefused(refused, renewable)
    standing = error.problem.get("standing")
    if error.status == 403 and (error.reason in _EXCLUDED or isinstance(standing, dict)):
        shown = standing if isinstance(standing, dict) else None
        return Refused(BannedError(shown, str(error)), seconds_excluded(shown))
    if error.status in _FINAL:
        return Refused(error)
    return Lost(error, delay=error.retry_after)


def after_close(
    code: int, reason: str, excluding: Mapping[str, Any] | None, *, renewable: bool
) -> Input:
    """Tell what the end of a socket means; `excluding` is the standing that was told before it."""
    end = DisconnectedError(code, reason)
    match code // 100:
        case 41:
            return Lost(end, at_once=True)
        case 43:
            return TokenRefused(TokenRefusedError(reason or str(end), str(end)), renewable)
        case 44 if code == 4403:
            return Refused(BannedError(excluding, str(end)), seconds_excluded(excluding))
        case 44:
            return Refused(end)
    return Lost(end)


def seconds_excluded(standing: Mapping[str, Any] | None) -> float | None:
    """Tell for how long somebody may not be here; None: not for a known time."""
    if standing is None or standing.get("banned") is True:
        return None
    sanctions = standing.get("sanctions")
    ends = [
        one.get("until")
        for one in (sanctions if isinstance(sanctions, list) else ())
        if isinstance(one, dict) and one.get("kind") in _EXCLUDED
    ]
    try:
        times = [seconds_until(end) for end in [*ends, standing.get("suspended_until")] if end]
    except ValueError:
        return None
    return max(times, default=None)


def seconds_until(at: object) -> float:
    """Tell how far a time of the protocol (RFC 3339) lies ahead. Raises ValueError."""
    moment = datetime.fromisoformat(str(at))
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {at!r}")
    return moment.timestamp() - time.time()

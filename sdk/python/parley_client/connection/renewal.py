"""Renewing the token of a socket before it expires."""

import asyncio
from collections.abc import Callable

from parley_client.connection.session import Session
from parley_client.connection.sockets import seconds_until
from parley_client.connection.tokens import Tokens
from parley_client.errors import (
    ParleyError,
    PermissionDeniedError,
    TokenError,
    TokenRefusedError,
    WrongUserError,
    rejected,
)
from parley_client.options import Options
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import RenewToken

_SHARE_OF_LIFE = 0.8
_LATEST_SECONDS = 60.0
_SHORTEST_PAUSE_SECONDS = 1.0


def pause_before_renewal(left: float) -> float:
    """Tell after how long to fetch another token, of one that lives for `left` seconds more."""
    return max(_SHARE_OF_LIFE * left, left - _LATEST_SECONDS, _SHORTEST_PAUSE_SECONDS)


async def renew_in_time(
    session: Session, tokens: Tokens, options: Options, fail: Callable[[ParleyError], None]
) -> None:
    """Fetch a fresh token before each one expires and send it, for as long as the socket lives.

    A failure is told, and changes nothing until the token expires.
    """
    while tokens.renewable and session.hello is not None:
        left = seconds_until(session.hello.token_expires_at)
        tokens.expire_in(left)
        if left <= _SHORTEST_PAUSE_SECONDS:
            # Too late, or the clocks differ: the server closes, and a fresh one is fetched then.
            return
        await asyncio.sleep(pause_before_renewal(left))
        try:
            async with asyncio.timeout(options.token_timeout_seconds):
                token = await tokens.fetch("expiring")
        except TimeoutError:
            tokens.give_up()
            fail(TokenError("timed out", "took too long"))
        except ParleyError as error:
            fail(error)
        else:
            await renew(session, tokens, token, fail)


async def renew(
    session: Session, tokens: Tokens, token: str, fail: Callable[[ParleyError], None]
) -> None:
    """Send a token to go on with, and use it from now on if it is taken."""
    if token == tokens.present:
        return
    reply = await session.request(RenewToken(token))
    if reply.opcode != Op.ERROR:
        tokens.set(token)
        return
    error = rejected(reply.data)
    if isinstance(error, PermissionDeniedError):
        expected = session.hello.user if session.hello is not None else ""
        fail(WrongUserError(expected, "another user"))
    else:
        fail(TokenRefusedError(error.message))

"""The token: where it comes from, and for how long it is used."""

import asyncio
import inspect
import re
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from parley_client.errors import SignedOutError, TokenError

TokenReason = Literal["connect", "expiring", "refused"]
TokenFunction = Callable[[TokenReason], Awaitable[str | None]]
"""Fetches a token for a reason; None when nobody is signed in."""
TokenSource = str | TokenFunction

MAXIMUM_TOKEN_LENGTH = 7168
# RFC 6750, section 2.1.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class Tokens:
    """The token in use, and the function that gives a fresh one, asked once at a time."""

    def __init__(self, source: TokenSource) -> None:
        self._function = None if isinstance(source, str) else source
        self._token = source if isinstance(source, str) else None
        self._reason: TokenReason = "connect"
        self._fetch: asyncio.Task[object] | None = None
        # Of the token in use, in seconds since 1970, as the server has said.
        self._expires_at: float | None = None

    @property
    def renewable(self) -> bool:
        """Whether there is a function to ask for another token."""
        return self._function is not None

    @property
    def present(self) -> str | None:
        """The token in use."""
        return self._token

    def set(self, token: str) -> None:
        """Use this token from now on. Raises TokenError for what is none."""
        self._token, self._expires_at = checked(token), None

    def expire_in(self, seconds: float) -> None:
        """Take note of how long the token in use is good."""
        self._expires_at = time.time() + seconds

    def forget(self, reason: TokenReason) -> None:
        """Drop the token in use, if there can be another; the function is told the reason."""
        if self._function is not None:
            self._token, self._reason = None, reason

    async def get(self) -> str:
        """Give the token in use, or fetch one. Raises SignedOutError, TokenError."""
        if self._expires_at is not None and self._expires_at <= time.time():
            self.forget("expiring")
        if self._token is None:
            self._expires_at = None
            self._token = await self.fetch(self._reason)
            self._reason = "connect"
        return checked(self._token)

    async def fetch(self, reason: TokenReason) -> str:
        """Ask the function; with whoever asks meanwhile. Raises SignedOutError, TokenError."""
        if self._function is None:
            raise SignedOutError("there is no function to ask for another token")
        if self._fetch is None or _has_failed(self._fetch):
            self._fetch = asyncio.create_task(self._ask(self._function, reason))
            # Whoever asked may have given up meanwhile.
            self._fetch.add_done_callback(lambda fetch: fetch.cancelled() or fetch.exception())
        fetch = self._fetch
        try:
            answer = await asyncio.shield(fetch)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if not fetch.cancelled() or (waiting is not None and waiting.cancelling()):
                raise
            raise TokenError("raised", "was cancelled") from None
        finally:
            if self._fetch is fetch and fetch.done():
                self._fetch = None
        if answer is None:
            raise SignedOutError("the token function says that nobody is signed in")
        return checked(answer)

    @staticmethod
    async def _ask(function: TokenFunction, reason: TokenReason) -> object:
        try:
            answer: object = function(reason)
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            # Its words may hold a credential, so that its kind alone is told.
            raise TokenError("raised", f"raised {type(error).__name__}") from error

    def give_up(self) -> None:
        """End a fetch that takes too long. One that does not heed that is waited for again, and
        what it answers in the end is used.
        """
        if self._fetch is not None:
            self._fetch.cancel()


def _has_failed(fetch: asyncio.Task[object]) -> bool:
    return fetch.done() and (fetch.cancelled() or fetch.exception() is not None)


def checked(token: object) -> str:
    """Give what is a token. Raises TokenError."""
    if not isinstance(token, str):
        raise TokenError("invalid", f"answered {type(token).__name__} and no text")
    if not token.strip():
        raise TokenError("invalid", "answered a blank text")
    if len(token) > MAXIMUM_TOKEN_LENGTH:
        raise TokenError("invalid", f"answered more than {MAXIMUM_TOKEN_LENGTH} characters")
    if _TOKEN.fullmatch(token) is None:
        raise TokenError("invalid", "answered characters that no token has")
    return token

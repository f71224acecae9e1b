"""Calls that are repeated because their replica went: which may be, how often, and never for long.

A call is repeated when it was lost on the way and to carry it out twice changes nothing. What a
service answers by itself is an answer, also when it says that it is unavailable.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc

from service_kit.channels.statuses import info_of, status_of

REPEATABLE = frozenset(
    {
        # Reads.
        "BatchGetParties",
        "BatchGetServices",
        "BatchGetStandings",
        "BatchListChanges",
        "GetCase",
        "GetConversation",
        "GetDispute",
        "GetMessages",
        "GetService",
        "GetStanding",
        "ListAppeals",
        "ListAudit",
        "ListBlocks",
        "ListCases",
        "ListChangedUsers",
        "ListChanges",
        "ListConversations",
        "ListDisputes",
        "ListEvidence",
        "ListMessages",
        "ListOwnAppeals",
        "ListOwnDisputes",
        "ListReports",
        "ListSanctions",
        "ListServiceEvents",
        "ListServices",
        # Watermarks, which only move forward.
        "MarkDelivered",
        "MarkRead",
    }
)
"""The methods that may be called twice; of all others those calls that bring an idempotency key."""

# Over 0.4 s: on a busy machine a connection takes longer than a tenth to see that its replica goes.
_MOST_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.02
_GROWTH = 4
# The budget: twenty retries, of which ten successes give one back. So while a service is away
# hardly any call is made twice, and one that comes back is not trampled.
_MOST_TOKENS = 200
_TOKENS_OF_RETRY = 10

# Said in the place of the request, which was not read.
_NOT_READ = "SHUTTING_DOWN"
# The second is said for a call that a server had taken when it ended. Who ends a call itself is not
# told so in this way.
_LOST = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})

Answer = TypeVar("Answer")


def is_repeatable(method: str, request: Any) -> bool:
    """Whether a request may be sent again to a method of that name."""
    return method in REPEATABLE or bool(getattr(request, "idempotency_key", ""))


class Retries:
    """The retries of the calls to one service; they share a budget.

    `away` tells whether no replica can be reached, where to try again is of no use. `repeated` is
    called for each retry.
    """

    def __init__(
        self,
        away: Callable[[], bool] = lambda: False,
        repeated: Callable[[], None] = lambda: None,
    ) -> None:
        self._away = away
        self._repeated = repeated
        self._tokens = _MOST_TOKENS

    async def run(
        self,
        attempt: Callable[[float], Awaitable[Answer]],
        seconds: float,
        repeatable: Callable[[], bool],
    ) -> Answer:
        """Give the result of `attempt(seconds left)`, which is made again if it may be and there is
        time. Raises AioRpcError.
        """
        try:
            answer = await attempt(seconds)
        except grpc.aio.AioRpcError as error:
            return await self._again(error, attempt, seconds, repeatable)
        if self._tokens < _MOST_TOKENS:
            self._tokens += 1
        return answer

    async def _again(
        self,
        error: grpc.aio.AioRpcError,
        attempt: Callable[[float], Awaitable[Answer]],
        seconds: float,
        repeatable: Callable[[], bool],
    ) -> Answer:
        loop = asyncio.get_running_loop()
        # The first attempt fails at once where a replica went, or took all of the time.
        deadline = loop.time() + seconds
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(_MOST_ATTEMPTS - 1):
            left = deadline - loop.time() - pause
            if left <= 0 or not _is_lost(error) or not self._take(error, repeatable):
                break
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
            pause *= _GROWTH
            self._repeated()
            try:
                return await attempt(deadline - loop.time())
            except grpc.aio.AioRpcError as another:
                error = another
        raise error

    def _take(self, error: grpc.aio.AioRpcError, repeatable: Callable[[], bool]) -> bool:
        """Take a retry from the budget, if this call may be repeated at all."""
        if self._tokens < _TOKENS_OF_RETRY or self._away() or not (_reason(error) or repeatable()):
            return False
        self._tokens -= _TOKENS_OF_RETRY
        return True


def _is_lost(error: grpc.aio.AioRpcError) -> bool:
    """Whether a call was lost on the way, or not taken by a replica that is about to go."""
    return error.code() in _LOST and _reason(error) in {None, _NOT_READ}


def _reason(error: grpc.aio.AioRpcError) -> str | None:
    """The reason that a service gave; None when it did not answer."""
    status = status_of(error)
    return None if status is None else info_of(status).reason

"""Calls of several clients that race one another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc

from tests.support.serving import Serve, status_of, unpack
from tests.support.waiting import PATIENCE


@asynccontextmanager
async def several_clients(serve: Serve, count: int, **changes: Any) -> AsyncIterator[list[Any]]:
    """Clients on connections of their own, of two replicas on one database by turns. Who waits for
    the lock of SQLite is not served in turn: none is refused for how long that takes.
    """
    changes = {"database_lock_timeout_seconds": PATIENCE, **changes}
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(serve(**changes)) for _ in range(2)]
        yield [
            await stack.enter_async_context(replicas[number % 2].another())
            for number in range(count)
        ]


async def race(calls: Iterable[Awaitable[Any]]) -> tuple[list[Any], list[dict[str, Any]]]:
    """Let calls run at once; gives the answers, and the details of the refusals."""
    won: list[Any] = []
    lost: list[dict[str, Any]] = []
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, grpc.aio.AioRpcError):
            lost.append(unpack(status_of(outcome)))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            won.append(outcome)
    return won, lost


def reasons(lost: list[dict[str, Any]]) -> set[str]:
    return {one["ErrorInfo"].reason for one in lost}

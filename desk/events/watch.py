"""The one Watch of the process: what happens in moderation, told to all streams.

Nobody needs to be told what was missed: whenever the stream was interrupted, pages load anew.
"""

import asyncio
import os
import random
import socket
from typing import Any

import grpc
import structlog
from parley.moderation.v1 import moderation_pb2 as pb

from desk.events.broadcast import Broadcast
from desk.moderation import Moderation, document
from desk.problems import RefusedError
from desk.sessions import Sessions
from desk.structures.events import CaseEvent, DisputeEvent
from service_kit.authentication.revocations import read_revocations

_logger = structlog.get_logger(__name__)

_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0
# Users whose standing is asked at once.
_BATCH = 500


class _BrokenOffError(Exception):
    """The stream broke off, and has to be opened anew."""


class Watch:
    """Follows moderation for as long as `run` runs."""

    def __init__(
        self,
        moderation: Moderation,
        broadcast: Broadcast,
        sessions: Sessions,
        timeout_seconds: float,
    ) -> None:
        self._moderation = moderation
        self._broadcast = broadcast
        self._sessions = sessions
        self._timeout = timeout_seconds
        self._name = f"desk {socket.gethostname()} {os.getpid()}"

    async def run(self) -> None:
        """Watch until cancelled; a stream that ends is opened anew with back-off."""
        retry = _FIRST_RETRY_SECONDS
        while True:
            try:
                await self._watch_once()
            except (grpc.aio.AioRpcError, _BrokenOffError, RefusedError, TimeoutError) as error:
                _logger.warning("the watch stream ended", cause=_cause(error))
                self._moderation.failed(error)
            except Exception:
                # Requests, and the streams of pages, go on.
                _logger.exception("the watch stream failed")
            if self._broadcast.live:
                retry = _FIRST_RETRY_SECONDS
            self._broadcast.go()
            await asyncio.sleep(retry * random.uniform(0.5, 1))  # noqa: S311 - no secret
            retry = min(retry * 2, _LAST_RETRY_SECONDS)

    async def _watch_once(self) -> None:
        async with self._moderation.watch(self._name) as stream:
            first = await self._next(stream)
            # Of tokens that were revoked meanwhile nothing else tells.
            await self._check_sessions()
            self._broadcast.come()
            _logger.info("watching", revision=first.position.revision)
            while True:
                for event in (await self._next(stream)).events:
                    self._tell(event)

    async def _next(self, stream: "grpc.aio.UnaryStreamCall[Any, Any]") -> pb.WatchResponse:
        async with asyncio.timeout(self._timeout):
            response = await stream.read()
        if not isinstance(response, pb.WatchResponse):
            raise _BrokenOffError("the service ended the stream")
        return response

    async def _check_sessions(self) -> None:
        users = self._sessions.users()
        for start in range(0, len(users), _BATCH):
            standings = await self._moderation.standings(users[start : start + _BATCH])
            self._sessions.revoke({one.user: read_revocations(one) for one in standings})

    def _tell(self, event: pb.Event) -> None:
        match event.WhichOneof("event"):
            case "case_changed":
                told = document(event.case_changed)
                hidden = told.pop("hidden_from")
                self._broadcast.tell(CaseEvent(**{"id": told.pop("case_id"), **told}), hidden)
            case "dispute_changed":
                for view in event.dispute_changed.views[:1]:
                    told = document(view)
                    changed = DisputeEvent(
                        id=view.id,
                        version=view.version,
                        cause=event.dispute_changed.cause,
                        state=told["state"],
                    )
                    self._broadcast.tell(changed, (view.provider, view.client))
            case "standing_changed":
                standing = event.standing_changed.standing
                self._sessions.revoke({standing.user: read_revocations(standing)})


def _cause(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__

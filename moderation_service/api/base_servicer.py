"""The base of all servicers: the check of roles, pages, queries and commands."""

import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import grpc
from parley.moderation.v1 import moderation_pb2_grpc
from sqlalchemy import Connection

from moderation_service.domain.case.commands import SeenSubject
from moderation_service.domain.dispute.commands import SeenService
from moderation_service.domain.shared.commands import Command, State, View
from moderation_service.domain.shared.roles import check_roles
from moderation_service.operations.paging import Page
from moderation_service.operations.tasks import Answer, AnyAnswer, AnyTask, Task
from moderation_service.settings import ModerationSettings
from moderation_service.workers.wiring import Wiring
from service_kit.resources import Resources
from service_kit.rpc.failures import Refused
from service_kit.rpc.servicer import accepted, page_limit, write_one
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation

Context = grpc.aio.ServicerContext[Any, Any]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class PageRequest(Protocol):
    """A request for a page of a list."""

    page_size: int
    page_token: str


class BaseServicer(moderation_pb2_grpc.ModerationServiceServicer):
    """Runs queries and commands for the RPCs of each area."""

    def __init__(
        self,
        resources: Resources[ModerationSettings],
        operation: Operation[AnyTask, AnyAnswer | Refusal],
        wiring: Wiring,
    ) -> None:
        self._resources = resources
        self._most_users = resources.settings.max_batch
        self._changes_bytes = resources.settings.changes_bytes
        self._reached = resources.limits
        self._hub = resources.hub
        self._limits = resources.settings.limits()
        self._operation = operation
        self._wiring = wiring

    def _check_roles(self, request: Any) -> None:
        """End the call unless one of the roles of a request is enough for its RPC."""
        rpc = type(request).__name__.removesuffix("Request")
        if refusal := check_roles(rpc, request.roles):
            raise Refused(refusal)

    def _page(self, setting: str, request: PageRequest) -> Page:
        """Give the page that a request asks for; the setting says how long it may be."""
        most = self._page_limit(setting, request.page_size)
        return Page(request.page_size, request.page_token, most)

    def _page_limit(self, setting: str, asked: int) -> int:
        return page_limit(self._resources.settings, self._resources.limits, setting, asked)

    async def _query(
        self,
        query: Callable[Concatenate[Connection, Arguments], Result | Refusal],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        """Run a query; a refusal ends the call."""
        return accepted(await self._resources.readers.run(query, *arguments, **options))

    async def _execute(
        self, command: Command[State, View], seen: SeenSubject | SeenService | None = None
    ) -> tuple[View, bool]:
        """Carry out a command; a refusal ends the call.

        Gives what the actor is shown, and whether the command was a repeat.
        """
        task = Task(command, seen=seen)
        answer: Answer[State, View] = await write_one(self._resources.writer, self._operation, task)
        self._wiring.timers.expect(answer.next_due)
        return answer.view, answer.duplicate


def now() -> int:
    """Give the time in milliseconds UTC."""
    return time.time_ns() // 1_000_000

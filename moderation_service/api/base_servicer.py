"""The base of all servicers: who a moderator is, pages, queries and commands."""

import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import grpc
from parley.moderation.v1 import moderation_pb2_grpc
from sqlalchemy import Connection

from moderation_service.domain.case.commands import SeenSubject
from moderation_service.domain.dispute.commands import SeenService
from moderation_service.domain.sessions import is_revoked
from moderation_service.domain.shared.commands import Command, State, View
from moderation_service.domain.shared.refusals import Reason
from moderation_service.domain.shared.roles import PERMISSIONS, Role, check_role
from moderation_service.operations.paging import Page
from moderation_service.operations.sessions import read_revocations
from moderation_service.operations.tasks import Answer, AnyAnswer, AnyTask, Task
from moderation_service.settings import ModerationSettings
from moderation_service.workers.wiring import Wiring
from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.claims import Principal
from service_kit.authentication.errors import AuthenticationError
from service_kit.resources import Resources
from service_kit.rpc.failures import Refused
from service_kit.rpc.servicer import accepted, page_limit, write_one
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation

TOKEN_KEY = "x-parley-token"  # noqa: S105 - the name of the metadata
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
        authenticator: Authenticator,
    ) -> None:
        self._resources = resources
        self._most_users = resources.settings.max_batch
        self._changes_bytes = resources.settings.changes_bytes
        self._reached = resources.limits
        self._failures = resources.failures
        self._hub = resources.hub
        self._writer = resources.writer
        self._limits = resources.settings.limits()
        self._operation = operation
        self._wiring = wiring
        self._authenticator = authenticator

    async def _moderator(
        self, request: Any, context: Context, needed: frozenset[Role] | None = None
    ) -> Principal:
        """Give whom the token of the call names; end the call without a good one, and without one
        of the roles that are needed, by default those of the request's RPC.
        """
        try:
            moderator = await self._authenticator.authenticate(_token_of(context))
            await self._check_revocations(moderator)
        except AuthenticationError as error:
            away = error.reason == "keys_unavailable"
            reason = Reason.KEYS_UNAVAILABLE if away else Reason.TOKEN_REFUSED
            raise Refused(Refusal(reason, str(error))) from None
        if needed is None:
            needed = PERMISSIONS[type(request).__name__.removesuffix("Request")]
        if refusal := check_role(needed, moderator.roles):
            raise Refused(refusal)
        return moderator

    async def _check_revocations(self, moderator: Principal) -> None:
        """Raise AuthenticationError for a token that was revoked, or whose sessions were ended."""
        found = await self._query(read_revocations, (moderator.user,), now())
        if is_revoked(found[moderator.user], moderator.token_id, moderator.issued_at):
            raise AuthenticationError("token_revoked")

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
        self,
        command: Command[State, View],
        seen: SeenSubject | SeenService | None = None,
        *,
        validate_only: bool = False,
    ) -> tuple[View, bool]:
        """Carry out a command; a refusal ends the call.

        Gives what the actor is shown, and whether the command was a repeat.
        """
        task = Task(command, seen=seen, validate_only=validate_only)
        answer: Answer[State, View] = await write_one(
            self._resources.writer,
            self._operation,
            task,
            lambda answer: self._wiring.timers.expect(answer.next_due),
        )
        return answer.view, answer.duplicate


def _token_of(context: Context) -> str:
    """Give the token of a call. Raises AuthenticationError unless there is exactly one."""
    given = [value for key, value in context.invocation_metadata() or () if key == TOKEN_KEY]
    if len(given) != 1:
        raise AuthenticationError("several_tokens" if given else "missing_token")
    return str(given[0])


def now() -> int:
    """Give the time in milliseconds UTC."""
    return time.time_ns() // 1_000_000

"""What the methods of the contract share: who may call, and how a command is carried out."""

import time
from dataclasses import dataclass
from typing import Any

import grpc
from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import dispute_translation
from moderation_service.domain.dispute.commands import (
    CreateDispute,
    DecideDispute,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.saga import due_call
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.shared.commands import EraseUser
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.roles import check_roles
from moderation_service.operations import queries
from moderation_service.operations.answers import is_moderator
from moderation_service.operations.paging import Page
from moderation_service.operations.queries import WholeDispute
from moderation_service.operations.runner import Answer, Task
from moderation_service.settings import ModerationSettings
from moderation_service.workers.wiring import Wiring
from service_kit.resources import Resources
from service_kit.rpc.failures import Refused
from service_kit.rpc.servicer import accepted, page_limit, write_one
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Methods:
    """What the methods work with."""

    resources: Resources[ModerationSettings]
    limits: Limits
    operation: Operation[Task, Answer | Refusal]
    wiring: Wiring

    def permit(self, rpc: str, roles: Any) -> None:
        """End the call unless one of the roles is good enough for an RPC."""
        if refusal := check_roles(rpc, roles):
            raise Refused(refusal)

    def page(self, name: str, size: int, token: str) -> Page:
        """Say which page is asked for; `name` is the setting with its most items."""
        return Page(size, token, self.most(name, size))

    def most(self, name: str, size: int) -> int:
        """Give the most items of a page, a setting."""
        return page_limit(self.resources.settings, self.resources.limits, name, size)

    async def read(self, query: Any, *arguments: Any, **options: Any) -> Any:
        """Run a query; a refusal ends the call."""
        return accepted(await self.resources.readers.run(query, *arguments, **options))

    async def carry_out(self, task: Task) -> Answer:
        """Carry out a command; a refusal ends the call."""
        answer = await write_one(self.resources.writer, self.operation, task)
        self.wiring.timers.expect(answer.next_due)
        return answer

    async def erase(self, tasks: list[tuple[str, EraseUser]]) -> list[Answer | Refusal]:
        """Carry out erasures, each with its target; of these a refusal is an answer."""
        outcomes = await self.resources.writer.submit(
            self.operation, [Task(command, target) for target, command in tasks]
        )
        return [
            outcome if isinstance(outcome, Refusal) else accepted(outcome) for outcome in outcomes
        ]

    async def dispute(
        self,
        command: CreateDispute | SubmitDisputeStatement | DecideDispute,
        task: Task,
        context: Context,
    ) -> tuple[pb.Dispute, bool]:
        """Carry out a command about a dispute, and have negotiation asked what is then due.

        Gives the dispute as it is after that, and whether the command was a repeat.
        """
        answer = await self.carry_out(task)
        if not isinstance(answer.target, Dispute) or not isinstance(answer.shown, DisputeView):
            raise TypeError("a command about a dispute is answered with it")
        if due_call(answer.target) is None:
            return dispute_translation.dispute(answer.shown), answer.duplicate
        await self.wiring.reconciler.push(answer.target.id, context.time_remaining())
        whole: WholeDispute = await self.read(
            queries.get_dispute,
            command.actor,
            answer.target.id,
            now(),
            self.limits,
            moderates=is_moderator(command),
        )
        return dispute_translation.dispute(whole.view), answer.duplicate


def now() -> int:
    """Give the time in milliseconds UTC."""
    return time.time_ns() // 1_000_000

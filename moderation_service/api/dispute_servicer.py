"""The RPCs about disputes."""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import dispute_translation, requests
from moderation_service.api.base_servicer import BaseServicer, Context, now
from moderation_service.domain.dispute import commands
from moderation_service.domain.dispute.saga import due_call
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.shared.roles import MODERATORS
from moderation_service.operations import queries
from moderation_service.operations.disputes import is_moderator
from service_kit.authentication.callers import Caller
from service_kit.rpc.admission import current_caller


class DisputeServicer(BaseServicer):
    """Serves the RPCs of disputes."""

    async def CreateDispute(
        self, request: pb.CreateDisputeRequest, context: Context
    ) -> pb.CreateDisputeResponse:
        command, seen = requests.create_dispute(request), None
        if await self._query(queries.needs_evidence, command, now(), self._limits):
            seen = await self._wiring.evidence.take_service(
                command.actor, command.service, context.time_remaining()
            )
        dispute, duplicate = await self._execute_and_push(command, context, seen)
        return pb.CreateDisputeResponse(
            dispute=dispute_translation.dispute(dispute), duplicate=duplicate
        )

    async def SubmitDisputeStatement(
        self, request: pb.SubmitDisputeStatementRequest, context: Context
    ) -> pb.SubmitDisputeStatementResponse:
        dispute, duplicate = await self._execute_and_push(
            requests.submit_dispute_statement(request), context
        )
        return pb.SubmitDisputeStatementResponse(
            dispute=dispute_translation.dispute(dispute), duplicate=duplicate
        )

    async def DecideDispute(
        self, request: pb.DecideDisputeRequest, context: Context
    ) -> pb.DecideDisputeResponse:
        moderator = await self._moderator(request, context)
        dispute, duplicate = await self._execute_and_push(
            requests.decide_dispute(request, moderator), context
        )
        return pb.DecideDisputeResponse(
            dispute=dispute_translation.dispute(dispute), duplicate=duplicate
        )

    async def _execute_and_push(
        self,
        command: commands.CreateDispute | commands.SubmitDisputeStatement | commands.DecideDispute,
        context: Context,
        seen: commands.SeenService | None = None,
    ) -> tuple[DisputeView, bool]:
        """Carry out a command, and make the call of negotiation that is due after it.

        Gives the dispute as it is after that, and whether the command was a repeat.
        """
        view, duplicate = await self._execute(command, seen)
        if due_call(view.dispute) is None:
            return view, duplicate
        await self._wiring.reconciler.push(view.dispute.id, context.time_remaining())
        dispute = await self._query(
            queries.get_dispute,
            command.actor,
            view.dispute.id,
            now(),
            self._limits,
            moderates=is_moderator(command),
        )
        return dispute.view, duplicate

    async def GetDispute(
        self, request: pb.GetDisputeRequest, context: Context
    ) -> pb.GetDisputeResponse:
        actor, moderates = request.actor, current_caller() in {Caller.DESK, Caller.OPERATOR}
        if moderates:
            actor = (await self._moderator(request, context, MODERATORS)).user
        dispute = await self._query(
            queries.get_dispute,
            actor,
            request.dispute_id,
            now(),
            self._limits,
            moderates=moderates,
        )
        return pb.GetDisputeResponse(
            dispute=dispute_translation.dispute(dispute.view, dispute.contents)
        )

    async def ListOwnDisputes(
        self, request: pb.ListOwnDisputesRequest, context: Context
    ) -> pb.ListOwnDisputesResponse:
        page = await self._query(
            queries.list_own_disputes,
            request.actor,
            request.service_id,
            self._page("disputes_page", request),
            now(),
            self._limits,
            open_only=request.open_only,
        )
        return pb.ListOwnDisputesResponse(
            disputes=map(dispute_translation.dispute, page.disputes),
            next_page_token=page.next_page_token,
        )

    async def ListDisputes(
        self, request: pb.ListDisputesRequest, context: Context
    ) -> pb.ListDisputesResponse:
        moderator = await self._moderator(request, context)
        page = await self._query(
            queries.list_disputes,
            moderator.user,
            requests.dispute_state(request),
            self._page("disputes_page", request),
            now(),
            self._limits,
        )
        return pb.ListDisputesResponse(
            disputes=map(dispute_translation.dispute, page.disputes),
            next_page_token=page.next_page_token,
        )

"""The contract's methods for everybody: each translates, delegates and translates back.

No rule is in here. Those of moderators stand in `moderator_servicer.py`.
"""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

from collections.abc import AsyncIterator
from dataclasses import replace

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import (
    case_translation,
    dispute_translation,
    event_translation,
    requests,
    translation,
)
from moderation_service.api.context import Context, Methods, now
from moderation_service.api.moderator_servicer import ModeratorServicer
from moderation_service.domain.case.commands import CreateReport
from moderation_service.domain.case.entities import SubjectKind
from moderation_service.domain.case.views import AppealView, ReportView
from moderation_service.domain.shared.evidence import Evidence, Snapshot
from moderation_service.domain.shared.roles import Role
from moderation_service.operations import changes, queries
from moderation_service.operations.runner import Task
from service_kit.rpc.servicer import check_batch, watch
from service_kit.rules import Position


class ModerationServicer(ModeratorServicer):
    """Serves the contract."""

    def __init__(self, methods: Methods) -> None:
        super().__init__(methods)
        self._methods = methods

    # --- Reports ----------------------------------------------------------------------------

    async def ReportMessage(
        self, request: pb.ReportMessageRequest, context: Context
    ) -> pb.ReportMessageResponse:
        report, duplicate = await self._report(requests.report_message(request), context)
        return pb.ReportMessageResponse(report=report, duplicate=duplicate)

    async def ReportConversation(
        self, request: pb.ReportConversationRequest, context: Context
    ) -> pb.ReportConversationResponse:
        report, duplicate = await self._report(requests.report_conversation(request), context)
        return pb.ReportConversationResponse(report=report, duplicate=duplicate)

    async def _report(self, command: CreateReport, context: Context) -> tuple[pb.Report, bool]:
        methods = self._methods
        snapshots: tuple[Snapshot, ...] = ()
        if await methods.read(queries.is_new, command, now(), methods.limits):
            is_message = command.subject.kind is SubjectKind.MESSAGE
            see = (
                methods.wiring.evidence.take_message
                if is_message
                else methods.wiring.evidence.take_conversation
            )
            seen = await see(command.actor, command.subject.id, context.time_remaining())
            snapshots = seen.snapshots
            command = replace(
                command,
                subject=seen.subject,
                participants=seen.participants,
                author=seen.author,
                evidence=_references(snapshots),
            )
        answer = await methods.carry_out(Task(command, contents=_contents(snapshots)))
        if not isinstance(answer.shown, ReportView):
            raise TypeError("a report is answered with it")
        return case_translation.report(answer.shown), answer.duplicate

    async def ListReports(
        self, request: pb.ListReportsRequest, context: Context
    ) -> pb.ListReportsResponse:
        page: queries.ReportPage = await self._methods.read(
            queries.list_reports,
            request.actor,
            self._methods.page("reports_page", request.page_size, request.page_token),
            now(),
            self._methods.limits,
            open_only=request.open_only,
        )
        return pb.ListReportsResponse(
            reports=map(case_translation.report, page.reports), next_page_token=page.next_page_token
        )

    # --- Standings and appeals --------------------------------------------------------------

    async def GetStanding(
        self, request: pb.GetStandingRequest, context: Context
    ) -> pb.GetStandingResponse:
        shown = await self._methods.read(
            queries.get_standing, request.actor, now(), self._methods.limits
        )
        return pb.GetStandingResponse(standing=case_translation.standing(shown))

    async def BatchGetStandings(
        self, request: pb.BatchGetStandingsRequest, context: Context
    ) -> pb.BatchGetStandingsResponse:
        check_batch("users", request.users, self._methods.resources.settings.max_batch)
        shown = await self._methods.read(
            queries.batch_get_standings, tuple(request.users), now(), self._methods.limits
        )
        return pb.BatchGetStandingsResponse(standings=map(case_translation.standing, shown))

    async def CreateAppeal(
        self, request: pb.CreateAppealRequest, context: Context
    ) -> pb.CreateAppealResponse:
        answer = await self._methods.carry_out(Task(requests.create_appeal(request)))
        if not isinstance(answer.shown, AppealView):
            raise TypeError("an appeal is answered with it")
        return pb.CreateAppealResponse(
            appeal=case_translation.appeal(answer.shown), duplicate=answer.duplicate
        )

    # --- Disputes ---------------------------------------------------------------------------

    async def CreateDispute(
        self, request: pb.CreateDisputeRequest, context: Context
    ) -> pb.CreateDisputeResponse:
        methods = self._methods
        command = requests.create_dispute(request)
        snapshots: tuple[Snapshot, ...] = ()
        if await methods.read(queries.is_new, command, now(), methods.limits):
            seen = await methods.wiring.evidence.take_service(
                command.actor, command.service, context.time_remaining()
            )
            snapshots = seen.snapshots
            command = replace(
                command,
                conversation=seen.conversation,
                provider=seen.provider,
                client=seen.client,
                currency=seen.currency,
                price=seen.price,
                evidence=_references(snapshots),
            )
        task = Task(command, contents=_contents(snapshots))
        dispute, duplicate = await methods.dispute(command, task, context)
        return pb.CreateDisputeResponse(dispute=dispute, duplicate=duplicate)

    async def SubmitDisputeStatement(
        self, request: pb.SubmitDisputeStatementRequest, context: Context
    ) -> pb.SubmitDisputeStatementResponse:
        command = requests.submit_dispute_statement(request)
        dispute, duplicate = await self._methods.dispute(command, Task(command), context)
        return pb.SubmitDisputeStatementResponse(dispute=dispute, duplicate=duplicate)

    async def GetDispute(
        self, request: pb.GetDisputeRequest, context: Context
    ) -> pb.GetDisputeResponse:
        whole: queries.WholeDispute = await self._methods.read(
            queries.get_dispute,
            request.actor,
            request.dispute_id,
            now(),
            self._methods.limits,
            moderates=Role.MODERATOR in request.roles,
        )
        return pb.GetDisputeResponse(
            dispute=dispute_translation.dispute(whole.view, whole.contents)
        )

    async def ListOwnDisputes(
        self, request: pb.ListOwnDisputesRequest, context: Context
    ) -> pb.ListOwnDisputesResponse:
        page: queries.DisputePage = await self._methods.read(
            queries.list_own_disputes,
            request.actor,
            request.service_id,
            self._methods.page("disputes_page", request.page_size, request.page_token),
            now(),
            self._methods.limits,
            open_only=request.open_only,
        )
        return pb.ListOwnDisputesResponse(
            disputes=map(dispute_translation.dispute, page.disputes),
            next_page_token=page.next_page_token,
        )

    # --- Changes ----------------------------------------------------------------------------

    def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.WatchResponse]:
        return watch(
            self._methods.resources.hub,
            request.watcher_name,
            event_translation.watch_response,
            everything=request.everything,
        )

    async def UpdateWatch(
        self, request: pb.UpdateWatchRequest, context: Context
    ) -> pb.UpdateWatchResponse:
        position = self._methods.resources.hub.update(
            request.watcher_id, request.add_users, request.remove_users
        )
        return pb.UpdateWatchResponse(position=translation.position(position))

    async def ListChanges(
        self, request: pb.ListChangesRequest, context: Context
    ) -> pb.ListChangesResponse:
        page = await self._methods.read(
            changes.list_changes,
            request.user,
            Position(request.after.epoch, request.after.revision),
            Position(request.until.epoch, request.until.revision),
            self._methods.page("changes_page", request.page_size, request.page_token),
            now(),
            self._methods.limits,
            everything=request.everything,
        )
        return pb.ListChangesResponse(
            complete=page.complete,
            changes=[event_translation.change(one, request.user) for one in page.changes],
            next_page_token=page.next_page_token,
        )


def _references(snapshots: tuple[Snapshot, ...]) -> tuple[Evidence, ...]:
    return tuple(one.evidence for one in snapshots)


def _contents(snapshots: tuple[Snapshot, ...]) -> dict[str, bytes]:
    return {one.evidence.id: one.content for one in snapshots}

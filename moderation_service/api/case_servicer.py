"""The RPCs about reports, cases, appeals, sanctions and standings."""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import case_translation, dispute_translation, requests
from moderation_service.api.base_servicer import BaseServicer, Context, now
from moderation_service.operations import moderator_queries, queries
from service_kit.rpc.servicer import check_batch


class CaseServicer(BaseServicer):
    """Serves the RPCs of cases and what follows from them."""

    # --- Reports ----------------------------------------------------------------------------

    async def ReportMessage(
        self, request: pb.ReportMessageRequest, context: Context
    ) -> pb.ReportMessageResponse:
        command, seen = requests.report_message(request), None
        if await self._query(queries.needs_evidence, command, now(), self._limits):
            seen = await self._wiring.evidence.take_message(
                request.actor, request.message_id, context.time_remaining()
            )
        report, duplicate = await self._execute(command, seen)
        return pb.ReportMessageResponse(report=case_translation.report(report), duplicate=duplicate)

    async def ReportConversation(
        self, request: pb.ReportConversationRequest, context: Context
    ) -> pb.ReportConversationResponse:
        command, seen = requests.report_conversation(request), None
        if await self._query(queries.needs_evidence, command, now(), self._limits):
            seen = await self._wiring.evidence.take_conversation(
                request.actor, request.conversation_id, context.time_remaining()
            )
        report, duplicate = await self._execute(command, seen)
        return pb.ReportConversationResponse(
            report=case_translation.report(report), duplicate=duplicate
        )

    async def ReportDisputeStatement(
        self, request: pb.ReportDisputeStatementRequest, context: Context
    ) -> pb.ReportDisputeStatementResponse:
        command, seen = requests.report_dispute_statement(request), None
        if await self._query(queries.needs_evidence, command, now(), self._limits):
            dispute = await self._query(
                queries.get_dispute,
                request.actor,
                request.dispute_id,
                now(),
                self._limits,
                moderates=False,
            )
            seen = self._wiring.evidence.take_dispute_statement(
                dispute_translation.dispute(dispute.view), request.number
            )
        report, duplicate = await self._execute(command, seen)
        return pb.ReportDisputeStatementResponse(
            report=case_translation.report(report), duplicate=duplicate
        )

    async def ListReports(
        self, request: pb.ListReportsRequest, context: Context
    ) -> pb.ListReportsResponse:
        page = await self._query(
            queries.list_reports,
            request.actor,
            self._page("reports_page", request),
            now(),
            self._limits,
            open_only=request.open_only,
        )
        return pb.ListReportsResponse(
            reports=map(case_translation.report, page.reports),
            next_page_token=page.next_page_token,
        )

    # --- Cases ------------------------------------------------------------------------------

    async def ListCases(
        self, request: pb.ListCasesRequest, context: Context
    ) -> pb.ListCasesResponse:
        moderator = await self._moderator(request, context)
        page = await self._query(
            moderator_queries.list_cases,
            moderator.user,
            requests.case_filter(request),
            self._page("cases_page", request),
            now(),
            self._limits,
        )
        return pb.ListCasesResponse(
            cases=map(case_translation.case, page.cases), next_page_token=page.next_page_token
        )

    async def GetCase(self, request: pb.GetCaseRequest, context: Context) -> pb.GetCaseResponse:
        moderator = await self._moderator(request, context)
        case = await self._query(
            moderator_queries.get_case, moderator.user, request.case_id, now(), self._limits
        )
        return pb.GetCaseResponse(case=case_translation.case(case.view, case.contents))

    async def ClaimCase(
        self, request: pb.ClaimCaseRequest, context: Context
    ) -> pb.ClaimCaseResponse:
        moderator = await self._moderator(request, context)
        case, _ = await self._execute(requests.claim_case(request, moderator))
        return pb.ClaimCaseResponse(case=case_translation.case(case))

    async def ReleaseCase(
        self, request: pb.ReleaseCaseRequest, context: Context
    ) -> pb.ReleaseCaseResponse:
        moderator = await self._moderator(request, context)
        case, _ = await self._execute(requests.release_case(request, moderator))
        return pb.ReleaseCaseResponse(case=case_translation.case(case))

    async def DecideCase(
        self, request: pb.DecideCaseRequest, context: Context
    ) -> pb.DecideCaseResponse:
        moderator = await self._moderator(request, context)
        if request.validate_only:
            request.ClearField("idempotency_key")
        case, duplicate = await self._execute(
            requests.decide_case(request, moderator), validate_only=request.validate_only
        )
        return pb.DecideCaseResponse(case=case_translation.case(case), duplicate=duplicate)

    # --- Appeals ----------------------------------------------------------------------------

    async def CreateAppeal(
        self, request: pb.CreateAppealRequest, context: Context
    ) -> pb.CreateAppealResponse:
        appeal, duplicate = await self._execute(requests.create_appeal(request))
        return pb.CreateAppealResponse(appeal=case_translation.appeal(appeal), duplicate=duplicate)

    async def ListOwnAppeals(
        self, request: pb.ListOwnAppealsRequest, context: Context
    ) -> pb.ListOwnAppealsResponse:
        page = await self._query(
            queries.list_own_appeals, request.actor, self._page("appeals_page", request)
        )
        return pb.ListOwnAppealsResponse(
            appeals=map(case_translation.appeal, page.appeals),
            next_page_token=page.next_page_token,
        )

    async def ListAppeals(
        self, request: pb.ListAppealsRequest, context: Context
    ) -> pb.ListAppealsResponse:
        moderator = await self._moderator(request, context)
        page = await self._query(
            moderator_queries.list_appeals,
            moderator.user,
            requests.appeal_status(request),
            self._page("appeals_page", request),
            now(),
            decidable_only=request.decidable_only,
        )
        return pb.ListAppealsResponse(
            appeals=map(case_translation.reviewed_appeal, page.appeals),
            next_page_token=page.next_page_token,
        )

    async def DecideAppeal(
        self, request: pb.DecideAppealRequest, context: Context
    ) -> pb.DecideAppealResponse:
        moderator = await self._moderator(request, context)
        appeal, duplicate = await self._execute(requests.decide_appeal(request, moderator))
        return pb.DecideAppealResponse(
            appeal=case_translation.reviewed_appeal(appeal), duplicate=duplicate
        )

    # --- Sanctions and standings ------------------------------------------------------------

    async def ListSanctions(
        self, request: pb.ListSanctionsRequest, context: Context
    ) -> pb.ListSanctionsResponse:
        moderator = await self._moderator(request, context)
        page = await self._query(
            moderator_queries.list_sanctions,
            moderator.user,
            request.user,
            self._page("sanctions_page", request),
            now(),
            in_force_only=request.in_force_only,
        )
        return pb.ListSanctionsResponse(
            sanctions=map(case_translation.imposed_sanction, page.sanctions),
            next_page_token=page.next_page_token,
        )

    async def LiftSanction(
        self, request: pb.LiftSanctionRequest, context: Context
    ) -> pb.LiftSanctionResponse:
        moderator = await self._moderator(request, context)
        sanction, duplicate = await self._execute(requests.lift_sanction(request, moderator))
        return pb.LiftSanctionResponse(
            sanction=case_translation.imposed_sanction(sanction), duplicate=duplicate
        )

    async def GetStanding(
        self, request: pb.GetStandingRequest, context: Context
    ) -> pb.GetStandingResponse:
        standing = await self._query(queries.get_standing, request.actor, now(), self._limits)
        return pb.GetStandingResponse(standing=case_translation.standing(standing))

    async def BatchGetStandings(
        self, request: pb.BatchGetStandingsRequest, context: Context
    ) -> pb.BatchGetStandingsResponse:
        check_batch("users", request.users, self._resources.settings.max_batch)
        standings = await self._query(
            queries.batch_get_standings, tuple(request.users), now(), self._limits
        )
        return pb.BatchGetStandingsResponse(standings=map(case_translation.standing, standings))

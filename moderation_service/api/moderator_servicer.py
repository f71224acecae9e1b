"""The contract's methods for moderators, and for those who answer for them.

Each asks for a role before anything is looked up, also before it is looked at what was asked.
"""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

from dataclasses import replace
from uuid import uuid4

from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1 import moderation_pb2_grpc

from moderation_service.api import case_translation, dispute_translation, requests, translation
from moderation_service.api.context import Context, Methods, now
from moderation_service.domain.case import commands as case_commands
from moderation_service.domain.case.views import CaseView
from moderation_service.domain.sanctions.entities import Measure, SanctionKind
from moderation_service.domain.shared import commands
from moderation_service.domain.shared.erasure import Kept
from moderation_service.operations import moderator_queries, queries
from moderation_service.operations.answers import ImposedSanction, ReviewedAppeal
from moderation_service.operations.runner import Answer, Task
from service_kit.rpc.failures import Refused
from service_kit.rules import Refusal


class ModeratorServicer(moderation_pb2_grpc.ModerationServiceServicer):
    """Serves that part of the contract."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods

    # --- Cases ------------------------------------------------------------------------------

    async def ListCases(
        self, request: pb.ListCasesRequest, context: Context
    ) -> pb.ListCasesResponse:
        self._methods.permit("ListCases", request.roles)
        page: moderator_queries.CasePage = await self._methods.read(
            moderator_queries.list_cases,
            request.actor,
            requests.case_filter(request),
            self._methods.page("cases_page", request.page_size, request.page_token),
            now(),
            self._methods.limits,
        )
        return pb.ListCasesResponse(
            cases=map(case_translation.case, page.cases), next_page_token=page.next_page_token
        )

    async def GetCase(self, request: pb.GetCaseRequest, context: Context) -> pb.GetCaseResponse:
        self._methods.permit("GetCase", request.roles)
        whole: moderator_queries.WholeCase = await self._methods.read(
            moderator_queries.get_case,
            request.actor,
            request.case_id,
            now(),
            self._methods.limits,
        )
        return pb.GetCaseResponse(case=case_translation.case(whole.view, whole.contents))

    async def ClaimCase(
        self, request: pb.ClaimCaseRequest, context: Context
    ) -> pb.ClaimCaseResponse:
        self._methods.permit("ClaimCase", request.roles)
        answer = await self._methods.carry_out(Task(requests.claim_case(request)))
        return pb.ClaimCaseResponse(case=_case(answer))

    async def ReleaseCase(
        self, request: pb.ReleaseCaseRequest, context: Context
    ) -> pb.ReleaseCaseResponse:
        self._methods.permit("ReleaseCase", request.roles)
        answer = await self._methods.carry_out(Task(requests.release_case(request)))
        return pb.ReleaseCaseResponse(case=_case(answer))

    async def DecideCase(
        self, request: pb.DecideCaseRequest, context: Context
    ) -> pb.DecideCaseResponse:
        self._methods.permit("DecideCase", request.roles)
        command = await self._with_authors(requests.decide_case(request))
        answer = await self._methods.carry_out(Task(command))
        return pb.DecideCaseResponse(case=_case(answer), duplicate=answer.duplicate)

    async def _with_authors(self, command: case_commands.DecideCase) -> case_commands.DecideCase:
        """Say of each message that is to be removed whose it is, as the evidence shows it.

        In a case about one message nothing has to be said; the rules know whose that is.
        """
        removed = [one.message for one in command.measures if _removes(one)]
        if not removed:
            return command
        authors = await self._methods.read(
            moderator_queries.find_authors, command.actor, command.case, removed
        )
        return replace(
            command,
            measures=tuple(
                replace(one, user=authors.get(one.message, "")) if _removes(one) else one
                for one in command.measures
            ),
        )

    # --- Appeals and sanctions --------------------------------------------------------------

    async def ListAppeals(
        self, request: pb.ListAppealsRequest, context: Context
    ) -> pb.ListAppealsResponse:
        self._methods.permit("ListAppeals", request.roles)
        page: moderator_queries.AppealPage = await self._methods.read(
            moderator_queries.list_appeals,
            request.actor,
            requests.appeal_status(request),
            self._methods.page("appeals_page", request.page_size, request.page_token),
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
        self._methods.permit("DecideAppeal", request.roles)
        answer = await self._methods.carry_out(Task(requests.decide_appeal(request)))
        if not isinstance(answer.shown, ReviewedAppeal):
            raise TypeError("a review is answered with the appeal")
        return pb.DecideAppealResponse(
            appeal=case_translation.reviewed_appeal(answer.shown), duplicate=answer.duplicate
        )

    async def ListSanctions(
        self, request: pb.ListSanctionsRequest, context: Context
    ) -> pb.ListSanctionsResponse:
        self._methods.permit("ListSanctions", request.roles)
        page: moderator_queries.SanctionPage = await self._methods.read(
            moderator_queries.list_sanctions,
            request.actor,
            request.user,
            self._methods.page("sanctions_page", request.page_size, request.page_token),
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
        self._methods.permit("LiftSanction", request.roles)
        answer = await self._methods.carry_out(Task(requests.lift_sanction(request)))
        if not isinstance(answer.shown, ImposedSanction):
            raise TypeError("a lift is answered with the sanction")
        return pb.LiftSanctionResponse(
            sanction=case_translation.imposed_sanction(answer.shown), duplicate=answer.duplicate
        )

    # --- Disputes ---------------------------------------------------------------------------

    async def ListDisputes(
        self, request: pb.ListDisputesRequest, context: Context
    ) -> pb.ListDisputesResponse:
        self._methods.permit("ListDisputes", request.roles)
        page: queries.DisputePage = await self._methods.read(
            queries.list_disputes,
            request.actor,
            requests.dispute_state(request),
            self._methods.page("disputes_page", request.page_size, request.page_token),
            now(),
            self._methods.limits,
        )
        return pb.ListDisputesResponse(
            disputes=map(dispute_translation.dispute, page.disputes),
            next_page_token=page.next_page_token,
        )

    async def DecideDispute(
        self, request: pb.DecideDisputeRequest, context: Context
    ) -> pb.DecideDisputeResponse:
        self._methods.permit("DecideDispute", request.roles)
        command = requests.decide_dispute(request)
        dispute, duplicate = await self._methods.dispute(command, Task(command), context)
        return pb.DecideDisputeResponse(dispute=dispute, duplicate=duplicate)

    # --- What is answered for ---------------------------------------------------------------

    async def ListAudit(
        self, request: pb.ListAuditRequest, context: Context
    ) -> pb.ListAuditResponse:
        self._methods.permit("ListAudit", request.roles)
        page: moderator_queries.AuditPage = await self._methods.read(
            moderator_queries.list_audit,
            request.actor,
            request.after,
            request.target_id,
            request.page_size,
            self._methods.most("audit_page", request.page_size),
        )
        return pb.ListAuditResponse(
            entries=map(translation.audit_entry, page.entries),
            head_number=page.head.number,
            head_hash=page.head.hash,
            more=page.more,
        )

    async def EraseUser(
        self, request: pb.EraseUserRequest, context: Context
    ) -> pb.EraseUserResponse:
        self._methods.permit("EraseUser", request.roles)
        methods, roles = self._methods, tuple(request.roles)
        response = pb.EraseUserResponse()
        after, most = "", methods.resources.settings.erasure_batch
        while targets := await methods.read(
            moderator_queries.find_targets_of, request.actor, request.user, after, most
        ):
            after = targets[-1]
            tasks = [
                # One alias for each, so that nobody finds the others by it.
                (
                    one,
                    commands.EraseUser(request.actor, roles, request.user, f"erased-{uuid4().hex}"),
                )
                for one in targets
            ]
            outcomes = await methods.erase(tasks)
            for target, outcome in zip(targets, outcomes, strict=True):
                _add_erasure(response, target, outcome)
        return response


def _removes(measure: Measure) -> bool:
    return measure.kind is SanctionKind.MESSAGE_REMOVED and bool(measure.message)


def _case(answer: Answer) -> pb.Case:
    if not isinstance(answer.shown, CaseView):
        raise TypeError("a command about a case is answered with it")
    return case_translation.case(answer.shown)


def _add_erasure(response: pb.EraseUserResponse, target: str, outcome: Answer | Refusal) -> None:
    """Say what became of one case or dispute."""
    if isinstance(outcome, Answer):
        response.erased += 1
        return
    kept = outcome.current
    if not isinstance(kept, Kept):
        raise Refused(outcome)
    response.kept.append(translation.kept(target, kept))

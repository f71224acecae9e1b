"""The whole contract: cases, disputes, the audit log, erasure and changes."""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802

from collections.abc import Sequence

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import event_translation, translation
from moderation_service.api.base_servicer import Context, now
from moderation_service.api.case_servicer import CaseServicer
from moderation_service.api.dispute_servicer import DisputeServicer
from moderation_service.api.session_servicer import SessionServicer
from moderation_service.domain.shared.commands import EraseUser
from moderation_service.domain.shared.erasure import Kept
from moderation_service.operations import changes, moderator_queries
from moderation_service.operations.changes import Addressed
from moderation_service.operations.sessions import erase_sessions
from moderation_service.operations.tasks import Task
from service_kit.rpc.servicer import WatchMixin, accepted
from service_kit.rules import Position, Refusal
from service_kit.watch.changes import ChangedUsers, ChangePage


class ModerationServicer(WatchMixin, CaseServicer, DisputeServicer, SessionServicer):
    """Serves the contract."""

    _contract = pb

    # --- Audit and erasure ------------------------------------------------------------------

    async def ListAudit(
        self, request: pb.ListAuditRequest, context: Context
    ) -> pb.ListAuditResponse:
        moderator = await self._moderator(request, context)
        page = await self._query(
            moderator_queries.list_audit,
            moderator.user,
            request.after,
            request.target_id,
            request.page_size,
            self._page_limit("audit_page", request.page_size),
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
        moderator = await self._moderator(request, context)
        response = pb.EraseUserResponse()
        after, batch = "", self._resources.settings.erasure_batch
        while targets := await self._query(
            moderator_queries.find_targets_of, moderator.user, request.user, after, batch
        ):
            after = targets[-1]
            command = EraseUser(moderator.user, tuple(moderator.roles), request.user)
            tasks = [Task(command, target) for target in targets]
            outcomes = await self._resources.writer.submit(self._operation, tasks)
            for target, outcome in zip(targets, outcomes, strict=True):
                if isinstance(outcome, Refusal) and isinstance(outcome.current, Kept):
                    response.kept.append(translation.kept(target, outcome.current))
                else:
                    accepted(outcome)
                    response.erased += 1
        (erased,) = await self._resources.writer.submit(erase_sessions, (request.user,))
        accepted(erased)
        return response

    # --- Changes ----------------------------------------------------------------------------

    async def _read_changes(
        self, request: pb.ListChangesRequest, after: Position, until: Position
    ) -> ChangePage[Addressed] | Refusal:
        return await self._resources.readers.run(
            changes.list_changes,
            request.user,
            after,
            until,
            self._page("changes_page", request),
            now(),
            self._limits,
            everything=request.everything,
        )

    async def _find_changed_users(
        self, users: Sequence[str], after: Position, until: Position
    ) -> ChangedUsers | Refusal:
        return await self._resources.readers.run(changes.list_changed_users, users, after, until)

    def _encode_changes(self, events: list[Addressed], user: str) -> list[pb.Event]:
        return event_translation.changes(events, user)

"""The client of the moderation service: standings are read in batches."""

import asyncio
from collections.abc import Set
from typing import Any, ClassVar

from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1 import moderation_pb2_grpc

from edge.backends.backend import Backend
from edge.backends.batcher import PACE_SECONDS, Batcher
from edge.cursors import MODERATION
from parley_protocol.errors import Error

_DISPUTES_PAGE = 100


class ModerationBackend(Backend):
    """Reports, appeals, disputes and standings."""

    name = MODERATION
    contract: ClassVar[Any] = pb
    stub: ClassVar[type[Any]] = moderation_pb2_grpc.ModerationServiceStub

    def _prepare(self) -> None:
        self.get_standing: Batcher[str, pb.Standing] = self._batcher(
            "BatchGetStandings",
            lambda users: pb.BatchGetStandingsRequest(users=users),
            lambda standing: standing,
            results_of=lambda response: response.standings,
            size_of=len,
            # Names of users, who are asked about once for all that wait.
            traced=None,
            budget_seconds=self._settings.moderation_timeout_seconds,
            pace_seconds=PACE_SECONDS,
        )

    async def open_disputes(
        self, actor: str, wanted: Set[str], deadline: float
    ) -> list[pb.Dispute] | Error:
        """Find those of the actor's open disputes whose ids are wanted.

        `deadline` is on the clock of the loop.
        """
        found: dict[str, pb.Dispute] = {}
        request = pb.ListOwnDisputesRequest(actor=actor, open_only=True, page_size=_DISPUTES_PAGE)
        while True:
            seconds = deadline - asyncio.get_running_loop().time()
            answer = await self.call("ListOwnDisputes", request, seconds)
            if isinstance(answer, Error):
                return answer
            found.update((one.id, one) for one in answer.disputes if one.id in wanted)
            request.page_token = answer.next_page_token
            if not request.page_token or wanted <= found.keys():
                return list(found.values())

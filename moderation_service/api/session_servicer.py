"""The RPCs that end sessions and revoke tokens."""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

from functools import partial
from typing import Any

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import requests
from moderation_service.api.base_servicer import BaseServicer, Context
from moderation_service.domain.shared.roles import MODERATORS
from moderation_service.operations.sessions import revoke
from service_kit.authentication.callers import Caller
from service_kit.rpc.admission import current_caller
from service_kit.rpc.servicer import timestamp, write_one


class SessionServicer(BaseServicer):
    """Ends what tokens are good for."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        # Made once, for the writer groups by identity.
        self._revoke = partial(revoke, self._limits)

    async def EndSessions(
        self, request: pb.EndSessionsRequest, context: Context
    ) -> pb.EndSessionsResponse:
        if current_caller() is Caller.DESK:
            # It acts for moderators alone, and has to show who it is.
            await self._moderator(request, context, MODERATORS)
        command = requests.end_sessions(request)
        ended = await write_one(self._resources.writer, self._revoke, command)
        before = timestamp(ended.revocations.issued_before)
        return pb.EndSessionsResponse(before_time=before, duplicate=ended.duplicate)

    async def RevokeToken(
        self, request: pb.RevokeTokenRequest, context: Context
    ) -> pb.RevokeTokenResponse:
        command = requests.revoke_token(request)
        revoked = await write_one(self._resources.writer, self._revoke, command)
        return pb.RevokeTokenResponse(duplicate=revoked.duplicate)

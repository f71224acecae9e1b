"""The moderation service as it serves, beside its peers, and the acts of people there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1.moderation_pb2_grpc import ModerationServiceStub

from moderation_service.__main__ import SERVICE
from moderation_service.settings import ModerationSettings
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import Metadata
from service_kit.service import running
from tests.support.callers import (
    AnyCaller,
    as_moderator,
    dial_as_any,
    write_accepted,
    write_credential,
    write_token_secret,
)


def moderation_settings(
    folder: Path, url: str, messaging: str, negotiation: str, **changes: Any
) -> ModerationSettings:
    """Settings of moderation on a migrated database, with which tests do not wait for long."""
    credential = write_credential(folder, Caller.MODERATION)
    return ModerationSettings(
        **{
            "listen": "127.0.0.1:0",
            "database_url": url,
            "credentials_file": write_accepted(folder / "accepted"),
            "messaging_target": messaging,
            "messaging_credential_file": credential,
            "token_secret_file": (write_token_secret(folder),),
            "negotiation_target": negotiation,
            "negotiation_credential_file": credential,
            "negotiation_timeout_seconds": 5,
            "messaging_timeout_seconds": 5,
            "saga_seconds": 0.2,
            "grace_seconds": 0,
            "watch_progress_seconds": 0.05,
            **changes,
        }
    )


class Moderation:
    """Calls a moderation service."""

    def __init__(self, client: AnyCaller) -> None:
        self.client = client

    async def create(self, service: str, by: str = "bob", **fields: Any) -> pb.Dispute:
        about = {"service_id": service, "reason": pb.DISPUTE_REASON_QUALITY}
        given = {"actor": by, "statement": "it is crooked", **about, **fields}
        return await self._dispute("CreateDispute", **given)

    async def submit(self, dispute: str, by: str, **fields: Any) -> pb.Dispute:
        return await self._dispute("SubmitDisputeStatement", actor=by, dispute_id=dispute, **fields)

    async def get(self, dispute: str, by: str = "bob") -> pb.Dispute:
        return await self._dispute("GetDispute", actor=by, dispute_id=dispute)

    async def look(self, dispute: str) -> pb.Dispute:
        """Get a dispute as a moderator sees it."""
        return await self._dispute("GetDispute", as_moderator(), dispute_id=dispute)

    async def decide(self, dispute: pb.Dispute, **fields: Any) -> pb.Dispute:
        shown = {"dispute_id": dispute.id, "version": dispute.version}
        given = {"facts": "a photo of the fence", "rule": "terms 4.2", **shown, **fields}
        return await self._dispute("DecideDispute", as_moderator(), **given)

    async def moderate(self, method: str, **fields: Any) -> Any:
        """Call a method as a moderator."""
        request = getattr(pb, f"{method}Request")(**fields)
        return await self.client.call(method, request, metadata=as_moderator())

    async def _dispute(
        self, method: str, metadata: Metadata | None = None, **fields: Any
    ) -> pb.Dispute:
        request = getattr(pb, f"{method}Request")(**fields)
        answer = await self.client.call(method, request, metadata=metadata)
        assert isinstance(answer.dispute, pb.Dispute)
        return answer.dispute


@asynccontextmanager
async def dial_moderation(target: str) -> AsyncIterator[Moderation]:
    async with dial_as_any(SERVICE.callers, target, ModerationServiceStub, 10) as client:
        yield Moderation(client)


@asynccontextmanager
async def serve_moderation(settings: ModerationSettings) -> AsyncIterator[Moderation]:
    async with (
        running(SERVICE, settings) as port,
        dial_moderation(f"127.0.0.1:{port}") as moderation,
    ):
        yield moderation

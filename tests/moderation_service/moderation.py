"""The moderation service as it serves, beside its peers, and the acts of people there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1.moderation_pb2_grpc import ModerationServiceStub

from moderation_service.__main__ import SERVICE
from moderation_service.settings import ModerationSettings
from service_kit.rpc.client import Client, dial
from service_kit.service import running
from tests.moderation_service.peers import SECRET


def moderation_settings(
    folder: Path, url: str, messaging: str, negotiation: str, **changes: Any
) -> ModerationSettings:
    """Settings of moderation on a migrated database, with which tests do not wait for long."""
    credentials = folder / "peers.key"
    credentials.write_text(SECRET)
    return ModerationSettings(
        **{
            "listen": "127.0.0.1:0",
            "database_url": url,
            "credentials_file": credentials,
            "messaging_target": messaging,
            "messaging_credential_file": credentials,
            "negotiation_target": negotiation,
            "negotiation_credential_file": credentials,
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

    def __init__(self, client: Client) -> None:
        self.client = client

    async def create(self, service: str, by: str = "bob", **fields: Any) -> pb.Dispute:
        """Open a dispute."""
        request = pb.CreateDisputeRequest(
            actor=by,
            service_id=service,
            reason=pb.DISPUTE_REASON_QUALITY,
            statement="it is crooked",
            **fields,
        )
        return await self._dispute("CreateDispute", request)

    async def submit(self, dispute: str, by: str, **fields: Any) -> pb.Dispute:
        """State, propose, accept or withdraw."""
        request = pb.SubmitDisputeStatementRequest(actor=by, dispute_id=dispute, **fields)
        return await self._dispute("SubmitDisputeStatement", request)

    async def get(self, dispute: str, by: str = "bob", roles: tuple[str, ...] = ()) -> pb.Dispute:
        """Give a dispute as a party sees it."""
        request = pb.GetDisputeRequest(actor=by, dispute_id=dispute, roles=roles)
        return await self._dispute("GetDispute", request)

    async def decide(self, dispute: pb.Dispute, **fields: Any) -> pb.Dispute:
        """Decide a dispute as a moderator."""
        request = pb.DecideDisputeRequest(
            actor="mia",
            roles=["moderator"],
            dispute_id=dispute.id,
            version=dispute.version,
            facts="a photo of the fence",
            rule="terms 4.2",
            **fields,
        )
        return await self._dispute("DecideDispute", request)

    async def _dispute(self, method: str, request: Any) -> pb.Dispute:
        answer = await self.client.call(method, request)
        assert isinstance(answer.dispute, pb.Dispute)
        return answer.dispute


@asynccontextmanager
async def dial_moderation(target: str) -> AsyncIterator[Moderation]:
    """Dial a moderation service while the context lasts."""
    async with dial(target, ModerationServiceStub, SECRET, 10, lambda: None) as client:
        yield Moderation(client)


@asynccontextmanager
async def serve_moderation(settings: ModerationSettings) -> AsyncIterator[Moderation]:
    """Serve moderation while the context lasts."""
    async with (
        running(SERVICE, settings) as port,
        dial_moderation(f"127.0.0.1:{port}") as moderation,
    ):
        yield moderation

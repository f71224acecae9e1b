"""A moderation service beside messaging and negotiation, and a client of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1 import moderation_pb2_grpc

from moderation_service.__main__ import SERVICE
from moderation_service.settings import ModerationSettings
from service_kit.authentication.callers import Caller
from tests.moderation_service.peers import Peers, serve_peers
from tests.support.callers import as_moderator, write_credential, write_token_secret
from tests.support.serving import Described, Serve, ServiceClient, quick_settings

MODERATOR = ("moderator",)
FACTS, RULE = "Asked for payment outside.", "Terms, 4.2"


def settings_of(folder: Path, database_url: str) -> ModerationSettings:
    return ModerationSettings(
        **quick_settings(folder, database_url),
        messaging_credential_file=write_credential(folder, Caller.MODERATION),
        token_secret_file=(write_token_secret(folder),),
        messaging_timeout_seconds=5,
        negotiation_timeout_seconds=5,
        saga_seconds=0.2,
    )


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[Peers]:
    """Messaging and negotiation, as they serve."""
    async with serve_peers(tmp_path) as made:
        yield made


class Client(ServiceClient):
    """Calls the service, some methods in one word."""

    messages = pb
    new_stub = moderation_pb2_grpc.ModerationServiceStub
    callers = SERVICE.callers
    # What the contract asks of a client.
    options = (("grpc.max_metadata_size", 256 * 1024),)
    peers: Peers

    async def moderate(
        self, name: str, moderator: str = "mia", roles: Sequence[str] = MODERATOR, **fields: Any
    ) -> Any:
        """Call a method as a moderator, or as somebody with other roles."""
        return await self.call(name, None, as_moderator(moderator, roles), **fields)

    async def report(
        self, actor: str = "ann", author: str = "bob", text: str = "pay outside", **fields: Any
    ) -> pb.Report:
        said = await self.peers.say(author, actor, text)
        given = {"reason": pb.REPORT_REASON_SCAM, **fields}
        response = await self.call("ReportMessage", actor=actor, message_id=said.id, **given)
        report: pb.Report = response.report
        return report

    async def cases(self, actor: str = "mia", **fields: Any) -> list[pb.Case]:
        page = await self.moderate("ListCases", actor, **fields)
        return list(page.cases)

    async def decide(
        self, case: str, *measures: pb.Measure, actor: str = "mia", **fields: Any
    ) -> pb.Case:
        """Claim a case and decide it: a violation with measures, or none without."""
        claimed = (await self.moderate("ClaimCase", actor, case_id=case)).case
        verdict = pb.VERDICT_VIOLATION if measures else pb.VERDICT_NO_VIOLATION
        given = {"version": claimed.version, "verdict": verdict, "measures": measures, **fields}
        decided = await self.moderate("DecideCase", actor, case_id=case, **given)
        found: pb.Case = decided.case
        return found

    async def standing(self, user: str) -> pb.Standing:
        found: pb.Standing = (await self.call("GetStanding", actor=user)).standing
        return found


DESCRIBED = Described(SERVICE, settings_of, Client)


@pytest.fixture
def described() -> Described:
    return DESCRIBED


def measure(kind: str, user: str = "bob", **fields: Any) -> pb.Measure:
    return pb.Measure(
        kind=pb.SanctionKind.Value(f"SANCTION_KIND_{kind}"),
        user=user,
        **{"facts": FACTS, "rule": RULE, **fields},
    )


def later(**time: float) -> Timestamp:
    made = Timestamp()
    made.GetCurrentTime()
    made.FromMilliseconds(made.ToMilliseconds() + int(timedelta(**time).total_seconds() * 1000))
    return made


def muted(user: str = "bob", **time: float) -> pb.Measure:
    return measure("MUTED", user, until_time=later(**(time or {"hours": 1})))


@pytest.fixture
def beside(settings: ModerationSettings, peers: Peers) -> dict[str, Any]:
    return {
        "messaging_target": peers.messaging_target,
        "negotiation_target": peers.negotiation_target,
        "negotiation_credential_file": settings.messaging_credential_file,
    }


@pytest.fixture
def serve(serve: Serve, peers: Peers) -> Serve:
    """The same, with a client that knows the services beside it."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Client]:
        async with serve(**changes) as client:
            client.peers = peers
            yield client

    return start

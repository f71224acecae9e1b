"""A moderator whose decisions a test makes, by the contract of the moderation service."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1 import moderation_pb2_grpc

from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import present
from tests.support.waiting import PATIENCE

Credentials = Mapping[Caller, str]
Mint = Callable[..., str]
"""Makes a token for a user, with claims by their names."""

_OPTIONS = (("grpc.max_metadata_size", 256 * 1024),)
FACTS = "Sent the same advertisement to forty people."


class Moderator:
    """One person with the role of a moderator; each method is one action."""

    def __init__(self, name: str, stub: Any, credentials: Credentials, mint: Mint) -> None:
        self.name = name
        self._stub = stub
        self._credentials = credentials
        self._mint = mint
        token = mint(name, roles=["moderator"])
        self._metadata = (*present(credentials[Caller.OPERATOR]), ("x-parley-token", token))

    async def call(self, rpc: str, request: Any) -> Any:
        """Call an RPC in the moderator's name; its response."""
        call = getattr(self._stub, rpc)
        return await call(request, metadata=self._metadata, timeout=PATIENCE, wait_for_ready=True)

    async def report(self, message: str, reporter: str) -> None:
        """Have somebody report a message, past the edge."""
        await self._stub.ReportMessage(
            pb.ReportMessageRequest(
                actor=reporter,
                message_id=message,
                reason=pb.REPORT_REASON_SPAM,
                idempotency_key=str(uuid4()),
            ),
            metadata=present(self._credentials[Caller.EDGE]),
            timeout=PATIENCE,
        )

    async def claim(self, accused: str) -> pb.Case:
        """Take the one undecided case against somebody."""
        listed = await self.call("ListCases", pb.ListCasesRequest(accused=accused))
        (case,) = listed.cases
        claimed = await self.call("ClaimCase", pb.ClaimCaseRequest(case_id=case.id))
        taken: pb.Case = claimed.case
        return taken

    async def decide(self, accused: str, *kinds: str, seconds: float = 3600) -> pb.Case:
        """Take the case against somebody and impose measures, or find no violation without any."""
        return await self.impose(await self.claim(accused), *kinds, seconds=seconds)

    async def impose(self, case: pb.Case, *kinds: str, seconds: float = 3600) -> pb.Case:
        """Decide a case that was taken."""
        (accused,) = case.accused
        request = pb.DecideCaseRequest(
            case_id=case.id,
            version=case.version,
            verdict=pb.VERDICT_VIOLATION if kinds else pb.VERDICT_NO_VIOLATION,
            measures=[measure(kind, accused, seconds) for kind in kinds],
            idempotency_key=str(uuid4()),
        )
        decided = await self.call("DecideCase", request)
        done: pb.Case = decided.case
        return done

    async def lift(self, user: str) -> None:
        """End everything that restricts somebody."""
        listed = await self.call(
            "ListSanctions", pb.ListSanctionsRequest(user=user, in_force_only=True)
        )
        for sanction in listed.sanctions:
            await self.call(
                "LiftSanction",
                pb.LiftSanctionRequest(sanction_id=sanction.id, reason="A mistake."),
            )

    async def overturn(self, decision: str) -> None:
        """Grant the appeal against a decision of somebody else."""
        listed = await self.call("ListAppeals", pb.ListAppealsRequest(page_size=100))
        (appeal,) = [one for one in listed.appeals if one.decision_id == decision]
        request = pb.DecideAppealRequest(
            appeal_id=appeal.id,
            version=appeal.version,
            outcome=pb.APPEAL_STATUS_OVERTURNED,
            answer="It was somebody else.",
        )
        await self.call("DecideAppeal", request)

    async def end_sessions(self, user: str, before: float | None = None) -> None:
        """Refuse what tokens a user has, or those that were issued before a time."""
        request = pb.EndSessionsRequest(user=user)
        if before is not None:
            request.before_time.FromMilliseconds(int(before * 1000))
        await self._stub.EndSessions(
            request, metadata=self._metadata, timeout=PATIENCE, wait_for_ready=True
        )

    async def revoke_token(self, user: str, token_id: str) -> None:
        """Refuse one token of a user."""
        request = pb.RevokeTokenRequest(user=user, token_id=token_id)
        await self._stub.RevokeToken(
            request, metadata=self._metadata, timeout=PATIENCE, wait_for_ready=True
        )

    def colleague(self, name: str) -> "Moderator":
        """Another person with the role."""
        return Moderator(name, self._stub, self._credentials, self._mint)


def measure(kind: str, user: str, seconds: float = 3600) -> pb.Measure:
    """A restriction of this kind, for so long where it has an end."""
    made = pb.Measure(
        kind=pb.SanctionKind.Value(f"SANCTION_KIND_{kind.upper()}"),
        facts=FACTS,
        ground=pb.GROUND_TERMS,
        rule="Terms, 3.2",
    )
    if kind not in {"conversation_locked", "message_removed", "statement_removed"}:
        made.user = user
    if kind in {"muted", "suspended"}:
        until_ms = int((time.time() + seconds) * 1000)
        made.until_time.CopyFrom(
            Timestamp(seconds=until_ms // 1000, nanos=until_ms % 1000 * 1_000_000)
        )
    return made


@asynccontextmanager
async def moderating(
    target: str, credentials: Credentials, mint: Mint, name: str
) -> AsyncIterator[Moderator]:
    """Connect a moderator to the service while the context lasts."""
    async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
        stub = moderation_pb2_grpc.ModerationServiceStub(channel)
        yield Moderator(name, stub, credentials, mint)

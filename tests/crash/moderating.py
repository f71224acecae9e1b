"""Moderators: they take cases and decide them, and disputes, while parts are being killed."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from random import Random
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1 import moderation_pb2_grpc

from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import Metadata, present
from tests.crash.recording import DeviceRecord, Filed, Granted, Refused
from tests.support.serving import status_of, unpack
from tests.support.system import System

# Between two decisions of a moderator, on average.
_PAUSE_SECONDS = 0.4
_SHARE_OF_REPEATS = 0.1
_SHARE_OF_MUTES = 0.2
_SHARE_OF_LIFTS = 0.5
# Longer than most calls are tried again, for one that has ended cannot be imposed.
_MUTE_SECONDS = (10.0, 20.0)
# The reason recorded where a call was on its way for longer, as on a machine under load.
MUTE_HAS_ENDED = "MUTE_HAS_ENDED"
_CALL_SECONDS = 2.0
_AGAIN_SECONDS = (0.05, 0.2)
# The service is away, or could not say in time what became of it: the same call again.
_AGAIN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    }
)
# A refusal shows what stands otherwise than was supposed.
_OPTIONS = (("grpc.max_metadata_size", 256 * 1024),)
_OUTCOMES = (
    pb.DISPUTE_OUTCOME_RESUME,
    pb.DISPUTE_OUTCOME_COMPLETED,
    pb.DISPUTE_OUTCOME_CANCELLED,
    pb.DISPUTE_OUTCOME_SPLIT,
)


class Moderator:
    """One moderator, with a record as a device has one."""

    def __init__(self, name: str, stub: Any, metadata: Metadata, random: Random) -> None:
        self.name = name
        self.record = DeviceRecord(name)
        self._stub = stub
        self._metadata = metadata
        self._random = random
        self._keys = count(1)
        self._imposed: list[str] = []

    async def moderate(self, enough: asyncio.Event) -> None:
        """Decide what there is to decide, at least once, until there is enough."""
        while True:
            await self._decide_a_case()
            await self._decide_a_dispute()
            if self._imposed and self._random.random() < _SHARE_OF_LIFTS:
                await self._lift(self._imposed.pop(0))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._random.expovariate(1 / _PAUSE_SECONDS)):
                    await enough.wait()
            if enough.is_set():
                return

    async def _decide_a_case(self) -> None:
        listed = await self._ask("ListCases", pb.ListCasesRequest())
        if not listed.cases:
            return
        chosen = self._random.choice(listed.cases)
        claim = pb.ClaimCaseRequest(case_id=chosen.id)
        claimed = await self._file("ClaimCase", claim, chosen.id)
        if claimed is None:
            return
        case = claimed.case
        request = pb.DecideCaseRequest(
            case_id=case.id,
            version=case.version,
            verdict=pb.VERDICT_NO_VIOLATION,
            note=f"looked at by {self.name}",
        )
        if self._random.random() < _SHARE_OF_MUTES:
            request.verdict = pb.VERDICT_VIOLATION
            request.measures.append(self._mute(self._random.choice(case.accused)))
        decided = await self._file("DecideCase", request, case.id)
        if decided is not None:
            self._imposed += [one.id for one in decided.case.decisions[-1].sanctions]

    async def _lift(self, sanction: str) -> None:
        request = pb.LiftSanctionRequest(sanction_id=sanction, reason="It was enough.")
        await self._file("LiftSanction", request, sanction)

    def _mute(self, user: str) -> pb.Measure:
        until_ms = int((time.time() + self._random.uniform(*_MUTE_SECONDS)) * 1000)
        return pb.Measure(
            kind=pb.SANCTION_KIND_MUTED,
            user=user,
            until_time=Timestamp(seconds=until_ms // 1000, nanos=until_ms % 1000 * 1_000_000),
            facts="Advertises.",
            ground=pb.GROUND_TERMS,
            rule="Terms, 3",
        )

    async def _decide_a_dispute(self) -> None:
        listed = await self._ask("ListDisputes", pb.ListDisputesRequest())
        if not listed.disputes:
            return
        dispute = self._random.choice(listed.disputes)
        request = pb.DecideDisputeRequest(
            dispute_id=dispute.id,
            version=dispute.version,
            outcome=self._random.choice(_OUTCOMES),
            facts="Both were heard.",
            rule="Terms, 7",
        )
        if request.outcome == pb.DISPUTE_OUTCOME_SPLIT:
            part = self._random.randint(0, dispute.price.amount_minor)
            request.split.provider_minor = part
            request.split.client_minor = dispute.price.amount_minor - part
        await self._file("DecideDispute", request, dispute.id)

    async def _file(self, method: str, request: Any, about: str) -> Any:
        """Call what changes this, now and then twice; its response, None if it is refused."""
        key = request.idempotency_key = f"{self.name}-{next(self._keys)}"
        again = self._random.random() < _SHARE_OF_REPEATS
        response = None
        for _ in range(2 if again else 1):
            self.record.events.append(Filed(key))
            try:
                response = await self._ask(method, request)
                self.record.events.append(Granted(key, about))
            except grpc.aio.AioRpcError as error:
                reason = unpack(status_of(error))["ErrorInfo"].reason
                if reason == "INVALID_ARGUMENT" and _has_ended(request):
                    reason = MUTE_HAS_ENDED
                self.record.events.append(Refused(key, reason, retryable=False))
        return response

    async def _ask(self, method: str, request: Any) -> Any:
        """Call until there is an answer. Raises AioRpcError if it is a refusal."""
        while True:
            try:
                return await getattr(self._stub, method)(
                    request, metadata=self._metadata, timeout=_CALL_SECONDS
                )
            except grpc.aio.AioRpcError as error:
                if error.code() not in _AGAIN:
                    raise
            await asyncio.sleep(self._random.uniform(*_AGAIN_SECONDS))


def _has_ended(request: Any) -> bool:
    """Whether a decision imposes a mute whose end is over by the clock that the service has too."""
    if not isinstance(request, pb.DecideCaseRequest):
        return False
    now_ms = time.time() * 1000
    return any(one.until_time.ToMilliseconds() <= now_ms for one in request.measures)


@asynccontextmanager
async def moderators(
    system: System, names: Sequence[str], seed: int
) -> AsyncIterator[list[Moderator]]:
    """Moderators who call the service as the command line does."""
    random = Random(seed)
    target = system.target("moderation")
    async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
        stub = moderation_pb2_grpc.ModerationServiceStub(channel)
        operator = present(system.credentials[Caller.OPERATOR])

        def shown(name: str) -> Metadata:
            return (*operator, ("x-parley-token", system.token(name, roles=["moderator"])))

        yield [Moderator(name, stub, shown(name), Random(random.random())) for name in names]

"""Disputes are opened and ended under strikes, and what is left is looked through.

Between moderation and negotiation stands a proxy, so that a strike falls where it is meant to:
before a call arrives, while it is carried out, after it has been and nobody was told, when the
answer has just been given. Then the victims are started again, and people send again what was not
answered. In the end what is held must be what is disputed, each thing has happened once, and the
audit log is whole.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc
from parley.messaging.v1.messaging_pb2_grpc import MessagingServiceStub
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1.moderation_pb2_grpc import ModerationServiceStub
from parley.negotiation.v1 import negotiation_pb2 as deals
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub

from service_kit.authentication.callers import MESSAGING, MODERATION, NEGOTIATION
from service_kit.rpc.client import Client
from tests.crash.books import read_books
from tests.crash.sagas.strikes import Outcome, Story, Strike, compare
from tests.moderation_service.peers import Peers
from tests.support.callers import dial_as_any
from tests.support.proxy import Cut, Forward, Proxy, proxy
from tests.support.system import SERVICES, Part, System

# Short enough that a killed service is found again at once.
_CALL_SECONDS = 2.0
_WAIT_SECONDS = 60.0
# Nobody but the deadlines ends these disputes.
_REVIEW_SECONDS = 3.0
_SILENCE = {"statements_hours": 1.5 / 3_600, "review_days": _REVIEW_SECONDS / 86_400}


class Trial:
    """One system under strikes."""

    def __init__(self, system: System, between: Proxy, clients: tuple[Client, ...]) -> None:
        self.system = system
        self.between = between
        self.moderation = clients[0]
        self.peers = Peers(system.folder, "", "", clients[1], clients[2])
        self.outcome = Outcome()
        self._people = 0

    @property
    def parts(self) -> dict[str, Part]:
        return self.system.services

    # --- Strikes ----------------------------------------------------------------------------

    def kill(self, victims: tuple[str, ...]) -> None:
        """Kill at once; what is killed already stays so."""
        for name in victims:
            self.parts[name].process.kill()

    async def revive(self, victims: tuple[str, ...]) -> None:
        """Start again what was killed."""
        for name in victims:
            part = self.parts[name]
            await asyncio.to_thread(part.process.wait)
            part.start()

    async def strike(self, strike: Strike) -> None:
        """Strike the next such call, and start again what was killed."""
        struck = asyncio.Event()

        async def interfere(forward: Forward) -> bytes:
            if struck.is_set():
                return await forward()
            struck.set()
            match strike.moment:
                case "before":
                    self.kill(strike.victims)
                    raise Cut
                case "during":
                    asyncio.get_running_loop().call_soon(self.kill, strike.victims)
                    return await forward()
                case "after":
                    await forward()
                    self.kill(strike.victims)
                    raise Cut
            answer = await forward()
            # The answer leaves here first.
            asyncio.get_running_loop().call_later(0.001, self.kill, strike.victims)
            return answer

        self.between.interfering[strike.call] = interfere
        async with asyncio.timeout(_WAIT_SECONDS):
            await struck.wait()
        self.outcome.strikes.append(strike)
        await self.revive(strike.victims)

    # --- People -----------------------------------------------------------------------------

    async def insist(self, ask: Callable[[], Any]) -> Any:
        """Do what clients do: send again what was not answered."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while True:
                try:
                    return await ask()
                except grpc.aio.AioRpcError as error:
                    if error.code() not in {
                        grpc.StatusCode.UNAVAILABLE,
                        grpc.StatusCode.DEADLINE_EXCEEDED,
                    }:
                        raise
                    await asyncio.sleep(0.05)

    async def agree(self) -> deals.Service:
        """Have two people agree, who have no deal yet."""
        self._people += 1
        names = f"ann{self._people}", f"bob{self._people}"
        service: deals.Service = await self.peers.agree(*names)
        return service

    async def open(self, service: deals.Service) -> pb.Dispute:
        """Open a dispute; with the same key as often as it takes."""
        request = pb.CreateDisputeRequest(
            actor=service.client,
            service_id=service.id,
            reason=pb.DISPUTE_REASON_QUALITY,
            statement="it is crooked",
            idempotency_key=f"open-{service.id}",
        )
        answer = await self.insist(lambda: self.moderation.call("CreateDispute", request))
        dispute: pb.Dispute = answer.dispute
        return dispute

    async def withdraw(self, dispute: pb.Dispute) -> None:
        """End a dispute; with the same key as often as it takes."""
        request = pb.SubmitDisputeStatementRequest(
            actor=dispute.opened_by,
            dispute_id=dispute.id,
            withdraw=True,
            idempotency_key=f"end-{dispute.id}",
        )
        await self.insist(lambda: self.moderation.call("SubmitDisputeStatement", request))

    async def reach(self, dispute: pb.Dispute, state: int) -> None:
        """Wait until a dispute is in a state; by itself, for nobody asks for anything."""
        request = pb.GetDisputeRequest(actor=dispute.opened_by, dispute_id=dispute.id)
        async with asyncio.timeout(_WAIT_SECONDS):
            while True:
                answer = await self.insist(lambda: self.moderation.call("GetDispute", request))
                if answer.dispute.state == state:
                    return
                await asyncio.sleep(0.02)

    async def held_by(self, service: deals.Service) -> str:
        """Tell which dispute holds a service."""
        shown: deals.Service = await self.insist(lambda: self.peers.look(service.id))
        return shown.hold.dispute

    # --- Rounds -----------------------------------------------------------------------------

    async def round(self, strikes: tuple[Strike, Strike], people: int) -> None:
        """Let some open disputes, and withdraw them, under a strike at each of the two calls."""
        services = [await self.insist(self.agree) for _ in range(people)]
        disputes = await self.under(
            strikes[0],
            lambda: asyncio.gather(*(self.open(one) for one in services)),
            pb.DISPUTE_STATE_OPEN,
        )
        for service, dispute in zip(services, disputes, strict=True):
            held = await self.held_by(service)
            if held != dispute.id:
                self.outcome.violations.append(f"NOT HELD: {dispute.id}, which is open")

        async def withdraw_all() -> list[pb.Dispute]:
            await asyncio.gather(*(self.withdraw(one) for one in disputes))
            return disputes

        await self.under(
            strikes[1],
            withdraw_all,
            pb.DISPUTE_STATE_RESOLVED,
        )
        self.expect(services, disputes, "created", "hold_placed", "withdrawn", "hold_resolved")

    async def under(self, strike: Strike, work: Callable[[], Any], state: int) -> list[pb.Dispute]:
        """Have something done under a strike, and wait for what becomes of it."""
        doing = asyncio.ensure_future(work())
        await self.strike(strike)
        disputes: list[pb.Dispute] = await doing
        for one in disputes:
            await self.reach(one, state)
        return disputes

    async def silence(self, people: int) -> None:
        """Nobody says anything, and at the deadlines both are killed."""
        self.system.services["moderation"].stop()
        self.system.settings["moderation"] = {
            **self.system.settings["moderation"], **_SILENCE
        }  # fmt: skip
        self.system.start_services("moderation")
        services = [await self.insist(self.agree) for _ in range(people)]
        disputes = [await self.open(one) for one in services]
        for one in disputes:
            await self.reach(one, pb.DISPUTE_STATE_UNDER_REVIEW)
        # What falls due next falls due while nobody serves.
        self.kill(("moderation",))
        self.outcome.strikes.append(Strike("the deadline", "before", ("moderation",)))
        await asyncio.sleep(_REVIEW_SECONDS)
        doing = asyncio.ensure_future(
            self.strike(Strike("ResolveHold", "after", ("moderation", "negotiation")))
        )
        await self.revive(("moderation",))
        await doing
        for one in disputes:
            await self.reach(one, pb.DISPUTE_STATE_RESOLVED)
        happened = ("created", "hold_placed", "review_started", "moderators_silent")
        self.expect(services, disputes, *happened, "hold_resolved")

    def expect(
        self, services: Sequence[deals.Service], disputes: Sequence[pb.Dispute], *causes: str
    ) -> None:
        """Note what has to have happened."""
        for service, dispute in zip(services, disputes, strict=True):
            self.outcome.stories[dispute.id] = Story(service.id, ("held", "resumed"), causes)


@asynccontextmanager
async def trial(system: System) -> AsyncIterator[Trial]:
    """Start the services of `system`, with a proxy between two of them, while the context lasts."""
    dialled = partial(
        dial_as_any, timeout_seconds=_CALL_SECONDS, credential=system.credentials.__getitem__
    )
    negotiation = system.target("negotiation")
    moderation = system.target("moderation")
    messaging = system.target("messaging")
    async with proxy(negotiation) as between:
        system.settings["moderation"] = {
            "negotiation_target": between.target,
            "saga_seconds": 0.5,
            **system.settings.get("moderation", {}),
        }
        system.start_services(*SERVICES)
        async with (
            dialled(MODERATION, moderation, ModerationServiceStub) as first,
            dialled(MESSAGING, messaging, MessagingServiceStub) as second,
            dialled(NEGOTIATION, negotiation, NegotiationServiceStub) as third,
        ):
            yield Trial(system, between, (first, second, third))


async def run(
    system: System,
    steps: Sequence[tuple[Strike, Strike]],
    people: int,
    show: Callable[[str], None] = lambda _line: None,
) -> Outcome:
    """Let some open and end disputes in each round, and in a last one say nothing; then compare
    what is left with what was done.
    """
    async with trial(system) as made:
        for number, strikes in enumerate(steps, 1):
            show(f"round {number}: {strikes[0]}, then {strikes[1]}")
            await made.round(strikes, people)
        show("silence until the deadlines")
        await made.silence(people)
    outcome = made.outcome
    outcome.violations += compare(await asyncio.to_thread(read_books, system), outcome.stories)
    return outcome

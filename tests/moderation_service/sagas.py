"""Disputes as they are stored, beside a negotiation that serves: what the saga lies between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from parley.negotiation.v1 import negotiation_pb2 as deals
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

import moderation_service
from moderation_service.domain.dispute import commands
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.shared.commands import Command, State, View
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.reasons import DisputeReason
from moderation_service.operations.runner import operation
from moderation_service.operations.tasks import Answer, Task
from moderation_service.storage import targets
from service_kit.rpc.servicer import accepted
from service_kit.storage import migrations
from service_kit.storage.engines import open_engine
from service_kit.storage.readers import Readers
from service_kit.storage.writer import Writer


def migrated(url: str) -> str:
    """Bring an empty database to moderation's newest migration."""
    engine = open_engine(url, "migrator")
    migrations.upgrade(engine, Path(moderation_service.__file__).parent / "migrations")
    engine.dispose()
    return url


class Sagas:
    """Carries out commands on moderation's database, as its process does."""

    def __init__(self, engines: tuple[Engine, Engine], limits: Limits) -> None:
        self.registry = CollectorRegistry()
        self.limits = limits
        self.operation = operation(limits)
        self.events: list[Any] = []
        self.writer = Writer(
            engines[0],
            lambda _revision, events: self.events.extend(events),
            lambda _revision: None,
            registry=self.registry,
        )
        self.readers = Readers(engines[1], 2)

    async def carry_out(
        self, command: Command[State, View], seen: commands.SeenService | None = None
    ) -> Answer[State, View]:
        """Carry out a command."""
        (outcome,) = await self.writer.submit(self.operation, (Task(command, seen=seen),))
        return accepted(outcome)

    async def create(self, service: deals.Service, by: str = "bob") -> str:
        """Open a dispute about a service; gives its id."""
        seen = commands.SeenService(
            service.conversation_id,
            service.provider,
            service.client,
            service.currency,
            service.agreed.price.amount_minor,
        )
        command = commands.CreateDispute(by, service.id, DisputeReason.QUALITY, "it is crooked")
        answer = await self.carry_out(command, seen)
        return answer.target.id

    async def withdraw(self, dispute: str, by: str = "bob") -> Answer[Dispute, DisputeView]:
        """End it, so that the service goes on."""
        return await self.carry_out(commands.SubmitDisputeStatement(by, dispute, withdraw=True))

    async def fire(self, dispute: str) -> Answer[Dispute, DisputeView]:
        """Let time do what it has to."""
        return await self.carry_out(commands.FireTimers(dispute))

    async def find(self, dispute: str) -> Dispute:
        """Give a dispute as it is stored."""
        return (await self.readers.run(targets.find_disputes, (dispute,)))[dispute]

    async def causes(self, dispute: str) -> list[str]:
        """Give what happened to a dispute."""
        history = await self.readers.run(targets.find_histories, (dispute,))
        return [str(one.event.cause) for one in history[dispute]]

    async def until(self, dispute: str, state: str) -> Dispute:
        """Wait until a dispute is stored in a state."""
        async with asyncio.timeout(20):
            while (found := await self.find(dispute)).state != state:  # noqa: ASYNC110, as below
                await asyncio.sleep(0.01)
        return found

    def metric(self, name: str, **labels: str) -> float:
        """Read a metric."""
        return self.registry.get_sample_value(name, labels) or 0


@asynccontextmanager
async def sagas(url: str, limits: Limits | None = None) -> AsyncIterator[Sagas]:
    """Open a migrated database while the context lasts."""
    engines = open_engine(url, "writer"), open_engine(url, "reader", 2)
    made = Sagas(engines, limits or Limits())
    try:
        yield made
    finally:
        await made.writer.close()
        await made.readers.close()
        for engine in engines:
            engine.dispose()


Until = Callable[[], Any]


async def until(condition: Until, seconds: float = 20) -> None:
    """Wait for what is seen from outside alone."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110, nothing tells of it
            await asyncio.sleep(0.01)

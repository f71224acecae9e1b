"""Disputes as they are stored, beside a negotiation that serves: what the saga lies between."""

from collections.abc import AsyncIterator
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
from tests.support.serving import opened
from tests.support.waiting import eventually


def migrated(url: str) -> str:
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
            lambda _position, events: self.events.extend(events),
            lambda _position: None,
            registry=self.registry,
        )
        self.readers = Readers(engines[1], 2)

    async def carry_out(
        self, command: Command[State, View], seen: commands.SeenService | None = None
    ) -> Answer[State, View]:
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
        return await self.carry_out(commands.FireTimers(dispute))

    async def find(self, dispute: str) -> Dispute:
        return (await self.readers.run(targets.find_disputes, (dispute,)))[dispute]

    async def causes(self, dispute: str) -> list[str]:
        history = await self.readers.run(targets.find_histories, (dispute,))
        return [str(one.event.cause) for one in history[dispute]]

    async def until(self, dispute: str, state: str) -> Dispute:
        """Wait until a dispute is stored in a state."""
        found = await eventually(lambda: self.find(dispute), lambda found: found.state == state)
        assert isinstance(found, Dispute)
        return found

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0


@asynccontextmanager
async def sagas(url: str, limits: Limits | None = None) -> AsyncIterator[Sagas]:
    """Open a migrated database while the context lasts."""
    with opened(url) as writing, opened(url, "reader", connections=2) as reading:
        made = Sagas((writing, reading), limits or Limits())
        try:
            yield made
        finally:
            await made.writer.close()
            await made.readers.close()

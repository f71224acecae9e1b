"""A tally in this process, and a client of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc

from service_kit.resources import Resources
from service_kit.service import running
from tests.support.tally.service import (
    SERVICE,
    TallyServicer,
    TallySettings,
    messages,
    methods,
    servicer,
)

SECRET = "the-service-credential"
METADATA = (("authorization", f"Bearer {SECRET}"),)


@dataclass
class RunningTally:
    """A tally that serves on a port of this machine."""

    port: int
    resources: Resources[TallySettings]
    stub: Any

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def call(self, method: str, request: Any) -> Any:
        """Call with the credential."""
        return await getattr(self.stub, method)(request, metadata=METADATA, timeout=10)

    async def add(self, name: str, amount: int, **fields: Any) -> Any:
        """Add an amount."""
        request = messages.AddRequest(name=name, amount=amount, **fields)
        return (await self.call("Add", request)).tally


@asynccontextmanager
async def run_tally(settings: TallySettings) -> AsyncIterator[RunningTally]:
    """Run a tally while the context lasts."""
    taken: list[Resources[TallySettings]] = []

    @asynccontextmanager
    async def take(resources: Resources[TallySettings]) -> AsyncIterator[TallyServicer]:
        taken.append(resources)
        async with servicer(resources) as made:
            yield made

    async with (
        running(replace(SERVICE, servicer=take), settings) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield RunningTally(port, taken[0], methods.TallyServiceStub(channel))

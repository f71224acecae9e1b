"""A tally in this process, and a client of it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc

from service_kit.resources import Resources
from service_kit.service import running
from tests.support.serving import ServiceClient
from tests.support.tally.service import (
    SERVICE,
    TallyServicer,
    TallySettings,
    messages,
    methods,
    servicer,
)
from tests.support.waiting import PATIENCE


class RunningTally(ServiceClient):
    """A tally that serves on a port of this machine."""

    messages = messages
    new_stub = methods.TallyServiceStub
    callers = SERVICE.callers
    resources: Resources[TallySettings]

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def add(self, name: str, amount: int, **fields: Any) -> Any:
        """Add an amount."""
        return (await self.call("Add", name=name, amount=amount, **fields)).tally


@asynccontextmanager
async def run_tally(
    settings: TallySettings, lost: Callable[[], None] | None = None
) -> AsyncIterator[RunningTally]:
    """Run a tally while the context lasts; with `lost` it has the right to serve."""
    taken: list[Resources[TallySettings]] = []

    @asynccontextmanager
    async def take(resources: Resources[TallySettings]) -> AsyncIterator[TallyServicer]:
        taken.append(resources)
        async with servicer(resources) as made:
            yield made

    async with (
        running(replace(SERVICE, servicer=take), settings, lost) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        running_tally = RunningTally(channel, port)
        running_tally.resources = taken[0]
        yield running_tally


def environment(settings: TallySettings, **changes: object) -> dict[str, str]:
    """The environment of a process with these settings and changes of them."""
    given = settings.model_dump(include={"listen", "database_url", "credentials_file"}) | changes
    return {
        **os.environ,
        **{f"PARLEY_TALLY_{name.upper()}": str(value) for name, value in given.items()},
    }


def command(name: str) -> list[str]:
    """The command line of a command of the tally."""
    return [sys.executable, "-m", "tests.support.tally.service", name]


@asynccontextmanager
async def serving_process(
    settings: TallySettings, **changes: object
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of the tally, from when it serves."""
    process = await asyncio.create_subprocess_exec(
        *command("serve"),
        env=environment(settings, **changes),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            async for line in process.stderr:
                if b'"serving"' in line:
                    break
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()

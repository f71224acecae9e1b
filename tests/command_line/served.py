"""A data folder as `parley up` serves it, for tests of what talks with those who serve."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from command_line.folder.data_folder import DataFolder
from command_line.serve import parts
from tests.support.system import Part, copy_database, free_port
from tests.support.waiting import PATIENCE


@asynccontextmanager
async def served(path: Path, **environment: str) -> AsyncIterator[DataFolder]:
    """Serve a new folder while the context lasts: all services, and an edge."""
    folder = DataFolder.at(path)
    address = parts.Address("127.0.0.1", free_port())
    targets = {name: f"127.0.0.1:{free_port()}" for name in parts.SERVICES}
    async with AsyncExitStack() as stack:
        stack.enter_context(folder.locked())
        folder.prepare()
        for name in parts.SERVICES:
            await asyncio.to_thread(copy_database, name, folder.database(name))
        for part in (
            *(parts.service(name, folder, targets, "info") for name in parts.SERVICES),
            parts.edge(folder, address, targets, "info"),
        ):
            # After Python's own options.
            command = list(part.command[part.command.index("-m") + 1 :])
            told = {**part.environment, **environment}
            process = await asyncio.to_thread(Part, part.name, command, told, part.log)
            stack.push_async_callback(asyncio.to_thread, process.end)
            async with asyncio.timeout(PATIENCE):
                # Nothing announces that a process listens.
                while not await part.healthy():
                    assert process.process.poll() is None, process.end_of_log()
                    await asyncio.sleep(0.02)
        folder.write_address({"url": address.socket_url, "pid": os.getpid(), "targets": targets})
        yield folder

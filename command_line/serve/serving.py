"""Serves a data folder: checks, migrates, starts the parts, and stops them when asked."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from command_line.client.data_folder import DataFolder
from command_line.display.console import CommandError, say, tail
from command_line.serve import parts
from command_line.serve.interruption import Interruption, interruption
from command_line.serve.parts import Address
from command_line.serve.probes import free_ports, port_is_free, services_reached
from command_line.serve.process import spawn
from command_line.serve.supervisor import Supervisor

MIGRATED_WITHIN = 600.0  # Seconds; a large database may be rewritten by a migration.
REACHED_WITHIN = 15.0

Play = Callable[[], Awaitable[None]]


async def migrate(folder: DataFolder, log_level: str) -> None:
    """Brings the folder's databases to the present shape. Call it with the lock held."""
    for name in parts.SERVICES:
        await _migrate(name, folder, log_level)


async def _migrate(name: str, folder: DataFolder, log_level: str) -> None:
    # Nothing listens while migrating, but the settings are checked as a whole.
    nowhere = dict.fromkeys(parts.SERVICES, "127.0.0.1:1")
    settings = parts.service_settings(name, folder, nowhere, log_level)
    log = folder.log(name)
    command = parts.service_command(name, "migrate")
    process = await spawn(command, parts.environment(settings), log)
    try:
        async with asyncio.timeout(MIGRATED_WITHIN):
            return_code = await process.wait()
    except TimeoutError as error:
        raise CommandError(f"the migration took longer than {MIGRATED_WITHIN:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if return_code != 0:
        raise CommandError(
            f"the migration of {folder.database(name)} failed.\n"
            f"  The end of its log, {log}:\n{tail(log)}"
        )


async def serve(folder: DataFolder, address: Address, log_level: str, play: Play) -> None:
    """Serves the folder and plays on it, until the play is over or someone asks to stop.

    Returns when everything has stopped in order. CommandError: what went wrong, for people.
    """
    with folder.locked():
        if not port_is_free(address.host, address.port):
            raise CommandError(
                f"port {address.port} on {address.host} is taken; choose another with --port, "
                "or --port 0 for any free one"
            )
        for path in folder.prepare():
            say(f"made {path}, readable by you alone")

        ports = free_ports(len(parts.SERVICES))
        targets = {
            name: f"127.0.0.1:{port}" for name, port in zip(parts.SERVICES, ports, strict=True)
        }

        def changed(processes: dict[str, int]) -> None:
            folder.write_address(
                {
                    "url": address.socket_url,
                    "pid": os.getpid(),
                    "parts": processes,
                    "targets": targets,
                }
            )

        supervisor = Supervisor(say, changed=changed)
        try:
            with interruption(supervisor.kill) as asked:
                async with supervisor:
                    await _run(supervisor, asked, folder, address, targets, log_level, play)
        finally:
            folder.remove_address()
        if asked.insisted:
            raise CommandError("killed at once", 130)
        say("everything has stopped")


async def _run(
    supervisor: Supervisor,
    asked: Interruption,
    folder: DataFolder,
    address: Address,
    targets: Mapping[str, str],
    log_level: str,
    play: Play,
) -> None:
    """Starts and serves until the first of: asked to stop, the play over, a part keeps dying."""

    async def work() -> None:
        await start(supervisor, folder, address, targets, log_level)
        failed = asyncio.create_task(supervisor.failed())
        played = asyncio.ensure_future(play())
        try:
            await asyncio.wait({failed, played}, return_when=asyncio.FIRST_COMPLETED)
            # When a part keeps dying, that is the news, and not what the play says about it.
            await (failed if failed.done() else played)
        finally:
            failed.cancel()
            played.cancel()
            await asyncio.gather(failed, played, return_exceptions=True)

    working = asyncio.create_task(work())
    stopping = asyncio.create_task(asked.asked.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            say("stopping (Ctrl-C again kills at once)")
            working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    finally:
        stopping.cancel()


async def start(
    supervisor: Supervisor,
    folder: DataFolder,
    address: Address,
    targets: Mapping[str, str],
    log_level: str,
) -> None:
    """Migrates, then starts the services and last the edge; each is healthy before the next."""
    say("the databases are brought up to date")
    await migrate(folder, log_level)
    for name in parts.SERVICES:
        await supervisor.start(parts.service(name, folder, targets, log_level))
    await supervisor.start(parts.edge(folder, address, targets, log_level))
    await _reach_all(address)


async def _reach_all(address: Address) -> None:
    """Waits until the edge has every service, without which it is ready as well; not for ever."""
    host, port = address.reachable_host, address.port
    missing = set(parts.SERVICES)
    with suppress(TimeoutError):
        async with asyncio.timeout(REACHED_WITHIN):
            # HTTP has no event to wait for.
            while missing := missing - await services_reached(host, port):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    for name in sorted(missing):
        say(f"the edge does not reach {name} yet; everything else goes on")

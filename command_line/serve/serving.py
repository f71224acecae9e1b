"""Serves a data folder: migrates its databases, runs the parts, and stops them when asked."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from command_line.display.console import CommandError, say, tail
from command_line.folder.data_folder import DataFolder
from command_line.serve import parts
from command_line.serve.interruption import Interruption, interruption
from command_line.serve.parts import Address
from command_line.serve.probes import free_ports, port_is_free, services_reached
from command_line.serve.process import spawn
from command_line.serve.supervisor import Supervisor

MIGRATED_WITHIN = 600.0  # Seconds; a large database may be rewritten by a migration.
REACHED_WITHIN = 15.0

Work = Callable[[], Awaitable[None]]


async def migrate(folder: DataFolder, log_level: str) -> None:
    """Migrates the folder's databases at once. Call it with the lock held."""
    migrations = [_migrate(name, folder, log_level) for name in parts.SERVICES]
    # None is cut short because another one failed.
    for outcome in await asyncio.gather(*migrations, return_exceptions=True):
        if outcome is not None:
            raise outcome


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


async def serve(folder: DataFolder, address: Address, log_level: str, work: Work) -> None:
    """Serves the folder until `work` is done or a signal asks to stop.

    Returns when everything has stopped in order; CommandError when something failed.
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
                    await _run(supervisor, asked, folder, address, targets, log_level, work)
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
    work: Work,
) -> None:
    """Serves until a signal asks to stop, the work is done, or a part keeps dying."""

    async def serve_and_work() -> None:
        await start(supervisor, folder, address, targets, log_level)
        failed = asyncio.create_task(supervisor.failed())
        working = asyncio.ensure_future(work())
        try:
            await asyncio.wait({failed, working}, return_when=asyncio.FIRST_COMPLETED)
            # A part that keeps dying is the cause, and what the work says about it is not.
            await (failed if failed.done() else working)
        finally:
            failed.cancel()
            working.cancel()
            await asyncio.gather(failed, working, return_exceptions=True)

    serving = asyncio.create_task(serve_and_work())
    stopping = asyncio.create_task(asked.asked.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            say("stopping (Ctrl-C again kills at once)")
            serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    finally:
        stopping.cancel()


async def start(
    supervisor: Supervisor,
    folder: DataFolder,
    address: Address,
    targets: Mapping[str, str],
    log_level: str,
) -> None:
    """Migrates, then starts the services, and when they are healthy the edge and the desk."""
    say("migrating the databases")
    await migrate(folder, log_level)
    await supervisor.start(
        *(parts.service(name, folder, targets, log_level) for name in parts.SERVICES)
    )
    upon_them = [parts.edge(folder, address, targets, log_level)]
    if address.desk is not None:
        upon_them.append(parts.desk(folder, address.desk, targets["moderation"], log_level))
    await supervisor.start(*upon_them)
    await _reach_all(address)


async def _reach_all(address: Address) -> None:
    """Waits for a while until the edge reaches every service; it is ready without them too."""
    host, port = address.reachable_host, address.port
    missing = set(parts.SERVICES)
    with suppress(TimeoutError):
        async with asyncio.timeout(REACHED_WITHIN):
            # HTTP has no event to wait for.
            while missing := missing - await services_reached(host, port):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    for name in sorted(missing):
        say(f"the edge does not reach {name} yet; everything else works")

"""The tally service: all that the kit gives, seen by its callers and as a process."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from service_kit.follow.positions import read_followed
from service_kit.process.settings import Timeouts
from service_kit.resources import Resources
from service_kit.rpc.server import probe_health
from service_kit.rules import Position
from service_kit.service import running
from service_kit.storage.migrations import NotMigrated
from tests.support.metrics import read_metric
from tests.support.serving import METADATA, check_refused, locked, opened, quick_settings
from tests.support.system import free_port
from tests.support.tally import service
from tests.support.tally.running import RunningTally, command, environment, run_tally
from tests.support.waiting import PATIENCE, until

NewSettings = Callable[[], service.TallySettings]


async def test_a_service_has_what_all_services_have(tally: RunningTally) -> None:
    """Commands, a stream, changes and health, behind the credential."""
    stream = tally.stub.Watch(service.messages.WatchRequest(watcher_name="test"), metadata=METADATA)
    first = await stream.read()
    await tally.call(
        "UpdateWatch",
        service.messages.UpdateWatchRequest(watcher_id=first.watcher_id, add_users=["apples"]),
    )
    assert (await tally.add("pears", 3)).sum == 3
    assert (await tally.add("apples", 5)).sum == 5
    async with asyncio.timeout(PATIENCE):
        while not (response := await stream.read()).events:
            continue
    assert [one.added.amount for one in response.events] == [5]
    changes = await tally.call(
        "ListChanges",
        service.messages.ListChangesRequest(
            user="apples", after=first.position, until=response.position
        ),
    )
    assert [one.revision for one in changes.changes] == [response.position.revision]
    assert await probe_health(tally.target)


async def test_all_users_of_a_full_edge_are_followed_in_one_call(tally: RunningTally) -> None:
    """Also those of the longest names; who could not follow again would tell nobody anything."""
    stream = tally.stub.Watch(service.messages.WatchRequest(watcher_name="test"), metadata=METADATA)
    watcher_id = (await stream.read()).watcher_id
    users = [f"{number:06}".ljust(128, "\N{GRINNING FACE}") for number in range(20_000)]
    await tally.call(
        "UpdateWatch", service.messages.UpdateWatchRequest(watcher_id=watcher_id, add_users=users)
    )
    stream.cancel()


async def test_a_refusal_tells_how_things_really_stand(tally: RunningTally) -> None:
    """Its own reason has the code of the service's table, and the present state is packed in."""
    await tally.add("apples", 5)
    code = grpc.StatusCode.FAILED_PRECONDITION
    stale = tally.add("apples", 1, base=4)
    current = (await check_refused(stale, "tally.parley", code, "STALE_SUM"))["Tally"]
    assert (current.name, current.sum) == ("apples", 5)


async def test_a_refused_argument_needs_no_row_in_the_table(tally: RunningTally) -> None:
    nothing = tally.add("apples", 0)
    code = grpc.StatusCode.INVALID_ARGUMENT
    await check_refused(nothing, "tally.parley", code, "INVALID_ARGUMENT", "amount")


def test_what_the_kit_gives_to_migrations_makes_its_tables(new_settings: NewSettings) -> None:
    """The clock and the positions of a migrated database are the tables that the kit uses."""
    url = new_settings().database_url
    with opened(url, "reader") as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, service.metadata) == []


async def test_an_unmigrated_database_is_not_served(empty_database: str, tmp_path: Path) -> None:
    settings = service.TallySettings(**quick_settings(tmp_path, empty_database))
    with pytest.raises(NotMigrated):
        async with running(service.SERVICE, settings):
            pass


async def test_what_lives_beside_the_calls_outlives_them(new_settings: NewSettings) -> None:
    """It is there before the service listens, and can still write when calls have ended."""
    settings = new_settings().model_copy(update={"listen": f"127.0.0.1:{free_port()}"})
    seen: list[object] = []

    @asynccontextmanager
    async def beside(
        resources: Resources[service.TallySettings],
    ) -> AsyncIterator[service.TallyServicer]:
        seen.append(await probe_health(settings.listen))
        yield service.TallyServicer(resources)
        seen.append(await probe_health(settings.listen))
        seen.append(await resources.writer.submit(lambda _transaction, items: list(items), ["x"]))

    async with running(replace(service.SERVICE, servicer=beside), settings):
        assert await probe_health(settings.listen)
    assert seen == [False, False, ["x"]]


# --- As processes ------------------------------------------------------------------------------


def calls_under_way(metrics_port: int) -> float:
    """0 also while it does not serve yet."""
    try:
        url = f"http://127.0.0.1:{metrics_port}/metrics"
        return read_metric(url, "calls_under_way") or 0.0
    except OSError:
        return 0.0


def test_the_commands_have_exit_codes(new_settings: NewSettings) -> None:
    """Migrating twice is 0, the health of what does not run is 1, a bad setting is 2."""
    good = environment(new_settings(), listen=f"127.0.0.1:{free_port()}")
    for name, given, code in (
        ("migrate", good, 0),
        ("health", good, 1),
        ("serve", good | {"PARLEY_TALLY_MAX_BATCH": "0"}, 2),
    ):
        ended = subprocess.run(
            command(name), env=given, check=False, capture_output=True, timeout=PATIENCE
        )
        assert ended.returncode == code, ended.stderr


async def test_a_database_that_hangs_does_not_keep_a_service_from_ending(
    new_settings: NewSettings,
) -> None:
    """A write waits for a lock that is never released: the process ends soon after its grace."""
    settings = new_settings()
    listen = f"127.0.0.1:{free_port()}"
    for_ever = {"database_lock_timeout_seconds": 3600, "database_statement_timeout_seconds": 3600}
    port = free_port()
    given = environment(settings, listen=listen, metrics_port=port, grace_seconds=0.5, **for_ever)
    process = await asyncio.create_subprocess_exec(*command("serve"), env=given)
    try:
        async with grpc.aio.insecure_channel(listen) as channel:
            async with asyncio.timeout(PATIENCE):
                await channel.channel_ready()
            with locked(settings.database_url, timeouts=Timeouts(idle_transaction=3600)):
                add = service.methods.TallyServiceStub(channel).Add(
                    service.messages.AddRequest(name="apples", amount=1), metadata=METADATA
                )
                async with asyncio.timeout(PATIENCE):
                    while not await asyncio.to_thread(calls_under_way, port):  # noqa: ASYNC110 - nothing tells of it
                        await asyncio.sleep(0.02)
                process.send_signal(signal.SIGTERM)
                with pytest.raises(grpc.aio.AioRpcError):
                    await add
                async with asyncio.timeout(PATIENCE):
                    assert await process.wait() == 1
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_killed_follower_applies_everything_once(
    new_settings: NewSettings,
) -> None:
    """Killed again and again in the midst of it, it has all in the end, and nothing twice."""
    own = new_settings()

    def followed() -> tuple[int, Position | None]:
        with opened(own.database_url, "reader") as reading, reading.connect() as connection:
            return service.find_sum(connection, "apples"), read_followed(connection, service.SOURCE)

    async with run_tally(new_settings()) as source:
        given = environment(
            own,
            follow_target=source.target,
            follow_credential_file=own.follow_credential_file,
        )
        for _ in range(4):
            before, _position = followed()
            process = await asyncio.create_subprocess_exec(*command("serve"), env=given)
            try:
                # It lives for as long as it takes to get further, and dies while more comes.
                async with asyncio.timeout(PATIENCE):
                    while followed()[0] <= before:
                        await asyncio.gather(*(source.add("apples", 1) for _ in range(20)))
            finally:
                process.send_signal(signal.SIGKILL)
                await process.wait()
        total = (await source.add("apples", 1)).sum
        async with run_tally(own.model_copy(update={"follow_target": source.target})):
            position = source.resources.hub.position
            await until(lambda: followed()[1] == position)
        assert followed() == (total, position)

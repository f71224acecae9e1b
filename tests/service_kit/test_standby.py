"""A server that takes no writes is not served, and is left when it becomes one."""

from pathlib import Path

import grpc
import pytest
from sqlalchemy import make_url

from service_kit.rules import Position
from service_kit.service import main, migrate
from tests.support.pair import Pair
from tests.support.serving import METADATA, quick_settings
from tests.support.tally import service
from tests.support.tally.running import environment, run_tally
from tests.support.tally.service import SERVICE, TallySettings
from tests.support.waiting import until


@pytest.fixture
def settings(pair: Pair, tmp_path: Path) -> TallySettings:
    """A migrated database that is on both servers, by an address that names both."""
    with pair.primary.connect() as connection:
        connection.execute("CREATE DATABASE tally")
    made = TallySettings(**quick_settings(tmp_path, pair.url("tally")))
    migrate(SERVICE, made)
    pair.catch_up()
    return made


def check_refused(
    command: str,
    settings: TallySettings,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """Run a command that has to end with exit code 2 and one line; gives that."""
    for name, value in environment(settings, database_url=url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["tally", command])
    # The logs of the tests are theirs.
    monkeypatch.setattr("service_kit.process.logs.configure", lambda *_: None)
    assert main(SERVICE) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "PARLEY_TALLY_DATABASE_URL" in line
    return line


def test_a_standby_is_not_served_and_not_migrated(
    pair: Pair,
    settings: TallySettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whether the address asks for a server that writes or not, and where all are standbys."""
    standby = pair.standby.url("tally")
    asking = make_url(standby).update_query_dict({"target_session_attrs": "read-write"})
    twice = make_url(standby).update_query_dict(
        {"host": f"{pair.standby.folder},{pair.standby.folder}"}
    )
    for command in ("serve", "migrate", "new-epoch"):
        for url in (standby, str(asking), str(twice)):
            line = check_refused(command, settings, url, monkeypatch, capsys)
            assert "standby" in line


def test_a_server_that_is_set_to_read_only_is_not_served(
    pair: Pair,
    settings: TallySettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pair.primary.connect() as connection:
        connection.execute("ALTER DATABASE tally SET default_transaction_read_only = on")
    for command in ("serve", "migrate"):
        url = pair.primary.url("tally")
        line = check_refused(command, settings, url, monkeypatch, capsys)
        assert "default_transaction_read_only" in line


async def test_a_primary_that_takes_no_writes_any_more_is_left(
    pair: Pair, settings: TallySettings
) -> None:
    """It runs on, and keeps its connections; the next write goes to the server that was promoted,
    in another epoch.
    """
    async with run_tally(settings) as tally:
        assert (await tally.add("apples", 5)).sum == 5
        pair.catch_up()
        pair.part()
        stream = tally.stub.Watch(
            service.messages.WatchRequest(watcher_name="test"), metadata=METADATA
        )
        before = (await stream.read()).position
        with pair.primary.connect() as connection:
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            connection.execute("SELECT pg_reload_conf()")
            pair.until(connection, "SELECT current_setting('default_transaction_read_only') = 'on'")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await tally.add("apples", 1)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        pair.promote()
        assert (await tally.add("apples", 7)).sum == 12
        now = tally.resources.hub.position
        assert now.epoch != before.epoch
        assert now.revision == before.revision + 1
        changes = await tally.changes("apples", before, before.revision)
        assert not changes.complete


async def test_replicas_agree_on_the_epoch_after_a_promotion(
    pair: Pair, settings: TallySettings
) -> None:
    """Each connects anew by itself; one begins the epoch, and the others are in it, also those that
    write nothing.
    """
    async with (
        run_tally(settings) as one,
        run_tally(settings) as other,
        run_tally(settings) as idle,
    ):
        replicas = (one, other, idle)

        def positions() -> set[Position]:
            return {tally.resources.hub.position for tally in replicas}

        assert (await one.add("apples", 1)).sum == 1
        await until(lambda: {at.revision for at in positions()} == {1})
        pair.catch_up()
        pair.part()
        await one.add("apples", 2)
        await other.add("apples", 4)
        await until(lambda: {at.revision for at in positions()} == {3})
        ((epoch, _),) = positions()
        pair.fail_over()
        assert (await other.add("apples", 8)).sum == 9
        assert (await one.add("apples", 16)).sum == 25
        await until(lambda: len(positions()) == 1)
        (now,) = positions()
    assert now.epoch != epoch
    assert now.revision == 3

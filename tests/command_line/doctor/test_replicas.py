"""Replicas and their bus: at a real PostgreSQL, a real NATS and a service that runs."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from command_line.doctor.checks import replicas
from command_line.doctor.checks.replicas import ReplicaState, check_replicas, judge
from command_line.doctor.deployment import Deployment, of_environment, of_folder
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind
from command_line.doctor.replicas import addresses_of, host_of
from command_line.folder.data_folder import DataFolder
from service_kit.version import VERSION
from tests.support.callers import write_accepted
from tests.support.nats import Nats
from tests.support.pooler import pooling
from tests.support.postgresql import Postgresql
from tests.support.system import Part, free_port, start_process
from tests.support.waiting import PATIENCE

# Its server of PostgreSQL, and the service, are started once.
pytestmark = pytest.mark.xdist_group("doctor_replicas")


@pytest.fixture(scope="module")
def url(postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a migrated database of messaging."""
    folder = tmp_path_factory.mktemp("migrated")
    with postgresql.database() as name:
        environment = {
            "PATH": os.environ["PATH"],
            "PARLEY_MESSAGING_DATABASE_URL": postgresql.url(name),
            "PARLEY_MESSAGING_CREDENTIALS_FILE": str(write_accepted(folder / "accepted")),
        }
        migrate = ["messaging_service", "migrate"]
        assert start_process(migrate, environment, folder / "log").wait(PATIENCE) == 0
        yield postgresql.url(name)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor waits as long as a machine under load may need."""
    monkeypatch.setattr(replicas, "_SECONDS", PATIENCE)
    monkeypatch.setattr(replicas, "_HEARD_SECONDS", PATIENCE)


def described(folder: Path, url: str, **settings: object) -> Deployment:
    """Messaging alone, by its settings."""
    given = {
        "database_url": url,
        "credentials_file": write_accepted(folder / "accepted"),
        "listen": f"127.0.0.1:{free_port()}",
        **settings,
    }
    return of_environment(
        {f"PARLEY_MESSAGING_{name.upper()}": str(value) for name, value in given.items()}
    )


async def look(examined: Deployment) -> dict[Kind, Finding]:
    found = [finding async for finding in check_replicas(examined)]
    assert all(finding.cure for finding in found)
    return {finding.kind: finding for finding in found}


async def test_notifications_come_but_not_through_a_pooler(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one between gives a session to whoever has a transaction, and nobody hears for long."""
    assert await look(described(tmp_path, url)) == {}
    monkeypatch.setattr(replicas, "_HEARD_SECONDS", 0.5)
    with pooling(Path(str(make_url(url).query["host"]))) as port:
        pooled = make_url(url).set(host="127.0.0.1", port=port, query={})
        found = await look(described(tmp_path, pooled.render_as_string(False)))
        assert set(found) == {Kind.NOTIFICATIONS_LOST}


@contextmanager
def nats(*options: str) -> Iterator[Nats]:
    server = Nats(*options)
    try:
        yield server
    finally:
        server.stop()


async def test_nats_is_there_takes_words_and_passes_them_on(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each way in which it does not is told from the others; no password is shown."""
    with nats() as server:
        assert await look(described(tmp_path, url, bus="nats", bus_url=server.url)) == {}
    # It is dialled again and again for that long.
    monkeypatch.setattr(replicas, "_SECONDS", 0.5)
    gone = await look(described(tmp_path, url, bus="nats", bus_url="nats://ann:secret@127.0.0.1:1"))
    assert set(gone) == {Kind.NATS_UNREACHABLE}
    assert "secret" not in gone[Kind.NATS_UNREACHABLE].seen
    monkeypatch.setattr(replicas, "_SECONDS", PATIENCE)
    monkeypatch.setattr(replicas, "_HEARD_SECONDS", 0.5)
    password = tmp_path / "password"
    password.write_text("right-password")
    configuration = tmp_path / "nats.conf"
    configuration.write_text(
        "max_payload: 1024\n"
        "authorization { users = [ { user: ann, password: right-password,"
        ' permissions: { publish: ">", subscribe: { deny: "parley.>" } } } ] }\n'
    )
    with nats("-c", str(configuration)) as server:
        by_ann = {"bus": "nats", "bus_url": server.url.replace("//", "//ann@")}
        found = await look(described(tmp_path, url, **by_ann, bus_password_file=password))
        assert set(found) == {Kind.NATS_DEAF, Kind.NATS_PAYLOAD_SMALL}
        password.write_text("wrong-password")
        found = await look(described(tmp_path, url, **by_ann, bus_password_file=password))
        assert set(found) == {Kind.NATS_REFUSES}


async def test_a_bus_that_contradicts_the_database_is_named(tmp_path: Path, url: str) -> None:
    on_sqlite = described(tmp_path, f"sqlite:///{tmp_path / 'x.sqlite3'}", bus="postgresql")
    assert set(await look(on_sqlite)) == {Kind.SETTINGS_CONTRADICT}
    without_address = described(tmp_path, url, bus="nats")
    assert set(await look(without_address)) == {Kind.SETTINGS_CONTRADICT}


async def test_a_replica_that_runs_is_asked(url: str, tmp_path: Path) -> None:
    """It is ready, and hears; nobody at the port for metrics may be meant."""
    examined = described(tmp_path, url, metrics_port=free_port())
    environment = dict(examined.environment)
    part = Part("messaging", ["messaging_service", "serve"], environment, tmp_path / "log")
    port = examined.parts["messaging"].settings.metrics_port
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        # Nothing announces that a process listens.
        while (state := replicas.look("messaging", address)) is None or not state.bus_connected:
            assert time.monotonic() < deadline, part.end_of_log()
            await asyncio.sleep(0.05)
        assert (state.ready, state.bus_replicas, state.version) == (True, 1, VERSION)
        assert abs(state.ahead_seconds) < 1 + state.uncertain_seconds
        assert await look(examined) == {}
    finally:
        part.end()
    assert await look(examined) == {}


def test_what_replicas_say_is_judged_alone_and_together(url: str, tmp_path: Path) -> None:
    examined = described(tmp_path, url)
    part = examined.parts["messaging"]

    def kinds(*states: ReplicaState) -> list[Kind]:
        return [finding.kind for finding in judge(examined, part, list(states))]

    good = ReplicaState("messaging", "http://a:9", ready=True, bus_connected=1, bus_replicas=2)
    deaf = ReplicaState("messaging", "http://b:9", ready=True, bus_connected=0, bus_replicas=2)
    apart = ReplicaState("messaging", "http://b:9", ready=True, bus_connected=1, bus_replicas=1)
    late = ReplicaState("messaging", "http://b:9", ready=True, ahead_seconds=-30)
    away = ReplicaState("messaging", "http://b:9", ready=False, problems={"database": "away"})
    assert kinds() == []
    assert kinds(good, good) == []
    assert kinds(good, deaf) == [Kind.REPLICA_DEAF]
    assert kinds(good, apart) == [Kind.REPLICAS_APART]
    older = ReplicaState("messaging", "http://b:9", ready=True, version="0.0.9")
    assert kinds(older) == [Kind.VERSIONS_DIFFER]
    assert kinds(late) == [Kind.CLOCK_DIFFERS]
    (finding,) = judge(examined, part, [away])
    assert finding.kind is Kind.REPLICA_NOT_READY
    assert "database: away" in finding.seen


async def test_targets_are_taken_apart_into_replicas(tmp_path: Path) -> None:
    """Lists, names of several, and a name that is not found."""
    assert await addresses_of("ipv4:10.0.0.1:7101,10.0.0.2:7101") == (
        "10.0.0.1:7101",
        "10.0.0.2:7101",
    )
    assert await addresses_of("messaging:7101") == ("messaging:7101",)
    assert "127.0.0.1:7101" in await addresses_of("dns:///localhost:7101")
    assert await addresses_of("dns:///no-such-host.invalid:7101") == ("no-such-host.invalid:7101",)
    assert host_of("dns:///messaging:7101") == "messaging"
    assert host_of("[::1]:7101") == "::1"
    assert host_of("ipv4:10.0.0.1:7101,10.0.0.2:7101") == "10.0.0.1"
    # A folder has one of each, and no bus.
    assert await look(of_folder(DataFolder.at(tmp_path), {})) == {}

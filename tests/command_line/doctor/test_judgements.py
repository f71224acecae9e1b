"""What is seen, and what the doctor makes of it: keys of issuers, versions, files, disks, edges."""

import base64
import json
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from command_line.doctor.checks import edges, files, machine, tokens, versions
from command_line.doctor.checks.database import sqlite
from command_line.doctor.checks.database.contents import Contents
from command_line.doctor.checks.database.sqlite import SqliteState
from command_line.doctor.checks.edges import EdgeState
from command_line.doctor.checks.machine import Disk
from command_line.doctor.checks.settings import check_settings
from command_line.doctor.checks.targets import Answer, Target, judge
from command_line.doctor.deployment import of_environment, of_folder
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind
from command_line.folder.data_folder import DataFolder
from service_kit.version import VERSION
from tests.command_line.doctor.conftest import World

NOTHING = of_environment({})
MIB = 1024 * 1024


def kinds(found: Iterator[Finding]) -> list[Kind]:
    return [finding.kind for finding in found]


# --- Keys of an issuer ---------------------------------------------------------------------------


def public(key: Any, **more: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    made: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return {**made, **more}


GOOD = public(ec.generate_private_key(ec.SECP256R1()), kid="one")
WEAK = public(rsa.generate_private_key(65537, 1024), kid="weak")  # noqa: S505
FOR_SECRETS = {**GOOD, "use": "enc"}
SECRET = {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode()}


@contextmanager
def issuer(body: bytes, status: int = 200) -> Iterator[str]:
    """An issuer that publishes this; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        server.shutdown()


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (json.dumps({"keys": [GOOD]}).encode(), 200, set()),
        (json.dumps({"keys": [GOOD, WEAK]}).encode(), 200, {Kind.JWKS_KEYS_LEFT_OUT}),
        (json.dumps({"keys": [WEAK, FOR_SECRETS, SECRET]}).encode(), 200, {Kind.JWKS_WITHOUT_KEYS}),
        (b"<html>", 200, {Kind.JWKS_WITHOUT_KEYS}),
        (b"", 404, {Kind.JWKS_UNREACHABLE}),
        (b" " * 2 * MIB, 200, {Kind.JWKS_UNREACHABLE}),
    ],
    ids=["good", "some", "none", "no-keys", "missing", "endless"],
)
async def test_what_an_issuer_publishes_is_judged_as_parts_do(
    world: World, body: bytes, status: int, expected: set[Kind]
) -> None:
    """The keys are fetched once for all parts that name the same address."""
    with issuer(body, status) as url:
        for part in ("edge", "desk", "moderation"):
            del world.variables[f"PARLEY_{part.upper()}_TOKEN_SECRET_FILE"]
            world.set(part, "TOKEN_JWKS_URL", url)
        world.write()
        found = await world.look()
        assert {finding.kind for finding in found} == expected
        assert len(found) == len(expected)


def test_keys_that_may_do_nothing_that_is_allowed_are_none() -> None:
    document = json.dumps({"keys": [GOOD]}).encode()
    look = partial(tokens.of_key_set, "PARLEY_EDGE_TOKEN_JWKS_URL", "https://issuer", document)
    assert kinds(look(("ES256",))) == []
    (finding,) = look(("RS256",))
    assert finding.kind is Kind.JWKS_WITHOUT_KEYS
    assert finding.cure == ("export PARLEY_EDGE_TOKEN_ALGORITHMS=ES256",)


async def test_keys_over_plain_http_are_a_warning(world: World) -> None:
    """Elsewhere than on this machine."""
    for part in ("edge", "desk", "moderation"):
        del world.variables[f"PARLEY_{part.upper()}_TOKEN_SECRET_FILE"]
        world.set(part, "TOKEN_JWKS_URL", "http://issuer.invalid/jwks.json")
    world.write()
    found = {finding.kind for finding in await world.look()}
    assert found == {Kind.JWKS_PLAIN, Kind.JWKS_UNREACHABLE}


# --- Versions ------------------------------------------------------------------------------------


def test_old_versions_are_named() -> None:
    assert kinds(versions.of_python((3, 11, 0))) == []
    assert kinds(versions.of_python((3, 10, 14))) == [Kind.PYTHON_UNSUPPORTED]
    assert kinds(versions.of_sqlite((3, 35, 0))) == []
    assert kinds(versions.of_sqlite((3, 34, 1))) == [Kind.DATABASE_UNSUPPORTED]
    assert kinds(versions.of_contract("parley.messaging.v1.messaging_pb2")) == []


def test_contracts_of_another_protobuf_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As protobuf itself refuses code that a newer one has generated."""
    (tmp_path / "of_a_newer_one.py").write_text(
        "from google.protobuf import runtime_version as version\n"
        "version.ValidateProtobufRuntimeVersion(version.Domain.PUBLIC, 99, 0, 0, '', 'x.proto')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert kinds(versions.of_contract("of_a_newer_one")) == [Kind.CONTRACTS_UNUSABLE]


# --- Files and disks -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder that was made and is not served."""
    made = DataFolder.at(tmp_path / "data")
    with made.locked():
        made.prepare()
    return made


async def test_a_folder_that_nobody_serves_is_a_warning(folder: DataFolder) -> None:
    found = [finding async for finding in check_settings(of_folder(folder, {}))]
    assert [finding.kind for finding in found] == [Kind.NOTHING_SERVES]
    assert found[0].cure == (f"parley up --data {folder.path}",)
    folder.address.write_text("{")
    found = [finding async for finding in check_settings(of_folder(folder, {}))]
    assert [finding.kind for finding in found] == [Kind.FILE_UNREADABLE]


async def test_nothing_at_all_is_named() -> None:
    found = [finding async for finding in check_settings(NOTHING)]
    assert [finding.kind for finding in found] == [Kind.NOTHING_DESCRIBED]


def test_a_file_of_somebody_else_is_named(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root leaves it, who ran a command in a folder of another user's."""
    assert kinds(files.of_folder(folder.path)) == []
    status = folder.token_secret.lstat()
    owned = Path.lstat

    def lstat(path: Path) -> Any:
        found = owned(path)
        if path != folder.token_secret:
            return found
        return type(found)((*found[:4], status.st_uid + 1, *found[5:]))

    monkeypatch.setattr(Path, "lstat", lstat)
    (finding,) = files.of_folder(folder.path)
    assert finding.kind is Kind.OWNER_DIFFERS
    assert finding.cure == (f"sudo chown -R {status.st_uid} {folder.path}",)


@pytest.mark.parametrize(
    ("disk", "expected"),
    [
        (Disk(Path("/data"), 5000 * MIB, 900, 1000), []),
        (Disk(Path("/data"), 5000 * MIB, 0, 0), []),
        (Disk(Path("/data"), 900 * MIB, 900, 1000), [Kind.DISK_LOW]),
        (Disk(Path("/data"), 50 * MIB, 900, 1000), [Kind.DISK_FULL]),
        (Disk(Path("/data"), 5000 * MIB, 9, 1000), [Kind.DISK_LOW]),
        (Disk(Path("/data"), 0, 0, 1000), [Kind.DISK_FULL, Kind.DISK_LOW]),
    ],
)
def test_disks_need_room_and_entries(disk: Disk, expected: list[Kind]) -> None:
    assert kinds(machine.of_disk(disk)) == expected


def test_files_that_may_be_open_are_as_many_as_sockets() -> None:
    judged = partial(machine.judge_open_files, NOTHING)
    assert kinds(judged(65_536, 20_000, "it")) == []
    assert kinds(judged(resource.RLIM_INFINITY, 20_000, "it")) == []
    (finding,) = judged(1024, 20_000, "it")
    assert finding.kind is Kind.FILES_FEW
    assert finding.cure[0] == "ulimit -Hn 20100"


@pytest.mark.parametrize(
    ("log_bytes", "file_system", "expected"),
    [
        (64 * MIB, "ext4", []),
        (300 * MIB, "ext4", [Kind.SQLITE_LOG_LARGE]),
        (0, "nfs4", [Kind.NETWORK_FILE_SYSTEM]),
        (0, "tmpfs", [Kind.MEMORY_FILE_SYSTEM]),
    ],
)
def test_a_file_of_sqlite_stands_where_it_is_safe(
    world: World, log_bytes: int, file_system: str, expected: list[Kind]
) -> None:
    part = world.deployment().parts["messaging"]
    nothing = Contents(frozenset())
    state = SqliteState(Path("/data/x.sqlite3"), nothing, "", log_bytes, file_system)
    assert kinds(sqlite.of_state(part, state)) == expected


def test_the_file_system_of_a_file_is_that_of_the_longest_mount() -> None:
    assert sqlite.file_system_of(Path("/proc/self/status")) == "proc"


# --- Targets and edges ---------------------------------------------------------------------------


def test_a_service_that_stops_is_named(world: World) -> None:
    """It answers, and says that it does not serve."""
    examined = world.deployment()
    target = Target(examined.parts["edge"], "messaging", "127.0.0.1:7101", None)
    answer = Answer(grpc.StatusCode.OK, serving=False)
    assert kinds(judge(examined, target, answer, answer, None)) == [Kind.TARGET_NOT_SERVING]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (EdgeState("http://edge", ready=True, state={"messaging": True}), []),
        (
            EdgeState("http://edge", ready=True, state={"messaging": True, "moderation": False}),
            [Kind.EDGE_MISSES_SERVICE],
        ),
        (
            EdgeState("http://edge", state={"messaging": False, "draining": False}),
            [Kind.EDGE_NOT_READY, Kind.EDGE_MISSES_SERVICE],
        ),
        (
            EdgeState("http://edge", state={"messaging": True, "draining": True}),
            [Kind.EDGE_NOT_READY],
        ),
        (EdgeState("http://edge", problem="refused"), [Kind.EDGE_UNREACHABLE]),
        (
            EdgeState("http://edge", state={"messaging": True, "canary": False}),
            [Kind.EDGE_DEAF],
        ),
        (
            EdgeState("http://edge", ready=True, keys_fetched_at=0),
            [Kind.JWKS_STALE],
        ),
        (EdgeState("http://edge", ready=True, ahead_seconds=60), [Kind.CLOCK_DIFFERS]),
        (EdgeState("http://edge", ready=True, version=VERSION), []),
        (EdgeState("http://edge", ready=True, version="0.0.9"), [Kind.VERSIONS_DIFFER]),
        (EdgeState("http://edge", ready=True, ahead_seconds=-3.5), [Kind.CLOCK_DRIFTS]),
    ],
)
def test_what_an_edge_says_of_itself_is_judged(state: EdgeState, expected: list[Kind]) -> None:
    assert kinds(edges.of_edge(NOTHING, state)) == expected


# --- The table -----------------------------------------------------------------------------------


def test_every_kind_is_found_by_a_test() -> None:
    """Or nobody would know whether it can be found at all."""
    folder = Path(__file__).parent
    written = "".join(file.read_text() for file in folder.glob("*.py"))
    missing = [kind for kind in Kind if f"Kind.{kind.name}" not in written]
    missing = [kind for kind in missing if f'"{kind}"' not in written]
    assert missing == []

"""docker-compose.yml runs, and docs/operations.md operates it: both word for word."""

import asyncio
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from command_line.serve import parts
from parley_protocol.packets import Op
from service_kit.authentication.callers import MESSAGING, MODERATION, NEGOTIATION, Caller
from service_kit.authentication.credentials import accepted_line
from tests.support.client import Client
from tests.support.compose import Deployment, read_compose, read_variables, secrets_of
from tests.support.images import ROOT, Image
from tests.support.postgresql import Postgresql
from tests.support.waiting import PATIENCE

# A database, two environments and a dozen starts of Python, beside other tests.
pytestmark = pytest.mark.timeout(300)

SERVICES = read_compose()["services"]
# Who is not root can give no file away: nobody but the tests reads them then.
SUDO = 'sudo() { "$@"; }' if os.geteuid() == 0 else 'sudo() { [[ $1 == ch* ]] || "$@"; }'


def documented(title: str) -> list[str]:
    """The commands of the block below a title of "With compose", each with its lines of input."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = text.partition("\n## With compose\n")[2].partition("\n## ")[0]
    block = section.partition(title)[2].partition("```\n")[2].partition("```\n")[0]
    assert block
    return re.findall(r".+<<'SQL'\n(?:.+\n)+?SQL\n|.+\n", block)


def run(command: str, folder: Path) -> None:
    """Run a command of the shell that is not Docker's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-c", f"{SUDO}\n{command}"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
        timeout=120,
    )


def follow(title: str, deployment: Deployment) -> None:
    """Do what the document says below a title, and fail where a command fails."""
    for command in documented(title):
        docker = re.fullmatch(r"docker compose (\w+) ?(.*?)(?: &&)?\n?", command, re.DOTALL)
        if docker is None:
            run(command, deployment.folder)
            continue
        names = [word for word in docker[2].split() if word in SERVICES]
        match docker[1]:
            case "exec":
                line = docker[2].removeprefix(f"-T {names[0]} ")
                done = deployment.execute(names[0], line)
                assert done.returncode == 0, done.stderr
            case "stop":
                deployment.stop(*names)
            case "up" | "restart" as verb:
                if verb == "restart":
                    deployment.stop(*names)
                for name in names or ["edge"]:
                    deployment.start(name)
                    deployment.wait_healthy(name)
            case verb:
                assert verb in {"build", "pull"}


@pytest.fixture(scope="session")
def documented_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with secrets, made as documented; once, for each is a start of Python."""
    folder = tmp_path_factory.mktemp("deployment")
    for command in documented("What is secret stands in"):
        if not command.startswith("docker "):
            run(command, folder)
    return folder


@pytest.fixture
def secret_files(documented_secrets: Path, tmp_path: Path) -> Path:
    """The folder of the secrets, with owners and rights as they were made."""
    subprocess.run(["cp", "-a", f"{documented_secrets}/.", tmp_path], check=True)
    return tmp_path / "secrets"


@pytest.fixture
def deployment(
    secret_files: Path, postgresql: Postgresql, image: Callable[[str], Image]
) -> Iterator[Deployment]:
    deployed = Deployment(secret_files.parent, postgresql, image)
    try:
        yield deployed
    finally:
        deployed.remove()


@pytest.fixture
def replicas(
    secret_files: Path, postgresql: Postgresql, image: Callable[[str], Image]
) -> Iterator[Deployment]:
    """The profile `replicas`, with the file that goes with it."""
    variables = read_variables("deploy/replicas.env")
    folder = secret_files.parent
    deployed = Deployment(folder, postgresql, image, ["replicas"], variables)
    try:
        yield deployed
    finally:
        deployed.remove()


async def connect(
    deployment: Deployment, user: str, resume: str | None = None, through: str = "edge"
) -> Client:
    claims = {"sub": user, "exp": int(time.time()) + 600}
    token = jwt.encode(claims, deployment.secret("token_secret"), algorithm="HS256")
    return await Client.open(deployment.url_of(through), token, resume=resume)


async def reaches_all(deployment: Deployment, edge: str = "edge") -> None:
    """The edge is ready when messaging delivers; wait until the others do as well."""
    url = f"http://127.0.0.1:{deployment.ports[edge][1]}/readyz"
    missing = set(parts.SERVICES)
    async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE):
        while missing:
            # HTTP has no event to wait for.
            state = (await client.get(url)).json()
            missing = {name for name in parts.SERVICES if not state[name]}
            await asyncio.sleep(0.1)


async def propose(client: Client, conversation: str) -> dict[str, Any]:
    """Propose a service at 120.50 euros, whose client one is."""
    price = {"amount_minor": 12050, "currency": "EUR"}
    service = {"conversation": conversation, "role": "client", "title": "Tap", "price": price}
    proposed: dict[str, Any] = (await client.ask(Op.SERVICE_CREATED, service))["d"]["service"]
    return proposed


async def history(client: Client, conversation: str) -> list[dict[str, Any]]:
    """The messages, once what messaging has learned of negotiation is among them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await client.ask(Op.ASK_MESSAGES, {"conversation": conversation})
            messages: list[dict[str, Any]] = answer["d"]["messages"]
            if messages[-1]["kind"] == "event":
                return messages
            await asyncio.sleep(0.1)


def open_database(deployment: Deployment, password: str) -> psycopg.Connection:
    """Connect as another container would."""
    port = deployment.ports["messaging-database"][1]
    address = f"host=127.0.0.1 port={port} user=parley dbname=parley"
    return psycopg.connect(address, password=password, autocommit=True)


def query(deployment: Deployment, statement: str) -> list[object]:
    """The only column of what the database answers."""
    with open_database(deployment, deployment.secret("messaging_database_password")) as connection:
        return [row[0] for row in connection.execute(statement.encode()).fetchall()]


def test_documented_secrets_are_all_and_each_its_own(secret_files: Path) -> None:
    """Files that compose mounts are made, each credential is a caller's, no commit takes them.
    Those of callers that are no part are mounted nowhere. A service has the digests of those who
    may call it, and no credential.
    """
    values = {path.name: path.read_text() for path in secret_files.iterdir()}
    people = (Caller.OPERATOR, Caller.BACKEND)
    outside = {f"{one}_{what}" for one in people for what in ("credential", "certificate", "key")}
    outside.add("ca_key")
    assert values.keys() - outside == read_compose()["secrets"].keys()
    assert len(set(values.values())) == len(values)
    for name, table in (("messaging", MESSAGING), ("negotiation", NEGOTIATION),
                        ("moderation", MODERATION)):  # fmt: skip
        callers = [one for one in Caller if any(one in row for row in table.values())]
        lines = [accepted_line(one, values[f"{one}_credential"].strip()) for one in callers]
        assert values[f"{name}_accepted"].splitlines() == lines
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {"/secrets/", "/backups/"} <= set(ignored)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_documented_secrets_are_read_by_those_who_use_them(secret_files: Path) -> None:
    """Owner or group of each file is whoever mounts it; nobody else reads, writes or lists them."""
    assert secret_files.stat().st_mode & 0o777 == 0o711
    for service in SERVICES.values():
        user, _, group = service["user"].partition(":")
        groups = {int(group), *map(int, service.get("group_add", ()))}
        for name in secrets_of(service).values():
            status = (secret_files / name).stat()
            # A key is its owner's alone.
            assert status.st_mode & 0o777 == (0o400 if name.endswith("_key") else 0o440)
            assert status.st_uid == int(user) or status.st_gid in groups


def test_the_desk_is_served_beside_the_edge(deployment: Deployment) -> None:
    """Moderators sign in to it with their tokens, and moderation knows it by its own credential."""
    deployment.start("desk")
    deployment.wait_healthy("desk")
    assert "edge" not in deployment.processes
    claims = {"sub": "mia", "exp": int(time.time()) + 600, "roles": ["moderator"]}
    token = jwt.encode(claims, deployment.secret("token_secret"), algorithm="HS256")
    with httpx.Client(base_url=f"http://127.0.0.1:{deployment.ports['desk'][1]}") as desk:
        assert desk.post("/session", json={"token": token}).status_code == 200
        assert desk.get("/cases").json()["cases"] == []
    assert deployment.stop("desk") == {"desk": 0}


async def test_the_compose_file_runs(deployment: Deployment) -> None:
    """Its very commands serve a conversation, in its order, judged by its own health checks."""
    images = deployment.images.values()
    before = {path for image in images for path in image.files()}

    deployment.start("edge")
    names = list(parts.SERVICES)
    started = [f"{name}{what}" for name in names for what in ("-database", "-migrate", "")]
    started.append("edge")
    assert list(deployment.processes) == started
    for name in names:
        assert deployment.processes[f"{name}-migrate"].returncode == 0
        assert deployment.is_healthy(name)
    deployment.wait_healthy("edge")
    await reaches_all(deployment)

    alice = await connect(deployment, "alice")
    bob = await connect(deployment, "bob")
    stored = await alice.write("bob", "Hello Bob", idempotency_key="k1")
    alert = await bob.expect(Op.ALERT_NEW_MSG)
    assert stored["status"] == "stored"
    assert alert["d"]["message"]["text"] == "Hello Bob"
    assert alert["d"]["message"]["seq"] == stored["seq"]
    proposed = await propose(alice, stored["conversation"])
    told = await bob.expect(Op.UPDATE_CONVERSATION_DATAS)
    assert told["d"]["service"]["service"] == proposed["service"]
    await alice.close()
    await bob.close()

    assert deployment.stop() == dict.fromkeys(reversed(started), 0)
    for name in (one for one in started if not one.endswith("-migrate")):
        assert not deployment.is_healthy(name)
    after = {path for image in images for path in image.files()}
    assert after == before, "something was written into what is read-only in a container"


def sockets_of(deployment: Deployment, edge: str) -> float:
    """The sockets that are open at an edge, as its metrics say."""
    port = deployment.own_port(edge, "9090")
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if re.match(r"parley_edge_sockets[ {]", line)
    )


async def test_two_of_each_run_behind_a_proxy(replicas: Deployment) -> None:
    """The profile `replicas` as it stands: real Caddy, real NATS. People on two edges talk with
    one another; then half of it is stopped, and the other half goes on.
    """
    for name in replicas.services:
        if not name.startswith("desk"):
            replicas.start(name)
    for edge in ("edge", "edge-2"):
        replicas.wait_healthy(edge)
        await reaches_all(replicas, edge)
    replicas.wait_healthy("proxy")
    public = replicas.url_of("proxy").replace("ws:", "http:").removesuffix("/ws")
    async with httpx.AsyncClient(base_url=public) as client:
        assert (await client.get("/metrics")).status_code == 404
        assert (await client.get("/standing")).status_code == 401

    alice = await connect(replicas, "alice", through="proxy")
    bob = await connect(replicas, "bob", through="proxy")
    assert [sockets_of(replicas, edge) for edge in ("edge", "edge-2")] == [1, 1]
    stored = await alice.write("bob", "Hello Bob")
    alert = await bob.expect(Op.ALERT_NEW_MSG)
    assert alert["d"]["message"]["text"] == "Hello Bob"
    await propose(alice, stored["conversation"])
    await bob.expect(Op.UPDATE_CONVERSATION_DATAS)
    await alice.close()
    await bob.close()

    stopped = [
        f"{name}{which}"
        for name, which in zip((*parts.SERVICES, "edge"), ("", "-2", "", "-2"), strict=True)
    ]
    assert replicas.stop(*stopped) == dict.fromkeys(stopped, 0)
    alice = await connect(replicas, "alice", through="proxy")
    bob = await connect(replicas, "bob", through="proxy")
    assert (await alice.write("bob", "Still there?"))["status"] == "stored"
    await bob.expect(Op.ALERT_NEW_MSG)
    await alice.close()
    await bob.close()
    assert set(replicas.stop().values()) == {0}


def test_the_database_is_as_the_file_says(deployment: Deployment) -> None:
    """It lets nobody in without the password, is durable, and in UTF-8 with rules of its own."""
    deployment.start("messaging-migrate")
    assert deployment.processes["messaging-migrate"].wait(PATIENCE) == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        open_database(deployment, "another")
    assert query(deployment, "SELECT revision FROM clock") == [0]
    for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert query(deployment, f"SHOW {name}") == ["on"]
    assert query(deployment, "SHOW server_encoding") == ["UTF8"]
    assert set(query(deployment, "SELECT datlocprovider FROM pg_database")) == {"b"}
    assert set(query(deployment, "SELECT datlocale FROM pg_database")) == {"C.UTF-8"}
    (version,) = query(deployment, "SHOW server_version")
    image = SERVICES["messaging-database"]["image"]
    assert str(version).partition(".")[0] == image.partition(":")[2]


def test_without_its_password_nothing_starts(deployment: Deployment) -> None:
    """With another password in the file the migration fails, and tells neither of both."""
    password = deployment.secret("messaging_database_password")
    other = secrets.token_hex(32)
    (deployment.folder / "secrets/messaging_database_password").write_text(other)
    with pytest.raises(AssertionError, match="password authentication failed"):
        deployment.start("messaging")
    assert deployment.processes["messaging-migrate"].returncode == 1
    for name in deployment.processes:
        assert password not in deployment.log(name)
        assert other not in deployment.log(name)


@pytest.mark.nightly
async def test_an_update_and_another_password_keep_what_was_written(
    deployment: Deployment,
) -> None:
    """After both the conversation goes on where it was, and only the new password is good."""
    deployment.start("edge")
    deployment.wait_healthy("edge")
    alice = await connect(deployment, "alice")
    assert (await alice.write("bob", "before"))["seq"] == 1
    await alice.close()

    follow("**Update**", deployment)
    old = deployment.secret("messaging_database_password")
    follow("**Another password for a database**", deployment)
    new = deployment.secret("messaging_database_password")
    assert new != old
    open_database(deployment, new).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        open_database(deployment, old)

    # The service has been started again, which the edge has to notice.
    deployment.wait_healthy("edge")
    alice = await connect(deployment, "alice")
    assert (await alice.write("bob", "after"))["seq"] == 2
    await alice.close()
    for name in deployment.processes:
        assert old not in deployment.log(name)
        assert new not in deployment.log(name)


@pytest.mark.nightly
async def test_going_back_to_a_backup(deployment: Deployment) -> None:
    """Everything after the backup is gone, and a client with a cursor from then is told."""
    deployment.start("edge")
    deployment.wait_healthy("edge")
    alice = await connect(deployment, "alice")
    kept = await alice.write("bob", "kept")
    proposed = await propose(alice, kept["conversation"])
    follow("**Backup**", deployment)
    bob = await connect(deployment, "bob")
    await alice.write("bob", "lost")
    revised = {"amount_minor": 10000, "currency": "EUR"}
    edited = {"service": proposed["service"], "price": revised, "base_offer": 1}
    assert (await alice.ask(Op.PRICE_EDITED, edited))["d"]["service"]["offer"]["price"] == revised
    cursor = (await bob.expect(Op.ALERT_NEW_MSG))["cur"]
    await alice.close()
    await bob.close()
    epoch = query(deployment, "SELECT epoch FROM clock")

    follow("**Going back to a backup**", deployment)
    assert query(deployment, "SELECT epoch FROM clock") != epoch
    bob = await connect(deployment, "bob", resume=cursor)
    assert (await bob.expect(Op.RESUMED))["d"]["complete"] is False
    messages = await history(bob, kept["conversation"])
    assert [message.get("text") for message in messages] == ["kept", None]
    assert messages[1]["event"]["cause"] == "created"
    (listed,) = (await bob.ask(Op.ASK_CONVERSATIONS))["d"]["conversations"]
    assert listed["service"]["offer"] == proposed["offer"]
    assert (await bob.write("alice", "and on"))["seq"] == 3
    await bob.close()

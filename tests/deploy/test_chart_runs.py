"""What the Helm chart renders starts: every pod as a process, with TLS between them."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jwt
import pytest

from command_line.serve import parts
from parley_protocol.packets import Op
from service_kit.authentication.callers import MESSAGING, MODERATION, NEGOTIATION, Caller
from service_kit.authentication.credentials import accepted_line, make_credential
from tests.support.certificates import DOMAIN, Certificates
from tests.support.client import Client
from tests.support.postgresql import Postgresql
from tests.support.release import Release
from tests.support.waiting import PATIENCE

TABLES = {"messaging": MESSAGING, "negotiation": NEGOTIATION, "moderation": MODERATION}
TOKEN_SECRET = "a-secret-of-the-issuer-for-tests-alone"
VALUES: dict[str, Any] = {
    "tls": {"trustDomain": DOMAIN},
    # As elsewhere, but no test waits for it.
    "pod": {"preStopSeconds": 0},
    "edge": {"drainSeconds": 5, "reconnectSpreadSeconds": 0},
    **{name: {"database": {"passwordKey": ""}} for name in parts.SERVICES},
}


@pytest.fixture
def secrets(tmp_path: Path, postgresql: Postgresql) -> Iterator[dict[str, dict[str, str]]]:
    """The Secrets that docs/operations.md has one make, with a database for each service."""
    credentials = {caller: make_credential() for caller in Caller}
    made = Certificates(tmp_path / "certificates")
    found = {"parley-tokens": {"token-secret": TOKEN_SECRET}}
    with ExitStack() as stack:
        for name in ("edge", "desk", *TABLES):
            found[f"parley-{name}"] = {"credential": credentials[Caller(name)]}
            found[f"parley-{name}-tls"] = {
                "tls.crt": made.file(f"{name}_certificate").read_text(),
                "tls.key": made.file(f"{name}_key").read_text(),
                "ca.crt": made.ca.read_text(),
            }
        for name, table in TABLES.items():
            callers = [one for one in Caller if any(one in row for row in table.values())]
            lines = [accepted_line(one, credentials[one]) for one in callers]
            found[f"parley-{name}"]["accepted"] = "\n".join(lines)
            url = postgresql.url(stack.enter_context(postgresql.database()))
            found[f"parley-{name}-database"] = {"url": url}
        yield found


@pytest.fixture
def release(secrets: dict[str, dict[str, str]], tmp_path: Path) -> Iterator[Release]:
    release = Release(VALUES, secrets, tmp_path / "pods")
    try:
        yield release
    finally:
        release.end()


async def test_the_pods_of_a_release_serve_and_drain(release: Release) -> None:
    """Migrations first, then every part, until its own probes say that it is ready; people talk and
    bargain. An edge that is told to stop is alive and no longer ready, tells its clients to come
    back, and ends within the time that its pod has.
    """
    await asyncio.to_thread(release.start)
    async with asyncio.timeout(PATIENCE):
        # With 200 it says so of messaging; the others may come a moment later.
        while not {*release.readiness("edge").items()} >= {(name, True) for name in TABLES}:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)
    url = f"ws://127.0.0.1:{release.port('edge', 'http')}/ws"
    alice, bob = [
        await Client.open(
            url, jwt.encode({"sub": user, "exp": int(time.time()) + 600}, TOKEN_SECRET, "HS256")
        )
        for user in ("alice", "bob")
    ]
    stored = await alice.write("bob", "Hello Bob")
    assert (await bob.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] == "Hello Bob"
    price = {"amount_minor": 12050, "currency": "EUR"}
    service = {"role": "client", "title": "Tap", "price": price}
    await alice.ask(Op.SERVICE_CREATED, {"conversation": stored["conversation"], **service})
    await bob.expect(Op.UPDATE_CONVERSATION_DATAS)

    pods = release.pods
    for part in reversed(release.parts.values()):
        part.process.send_signal(15)
        if part.name == "edge":
            await alice.expect(Op.RECONNECT)
            assert release.ask("edge", "livenessProbe") == 200
            assert release.ask("edge", "readinessProbe") == 503
            await alice.close()
            await bob.close()
        seconds = pods[part.name]["terminationGracePeriodSeconds"]
        assert await asyncio.to_thread(part.process.wait, seconds) == 0, part.end_of_log()

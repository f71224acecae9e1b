"""TLS between the parts as real processes: everything is replaced while people talk, and what
cannot be used ends a start with one line.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from parley_protocol.packets import Op
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import accepted_line, make_credential
from service_kit.tls.diagnosis import Shown, problem_of_connection
from tests.support import system as processes
from tests.support.certificates import DOMAIN, Certificates
from tests.support.client import Client
from tests.support.system import SERVICES, Part, System, copy_database
from tests.support.waiting import PATIENCE, eventually

REFRESH: dict[str, Any] = {"credentials_refresh_seconds": 0.2}
# Each follows the others, and an edge has a stream of each service.
STREAMS = {"edge": 3, "messaging": 2, "negotiation": 1, "moderation": 1, "desk": 1}


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "tls")


def streams(part: Part) -> int:
    """How many streams a part has opened."""
    log = part.read_log()
    return log.count('"event": "watching"') + log.count('"event": "following"')


def _read_anew(times: int, log: str) -> bool:
    return log.count("a file was read anew") >= times


async def moved(parts: Mapping[str, Part], before: Mapping[str, int]) -> None:
    """Return when each part has opened all of its streams anew since it had opened so many."""
    for name, part in parts.items():
        enough = before[name] + STREAMS[name]
        await eventually(partial(streams, part), enough.__le__)


async def test_everything_is_replaced_while_people_talk(
    own_system: System, certificates: Certificates
) -> None:
    """Certificates, the authority in its three steps, and a credential: all parts go over to the
    new ones, every message is stored and told in order, no socket ends, and the old authority is
    good for nothing.
    """
    own_system.environment = certificates.environment("both")
    for name in SERVICES:
        own_system.settings[name] = dict(REFRESH)
    await asyncio.to_thread(own_system.start, *SERVICES, **REFRESH)
    desk = await asyncio.to_thread(own_system.start_desk, **REFRESH)
    parts = {**own_system.services, "edge": own_system.edges[0], "desk": desk}
    await moved(parts, dict.fromkeys(parts, 0))
    alice = await Client.open(own_system.url, own_system.token("alice"))
    bob = await Client.open(own_system.url, own_system.token("bob"))
    port = int(own_system.target("messaging").rpartition(":")[2])
    shown = certificates.shown_by(port)
    old = shutil.copytree(certificates.folder, own_system.folder / "old")

    written = 0
    done = asyncio.Event()

    async def talk() -> None:
        nonlocal written
        for number in count():
            stored = await alice.write("bob", f"message {number}", idempotency_key=f"k{number}")
            assert stored["status"] == "stored"
            written += 1
            if done.is_set():
                return
            await asyncio.sleep(0.01)

    async def replace() -> None:
        for step in ("replace_authority", "renew", "forget_authority"):
            before = {name: streams(part) for name, part in parts.items()}
            await asyncio.to_thread(certificates.make, **{step: True})
            await moved(parts, before)
        await replace_credential()
        done.set()

    async def replace_credential() -> None:
        """The edge's: the new digest, the new credential, and then the old digest goes."""
        accepted, new = own_system.folder / "accepted", make_credential()
        lines = accepted.read_text()
        old_line = accepted_line(Caller.EDGE, own_system.credentials[Caller.EDGE])
        new_line = accepted_line(Caller.EDGE, new)
        accepted.write_text(f"{lines}{new_line}\n")
        for name in SERVICES:
            await eventually(own_system.services[name].read_log, partial(_read_anew, 1))
        (own_system.folder / "edge.key").write_text(new)
        await eventually(parts["edge"].read_log, partial(_read_anew, 1))
        accepted.write_text(lines.replace(old_line, new_line))
        for name in SERVICES:
            await eventually(own_system.services[name].read_log, partial(_read_anew, 2))

    async with asyncio.TaskGroup() as group:
        group.create_task(talk())
        group.create_task(replace())
    texts = [(await bob.expect(Op.ALERT_NEW_MSG))["d"]["message"]["text"] for _ in range(written)]
    assert texts == [f"message {number}" for number in range(written)]
    assert not alice.over
    assert not bob.over
    assert certificates.shown_by(port) != shown
    own = Shown(certificates.ca.read_bytes(), None, old / "edge_certificate", old / "edge_key")
    target = own_system.target("messaging")
    assert "lacks the authority" in await asyncio.to_thread(problem_of_connection, target, own)
    for client in (alice, bob):
        await client.close()


def _expired(certificates: Certificates, name: str) -> dict[str, Any]:
    uri, made_at = f"spiffe://{DOMAIN}/parley/{name}", datetime.now(UTC) - timedelta(days=2)
    pair = certificates.authority.sign(uri, ("127.0.0.1",), 1, serves=True, now=made_at)
    return certificates.write("expired", pair)


def _without_tls(certificates: Certificates) -> dict[str, Any]:
    return dict.fromkeys(certificates.serving("messaging"))


Change = Callable[[Certificates], dict[str, Any]]
BAD: list[tuple[str, Change, str]] = [
    ("messaging", lambda c: {**_without_tls(c), "listen": "0.0.0.0:7101"}, "others can reach"),
    ("messaging", lambda c: {"tls_key_file": c.file("edge_key")}, "is not that of the certificate"),
    ("messaging", lambda c: {"tls_client_ca_file": c.file("ca_key")}, "holds no certificate"),
    ("messaging", lambda _: {"tls_allowed_peers": "edge"}, "edge is no URI"),
    ("messaging", lambda _: {"trusted_network": "true"}, "TRUSTED_NETWORK allows doing without"),
    ("negotiation", lambda c: _expired(c, "negotiation"), "expired at"),
    ("moderation", lambda c: c.own("edge"), "is not for servers"),
    ("edge", lambda c: {"tls_ca_file": c.file("edge_certificate")}, "is of no authority"),
    ("edge", lambda _: {"tls_certificate_file": None}, "TLS_CERTIFICATE_FILE and TLS_KEY_FILE"),
    ("desk", lambda c: {"tls_key_file": c.file("nowhere")}, "can not be read"),
]


@pytest.mark.parametrize(("part", "change", "words"), BAD)
async def test_what_can_not_be_used_is_one_line(
    own_system: System, certificates: Certificates, part: str, change: Change, words: str
) -> None:
    """Exit code 2, and nothing is served."""
    own_system.environment = certificates.environment()
    if part in SERVICES:
        own_system.settings = {name: {} for name in SERVICES}
        environment = own_system.environment_of(part)
        copy_database(part, own_system.folder / f"{part}.sqlite3")
    else:
        key = own_system.folder / f"{part}.key"
        own = {"credential_file": key, "token_secret_file": own_system.folder / "token.key"}
        environment = {f"PARLEY_{part.upper()}_{one.upper()}": str(v) for one, v in own.items()}
        environment |= own_system.environment
    for name, value in change(certificates).items():
        variable = f"PARLEY_{part.upper()}_{name.upper()}"
        if value is None:
            del environment[variable]
        else:
            environment[variable] = str(value)
    log = own_system.folder / "start.log"
    command = [f"{part}_service", "serve"] if part in SERVICES else [part]
    process = processes.start_process(command, {**os.environ, **environment}, log)
    try:
        assert await asyncio.to_thread(process.wait, PATIENCE) == 2
    finally:
        process.kill()
    said = [line for line in log.read_text().splitlines() if "too few files" not in line]
    assert len(said) == 1
    assert words in said[0]
    assert '"serving"' not in log.read_text()

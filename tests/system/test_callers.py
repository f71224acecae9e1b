"""Credentials of the parts as real processes: read alike, replaced while they serve, refused."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parley_protocol.packets import Op
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import accepted_line, make_credential
from tests.support.client import Client
from tests.support.system import System
from tests.support.waiting import PATIENCE

REFRESH_SECONDS = 0.05


def rewrite(path: Path, text: str) -> None:
    """Write into the file that is there, so that the change shows also on a coarse clock."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


async def write(system: System, user: str) -> None:
    """Send a message through the edge, and have it stored."""
    client = await Client.open(system.url, system.token(user))
    stored = await client.write("bob", "Hello Bob")
    assert stored["status"] == "stored"
    await client.close()


async def test_an_edge_reads_a_credential_as_the_services_do(own_system: System) -> None:
    """With a second line, a BOM, blank lines and spaces, as editors and copies leave it."""
    own_system.start_services("messaging")
    credential = own_system.credentials[Caller.EDGE]
    file = own_system.folder / "edge.key"
    file.write_bytes(f"\ufeff\r\n  {credential}  \r\n\r\nthe-next-one\r\n".encode())
    await asyncio.to_thread(own_system.start_edge)
    await write(own_system, "alice")


async def test_a_credential_is_replaced_without_a_restart(own_system: System) -> None:
    """The new digest, the new file, then the old digest goes: streams that were opened with the old
    one end and begin anew, no message is lost, and no socket notices.
    """
    own_system.settings["messaging"]["credentials_refresh_seconds"] = REFRESH_SECONDS
    own_system.start_services("messaging")
    edge = await asyncio.to_thread(
        own_system.start_edge, credentials_refresh_seconds=REFRESH_SECONDS
    )
    bob = await Client.open(own_system.url, own_system.token("bob"))
    await write(own_system, "alice")
    await bob.expect(Op.ALERT_NEW_MSG)
    accepted, new = own_system.folder / "accepted", make_credential()
    old_lines = accepted.read_text()
    old = accepted_line(Caller.EDGE, own_system.credentials[Caller.EDGE])
    assert old in old_lines
    new_line = accepted_line(Caller.EDGE, new)
    # Shown before the service has read its digest, a new credential would be refused.
    steps = {
        own_system.services["messaging"]: (accepted, f"{old_lines}{new_line}\n"),
        edge: (own_system.folder / "edge.key", new),
    }
    for part, (path, text) in steps.items():
        rewrite(path, text)
        async with asyncio.timeout(PATIENCE):
            while "a file was read anew" not in part.read_log():
                await write(own_system, "alice")
                await bob.expect(Op.ALERT_NEW_MSG)
    rewrite(accepted, old_lines.replace(old, new_line))
    for _ in range(20):
        await write(own_system, "alice")
        await bob.expect(Op.ALERT_NEW_MSG)
    await asyncio.to_thread(own_system.wait_ready, edge)
    await write(own_system, "carol")
    alert = await bob.expect(Op.ALERT_NEW_MSG)
    assert alert["d"]["message"]["sender"] == "carol"
    await bob.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can not be read"),
        (b"", "holds no credential"),
        (b"too-short", "has not 32 to 512 characters"),
        (b"\xff\xfe", "no text in UTF-8"),
    ],
)
def test_an_edge_does_not_start_with_a_bad_credential(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    """One line says what is wrong, and the exit code is 2."""
    key = tmp_path / "edge.key"
    if content is not None:
        key.write_bytes(content)
    (tmp_path / "token.key").write_text("x" * 32)
    ended = subprocess.run(
        [sys.executable, "-m", "edge"],
        env={
            **os.environ,
            "PARLEY_EDGE_CREDENTIAL_FILE": str(key),
            "PARLEY_EDGE_TOKEN_SECRET_FILE": str(tmp_path / "token.key"),
            "PARLEY_EDGE_PORT": "0",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2
    (told,) = [line for line in ended.stderr.splitlines() if '"level": "error"' in line]
    assert words in told

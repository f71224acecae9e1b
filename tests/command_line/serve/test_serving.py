"""`parley up` for real: the services and the edge as processes on a fresh folder."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command_line.conftest import Program, Run
from tests.support.waiting import PATIENCE


def address(data: Path) -> dict[str, Any]:
    """The content of up.json."""
    found: dict[str, Any] = json.loads((data / "up.json").read_text())
    return found


def readyz(data: Path) -> str:
    """The address that says whether the edge can serve."""
    url: str = address(data)["url"]
    return url.replace("ws://", "http://").removesuffix("/ws") + "/readyz"


async def becomes_ready(data: Path) -> None:
    """The edge finds a service again by itself, within its own back-off, and tells nobody; on a
    machine under load its looks take too long now and then.
    """
    url = readyz(data)
    async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE):
        while (await client.get(url)).status_code != 200:  # noqa: ASYNC110  # No event over HTTP.
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_up_serves_until_it_is_asked_to_stop(
    up: Program, data: Path, number: signal.Signals
) -> None:
    """Ready when it says so; stopped in order, the edge first; exit code 0; nothing left behind."""
    await becomes_ready(data)
    shown = "\n".join(up.lines)
    assert address(data)["url"] in shown
    assert f"token alice --data {data}" in shown
    assert f"chat --as alice --with bob --data {data}" in shown
    parts = address(data)["parts"]
    assert list(parts) == ["messaging", "negotiation", "moderation", "edge"]

    up.signal(number)
    code, error = await up.end()
    assert (code, error) == (0, "")
    stops = [line for line in up.lines if line.endswith(" stops")]
    assert stops == [f"{part} stops" for part in reversed(parts)]
    assert not (data / "up.json").exists()
    for process in parts.values():
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    for part in parts:
        assert (data / "logs" / f"{part}.log").stat().st_size > 0


async def test_data_and_secret_outlive_a_restart(parley: Run, data: Path) -> None:
    """The second start finds the secrets of the first, and its database."""
    for made in (True, False):
        up = await parley("up", "--port", "0", "--data", str(data))
        await up.until("Ctrl-C stops everything")
        assert any(line.startswith("made ") for line in up.lines) is made
        up.signal(signal.SIGTERM)
        assert (await up.end())[0] == 0
    for name in ("messaging", "negotiation", "moderation"):
        assert (data / f"{name}.sqlite3").stat().st_size > 0


async def test_all_files_are_for_their_owner_alone(parley: Run, data: Path) -> None:
    """Also in a folder that others may enter, and those that an earlier start left open to them."""

    def files() -> list[Path]:
        return [path for path in data.rglob("*") if path.is_file()]

    data.mkdir(mode=0o755)  # noqa: ASYNC240 - nothing else runs yet
    for _ in range(2):
        up = await parley("up", "--port", "0", "--data", str(data))
        await up.until("Ctrl-C stops everything")
        assert {one.suffix for one in files()} >= {".sqlite3", ".sqlite3-wal", ".log", ".key"}
        assert [one for one in files() if one.stat().st_mode & 0o077] == []
        up.signal(signal.SIGTERM)
        assert (await up.end())[0] == 0
        for one in files():
            one.chmod(0o644)


async def test_a_taken_port_is_said_at_once(
    parley: Run, data: Path, taken_port: socket.socket
) -> None:
    """Before anything is started or made."""
    with taken_port:
        port = taken_port.getsockname()[1]
        up = await parley("up", "--port", str(port), "--data", str(data))
        code, error = await up.end()
    assert code == 1
    assert error == (
        f"parley: port {port} on 127.0.0.1 is taken; choose another with --port, "
        "or --port 0 for any free one\n"
    )
    assert up.lines == []
    assert not (data / "secrets").exists()


async def test_a_folder_is_served_once(parley: Run, up: Program, data: Path) -> None:
    """A second `up`, and a migration, on a folder in use are refused; the first one goes on."""
    for command in (("up", "--port", "0"), ("migrate",)):
        second = await parley(*command, "--data", str(data))
        code, error = await second.end()
        assert code == 1
        assert f"{data} is in use by another parley (process {up.process.pid})" in error
        assert "Traceback" not in error
    await becomes_ready(data)
    up.signal(signal.SIGTERM)
    assert (await up.end())[0] == 0


async def test_a_killed_part_is_started_again(up: Program, data: Path) -> None:
    """It is healthy again soon, under a new process id, and the edge is ready as before."""
    for part in ("messaging", "negotiation", "moderation", "edge"):
        first = address(data)["parts"][part]
        os.kill(first, signal.SIGKILL)
        await up.until(f"{part} was killed by SIGKILL; starting it again in 0.2 s")
        await up.until(f"{part} is healthy after")
        assert address(data)["parts"][part] != first
        await becomes_ready(data)
    up.signal(signal.SIGTERM)
    assert (await up.end())[0] == 0


async def test_a_part_that_cannot_start_ends_everything(parley: Run, data: Path) -> None:
    """A wrong setting of a part: the message names it and shows its log; exit code 1."""
    up = await parley("up", "--port", "0", "--data", str(data), PARLEY_EDGE_MAX_PACKET_BYTES="many")
    code, error = await up.end()
    assert code == 1
    assert error.startswith("parley: edge keeps dying")
    assert str(data / "logs" / "edge.log") in error
    assert "messaging stops" in up.lines


async def test_migrate_makes_the_databases(parley: Run, data: Path) -> None:
    """And does nothing when repeated."""
    for _ in range(2):
        migrate = await parley("migrate", "--data", str(data))
        assert await migrate.end() == (0, "")
        assert migrate.lines == [
            f"{data / 'messaging.sqlite3'} is up to date",
            f"{data / 'negotiation.sqlite3'} is up to date",
            f"{data / 'moderation.sqlite3'} is up to date",
        ]


async def test_a_migration_that_fails_keeps_no_other_from_its_end(parley: Run, data: Path) -> None:
    """The message names the database, and shows its log."""
    data.mkdir()  # noqa: ASYNC240 - nothing else runs yet
    (data / "messaging.sqlite3").write_text(
        "no database at all, and long enough to be seen as none"
    )
    migrate = await parley("migrate", "--data", str(data))
    code, error = await migrate.end()
    assert code == 1
    assert error.startswith(f"parley: the migration of {data / 'messaging.sqlite3'} failed")
    for name in ("negotiation", "moderation"):
        with closing(sqlite3.connect(data / f"{name}.sqlite3")) as database:
            assert database.execute("SELECT count(*) FROM served_by").fetchone()[0]


async def test_a_host_of_another_machine_is_refused(parley: Run, data: Path) -> None:
    """One line says so, without a traceback."""
    up = await parley("up", "--port", "0", "--host", "192.0.2.1", "--data", str(data))
    code, error = await up.end()
    assert code == 1
    assert error.startswith("parley: cannot listen on 192.0.2.1")
    assert error.count("\n") == 1

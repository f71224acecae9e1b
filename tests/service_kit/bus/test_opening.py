"""The bus that is asked for, and what is said where there is none."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from service_kit.bus.opening import bus_of
from tests.support.nats import Nats
from tests.support.serving import quick_settings
from tests.support.system import free_port
from tests.support.tally.running import command, environment
from tests.support.tally.service import TallySettings
from tests.support.waiting import PATIENCE

SQLITE = "sqlite:////nowhere"
POSTGRESQL = "postgresql+psycopg://parley@nowhere/parley"
NATS = "nats://127.0.0.1:4222"


def made(folder: Path, url: str, **given: object) -> TallySettings:
    return TallySettings(**quick_settings(folder, url) | given)


@pytest.mark.parametrize(
    ("url", "given", "expected"),
    [
        (SQLITE, {}, "none"),
        (POSTGRESQL, {}, "postgresql"),
        (POSTGRESQL, {"bus": "none"}, "none"),
        (POSTGRESQL, {"bus": "nats", "bus_url": NATS}, "nats"),
    ],
)
def test_the_database_says_which_bus_unless_the_settings_do(
    tmp_path: Path, url: str, given: dict[str, object], expected: str
) -> None:
    assert bus_of(made(tmp_path, url, **given)) == expected


@pytest.mark.parametrize(
    ("url", "given", "variable"),
    [
        (SQLITE, {"bus": "postgresql"}, "BUS"),
        (SQLITE, {"bus": "nats", "bus_url": NATS}, "BUS"),
        (POSTGRESQL, {"bus": "nats"}, "BUS_URL"),
        (POSTGRESQL, {"bus_url": NATS}, "BUS_URL"),
        (POSTGRESQL, {"bus": "none", "bus_url": NATS}, "BUS_URL"),
        (POSTGRESQL, {"bus_password_file": "/password"}, "BUS_PASSWORD_FILE"),
    ],
)
def test_settings_that_contradict_one_another_are_named(
    tmp_path: Path, url: str, given: dict[str, object], variable: str
) -> None:
    with pytest.raises(ValueError, match=f"^PARLEY_TALLY_{variable}: "):
        bus_of(made(tmp_path, url, **given))


async def refusal(of: TallySettings, **changes: object) -> str:
    """The one line with which a start ends; the exit code is 2."""
    done = await asyncio.to_thread(
        subprocess.run,
        command("serve"),
        env=environment(of, **changes),
        check=False,
        capture_output=True,
        timeout=PATIENCE,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert '"serving"' not in done.stderr
    (line,) = [one for one in done.stderr.splitlines() if not one.startswith("{")]
    return line


async def test_a_start_without_nats_is_one_line(settings: TallySettings) -> None:
    """Whether nothing listens there, it wants a password, or the address is none."""
    nowhere = f"nats://127.0.0.1:{free_port()}"
    line = await refusal(settings, bus="nats", bus_url=nowhere)
    assert "NATS can not be reached" in line
    line = await refusal(settings, bus="nats", bus_url="localhost")
    assert "PARLEY_TALLY_BUS_URL" in line
    assert "PARLEY_TALLY_BUS_URL" in await refusal(settings, bus="nats")


async def test_a_password_of_nats_stands_in_a_file(tmp_path: Path, settings: TallySettings) -> None:
    """A wrong one is one line, without the password."""
    server = Nats("--user", "parley", "--pass", "right")
    try:
        wrong = tmp_path / "password"
        wrong.write_text("wrong\n")
        url = f"nats://parley@127.0.0.1:{server.port}"
        line = await refusal(settings, bus="nats", bus_url=url, bus_password_file=wrong)
        assert "NATS can not be reached" in line
        assert "wrong" not in line
    finally:
        server.stop()

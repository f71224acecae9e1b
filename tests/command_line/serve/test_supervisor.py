"""The supervisor, with small real processes as its parts."""

import asyncio
import os
import re
import select
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from command_line.display.console import CommandError
from command_line.serve.process import Part, RestartPolicy
from command_line.serve.supervisor import Supervisor
from tests.support.waiting import PATIENCE

# ruff: noqa: ASYNC240  # These files are a few bytes on the local disk.

QUICK = RestartPolicy(first_pause=0.1, longest_pause=0.4, probe_every=0.02, ended_within=5)

STEADY = """
import pathlib, signal, sys
journal, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def note(what):
    with journal.open("a") as file:
        file.write(f"{name} {what}\\n")
def end(*_):
    note("ends")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("runs")
while True:
    signal.pause()
"""

MORTAL = """
import pathlib, signal, sys
journal, name, lives = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with journal.open("a") as file:
    file.write(f"{name} runs\\n")
if journal.read_text().count(f"{name} runs") < lives:
    print("something is wrong with", name)
    sys.exit(3)
signal.pause()
"""

DEAF = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text(f"{sys.argv[2]} runs\\n")
while True:
    signal.pause()
"""

MakePart = Callable[..., Part]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def part(tmp_path: Path, journal: Path) -> MakePart:
    """Makes a part of a script; it is healthy as soon as the journal says that it runs."""

    def make(
        name: str,
        script: str,
        *arguments: str,
        healthy: Callable[[], Awaitable[bool]] | None = None,
    ) -> Part:
        async def runs() -> bool:
            return journal.exists() and f"{name} runs" in journal.read_text()

        return Part(
            name=name,
            command=(sys.executable, "-c", script, str(journal), name, *arguments),
            environment=dict(os.environ),
            log=tmp_path / f"{name}.log",
            healthy=healthy or runs,
        )

    return make


async def never() -> bool:
    return False


async def gone(process: int) -> bool:
    """Whether a process that is not our child ends within ten seconds."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = await asyncio.to_thread(select.select, [descriptor], [], [], 10)
        return bool(ready)
    finally:
        os.close(descriptor)


async def test_parts_stop_in_the_opposite_order(part: MakePart, journal: Path) -> None:
    """The part started last (the edge) is stopped first, and waited for before the next."""
    async with Supervisor(list[str]().append) as supervisor:
        await supervisor.start(part("service", STEADY))
        await supervisor.start(part("edge", STEADY))
    assert journal.read_text().splitlines() == [
        "service runs",
        "edge runs",
        "edge ends",
        "service ends",
    ]


async def test_parts_of_one_start_wait_for_all_of_them_and_stop_in_the_opposite_order(
    part: MakePart, journal: Path
) -> None:
    """Neither becomes healthy before the other one runs."""

    async def both_run() -> bool:
        return journal.exists() and journal.read_text().count("runs") == 2

    async with Supervisor(list[str]().append) as supervisor:
        one, other = (part(name, STEADY, healthy=both_run) for name in ("one", "other"))
        await supervisor.start(one, other)
    assert journal.read_text().splitlines()[2:] == ["other ends", "one ends"]


async def test_a_part_that_dies_is_started_again_with_back_off(
    part: MakePart, journal: Path
) -> None:
    """Each pause is twice the one before, up to the longest; then the part stays."""
    said: list[str] = []
    stays = asyncio.Event()

    async def healthy() -> bool:
        if journal.read_text().count("frail runs") < 5:
            return False
        stays.set()
        return True

    policy = RestartPolicy(first_pause=0.1, longest_pause=0.4, deaths=6, probe_every=0.02)
    journal.touch()
    async with Supervisor(said.append, policy) as supervisor:
        await supervisor.start(part("frail", MORTAL, "5", healthy=healthy))
        assert stays.is_set()
    pauses = [float(match[1]) for line in said if (match := re.search(r"again in (.*) s", line))]
    assert pauses == [0.1, 0.2, 0.4, 0.4]
    assert "frail ended with exit code 3; starting it again in 0.1 s" in said


async def test_a_healthy_part_that_is_killed_comes_back(part: MakePart, journal: Path) -> None:
    """A death after a good start is repaired too, and the new process id is reported."""
    seen: list[int] = []
    second = asyncio.Event()

    def changed(processes: dict[str, int]) -> None:
        seen.append(processes["service"])
        if len(seen) == 2:
            second.set()

    said: list[str] = []
    async with Supervisor(said.append, QUICK, changed) as supervisor:
        await supervisor.start(part("service", STEADY))
        os.kill(seen[0], signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            await second.wait()
    assert seen[0] != seen[1]
    assert "service was killed by SIGKILL; starting it again in 0.1 s" in said


async def test_a_part_that_keeps_dying_ends_everything(part: MakePart, tmp_path: Path) -> None:
    """The message names the part, how it ended, its log's path, and the log's last lines."""

    async def supervise() -> None:
        async with Supervisor(list[str]().append, QUICK) as supervisor:
            await supervisor.start(part("doomed", MORTAL, "99"))
            await supervisor.failed()

    with pytest.raises(CommandError) as failure:
        await supervise()
    message = str(failure.value)
    assert "doomed keeps dying (at last it ended with exit code 3)" in message
    assert str(tmp_path / "doomed.log") in message
    assert "    something is wrong with doomed" in message
    assert failure.value.exit_code == 1
    assert (tmp_path / "doomed.log").read_text().count("something is wrong") == QUICK.deaths


async def test_a_part_that_does_not_become_healthy_is_a_failed_start(part: MakePart) -> None:
    """A part that hangs at its start is ended and counts like one that dies."""
    policy = RestartPolicy(
        first_pause=0.01, longest_pause=0.01, deaths=2, healthy_within=0.3, probe_every=0.02
    )
    async with Supervisor(list[str]().append, policy) as supervisor:
        with pytest.raises(CommandError, match=r"stuck (keeps dying|did not become healthy)"):
            await supervisor.start(part("stuck", STEADY, healthy=never))


async def test_a_part_deaf_to_sigterm_is_killed(part: MakePart, tmp_path: Path) -> None:
    """The wait for an orderly end is bounded."""
    said: list[str] = []
    policy = RestartPolicy(ended_within=0.3, probe_every=0.02)
    async with Supervisor(said.append, policy) as supervisor:
        await supervisor.start(part("deaf", DEAF))
    assert "deaf did not stop within 0 s; killing it" in said


async def test_kill_does_not_wait(part: MakePart) -> None:
    """After `kill` even a deaf part is gone at once."""
    async with Supervisor(
        list[str]().append, RestartPolicy(ended_within=100, probe_every=0.02)
    ) as supervisor:
        await supervisor.start(part("deaf", DEAF))
        supervisor.kill()
        async with asyncio.timeout(PATIENCE):
            await supervisor.stop()


async def test_parts_have_a_session_of_their_own(part: MakePart) -> None:
    """So the terminal's Ctrl-C reaches the supervisor alone, which then stops them in order."""
    processes: dict[str, int] = {}
    async with Supervisor(list[str]().append, QUICK, processes.update) as supervisor:
        await supervisor.start(part("service", STEADY))
        assert os.getsid(processes["service"]) == processes["service"] != os.getsid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="a part is tied to its parent on Linux only")
async def test_no_part_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """SIGKILL leaves the supervisor no chance to stop its parts, and yet they end."""
    script = f"""
import asyncio, os, pathlib, sys
from command_line.serve.process import Part
from command_line.serve.supervisor import Supervisor
async def healthy():
    return True
async def main():
    part = Part("idle", (sys.executable, "-c", "import signal; signal.pause()"),
                dict(os.environ), pathlib.Path({str(tmp_path / "idle.log")!r}), healthy)
    show = lambda processes: print(processes["idle"], flush=True)
    async with Supervisor(lambda line: None, changed=show) as supervisor:
        await supervisor.start(part)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    idle = int(await supervisor.stdout.readline())
    supervisor.kill()
    await supervisor.wait()
    assert await gone(idle)

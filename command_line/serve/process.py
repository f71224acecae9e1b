"""The process of one part: started, restarted when it dies, and ended when asked."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from command_line.display.console import CommandError, tail
from command_line.serve import parent_death

Say = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """A part to run as a process. `healthy` is one bounded probe."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    healthy: Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class RestartPolicy:
    """Times of restarts and stops in seconds, and the deaths after which to give up."""

    first_pause: float = 0.2
    longest_pause: float = 5
    steady_after: float = 30  # Healthy for so long, a part starts again with the first pause.
    deaths: int = 5
    deaths_within: float = 60
    healthy_within: float = 30
    probe_every: float = 0.1
    say_waiting_every: float = 5
    ended_within: float = 20


async def spawn(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> asyncio.subprocess.Process:
    """Starts a process that dies with this one, its output appended to the log.

    It has a session of its own: the terminal's Ctrl-C does not reach it, the supervisor ends it.
    """
    wrapped = (sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid()), *command)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *wrapped,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def kill_group(process: int) -> None:
    """Kills a part and all processes that it started."""
    # It may have ended a moment ago, which the event loop is about to learn.
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def how_it_ended(return_code: int) -> str:
    """The return code in words."""
    if return_code >= 0:
        return f"ended with exit code {return_code}"
    return f"was killed by {signal.Signals(-return_code).name}"


class PartProcess:
    """A part and its present process. `changed` is called when there is a new process."""

    def __init__(
        self, part: Part, policy: RestartPolicy, say: Say, changed: Callable[[], None]
    ) -> None:
        self.part = part
        self.healthy = asyncio.Event()
        self.process: asyncio.subprocess.Process | None = None
        self._policy = policy
        self._say = say
        self._changed = changed
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Asks `run` to end the process and return."""
        self._stopping.set()

    def kill(self) -> None:
        """Kills the process and all that it started, at once."""
        self._stopping.set()
        if self.process is not None and self.process.returncode is None:
            kill_group(self.process.pid)

    async def run(self) -> None:
        """Runs the part until `stop`; CommandError when it keeps dying."""
        policy = self._policy
        loop = asyncio.get_running_loop()
        deaths: deque[float] = deque(maxlen=policy.deaths)
        pause = policy.first_pause
        failed_starts = 0
        while True:
            healthy_seconds, end = await self._run_once()
            if self._stopping.is_set():
                return
            deaths.append(loop.time())
            failed_starts = failed_starts + 1 if healthy_seconds is None else 0
            often = len(deaths) == policy.deaths
            if failed_starts == policy.deaths or (
                often and deaths[-1] - deaths[0] <= policy.deaths_within
            ):
                raise CommandError(self._gave_up(end))
            if healthy_seconds is not None and healthy_seconds >= policy.steady_after:
                pause = policy.first_pause
            self._say(f"{self.part.name} {end}; starting it again in {pause:.1f} s")
            if await self._stopped_within(pause):
                return
            pause = min(2 * pause, policy.longest_pause)

    async def _run_once(self) -> tuple[float | None, str]:
        """One process of the part: how long it was healthy (None: never) and how it ended."""
        loop = asyncio.get_running_loop()
        process = self.process = await spawn(
            self.part.command, self.part.environment, self.part.log
        )
        self._changed()
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        becomes_healthy = asyncio.create_task(self._becomes_healthy())
        healthy_since: float | None = None
        end = ""
        try:
            await asyncio.wait(
                {ended, stopping, becomes_healthy}, return_when=asyncio.FIRST_COMPLETED
            )
            if not ended.done() and not stopping.done():
                if becomes_healthy.result():
                    healthy_since = loop.time()
                    self.healthy.set()
                    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
                else:
                    end = f"was not healthy within {self._policy.healthy_within:.0f} s"
        finally:
            healthy_seconds = None if healthy_since is None else loop.time() - healthy_since
            self.healthy.clear()
            stopping.cancel()
            becomes_healthy.cancel()
            await asyncio.gather(stopping, becomes_healthy, return_exceptions=True)
            return_code = await self._end(process, ended)
        return healthy_seconds, end or how_it_ended(return_code)

    async def _becomes_healthy(self) -> bool:
        """Probes until the part is healthy; false when it takes too long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        said = began
        while not await self.part.healthy():
            now = loop.time()
            if now - began > self._policy.healthy_within:
                return False
            if now - said > self._policy.say_waiting_every:
                said = now
                self._say(f"{self.part.name} is not healthy yet after {now - began:.0f} s")
            await asyncio.sleep(self._policy.probe_every)
        self._say(f"{self.part.name} is healthy after {loop.time() - began:.1f} s")
        return True

    async def _end(self, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> int:
        """Ends the process with SIGTERM and, when it does not heed that in time, SIGKILL."""
        if not ended.done():
            process.terminate()
            await asyncio.wait({ended}, timeout=self._policy.ended_within)
        if not ended.done():
            waited = self._policy.ended_within
            self._say(f"{self.part.name} did not stop within {waited:.0f} s; killing it")
            kill_group(process.pid)
        return await ended

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    def _gave_up(self, end: str) -> str:
        return (
            f"{self.part.name} keeps dying (at last it {end}), so everything stops.\n"
            f"  The end of its log, {self.part.log}:\n{tail(self.part.log)}"
        )
